"""What an operator sees of the functions on AWS: log lines, traces, metrics."""
