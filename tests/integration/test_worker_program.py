"""`python -m gpu_job` as a launcher starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpu_job.exit_codes import ExitCode
from shared.domain.errors import UnsupportedOption
from shared.ports.platform import Platform
from shared.settings import environment
from tests.support.platform import make_deployment, make_settings
from tests.support.workers import result_of, submit


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with make_deployment(tmp_path) as deployment:
        yield deployment.platform


def run_program(data_dir: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    clean = {name: text for name, text in os.environ.items() if not name.startswith("TAMLIL_")}
    settings = make_settings(data_dir, worker_idle_seconds=0.0, log_json=True)
    return subprocess.run(
        [sys.executable, "-m", "gpu_job"],
        env=clean | environment(settings) | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_program_serves_with_the_null_engine_which_its_transcripts_confess(
    platform: Platform, tmp_path: Path
) -> None:
    jobs = [submit(platform) for _ in range(3)]
    begun = time.monotonic()
    ended = run_program(tmp_path, TAMLIL_NULL_ENGINE="true", TAMLIL_JOB_ID=jobs[2].id)
    assert ended.returncode == ExitCode.OK, ended.stderr
    assert time.monotonic() - begun < 30
    for job in jobs:
        result = result_of(platform, job)
        assert (result.engine, result.model, result.text) == ("null", "null", "")
        assert result.warnings == ("null_engine",)
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert next(line["job_id"] for line in lines if line["message"] == "done") == jobs[2].id


def test_no_option_of_a_request_names_the_null_engine(platform: Platform) -> None:
    with pytest.raises(UnsupportedOption):
        submit(platform, engine="null")
    with pytest.raises(UnsupportedOption):
        submit(platform, model="null")


def test_a_wrong_setting_is_named_without_its_value(tmp_path: Path) -> None:
    ended = run_program(tmp_path, TAMLIL_MAX_WORKERS="hunter2")
    assert ended.returncode == ExitCode.BAD_CONFIGURATION
    assert "TAMLIL_MAX_WORKERS" in ended.stderr
    assert "hunter2" not in ended.stderr


def test_a_name_that_the_platform_needs_is_named_when_it_is_missing(tmp_path: Path) -> None:
    ended = run_program(tmp_path, TAMLIL_PLATFORM="aws", TAMLIL_AWS_TABLE="jobs")
    assert ended.returncode == ExitCode.BAD_CONFIGURATION
    assert "TAMLIL_AWS_BUCKET" in ended.stderr
    assert "TAMLIL_AWS_TABLE" not in ended.stderr


def test_a_platform_that_does_not_open_has_its_own_code(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    ended = run_program(tmp_path / "file")
    assert ended.returncode == ExitCode.PLATFORM_UNAVAILABLE, ended.stderr
