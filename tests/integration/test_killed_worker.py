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


def decoded_again(tmp_path: Path, how: str, kills: Sequence[int]) -> int:
    """Kill a worker at each of these seconds, let one finish, and count what was done twice."""
    log = tmp_path / "decoded"
    settings = make_settings(
        tmp_path, lease_seconds=LEASE_SECONDS, retry_backoff_seconds=0.0, worker_idle_seconds=0.0
    )

    def work(job_id: str, *fate: str) -> int:
        return subprocess.run(
            [sys.executable, "-m", "tests.support.resuming_worker", str(log), *fate],
            cwd=REPOSITORY,
            env=worker_environment(settings) | {"TAMLIL_JOB_ID": job_id},
            timeout=60,
            check=False,
        ).returncode

    with make_deployment(tmp_path, lease_seconds=LEASE_SECONDS, retry_backoff_seconds=0.0) as local:
        platform = local.platform
        job = submit(platform, diarize=True)
        for second in kills:
            assert work(job.id, how, str(second)) == -signal.SIGKILL
            time.sleep(LEASE_SECONDS + 0.1)
            sweep(platform)
            assert platform.jobs.get(job.id).status is Status.PENDING
        assert work(job.id) == 0
        assert [segment.text for segment in result_of(platform, job).segments] == [
            segment_at(second).text for second in range(10)
        ]
        assert platform.jobs.get(job.id).attempt == len(kills) + 1
    begun = [int(line) for line in log.read_text().splitlines()]
    assert sorted(set(begun)) == list(range(10))
    return len(begun) - len(set(begun))


@pytest.mark.parametrize("kills", [(0,), (2,), (8,), (2, 6)])
def test_a_killed_worker_costs_the_batch_that_was_at_work_and_no_other(
    tmp_path: Path, kills: Sequence[int]
) -> None:
    assert decoded_again(tmp_path, "listed", kills) == BATCH * len(kills)


def test_one_killed_before_the_last_finished_batch_is_listed_costs_that_one_too_and_no_more(
    tmp_path: Path,
) -> None:
    assert BATCH <= decoded_again(tmp_path, "unlisted", (6,)) <= 2 * BATCH
