"""Two readers of the same variables: what one refuses the other refuses, and they read the same."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.domain.errors import InvalidRequest
from shared.domain.model_policy import ModelPolicy
from shared.function_settings import ApiOptions, FunctionSettings, read_function_settings
from shared.settings import Settings
from shared.settings_aws import AwsSettings
from shared.wiring.common import limits, timing, webhooks

NEEDED = {
    "TAMLIL_PLATFORM": "aws",
    "TAMLIL_AWS_TABLE": "tamlil-table",
    "TAMLIL_AWS_BUCKET": "tamlil-bucket",
    "TAMLIL_AWS_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/jobs",
    "TAMLIL_AWS_DEAD_LETTER_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/dead",
    "TAMLIL_AWS_WEBHOOK_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/hooks",
    "TAMLIL_AWS_WEBHOOK_DEAD_LETTER_URL": "https://sqs.eu-central-1.amazonaws.com/1/hooks-dead",
    "TAMLIL_AWS_EVENT_BUS": "tamlil",
    "TAMLIL_AWS_BATCH_QUEUE": "tamlil",
    "TAMLIL_AWS_BATCH_DEFINITION": "tamlil",
}


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("TAMLIL_"):
            monkeypatch.delenv(name)


def with_pydantic(
    monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]
) -> FunctionSettings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    return FunctionSettings(
        log_level=settings.log_level,
        api=ApiOptions(
            cors_origins=settings.cors_origins,
            max_body_bytes=settings.max_body_bytes,
            metrics_public=settings.metrics_public,
        ),
        names=AwsSettings().names(),
        timing=timing(settings),
        limits=limits(settings),
        webhooks=webhooks(settings),
    )


def test_the_defaults_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read_function_settings(NEEDED, models=True)
    assert found == with_pydantic(monkeypatch, NEEDED)


ALIKE = {
    "TAMLIL_LOG_LEVEL": "DEBUG",
    "TAMLIL_LEASE_SECONDS": "90.5",
    "TAMLIL_REDISPATCH_SECONDS": "1e2",
    "TAMLIL_RETRY_BACKOFF_SECONDS": "0",
    "TAMLIL_OUTBOX_RETRY_SECONDS": "7",
    "TAMLIL_MAX_WORKERS": "12",
    "TAMLIL_MAX_ATTEMPTS": "1",
    "TAMLIL_MAX_LAUNCHES": "2",
    "TAMLIL_MAX_SOURCE_BYTES": "1000000",
    "TAMLIL_MAX_BLOB_BYTES": "1000",
    "TAMLIL_MAX_MULTIPART_BYTES": "2000",
    "TAMLIL_UPLOAD_SECONDS": "60",
    "TAMLIL_DOWNLOAD_SECONDS": "61",
    "TAMLIL_INLINE_RESULT_BYTES": "0",
    "TAMLIL_INLINE_TRANSCRIPT_BYTES": "1",
    "TAMLIL_LARGEST_ANSWER_BYTES": "3",
    "TAMLIL_RETENTION_SECONDS": "86400",
    "TAMLIL_COST_PER_HOUR": "0.526",
    "TAMLIL_STREAMS": "Yes",
    "TAMLIL_DIARIZER": "pyannote",
    "TAMLIL_RATE_LIMIT": "5",
    "TAMLIL_RATE_WINDOW_SECONDS": "6",
    "TAMLIL_RATE_BURST": "7",
    "TAMLIL_WEBHOOK_SCHEDULE": "[0, 1.5, 2]",
    "TAMLIL_WEBHOOK_TIMEOUT_SECONDS": "3",
    "TAMLIL_WEBHOOK_LEGACY_SECRET": "s",
    "TAMLIL_WEBHOOK_VERCEL_BYPASS": "b",
    "TAMLIL_WEBHOOK_INLINE_BYTES": "0",
    "TAMLIL_ALLOW_LOOPBACK_URLS": "true",
    "TAMLIL_ALLOW_PRIVATE_NETWORKS": '["10.0.0.0/8"]',
    "TAMLIL_CORS_ORIGINS": '["https://a.example.com"]',
    "TAMLIL_MAX_BODY_BYTES": "1234",
    "TAMLIL_METRICS_PUBLIC": "1",
    "TAMLIL_DEVICE": "cpu",
    "TAMLIL_DEFAULT_MODEL": "tiny.en",
    "TAMLIL_LANGUAGE_MODELS": '{"iw": "ivrit-he-turbo"}',
    "TAMLIL_TRANSLATE_MODEL": "base",
    "TAMLIL_MODELS_AVAILABLE": '["turbo", "base", "large-v3-turbo"]',
    "TAMLIL_AWS_READ_BUCKETS": '["a", "b"]',
    "TAMLIL_AWS_READ_PREFIX": "calls/{tenant}/",
    "TAMLIL_AWS_DEPLOYMENT": "tamlil-eu",
    "TAMLIL_AWS_TRACE": "on",
    "TAMLIL_AWS_SECRET_PREFIX": "tamlil/eu",
    "TAMLIL_AWS_KMS_KEY": "arn:aws:kms:eu-central-1:123456789012:key/1",
}


@pytest.mark.parametrize("name", ALIKE)
def test_one_variable_is_read_alike(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    variables = NEEDED | {name: ALIKE[name]}
    found = read_function_settings(variables, models=True)
    assert found == with_pydantic(monkeypatch, variables)
    assert found != read_function_settings(NEEDED, models=True), "the variable changes something"


def test_all_of_them_together_are_read_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = NEEDED | ALIKE
    assert read_function_settings(variables, models=True) == with_pydantic(monkeypatch, variables)


REFUSED = [
    *((name, value) for name in ALIKE for value in ("", "not so", "[1", "{}", "-1", "nan", "[{}]")),
    ("TAMLIL_WEBHOOK_SCHEDULE", "[0, 1]"),
    ("TAMLIL_WEBHOOK_SCHEDULE", '[0, 1, "soon"]'),
    ("TAMLIL_LANGUAGE_MODELS", '{"he": "no-such-model"}'),
    ("TAMLIL_LANGUAGE_MODELS", '{"he": 7}'),
    ("TAMLIL_LANGUAGE_MODELS", "[]"),
    ("TAMLIL_MODELS_AVAILABLE", '["no-such-model"]'),
    ("TAMLIL_MODELS_AVAILABLE", '["ecapa"]'),
    ("TAMLIL_MODELS_AVAILABLE", "[7]"),
    ("TAMLIL_MODELS_AVAILABLE", "[]"),
    ("TAMLIL_UPLOAD_SECONDS", "3601"),
    ("TAMLIL_DOWNLOAD_SECONDS", "86400"),
    ("TAMLIL_DOWNLOAD_SECONDS", "inf"),
    ("TAMLIL_MAX_WORKERS", "1.5"),
    ("TAMLIL_MAX_WORKERS", "0"),
    ("TAMLIL_LEASE_SECONDS", "0"),
    ("TAMLIL_LOG_LEVEL", "debug"),
    ("TAMLIL_AWS_SECRET_PREFIX", "/tamlil"),
]


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_what_the_settings_refuse_the_functions_refuse(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    variables = NEEDED | {name: value}
    try:
        allowed = with_pydantic(monkeypatch, variables)
    except (ValidationError, ValueError):
        with pytest.raises(InvalidRequest) as caught:
            read_function_settings(variables, models=True)
        assert name in caught.value.detail
    else:
        assert read_function_settings(variables, models=True) == allowed


@pytest.mark.parametrize("name", ["TAMLIL_UPLOAD_SECONDS", "TAMLIL_DOWNLOAD_SECONDS"])
def test_both_readers_refuse_a_url_that_outlives_a_role_s_credentials_and_say_why(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    variables = NEEDED | {name: "86400"}
    with pytest.raises(InvalidRequest, match=f"{name} must be at most 3600 on AWS") as caught:
        read_function_settings(variables)
    assert "credentials" in caught.value.detail
    with pytest.raises(ValidationError, match="at most 3600 on AWS: a signed URL ends with"):
        with_pydantic(monkeypatch, variables)
    monkeypatch.setenv("TAMLIL_PLATFORM", "local")
    found = {Settings().upload_seconds, Settings().download_seconds}
    assert found == {86_400.0, 3600.0}, "the embedded mode signs with a key that does not end"


@pytest.mark.parametrize("name", [name for name in NEEDED if name != "TAMLIL_PLATFORM"])
def test_a_missing_name_is_told(name: str) -> None:
    with pytest.raises(InvalidRequest, match=f"{name} is missing") as caught:
        read_function_settings({key: value for key, value in NEEDED.items() if key != name})
    assert caught.value.code == "invalid_settings"


def test_everything_that_is_wrong_is_told_at_once_and_no_value() -> None:
    wrong = {"TAMLIL_MAX_WORKERS": "s3cr3t", "TAMLIL_LEASE_SECONDS": "s3cr3t"}
    with pytest.raises(InvalidRequest) as caught:
        read_function_settings(wrong)
    assert all(name in caught.value.detail for name in (*wrong, "TAMLIL_AWS_TABLE"))
    assert "s3cr3t" not in caught.value.detail


def test_a_function_that_checks_no_options_loads_no_registry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = read_function_settings(NEEDED)
    full = with_pydantic(monkeypatch, NEEDED)
    assert found == replace(full, limits=replace(full.limits, models=ModelPolicy()))


def test_reading_them_loads_no_pydantic() -> None:
    code = (
        "import sys; import shared.function_settings as s; s.read_function_settings();"
        " heavy = ('pydantic', 'pydantic_settings', 'httpx', 'boto3');"
        " print([name for name in heavy if name in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | NEEDED, cwd=Path(__file__).parents[2], capture_output=True, text=True,
        check=True, timeout=60,
    )  # fmt: skip
    assert ended.stdout.strip() == "[]"
