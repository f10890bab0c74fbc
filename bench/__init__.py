"""Repeatable benchmarks against peers; run with `make bench` or ``python -m bench``."""
