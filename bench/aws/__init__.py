"""Benchmarks of the AWS platform: cold starts, and calls to AWS per job (`make bench-aws`)."""
