"""All ports of one deployment and its limits, as `shared.wiring` puts them together."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.domain.deliveries import DEFAULT_SCHEDULE
from shared.domain.lifecycle import Timing
from shared.domain.model_policy import ModelPolicy
from shared.ports.blob_store import BlobStore
from shared.ports.clock import Clock, IdSource
from shared.ports.delivery_store import DeliveryStore
from shared.ports.event_bus import EventBus
from shared.ports.job_queue import JobQueue
from shared.ports.job_store import JobStore
from shared.ports.key_store import KeyStore
from shared.ports.launcher import Launcher
from shared.ports.metrics import MetricsStore
from shared.ports.rate_limiter import RateLimiter, RateRule
from shared.ports.secret_store import SecretStore
from shared.ports.storage_reader import StorageReader


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a deployment allows. Seconds and bytes.

    - streams: whether an answer may be sent bit by bit; AWS Lambda behind API Gateway can't
    - largest_answer_bytes: what an answer may hold; a larger one is left in the bucket. None: any
    - cost_per_hour: what an hour of a worker costs, in whatever currency; None: nobody said
    """

    max_workers: int = 1
    max_attempts: int = 3
    max_launches: int = 5
    max_source_bytes: int = 8 << 30
    max_blob_bytes: int = 10 << 20
    max_multipart_bytes: int = 100 << 20
    upload_seconds: float = 3600.0
    download_seconds: float = 3600.0
    inline_result_bytes: int = 256 << 10
    inline_transcript_bytes: int = 5 << 20
    models: ModelPolicy = field(default_factory=ModelPolicy)
    default_diarizer: str = "embedded"
    largest_answer_bytes: int | None = None
    retention_seconds: float | None = None
    cost_per_hour: float | None = None
    streams: bool = True
    rate: RateRule = field(
        default_factory=lambda: RateRule(limit=600, window_seconds=60.0, burst=100)
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookConfig:
    """How webhooks are sent.

    `legacy_secret` keys the seed service's header, `vercel_bypass` is sent as it is: both where the
    environment has them; where it does not, the secret store may.
    """

    schedule: tuple[float, ...] = DEFAULT_SCHEDULE
    timeout_seconds: float = 15.0
    legacy_secret: str | None = None
    vercel_bypass: str | None = None
    inline_transcript_bytes: int = 256 << 10
    allow_loopback: bool = False
    allow_private_networks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Platform:
    """What every service works on.

    `webhook_queue` feeds the webhook function with events and with deliveries that are due; None
    where due deliveries are looked for all the time. `storage` reads objects that callers name in
    other buckets; None where there are no buckets. `kept_secrets` are `secrets` as of up to a
    minute ago, for what seldom changes and is asked for often; None asks each time.
    """

    jobs: JobStore
    deliveries: DeliveryStore
    blobs: BlobStore
    queue: JobQueue
    events: EventBus
    launcher: Launcher
    limiter: RateLimiter
    keys: KeyStore
    secrets: SecretStore
    metrics: MetricsStore
    clock: Clock
    ids: IdSource
    webhook_queue: JobQueue | None = None
    storage: StorageReader | None = None
    kept_secrets: SecretStore | None = None
    timing: Timing = field(default_factory=Timing)
    limits: Limits = field(default_factory=Limits)
    webhooks: WebhookConfig = field(default_factory=WebhookConfig)
