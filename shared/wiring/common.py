"""What of a platform comes from the settings alone, whichever platform it is."""

from __future__ import annotations

from shared.domain.lifecycle import Timing
from shared.ports.platform import Limits, WebhookConfig
from shared.ports.rate_limiter import RateRule
from shared.settings import Settings


def timing(settings: Settings) -> Timing:
    """Seconds after which the sweep looks again."""
    return Timing(
        lease_seconds=settings.lease_seconds,
        redispatch_seconds=settings.redispatch_seconds,
        outbox_retry_seconds=settings.outbox_retry_seconds,
        retry_backoff_seconds=settings.retry_backoff_seconds,
    )


def limits(settings: Settings) -> Limits:
    """What the deployment allows."""
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
        largest_answer_bytes=settings.largest_answer_bytes,
        retention_seconds=settings.retention_seconds,
        cost_per_hour=settings.cost_per_hour,
        streams=settings.streams,
        rate=RateRule(
            limit=settings.rate_limit,
            window_seconds=settings.rate_window_seconds,
            burst=settings.rate_burst,
        ),
    )


def webhooks(settings: Settings) -> WebhookConfig:
    """How webhooks are sent."""
    return WebhookConfig(
        schedule=settings.webhook_schedule,
        timeout_seconds=settings.webhook_timeout_seconds,
        legacy_secret=settings.webhook_legacy_secret,
        vercel_bypass=settings.webhook_vercel_bypass,
        inline_transcript_bytes=settings.webhook_inline_bytes,
        allow_loopback=settings.allow_loopback_urls,
        allow_private_networks=settings.allow_private_networks,
    )
