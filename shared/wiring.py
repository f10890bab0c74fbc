"""The composition root: the only place that chooses a platform and builds its adapters."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from shared.adapters.local.database import Database
from shared.adapters.local.file_blob_store import FileBlobStore
from shared.adapters.local.signed_urls import UrlSigner
from shared.adapters.local.sqlite_delivery_store import SqliteDeliveryStore
from shared.adapters.local.sqlite_event_bus import SqliteEventBus
from shared.adapters.local.sqlite_job_queue import SqliteJobQueue
from shared.adapters.local.sqlite_job_store import SqliteJobStore
from shared.adapters.local.sqlite_key_store import SqliteKeyStore
from shared.adapters.local.sqlite_metrics import SqliteMetricsStore
from shared.adapters.local.sqlite_rate_limiter import SqliteRateLimiter
from shared.adapters.local.sqlite_secret_store import SqliteSecretStore
from shared.adapters.local.subprocess_launcher import SubprocessLauncher
from shared.adapters.local.system_clock import SystemClock, UlidSource
from shared.domain.lifecycle import Timing
from shared.ports.clock import Clock, IdSource
from shared.ports.launcher import Launcher
from shared.ports.platform import Limits, Platform, WebhookConfig
from shared.ports.rate_limiter import RateRule
from shared.settings import Settings, worker_environment

#: What a subprocess worker runs.
WORKER_COMMAND = (sys.executable, "-m", "gpu_job")


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalDeployment:
    """One machine's platform, and the parts that only the embedded mode touches.

    `event_queue` holds what the bus published, for the loop that plays the webhook function;
    `signer` checks the signed URLs that the embedded server itself answers.
    """

    platform: Platform
    database: Database
    event_queue: SqliteJobQueue
    signer: UrlSigner

    def close(self) -> None:
        """Release the database; the deployment is of no use afterwards."""
        self.database.close()


def open_local(
    settings: Settings,
    *,
    clock: Clock | None = None,
    ids: IdSource | None = None,
    launcher: Launcher | None = None,
) -> LocalDeployment:
    """Build the embedded platform; whatever is passed in replaces the real part (tests)."""
    clock = clock or SystemClock()
    database = Database(settings.data_dir)
    secret_store = SqliteSecretStore(database)
    signing_key = secret_store.put_if_absent("url-signing", secrets.token_hex(32))
    base_url = settings.public_url or f"http://{settings.host}:{settings.port}"
    signer = UrlSigner(bytes.fromhex(signing_key), base_url, clock)
    event_queue = SqliteJobQueue(database, name="events", clock=clock)
    platform = Platform(
        jobs=SqliteJobStore(database),
        deliveries=SqliteDeliveryStore(database),
        blobs=FileBlobStore(settings.data_dir / "blobs", signer),
        queue=SqliteJobQueue(database, name="jobs", clock=clock),
        events=SqliteEventBus(event_queue),
        launcher=launcher or _launcher(settings),
        limiter=SqliteRateLimiter(database),
        keys=SqliteKeyStore(database),
        secrets=secret_store,
        metrics=SqliteMetricsStore(database),
        clock=clock,
        ids=ids or UlidSource(),
        timing=_timing(settings),
        limits=_limits(settings),
        webhooks=_webhooks(settings),
    )
    return LocalDeployment(
        platform=platform, database=database, event_queue=event_queue, signer=signer
    )


@contextmanager
def load(settings: Settings) -> Iterator[Platform]:
    """The platform that the settings name, closed at the end of the block."""
    deployment = open_local(settings)
    try:
        yield deployment.platform
    finally:
        deployment.close()


def _launcher(settings: Settings) -> SubprocessLauncher:
    return SubprocessLauncher(
        command=WORKER_COMMAND,
        env=worker_environment(settings),
        state_dir=settings.data_dir / "executions",
        log_dir=settings.data_dir / "logs",
    )


def _timing(settings: Settings) -> Timing:
    return Timing(
        lease_seconds=settings.lease_seconds,
        redispatch_seconds=settings.redispatch_seconds,
        outbox_retry_seconds=settings.outbox_retry_seconds,
        retry_backoff_seconds=settings.retry_backoff_seconds,
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        max_workers=settings.max_workers,
        max_attempts=settings.max_attempts,
        max_launches=settings.max_launches,
        max_source_bytes=settings.max_source_bytes,
        max_blob_bytes=settings.max_blob_bytes,
        max_multipart_bytes=settings.max_multipart_bytes,
        upload_seconds=settings.upload_seconds,
        download_seconds=settings.download_seconds,
        inline_result_bytes=settings.inline_result_bytes,
        inline_transcript_bytes=settings.inline_transcript_bytes,
        models=settings.model_policy,
        default_diarizer=settings.diarizer,
        retention_seconds=settings.retention_seconds,
        rate=RateRule(
            limit=settings.rate_limit,
            window_seconds=settings.rate_window_seconds,
            burst=settings.rate_burst,
        ),
    )


def _webhooks(settings: Settings) -> WebhookConfig:
    return WebhookConfig(
        schedule=settings.webhook_schedule,
        timeout_seconds=settings.webhook_timeout_seconds,
        legacy_secret=settings.webhook_legacy_secret,
        vercel_bypass=settings.webhook_vercel_bypass,
        inline_transcript_bytes=settings.webhook_inline_bytes,
        allow_loopback=settings.allow_loopback_urls,
        allow_private_networks=settings.allow_private_networks,
    )
