"""From one queue message to the service; the entry points of every platform call this."""

from __future__ import annotations

from shared.domain.messages import JobQueued, decode
from shared.ports.platform import Platform
from shared.services.dispatch_job import Dispatch, dispatch_job


def handle(platform: Platform, body: str) -> Dispatch:
    """Dispatch the job that a queue message names.

    Raises:
        InvalidRequest: not a message of ours; it belongs into the dead-letter queue.
        Unavailable: a store or the launcher did not answer; the message should come again.
    """
    return dispatch_job(platform, decode(JobQueued, body).job_id)
