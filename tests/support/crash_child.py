"""A process that is killed (SIGKILL, nothing unwinds) at a chosen point of a service.

Run as ``python -m tests.support.crash_child ACTION POINT SKIP DATA_DIR NOW [ARGUMENT]``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from shared.services.cancel_job import purge_job
from shared.services.claim_job import claim_next
from shared.services.deliver_webhook import deliver_webhook
from shared.services.submit_job import submit_job
from shared.services.sweep import sweep
from shared.services.work_on_job import complete_job
from shared.webhooks.url_guard import UrlPolicy, guarded_client
from tests.support.clock import FakeClock
from tests.support.faults import kill_this_process
from tests.support.platform import RecordingLauncher, make_deployment
from tests.support.world import World, bytes_audio, make_transcript, url_submission


def _submit(world: World, key: str) -> object:
    return submit_job(world.platform, url_submission(idempotency_key=key, audio=bytes_audio()))


def _complete(world: World, _: str) -> object:
    job = claim_next(world.deployment.platform, worker="child", execution="child")
    assert job is not None
    return complete_job(world.platform, job, make_transcript())


def _deliver(world: World, delivery_id: str) -> object:
    policy = UrlPolicy(allow_loopback=True)
    with guarded_client(policy, timeout=15.0, max_redirects=0) as client:
        return deliver_webhook(world.platform, delivery_id, client=client)


def _purge(world: World, job_id: str) -> None:
    purge_job(world.platform, tenant="acme", job_id=job_id)


def _sweep(world: World, _: str) -> object:
    return sweep(world.platform)


ACTIONS: dict[str, Callable[[World, str], object]] = {
    "submit": _submit,
    "complete": _complete,
    "deliver": _deliver,
    "purge": _purge,
    "sweep": _sweep,
}


def main() -> None:
    """Do the action and die on the way; coming to the end is what the tests would notice."""
    action, point, skip, data_dir, now, *argument = sys.argv[1:]
    clock, launcher = FakeClock(start=float(now)), RecordingLauncher()
    with make_deployment(
        Path(data_dir), clock=clock, launcher=launcher, allow_loopback_urls=True
    ) as deployment:
        world = World(
            deployment=deployment, clock=clock, launcher=launcher, data_dir=Path(data_dir)
        )
        world.faults.once(point, kill_this_process, skip=int(skip))
        ACTIONS[action](world, argument[0] if argument else "")


if __name__ == "__main__":
    main()
