"""Every error that Tamlil raises on purpose.

::

    TamlilError                     code, retryable, detail, field
    ├── InvalidRequest              the caller can mend it
    │   ├── UnsupportedOption       this deployment, engine or model can't honour it
    │   └── LimitExceeded           a named limit was passed
    ├── Unauthorized                no key, or a wrong one
    ├── Forbidden                   a right key without the scope
    ├── NotFound                    absent, or another tenant's
    ├── Conflict                    the state does not allow it
    │   ├── VersionConflict         somebody wrote first; read again
    │   ├── IdempotencyKeyReused    same key, other request
    │   ├── IllegalTransition       not in the transition table
    │   └── StaleAttempt            a worker that lost its lease tried to write
    ├── RateLimited                 with the seconds to wait
    ├── JobFailure                  why a job failed
    │   ├── SourceError             the caller's fault: never retried
    │   └── WorkerError             ours: retried up to the job's limit
    ├── Unavailable                 a store, queue or bucket did not answer; retryable
    ├── UrlRefused                  the SSRF guard said no
    ├── ModelUnavailable            no source has the model's files
    └── Stopped                     cancelled or terminated: not a failure

`code` is stable: callers may switch on it. `detail` is for people and carries nothing secret.
"""

from __future__ import annotations

from typing import ClassVar


class TamlilError(Exception):
    """Base of the tree; `code` and `retryable` have a default per class."""

    default_code: ClassVar[str] = "internal_error"
    default_retryable: ClassVar[bool] = False

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        retryable: bool | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.default_code
        self.retryable = self.default_retryable if retryable is None else retryable
        self.field = field


class InvalidRequest(TamlilError):
    """The caller sent something that can't be accepted; `field` says where."""

    default_code = "invalid_request"


class UnsupportedOption(InvalidRequest):
    """An option that this deployment, engine or model can't honour is refused, never swallowed."""

    default_code = "unsupported_option"


class LimitExceeded(InvalidRequest):
    """A limit was passed; the detail names the limit and the value."""

    default_code = "limit_exceeded"


class Unauthorized(TamlilError):
    """No API key, or one that is unknown, revoked or expired."""

    default_code = "unauthorized"


class Forbidden(TamlilError):
    """The key is right but lacks the scope."""

    default_code = "forbidden"


class NotFound(TamlilError):
    """Absent, or another tenant's: the caller can't tell which."""

    default_code = "not_found"


class Conflict(TamlilError):
    """The record's state does not allow what was asked."""

    default_code = "conflict"


class VersionConflict(Conflict):
    """Another writer was first; read the record again and decide anew."""

    default_code = "version_conflict"
    default_retryable = True


class IdempotencyKeyReused(Conflict):
    """The idempotency key was used before with another request."""

    default_code = "idempotency_key_reused"


class IllegalTransition(Conflict):
    """The transition table has no such step."""

    default_code = "illegal_transition"


class StaleAttempt(Conflict):
    """A write named an attempt that no longer holds the lease."""

    default_code = "stale_attempt"


class RateLimited(TamlilError):
    """Too many requests; try again after `retry_after` seconds."""

    default_code = "rate_limited"
    default_retryable = True

    def __init__(self, detail: str, *, retry_after: float) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class JobFailure(TamlilError):
    """Why a job failed; stored with the job as code and detail."""

    default_code = "job_failed"


class SourceError(JobFailure):
    """The audio or its URL is at fault: trying again would not help."""

    default_code = "source_unreadable"


class WorkerError(JobFailure):
    """The worker, the model or the platform is at fault: another attempt may succeed."""

    default_code = "worker_error"
    default_retryable = True


class Unavailable(TamlilError):
    """A store, queue, bucket or launcher did not answer as it should."""

    default_code = "unavailable"
    default_retryable = True


class UrlRefused(TamlilError):
    """The URL's scheme, port or address is not allowed."""

    default_code = "url_refused"


class ModelUnavailable(TamlilError):
    """No source has the model's files, or the bytes are not the registered ones."""

    default_code = "model_unavailable"


class Stopped(TamlilError):
    """The job was cancelled, the lease lost, or the process told to end."""

    default_code = "stopped"
