"""The embedded platform: SQLite, a folder, processes of this machine."""

from __future__ import annotations

import secrets
import sys
from dataclasses import dataclass

from shared.adapters.kept_secrets import KeptSecrets
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
from shared.adapters.system_clock import SystemClock, UlidSource
from shared.ports.clock import Clock, IdSource
from shared.ports.launcher import Launcher
from shared.ports.platform import Platform
from shared.settings import Settings, worker_environment
from shared.wiring.common import limits, timing, webhooks

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
        kept_secrets=KeptSecrets(secret_store, clock=clock),
        metrics=SqliteMetricsStore(database),
        clock=clock,
        ids=ids or UlidSource(),
        timing=timing(settings),
        limits=limits(settings),
        webhooks=webhooks(settings),
    )
    return LocalDeployment(
        platform=platform, database=database, event_queue=event_queue, signer=signer
    )


def _launcher(settings: Settings) -> SubprocessLauncher:
    return SubprocessLauncher(
        command=WORKER_COMMAND,
        env=worker_environment(settings),
        state_dir=settings.data_dir / "executions",
        log_dir=settings.data_dir / "logs",
    )
