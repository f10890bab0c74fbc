"""What an AWS deployment's parts are called, and which settings have other defaults there.

Without pydantic, so that a function which starts for each event need not load it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

MIB = 1 << 20

#: What `Settings` are on AWS when nobody sets them. Lambda takes and gives 6 MB at most, as JSON:
#: a text grows by its escapes, up to twice, and other bytes by a third as base64. The sweep comes
#: once a minute and a GPU container takes some to start: shorter waits would only make noise.
#: Each heartbeat writes the record; cancelling needs none, since it stops the container too. Each
#: look of an idle worker reads every shard of an index.
DEFAULTS: Final[dict[str, Any]] = {
    "log_json": True,
    "inbox": False,
    "streams": False,
    "max_body_bytes": 5 * MIB,
    "max_blob_bytes": 3 * MIB,
    "max_multipart_bytes": 4 * MIB,
    "largest_answer_bytes": 5 * MIB // 2,
    "inline_transcript_bytes": 5 * MIB // 2,
    "max_workers": 4,
    "lease_seconds": 60.0,
    "heartbeat_seconds": 2.0,
    "worker_poll_seconds": 2.0,
    "redispatch_seconds": 60.0,
    "outbox_retry_seconds": 30.0,
    "retry_backoff_seconds": 5.0,
    "device": "cuda",
}

#: Seconds for which a signed URL may be valid. S3 refuses it once the credentials that signed it
#: have ended, whatever the URL says. Lambda's last some hours and are renewed before they end, and
#: AWS does not state how long those that a function holds are still valid. An hour is the least to
#: which a role's longest session can be set: more is not promised.
LONGEST_SIGNED_SECONDS: Final = 3600.0
LONGEST_SIGNED_WHY: Final = (
    f"must be at most {LONGEST_SIGNED_SECONDS:g} on AWS: a signed URL ends with the credentials of"
    " the role that signed it, however long it is said to hold"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class AwsNames:
    """See `shared.settings_aws.AwsSettings`, which reads and documents them."""

    table: str
    bucket: str
    queue_url: str
    dead_letter_url: str
    webhook_queue_url: str
    webhook_dead_letter_url: str
    event_bus: str
    batch_queue: str
    batch_definition: str
    read_buckets: tuple[str, ...] = ()
    read_prefix: str = "{tenant}/"
    deployment: str = "tamlil"
    trace: bool = False
    secret_prefix: str = "tamlil"  # noqa: S105 - a prefix of names
    kms_key: str | None = None
