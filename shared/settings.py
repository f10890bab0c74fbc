"""The only reader of the environment: every option of a deployment, as ``TAMLIL_<NAME>``.

Seconds and bytes throughout. A worker is started with the same variables (`environment`), so
that a container, a subprocess and a test configure it in one way.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from platformdirs import user_cache_dir, user_data_dir
from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.aws_names import DEFAULTS, LONGEST_SIGNED_SECONDS, LONGEST_SIGNED_WHY
from shared.domain.deliveries import DEFAULT_SCHEDULE
from shared.domain.model_policy import ModelPolicy
from shared.models.policy import (
    CPU_DEFAULT,
    GPU_DEFAULT,
    HOUSE_LANGUAGES,
    language_map,
    model_names,
    translating_model,
    whisper_model,
)

GIB = 1 << 30
MIB = 1 << 20


def _default_model(validated: dict[str, Any]) -> str:
    """Who names a GPU has the power for the large model; ``auto`` may find none."""
    return GPU_DEFAULT if validated.get("device") == "cuda" else CPU_DEFAULT


def _model(name: str) -> str:
    return whisper_model(name).name


def _translator(name: str | None) -> str | None:
    return None if name is None else translating_model(name).name


def _models(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if names is None else model_names(names)


def _signed_seconds(seconds: float, info: ValidationInfo) -> float:
    if info.data.get("platform") == "aws" and seconds > LONGEST_SIGNED_SECONDS:
        raise ValueError(LONGEST_SIGNED_WHY)
    return seconds


def _object(value: Any) -> Any:
    """The variable's JSON, read here so that an error names it."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as exc:
        msg = """must be a JSON object such as {"he": "ivrit-he-turbo"}"""
        raise ValueError(msg) from exc


def _language_map(models: dict[str, str] | None) -> dict[str, str] | None:
    return None if models is None else language_map(models)


class Settings(BaseSettings):
    """Defaults are those of the embedded mode on one machine; `aws_names` has those of AWS."""

    model_config = SettingsConfigDict(env_prefix="TAMLIL_", extra="ignore", frozen=True)

    platform: Literal["local", "aws"] = "local"
    data_dir: Path = Field(default_factory=lambda: Path(user_data_dir("tamlil")))
    models_dir: Path = Field(default_factory=lambda: Path(user_cache_dir("tamlil")) / "models")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_json: bool = False

    host: str = "127.0.0.1"
    port: int = Field(default=8360, ge=0, le=65535)
    public_url: str | None = None
    cors_origins: tuple[str, ...] = ()
    metrics_public: bool = False
    max_body_bytes: int = Field(default=16 * MIB, gt=0)
    max_blob_bytes: int = Field(default=10 * MIB, gt=0)
    max_multipart_bytes: int = Field(default=100 * MIB, gt=0)
    rate_limit: int = Field(default=600, gt=0)
    rate_window_seconds: float = Field(default=60.0, gt=0)
    rate_burst: int = Field(default=100, gt=0)

    max_source_bytes: int = Field(default=8 * GIB, gt=0)
    max_audio_seconds: float = Field(default=72_000.0, gt=0)
    upload_seconds: Annotated[float, AfterValidator(_signed_seconds)] = Field(default=3600.0, gt=0)
    download_seconds: Annotated[float, AfterValidator(_signed_seconds)] = Field(
        default=3600.0, gt=0
    )
    inline_result_bytes: int = Field(default=256 << 10, ge=0)
    inline_transcript_bytes: int = Field(default=5 * MIB, ge=0)
    largest_answer_bytes: int | None = Field(default=None, gt=0)
    streams: bool = True
    retention_seconds: float | None = Field(default=None, gt=0)
    cost_per_hour: float | None = Field(default=None, ge=0)
    fetch_seconds: float = Field(default=3600.0, gt=0)
    allow_loopback_urls: bool = False
    allow_private_networks: tuple[str, ...] = ()

    max_workers: int = Field(default=1, ge=1)
    max_attempts: int = Field(default=3, ge=1)
    max_launches: int = Field(default=5, ge=1)
    worker_idle_seconds: float = Field(default=300.0, ge=0)
    worker_poll_seconds: float = Field(default=0.2, gt=0)
    job_seconds: float = Field(default=21_600.0, gt=0)
    lease_seconds: float = Field(default=20.0, gt=0)
    heartbeat_seconds: float = Field(default=0.5, gt=0)
    redispatch_seconds: float = Field(default=5.0, gt=0)
    outbox_retry_seconds: float = Field(default=5.0, gt=0)
    retry_backoff_seconds: float = Field(default=2.0, ge=0)

    webhook_schedule: tuple[float, ...] = Field(default=DEFAULT_SCHEDULE, min_length=3)
    webhook_timeout_seconds: float = Field(default=15.0, gt=0)
    webhook_inline_bytes: int = Field(default=256 << 10, ge=0)
    webhook_legacy_secret: str | None = None
    webhook_vercel_bypass: str | None = None

    diarizer: Literal["embedded", "pyannote"] = "embedded"
    concurrent_diarization: Literal["auto", "on", "off"] = "auto"
    pyannote_dir: Path | None = None
    hf_token: str | None = Field(default=None, repr=False)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    default_model: Annotated[str, AfterValidator(_model)] = Field(default_factory=_default_model)
    language_models: Annotated[
        dict[str, str] | None, NoDecode, BeforeValidator(_object), AfterValidator(_language_map)
    ] = None
    translate_model: Annotated[str | None, AfterValidator(_translator)] = None
    models_available: Annotated[tuple[str, ...] | None, AfterValidator(_models)] = Field(
        default=None, description="Models that requests may name; None: all that are registered"
    )
    compute_type: str | None = None
    threads: int = Field(default=0, ge=0, description="0 means every core that may be used")
    batch_size: int = Field(
        default=0, ge=0, description="Windows decoded at once; 0 fits it to the machine"
    )
    models_offline: bool = False
    models_prefix: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$",
        description="Where in the deployment's blob store weights lie",
    )
    models_cache_dir: Path | None = Field(
        default=None, description="Where weights are pulled to, if `models_dir` is read-only"
    )
    null_engine: bool = Field(
        default=False,
        description="For benchmarks and tests of the pipeline: the job program fetches the audio"
        " and answers an empty transcript that says so. No request can switch it on.",
    )

    inbox: bool = True
    inbox_dir: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_the_platform(cls, given: dict[str, Any]) -> dict[str, Any]:
        """What nobody set is as suits the platform."""
        return DEFAULTS | given if given.get("platform") == "aws" else given

    @property
    def model_policy(self) -> ModelPolicy:
        """Which model a job gets; the house's map is for weights that are here already."""
        named = self.language_models
        return ModelPolicy(
            default=self.default_model,
            by_language=HOUSE_LANGUAGES if named is None else named,
            pulled=named is not None,
            translate=self.translate_model,
            available=self.models_available,
        )

    @property
    def watched_folder(self) -> Path:
        """Where ``<tenant>/<file>`` becomes a job."""
        return self.inbox_dir or self.data_dir / "inbox"


def environment(settings: Settings) -> dict[str, str]:
    """The variables from which a worker reads exactly these settings."""
    variables: dict[str, str] = {}
    for name, value in settings.model_dump(mode="json").items():
        if value is not None:
            text = value if isinstance(value, str) else json.dumps(value)
            variables[f"TAMLIL_{name.upper()}"] = text
    return variables


def worker_environment(settings: Settings) -> dict[str, str]:
    """A worker's whole environment: the machine's part of ours, and exactly these settings.

    The machine's part is what is not ours to name: PATH, HOME, TMPDIR, library paths, locale. A
    ``TAMLIL_`` variable that the settings did not take would change the worker's settings.
    """
    machine = {name: value for name, value in os.environ.items() if not name.startswith("TAMLIL_")}
    return machine | environment(settings)


class WorkerSettings(BaseSettings):
    """What the launcher tells one worker; AWS Batch names executions itself, by its variables."""

    model_config = SettingsConfigDict(env_prefix="TAMLIL_", extra="ignore", frozen=True)

    job_id: str | None = None
    execution_id: str | None = None
    batch_job_id: str | None = Field(default=None, validation_alias="AWS_BATCH_JOB_ID")
    batch_job_attempt: int = Field(default=1, validation_alias="AWS_BATCH_JOB_ATTEMPT")

    @property
    def execution(self) -> str | None:
        """The handle under which this process claims jobs.

        Batch may start a container anew whose host was lost: ``<job>#<attempt>`` tells what the
        first held from what the second holds.
        """
        if self.execution_id is not None or self.batch_job_id is None:
            return self.execution_id
        return f"{self.batch_job_id}#{self.batch_job_attempt}"
