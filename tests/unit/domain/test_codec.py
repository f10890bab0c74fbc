from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.api_keys import ApiKey, Scope
from shared.domain.codec import from_document, to_document
from shared.domain.deliveries import Delivery, DeliveryAttempt
from shared.domain.errors import InvalidRequest
from shared.domain.events import EventType, OutboxEvent
from shared.domain.job import Job, JobError, ResultInfo, WebhookTarget
from shared.domain.options import DiarizationArgs, Task, TranscriptionOptions
from shared.domain.transcript import ExtraData, Segment, SpeakerTotal, Transcript, Word
from tests.support.jobs import NOW, make_job

FULL_JOB = make_job(
    options=TranscriptionOptions(
        task=Task.TRANSLATE, diarize=True, temperature=(0.0, 0.5), hotwords="תמליל",
        diarization_args=DiarizationArgs(max_speakers=3),
    ),
    webhook=WebhookTarget(url="https://example.com/h", events=(EventType.TRANSCRIPTION_FAILED,)),
    metadata={"a": "ב"},
    unique_keys=("x", "y"),
    error=JobError(code="c", detail="d"),
    result=ResultInfo(
        key="k", size_bytes=1, audio_seconds=2, language="he", engine="e", model="m",
        segments=3, speakers=4, timings={"decode": 0.5}, warnings=("w",),
    ),
    outbox=(OutboxEvent(id="i", type=EventType.TRANSCRIPTION_COMPLETED, occurred_at=NOW),),
)  # fmt: skip
TRANSCRIPT = Transcript(
    text="שלום", language="he", language_probability=0.5, duration=1, engine="e", model="m",
    tamlil_version="0", warnings=("w",), speakers=(SpeakerTotal(label="SPEAKER_00", seconds=1),),
    segments=(
        Segment(
            id=0, start=0, end=1, text="שלום", speakers=("SPEAKER_00",), flags=("f",),
            language="he",
            words=(Word(word=" שלום", start=0, end=1, probability=0.9),),
            extra_data=ExtraData(
                avg_logprob=-1, compression_ratio=1, no_speech_prob=0, temperature=0
            ),
        ),
    ),
)  # fmt: skip
DELIVERY = Delivery(
    id="d", tenant="t", job_id=None, event_type=EventType.WEBHOOK_TEST, occurred_at=NOW,
    url="https://example.com", created_at=NOW,
    attempts=(DeliveryAttempt(at=NOW, duration_seconds=1, status_code=500),),
)  # fmt: skip
KEY = ApiKey(
    id="k", tenant="t", scopes=frozenset({Scope.ADMIN, Scope.JOBS_READ}), secret_hash="h",
    created_at=NOW,
)  # fmt: skip


@pytest.mark.parametrize("value", [FULL_JOB, make_job(), TRANSCRIPT, DELIVERY, KEY])
def test_a_record_survives_json(value: object) -> None:
    document = json.loads(json.dumps(to_document(value)))
    assert from_document(type(value), document) == value


@given(st.floats(0, 1) | st.lists(st.floats(0, 1), min_size=1).map(tuple))
def test_one_temperature_and_a_ladder_are_told_apart(temperature: float | tuple[float]) -> None:
    options = TranscriptionOptions(temperature=temperature)
    document = json.loads(json.dumps(to_document(options)))
    assert from_document(TranscriptionOptions, document) == options


def test_a_field_of_a_newer_version_is_ignored() -> None:
    document = to_document(make_job()) | {"invented_later": 1}
    assert from_document(Job, document) == make_job()


@pytest.mark.parametrize(
    "document",
    [{}, {"id": "x"}, to_document(make_job()) | {"status": "nowhere"}, {"source": 3}],
)
def test_a_document_of_another_shape_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        from_document(Job, document)
    assert caught.value.code == "invalid_document"


def test_only_a_dataclass_is_a_document() -> None:
    with pytest.raises(TypeError):
        to_document("text")


def test_a_segment_of_an_older_version_has_the_transcript_s_language() -> None:
    document = to_document(TRANSCRIPT)
    for segment in document["segments"]:
        del segment["language"]
    assert from_document(Transcript, document).segments[0].language is None
