"""The steps of a transcription job, in the order in which `gpu_job.pipeline` takes them."""
