from __future__ import annotations

import importlib.util

#: These run in their own environment: `make test-pyannote`.
if importlib.util.find_spec("torch") is None:
    collect_ignore_glob = ["test_*.py"]
