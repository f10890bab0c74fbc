"""Tell the queue that a job waits. The record was written first, so a lost message is re-sent."""

from __future__ import annotations

import logging

from shared.domain.errors import LimitExceeded, Unavailable
from shared.domain.job import Job, Status
from shared.domain.messages import JobQueued, encode
from shared.ports.platform import Platform

_log = logging.getLogger(__name__)


def send_job(platform: Platform, job: Job) -> None:
    """Send the message for a pending job, delayed until its `not_before`.

    A queue that does not answer is no error, nor one that can't delay for so long (SQS: 900 s):
    `redispatch_at` has the sweep send again.
    """
    if job.status is not Status.PENDING:
        return
    delay = max(0.0, (job.not_before or 0.0) - platform.clock.now())
    try:
        platform.queue.send(encode(JobQueued(job_id=job.id)), delay_seconds=delay)
    except (Unavailable, LimitExceeded) as exc:
        _log.warning(
            "not queued, the sweep will send", extra={"job_id": job.id, "error": exc.detail}
        )
