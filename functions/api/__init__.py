"""The HTTP API: translation between HTTP and the services, and nothing else."""
