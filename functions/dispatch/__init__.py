"""The function behind the job queue: it has a worker started for a job that waits."""
