"""The settings of a function on AWS, read without pydantic: loading that takes as long as boto3.

`Settings` and `AwsSettings` say what there is and what is allowed; here the same variables are read
for the functions that start for each event. Tests hold the two together: what one refuses the
other refuses, and what both read is the same.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from shared.aws_names import DEFAULTS, LONGEST_SIGNED_SECONDS, LONGEST_SIGNED_WHY, AwsNames
from shared.domain.deliveries import DEFAULT_SCHEDULE
from shared.domain.errors import InvalidRequest
from shared.domain.lifecycle import Timing
from shared.domain.model_policy import ModelPolicy
from shared.ports.platform import Limits, WebhookConfig
from shared.ports.rate_limiter import RateRule
from shared.variables import Variables

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_PREFIX = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
_DEPLOYMENT = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_READ_PREFIX = re.compile(r"\*|((\{tenant\}|[A-Za-z0-9_.=-])+/)+")
_LEAST_SCHEDULE = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiOptions:
    """What concerns the API alone; see `Settings`."""

    cors_origins: tuple[str, ...]
    max_body_bytes: int
    metrics_public: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionSettings:
    """What a platform on AWS is made from, and the API over it."""

    log_level: str
    api: ApiOptions
    names: AwsNames
    timing: Timing
    limits: Limits
    webhooks: WebhookConfig


def read_function_settings(
    variables: Mapping[str, str] | None = None, *, models: bool = False
) -> FunctionSettings:
    """Read them; `models`: also which model a request gets, for functions that check options.

    Raises:
        InvalidRequest: code ``invalid_settings``; names every variable that is missing or wrong,
            and no value.
    """
    reader = Variables(os.environ if variables is None else variables)
    found = FunctionSettings(
        log_level=reader.one_of("LOG_LEVEL", _LEVELS, "INFO"),
        api=ApiOptions(
            cors_origins=reader.items("CORS_ORIGINS", (str,)) or (),
            max_body_bytes=reader.whole("MAX_BODY_BYTES", DEFAULTS["max_body_bytes"]),
            metrics_public=reader.flag("METRICS_PUBLIC", default=False),
        ),
        names=_names(reader),
        timing=_timing(reader),
        limits=_limits(reader, models=models),
        webhooks=_webhooks(reader),
    )
    if reader.problems:
        msg = "settings: " + "; ".join(reader.problems)
        raise InvalidRequest(msg, code="invalid_settings")
    return found


def _names(reader: Variables) -> AwsNames:
    special = {"read_buckets", "read_prefix", "deployment", "trace", "secret_prefix", "kms_key"}
    needed = [field.name for field in fields(AwsNames) if field.name not in special]
    return AwsNames(
        **{name: reader.needed(f"AWS_{name.upper()}") for name in needed},
        read_buckets=reader.items("AWS_READ_BUCKETS", (str,)) or (),
        read_prefix=reader.matching("AWS_READ_PREFIX", _READ_PREFIX, "{tenant}/"),
        deployment=reader.matching("AWS_DEPLOYMENT", _DEPLOYMENT, "tamlil"),
        trace=reader.flag("AWS_TRACE", default=False),
        secret_prefix=reader.matching("AWS_SECRET_PREFIX", _PREFIX, "tamlil"),
        kms_key=reader.text("AWS_KMS_KEY"),
    )


def _timing(reader: Variables) -> Timing:
    names = ("lease_seconds", "redispatch_seconds", "outbox_retry_seconds")
    positive = {name: reader.number(name.upper(), DEFAULTS[name]) for name in names}
    backoff = reader.number("RETRY_BACKOFF_SECONDS", DEFAULTS["retry_backoff_seconds"], zero=True)
    return Timing(**positive, retry_backoff_seconds=backoff)


def _limits(reader: Variables, *, models: bool) -> Limits:
    answer = reader.whole("LARGEST_ANSWER_BYTES", DEFAULTS["largest_answer_bytes"])
    return Limits(
        max_workers=reader.whole("MAX_WORKERS", DEFAULTS["max_workers"]),
        max_attempts=reader.whole("MAX_ATTEMPTS", 3),
        max_launches=reader.whole("MAX_LAUNCHES", 5),
        max_source_bytes=reader.whole("MAX_SOURCE_BYTES", 8 << 30),
        max_blob_bytes=reader.whole("MAX_BLOB_BYTES", DEFAULTS["max_blob_bytes"]),
        max_multipart_bytes=reader.whole("MAX_MULTIPART_BYTES", DEFAULTS["max_multipart_bytes"]),
        upload_seconds=_signed_seconds(reader, "UPLOAD_SECONDS"),
        download_seconds=_signed_seconds(reader, "DOWNLOAD_SECONDS"),
        inline_result_bytes=reader.whole("INLINE_RESULT_BYTES", 256 << 10, least=0),
        inline_transcript_bytes=reader.whole(
            "INLINE_TRANSCRIPT_BYTES", DEFAULTS["inline_transcript_bytes"], least=0
        ),
        largest_answer_bytes=answer,
        retention_seconds=reader.maybe_number("RETENTION_SECONDS"),
        cost_per_hour=reader.maybe_number("COST_PER_HOUR", zero=True),
        streams=reader.flag("STREAMS", default=DEFAULTS["streams"]),
        default_diarizer=reader.one_of("DIARIZER", ("embedded", "pyannote"), "embedded"),
        rate=RateRule(
            limit=reader.whole("RATE_LIMIT", 600),
            window_seconds=reader.number("RATE_WINDOW_SECONDS", 60.0),
            burst=reader.whole("RATE_BURST", 100),
        ),
        models=_models(reader) if models else ModelPolicy(),
    )


def _signed_seconds(reader: Variables, name: str) -> float:
    found = reader.number(name, 3600.0)
    if found > LONGEST_SIGNED_SECONDS:
        reader.wrong(name, LONGEST_SIGNED_WHY)
    return found


def _webhooks(reader: Variables) -> WebhookConfig:
    schedule = reader.items("WEBHOOK_SCHEDULE", (int, float))
    if schedule is not None and len(schedule) < _LEAST_SCHEDULE:
        reader.wrong("WEBHOOK_SCHEDULE", f"must hold at least {_LEAST_SCHEDULE} waits")
    return WebhookConfig(
        schedule=DEFAULT_SCHEDULE if schedule is None else tuple(float(wait) for wait in schedule),
        timeout_seconds=reader.number("WEBHOOK_TIMEOUT_SECONDS", 15.0),
        legacy_secret=reader.text("WEBHOOK_LEGACY_SECRET"),
        vercel_bypass=reader.text("WEBHOOK_VERCEL_BYPASS"),
        inline_transcript_bytes=reader.whole("WEBHOOK_INLINE_BYTES", 256 << 10, least=0),
        allow_loopback=reader.flag("ALLOW_LOOPBACK_URLS", default=False),
        allow_private_networks=reader.items("ALLOW_PRIVATE_NETWORKS", (str,)) or (),
    )


def _models(reader: Variables) -> ModelPolicy:
    """As `Settings.model_policy`; the registry is read for it."""
    from shared.models import policy

    device = reader.one_of("DEVICE", ("auto", "cpu", "cuda"), DEFAULTS["device"])
    house = policy.GPU_DEFAULT if device == "cuda" else policy.CPU_DEFAULT
    languages = reader.checked("LANGUAGE_MODELS", _language_map)
    return ModelPolicy(
        default=reader.checked("DEFAULT_MODEL", lambda name: policy.whisper_model(name).name)
        or house,
        by_language=policy.HOUSE_LANGUAGES if languages is None else languages,
        pulled=languages is not None,
        translate=reader.checked(
            "TRANSLATE_MODEL", lambda name: policy.translating_model(name).name
        ),
        available=reader.checked("MODELS_AVAILABLE", _model_names),
    )


def _model_names(text: str) -> tuple[str, ...]:
    from shared.models.policy import model_names

    found = json.loads(text)
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        msg = "must be a JSON list of models"
        raise ValueError(msg)
    return model_names(found)


def _language_map(text: str) -> dict[str, str]:
    from shared.models.policy import language_map

    found = json.loads(text)
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found.values()):
        msg = "must be a JSON object of models by language"
        raise ValueError(msg)
    return language_map(found)
