"""``kill -9`` of real worker processes in the middle of a transcription."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from shared.domain.job import Status
from shared.services.sweep import sweep
from shared.settings import worker_environment
from tests.support.platform import make_deployment, make_settings
from tests.support.resumable import BATCH, segment_at
from tests.support.workers import result_of, submit

REPOSITORY = Path(__file__).parents[2]
LEASE_SECONDS = 1.0


@pytest.mark.parametrize("kills", [(0,), (2,), (8,), (2, 6)])
def test_a_killed_worker_costs_at_most_one_batch(tmp_path: Path, kills: Sequence[int]) -> None:
    log = tmp_path / "decoded"
    settings = make_settings(
        tmp_path, lease_seconds=LEASE_SECONDS, retry_backoff_seconds=0.0, worker_idle_seconds=0.0
    )

    def work(kill_at: int, job_id: str) -> int:
        return subprocess.run(
            [sys.executable, "-m", "tests.support.resuming_worker", str(kill_at), str(log)],
            cwd=REPOSITORY,
            env=worker_environment(settings) | {"TAMLIL_JOB_ID": job_id},
            timeout=60,
            check=False,
        ).returncode

    with make_deployment(tmp_path, lease_seconds=LEASE_SECONDS, retry_backoff_seconds=0.0) as local:
        platform = local.platform
        job = submit(platform, diarize=True)
        for kill_at in kills:
            assert work(kill_at, job.id) == -signal.SIGKILL
            time.sleep(LEASE_SECONDS + 0.1)
            sweep(platform)
            assert platform.jobs.get(job.id).status is Status.PENDING
        assert work(-1, job.id) == 0
        assert [segment.text for segment in result_of(platform, job).segments] == [
            segment_at(second).text for second in range(10)
        ]
        assert platform.jobs.get(job.id).attempt == len(kills) + 1
    begun = [int(line) for line in log.read_text().splitlines()]
    assert sorted(set(begun)) == list(range(10))
    again = len(begun) - len(set(begun))
    # The batch that was at work, and at most the one before it, which may not have been listed.
    assert BATCH * len(kills) <= again <= 2 * BATCH * len(kills)
