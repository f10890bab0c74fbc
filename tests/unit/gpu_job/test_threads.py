from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gpu_job.threads import limit_spinning


def test_threads_wait_awake_for_a_moment_only() -> None:
    environment = {"PATH": "/bin"}
    limit_spinning(environment)
    assert environment == {"PATH": "/bin", "GOMP_SPINCOUNT": "10000"}


@pytest.mark.parametrize("name", ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY"])
def test_what_the_environment_says_of_waiting_stands(name: str) -> None:
    environment = {name: "ACTIVE"}
    limit_spinning(environment)
    assert environment == {name: "ACTIVE"}


def test_the_program_loads_no_engine_before_it_has_said_so() -> None:
    code = "import sys, gpu_job.__main__; print('ctranslate2' in sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[3],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert ended.stdout == "False\n"
