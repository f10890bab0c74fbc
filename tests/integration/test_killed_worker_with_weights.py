"""``kill -9`` of the real job program with real weights, in the middle of a transcription."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shared.domain.job import Job, Status
from shared.domain.transcript import Segment
from shared.ports.platform import Platform
from shared.services.sweep import sweep
from shared.settings import Settings, worker_environment
from tests.support.platform import make_deployment, make_settings
from tests.support.weights import models_dir, require, sample_twice
from tests.support.workers import result_of, submit, wait_until

pytestmark = [pytest.mark.models, pytest.mark.slow]

LEASE_SECONDS = 2.0


def start(settings: Settings, job: Job) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "gpu_job"],
        env=worker_environment(settings) | {"TAMLIL_JOB_ID": job.id},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def parts(platform: Platform, job: Job) -> int:
    saved = platform.jobs.get(job.id).saved
    return 0 if saved is None else saved.parts


def said(platform: Platform, job: Job) -> list[tuple[float, float, str, tuple[str, ...]]]:
    def one(segment: Segment) -> tuple[float, float, str, tuple[str, ...]]:
        return segment.start, segment.end, segment.text, segment.speakers

    return [one(segment) for segment in result_of(platform, job).segments]


def test_a_killed_worker_s_transcript_is_the_one_it_would_have_made(tmp_path: Path) -> None:
    require("base", "segmentation-3.0", "ecapa")
    audio = sample_twice(tmp_path)
    settings = make_settings(
        tmp_path,
        lease_seconds=LEASE_SECONDS,
        retry_backoff_seconds=0.0,
        worker_idle_seconds=0.0,
        models_dir=models_dir(),
        models_offline=True,
        batch_size=1,
    )
    with make_deployment(tmp_path, lease_seconds=LEASE_SECONDS, retry_backoff_seconds=0.0) as local:
        platform = local.platform
        undisturbed = submit(platform, audio=audio, language="en", diarize=True)
        assert start(settings, undisturbed).wait(timeout=900) == 0
        job = submit(platform, audio=audio, language="en", diarize=True)
        killed = start(settings, job)
        wait_until(lambda: parts(platform, job) >= 2, seconds=600)
        os.kill(killed.pid, signal.SIGKILL)
        assert killed.wait() == -signal.SIGKILL
        saved = parts(platform, job)
        assert platform.jobs.get(job.id).status is Status.PROCESSING
        time.sleep(LEASE_SECONDS + 0.2)
        sweep(platform)
        assert start(settings, job).wait(timeout=900) == 0
        assert platform.jobs.get(job.id).attempt == 2
        assert said(platform, job) == said(platform, undisturbed)
        spent = [result_of(platform, one).timings["transcribe"] for one in (undisturbed, job)]
        assert spent[1] < spent[0], f"{saved} parts were saved and all was decoded again"
