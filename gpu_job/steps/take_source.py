"""Fetching as the pipelines do it: into the job's folder, measured and timed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gpu_job.held_job import HeldJob
from gpu_job.progress import Step
from gpu_job.steps.fetch import FetchLimits, fetch
from gpu_job.stopwatch import Stopwatch
from shared.ports.blob_store import BlobStore
from shared.settings import Settings
from shared.webhooks.url_policy import UrlPolicy

#: Without the caller's extension: content alone shall decide how it is read.
_NAME = "source"


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceTaker:
    """Where audio comes from in this deployment, and how much of it may."""

    blobs: BlobStore
    limits: FetchLimits

    def __call__(self, held: HeldJob, folder: Path, watch: Stopwatch) -> Path:
        """Fetch the job's audio; returns the file. Raises what `fetch` does."""
        target = folder / _NAME
        with watch.step(Step.FETCH, held.progress):
            fetch(
                held.job.source,
                target,
                blobs=self.blobs,
                limits=self.limits,
                storage=held.platform.storage,
                tenant=held.job.tenant,
                on_progress=held.progress.reporter(Step.FETCH),
                should_stop=held.stop.requested,
            )
        return target


def make_source_taker(settings: Settings, blobs: BlobStore) -> SourceTaker:
    """A taker with the deployment's limits."""
    policy = UrlPolicy(
        allow_loopback=settings.allow_loopback_urls,
        allow_private_networks=settings.allow_private_networks,
    )
    limits = FetchLimits(
        max_bytes=settings.max_source_bytes, seconds=settings.fetch_seconds, policy=policy
    )
    return SourceTaker(blobs=blobs, limits=limits)
