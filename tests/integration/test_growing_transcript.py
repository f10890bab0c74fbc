"""A real worker's transcript, read while it grows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.embedded import Running, running_server
from tests.support.weights import models_dir, require, sample_twice

pytestmark = [pytest.mark.models, pytest.mark.slow]


@pytest.fixture(scope="module")
def audio(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Several batches of one chunk each."""
    return sample_twice(tmp_path_factory.mktemp("audio"))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    require("base", "segmentation-3.0", "ecapa")
    with running_server(
        tmp_path_factory.mktemp("data"),
        null_engine=False,
        models_dir=models_dir(),
        models_offline=True,
        batch_size=1,
    ) as found:
        yield found


def follow(running: Running, job_id: str) -> list[dict[str, Any]]:
    """All events; with the first segments comes the status that the job has then."""
    found: list[dict[str, Any]] = []
    with running.http.stream("GET", f"/api/v1/jobs/{job_id}/events", timeout=300) as answer:
        kind = ""
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "data":
                known = {event["event"] for event in found}
                then = running.job(job_id)["status"] if kind not in known else None
                found.append({"event": kind, "then": then, **json.loads(value)})
    return found


def of(kind: str, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == kind]


def segments(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [segment for event in events for segment in event["segments"]]


def final(running: Running, job_id: str) -> list[dict[str, Any]]:
    document = running.http.get(f"/api/v1/jobs/{job_id}/transcript").json()
    return list(document["segments"])


def told(found: list[dict[str, Any]]) -> list[tuple[int, float, float, str]]:
    return [(one["id"], one["start"], one["end"], one["text"]) for one in found]


def test_segments_come_before_the_job_is_over_and_add_up_to_the_transcript(
    running: Running, audio: bytes
) -> None:
    job_id = running.submit_bytes(audio, language="en")
    events = follow(running, job_id)
    batches = of("segments", events)
    assert batches[0]["then"] == "processing"
    assert len(batches) > 1
    assert not any(event["replaces"] for event in batches)
    assert told(segments(batches)) == told(final(running, job_id))
    assert events[-1]["event"] == "end"
    assert events[-1]["status"] == "completed"


def test_speakers_complete_a_diarized_job(running: Running, audio: bytes) -> None:
    job_id = running.submit_bytes(audio, language="en", diarize="true")
    events = follow(running, job_id)
    first = of("segments", events)
    assert first[0]["then"] == "processing"
    assert all(segment["speakers"] == [] for segment in segments(first))
    spoken = of("speakers", events)
    assert spoken[0]["replaces"]
    assert told(segments(spoken)) == told(final(running, job_id))
    assert {label for segment in segments(spoken) for label in segment["speakers"]} == {
        "SPEAKER_00",
        "SPEAKER_01",
    }
    assert events.index(first[-1]) < events.index(spoken[0])
