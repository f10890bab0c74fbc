"""Jobs as they are answered and filtered."""

from __future__ import annotations

from pydantic import Field

from functions.api.schemas.transcribe import Links
from functions.api.schemas.transcript import TranscriptOut
from functions.schemas.base import Line200, Model, Moment, Timestamp
from functions.schemas.options import OptionFields
from shared.domain.events import EventType
from shared.domain.job import JobKind, PayloadMode, SourceKind, Stage, Status
from shared.services.read_job import MOST_PER_PAGE


class JobErrorOut(Model):
    """Why it failed, or why its last attempt did."""

    code: str = Field(examples=["source_unreadable"])
    detail: str
    retryable: bool


class SourceOut(Model):
    """Where the audio came from. A URL is not repeated: it may carry credentials."""

    kind: SourceKind
    filename: str | None
    content_type: str | None
    size_bytes: int | None
    job_id: str | None = Field(description="With kind `job`: the job that this one goes on from.")


class WebhookOut(Model):
    """Who hears of the job."""

    url: str
    events: list[EventType]
    mode: PayloadMode


class JobSummary(Model):
    """A job without its transcript."""

    job_id: str = Field(examples=["job_01jz0000000000000000000000"])
    kind: JobKind
    status: Status
    stage: Stage = Field(description="Finer than status.")
    progress: float = Field(ge=0, le=1, description="Measured share of the work done.")
    recording_id: str | None
    metadata: dict[str, str]
    priority: int
    attempt: int = Field(description="How many workers have taken it so far.")
    max_attempts: int
    source: SourceOut
    options: OptionFields
    webhook: WebhookOut | None
    created_at: Timestamp
    updated_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None
    upload_expires_at: Timestamp | None = Field(description="Until when the upload is awaited.")
    expires_at: Timestamp | None = Field(description="When everything is erased (retention).")
    audio_seconds: float | None
    language: str | None = Field(description="Of the finished transcript.")
    timings: dict[str, float] | None = Field(description="Wall seconds by step, when completed.")
    warnings: list[str]
    cost: float | None = Field(
        description="Estimated from the worker's time, once the job is over, in the currency of"
        " the deployment's price; null without a price."
    )
    error: JobErrorOut | None
    links: Links


class JobOut(JobSummary):
    """A job, with its transcript once it is completed."""

    result: TranscriptOut | None = Field(description="The transcript itself while it is small.")
    result_url: str | None = Field(description="A signed URL to it when it is not.")


class JobList(Model):
    """One page, newest first."""

    jobs: list[JobSummary]
    cursor: str | None = Field(description="For the next page; null on the last.")


class JobFilter(Model, defer_build=False):
    """Query of GET /api/v1/jobs."""

    status: Status | None = Field(default=None)
    kind: JobKind | None = Field(default=None)
    recording_id: Line200 | None = Field(default=None)
    created_from: Moment | None = Field(default=None, description="Inclusive; ISO 8601.")
    created_to: Moment | None = Field(default=None, description="Exclusive; ISO 8601.")
    limit: int = Field(default=50, ge=1, le=MOST_PER_PAGE, description="Jobs on a page.")
    cursor: str | None = Field(
        default=None, max_length=1000, description="What the page before gave."
    )
