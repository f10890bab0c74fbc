"""The job program: claims jobs, transcribes and diarizes them, stores the result."""
