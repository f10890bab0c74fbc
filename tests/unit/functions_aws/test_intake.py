from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from email.header import Header
from typing import Any
from urllib.parse import unquote_plus

import pytest

from functions.intake.dropped import handle_event
from functions.observability.emit import MetricsLog
from shared.domain.errors import InvalidRequest, NotFound, Unavailable
from shared.domain.events import EventType
from shared.domain.job import Job, PayloadMode, Status
from shared.ports.blob_store import BlobInfo, BlobStore
from shared.ports.job_store import JobQuery
from shared.services.cancel_job import purge_job
from shared.services.start_upload import sign_upload
from shared.services.submission import UploadAudio
from tests.support.faults import be_unavailable
from tests.support.functions_aws import Emitted, documented
from tests.support.world import HOOK_URL, World

KEY = "tenants/acme/inbox/calls/שיחה + 42.mp3"


@dataclass
class Described:
    """The store of a folder keeps no metadata, a bucket does: this adds it to what `stat` says.

    It also takes the folder's versions for those of a bucket.
    """

    blobs: BlobStore
    metadata: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def stat(self, key: str, *, version: str | None = None) -> BlobInfo:
        info = self.blobs.stat(key, version=version and version.removeprefix("id:"))
        return replace(info, metadata=self.metadata.get(key, {}))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.blobs, name)


@dataclass
class Bucket:
    """Objects come in, and the bucket tells the function."""

    world: World
    metrics: MetricsLog

    def put(self, key: str = KEY, *, content: bytes = b"RIFF", **metadata: str) -> None:
        self.put_with(metadata, key=key, content=content)

    def put_with(
        self, metadata: Mapping[str, str], *, key: str = KEY, content: bytes = b"RIFF"
    ) -> None:
        said = {name.replace("_", "-"): value for name, value in metadata.items()}
        self.described.metadata[key] = said
        self.world.deployment.platform.blobs.put(key, [content], content_type="audio/mpeg")

    def tell(
        self, key: str = KEY, *, name: str = "intake/dropped", version: str | None = None
    ) -> None:
        event = documented(name)
        event["detail"]["object"] |= {"key": key, "version-id": version or self.version(key)}
        handle_event(self.platform, event, metrics=self.metrics)

    def version(self, key: str = KEY) -> str:
        """Of the object that lies under this key, or under what it encodes."""
        for name in (key, unquote_plus(key)):
            with suppress(NotFound, InvalidRequest):
                return self.world.deployment.platform.blobs.stat(name).version
        return "gone"

    def take(self, key: str = KEY, *, content: bytes = b"RIFF", **metadata: str) -> Job:
        self.put(key, content=content, **metadata)
        self.tell(key)
        return self.jobs()[0]

    def jobs(self, tenant: str = "acme") -> tuple[Job, ...]:
        """The newest first."""
        return self.world.platform.jobs.query(JobQuery(tenant=tenant)).jobs

    def __post_init__(self) -> None:
        self.described = Described(self.world.platform.blobs)
        self.platform = replace(self.world.platform, blobs=self.described)


@pytest.fixture
def bucket(world: World, metrics: MetricsLog) -> Bucket:
    return Bucket(world=world, metrics=metrics)


def test_a_dropped_object_becomes_the_job_of_its_folders_tenant(
    bucket: Bucket, emitted: Callable[[], Emitted]
) -> None:
    job = bucket.take()
    assert (job.tenant, job.status) == ("acme", Status.PENDING)
    assert (job.source.key, job.source.filename) == (KEY, "שיחה + 42.mp3")
    assert (job.source.content_type, job.source.size_bytes) == ("audio/mpeg", 4)
    assert bucket.world.queued() == [job.id]
    assert emitted().of("Objects", outcome="taken") == [1.0]


@pytest.mark.parametrize("told_as", [KEY, "tenants/acme/inbox/calls/%D7%A9 +.mp3"])
def test_a_key_may_come_encoded_as_in_the_buckets_own_notifications(
    bucket: Bucket, told_as: str
) -> None:
    from urllib.parse import quote_plus

    bucket.put(told_as)
    bucket.tell(quote_plus(told_as, safe="/"))
    bucket.tell(told_as)
    (job,) = bucket.jobs()
    assert job.source.key == told_as


def test_the_same_version_is_one_job_however_often_it_is_told(bucket: Bucket) -> None:
    bucket.put()
    for _ in range(3):
        bucket.tell()
    bucket.tell(name="intake/multipart_completed")
    assert len(bucket.jobs()) == 1


def test_a_new_version_is_a_new_job(bucket: Bucket) -> None:
    first = bucket.take()
    assert bucket.take(content=b"other").id != first.id
    assert len(bucket.jobs()) == 2


def test_a_version_that_is_gone_is_not_taken_for_the_one_that_came_over_it(
    bucket: Bucket, emitted: Callable[[], Emitted]
) -> None:
    """Else two drops in a row, told late, would be one job of the second and none of the first."""
    bucket.put(content=b"first")
    gone = bucket.version()
    bucket.put(content=b"second")
    bucket.tell(version=gone)
    assert bucket.jobs() == ()
    assert emitted().of("Objects", outcome="ignored") == [1.0]
    bucket.tell()
    (job,) = bucket.jobs()
    assert job.source.size_bytes == len(b"second")


def test_a_large_file_finishes_as_a_multipart_upload(bucket: Bucket) -> None:
    bucket.put("tenants/acme/inbox/long.wav")
    bucket.tell("tenants/acme/inbox/long.wav", name="intake/multipart_completed")
    assert bucket.jobs()[0].source.filename == "long.wav"


def test_options_come_as_one_json_object(bucket: Bucket) -> None:
    asked = {
        "language": "he",
        "diarize": True,
        "diarization_args": {"max_speakers": 3},
        "webhook_url": HOOK_URL,
        "webhook_mode": "legacy",
        "recording_id": "r-1",
        "metadata": {"case": "42"},
        "priority": 5,
        "retention_seconds": 60,
    }
    job = bucket.take(tamlil=json.dumps(asked))
    assert (job.options.language, job.options.diarize) == ("he", True)
    assert job.options.diarization_args.max_speakers == 3
    assert job.webhook is not None
    assert (job.webhook.url, job.webhook.mode) == (HOOK_URL, PayloadMode.LEGACY)
    assert (job.recording_id, job.metadata, job.priority) == ("r-1", {"case": "42"}, 5)
    assert job.retention_seconds == 60


def test_options_come_as_single_fields_too(bucket: Bucket) -> None:
    job = bucket.take(
        tamlil_language="he",
        tamlil_diarize="yes",
        tamlil_beam_size="3",
        tamlil_webhook_url=HOOK_URL,
        tamlil_webhook_events='["transcription.completed"]',
        camera="ignored",
    )
    assert (job.options.language, job.options.diarize, job.options.beam_size) == ("he", True, 3)
    assert job.webhook is not None
    assert job.webhook.events == (EventType.TRANSCRIPTION_COMPLETED,)


def test_text_beyond_ascii_comes_as_headers_encode_it(bucket: Bucket) -> None:
    prompt = "ישיבת הנהלה"
    job = bucket.take(tamlil_initial_prompt=Header(prompt, "utf-8").encode())
    assert job.options.initial_prompt == prompt


def test_what_only_looks_encoded_stays_as_it_is(bucket: Bucket) -> None:
    assert bucket.take(tamlil_recording_id="a=?b").recording_id == "a=?b"


REFUSED: list[tuple[dict[str, str], str]] = [
    ({"tamlil": "{not json"}, "invalid_json"),
    ({"tamlil": "[]"}, "invalid_request"),
    ({"tamlil_langauge": "he"}, "invalid_request"),
    ({"tamlil_beam_size": "many"}, "invalid_request"),
    ({"tamlil_model": "no-such-model"}, "unsupported_option"),
    ({"tamlil_webhook_url": "http://169.254.169.254/"}, "url_refused"),
    ({"tamlil_webhook_mode": "legacy"}, "invalid_request"),
    ({"tamlil_enhance": "{}"}, "unsupported_option"),
    ({"tamlil": '{"language": "he"}', "tamlil_language": "en"}, "contradiction"),
]


@pytest.mark.parametrize(("metadata", "code"), REFUSED)
def test_wishes_that_cant_be_are_told_as_a_failed_job(
    bucket: Bucket, emitted: Callable[[], Emitted], metadata: dict[str, str], code: str
) -> None:
    bucket.put_with(metadata)
    bucket.tell()
    (job,) = bucket.jobs()
    assert job.status is Status.FAILED
    assert job.error is not None
    assert job.error.code == code
    assert not job.error.retryable
    assert bucket.world.queued() == [], "no worker shall see it"
    assert emitted().of("Objects", outcome="refused") == [1.0]


def test_a_refusal_names_the_field_and_comes_once(bucket: Bucket) -> None:
    bucket.put(tamlil_langauge="he")
    for _ in range(3):
        bucket.tell()
    (job,) = bucket.jobs()
    assert job.error is not None
    assert "langauge" in job.error.detail


def test_a_refusal_is_told_to_the_webhook_that_could_be_read(bucket: Bucket) -> None:
    job = bucket.take(
        tamlil_model="no-such-model", tamlil_webhook_url=HOOK_URL, tamlil_recording_id="r-1"
    )
    assert (job.recording_id, job.webhook and job.webhook.url) == ("r-1", HOOK_URL)
    (event,) = bucket.world.published()
    assert (event.type, event.job_id) == (EventType.TRANSCRIPTION_FAILED, job.id)


def test_an_empty_object_is_refused(bucket: Bucket) -> None:
    job = bucket.take(content=b"")
    assert job.error is not None
    assert job.error.code == "empty_file"


def test_after_a_refusal_the_same_audio_with_mended_wishes_is_taken(bucket: Bucket) -> None:
    refused = bucket.take(tamlil_model="no-such-model")
    taken = bucket.take(tamlil_model="tiny.en")
    assert taken.id != refused.id
    assert taken.status is Status.PENDING


def test_a_refused_object_goes_with_its_job(bucket: Bucket) -> None:
    job = bucket.take(tamlil_model="no-such-model")
    purge_job(bucket.world.platform, tenant="acme", job_id=job.id)
    assert not bucket.world.platform.blobs.exists(KEY)


@pytest.mark.parametrize(
    "key",
    [
        "tenants/acme/jobs/job_1/attempt-1/transcript.json",
        "tenants/acme/inbox/",
        "tenants/acme/inbox/calls/",
        "tenants/no such tenant!/inbox/a.mp3",
        "tenants/acme/uploads/upl_01jz0000000000000000000000",
        "elsewhere/a.mp3",
        "tenants/acme/inbox/gone.mp3",
        "tenants/acme/inbox/../../other/inbox/a.mp3",
    ],
)
def test_what_is_no_callers_object_or_is_gone_comes_to_nothing(
    bucket: Bucket, emitted: Callable[[], Emitted], key: str
) -> None:
    bucket.tell(key)
    assert bucket.jobs() == ()
    assert emitted().of("Objects", outcome="ignored") == [1.0]


def test_a_signed_upload_starts_its_job(bucket: Bucket) -> None:
    platform = bucket.world.platform
    upload = sign_upload(platform, tenant="acme", size_bytes=4, content_type=None)
    job = bucket.world.submit(audio=UploadAudio(upload_id=upload.upload_id))
    assert job.status is Status.AWAITING_UPLOAD
    key = f"tenants/acme/uploads/{upload.upload_id}"
    platform.blobs.put(key, [b"RIFF"])
    for _ in range(2):
        bucket.tell(key, name="intake/signed_upload")
    assert bucket.world.status(job) is Status.PENDING
    assert bucket.world.queued() == [job.id]


def test_one_tenants_folder_never_makes_anothers_job(bucket: Bucket) -> None:
    bucket.take("tenants/acme/inbox/a.mp3")
    bucket.put("tenants/beta/inbox/a.mp3")
    bucket.tell("tenants/beta/inbox/a.mp3")
    assert [job.tenant for job in bucket.jobs("beta")] == ["beta"]


def test_a_store_that_is_away_brings_the_event_again(bucket: Bucket) -> None:
    bucket.put()
    bucket.world.faults.always("before jobs.create", be_unavailable)
    with pytest.raises(Unavailable):
        bucket.tell()
    bucket.world.faults.clear()
    bucket.tell()
    assert len(bucket.jobs()) == 1


@pytest.mark.parametrize(
    "event", [documented("sweep/schedule"), documented("sweep/batch_failed"), {}]
)
def test_another_functions_event_is_refused(bucket: Bucket, event: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        handle_event(bucket.platform, event, metrics=bucket.metrics)
