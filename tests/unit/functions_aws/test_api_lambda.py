"""The API as API Gateway calls it, over a platform of this machine."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from functions.api.factory import create_app
from functions.api.lambda_http import LambdaApi, carried, prepared
from functions.observability.emit import MetricsLog
from shared.domain.errors import InvalidRequest
from shared.formats import About, RenderOptions, render
from shared.services.manage_keys import create_key
from shared.services.read_transcript import read_transcript
from shared.services.work_on_job import complete_job
from tests.support.functions_aws import Emitted, documented, documented_names
from tests.support.platform import make_settings
from tests.support.world import World, make_transcript, open_world

SETTINGS: dict[str, Any] = {"streams": False, "largest_answer_bytes": 2000}
SIX_MB = 6 * 1024 * 1024


@dataclass
class Gateway:
    """Sends requests as an HTTP API does."""

    world: World
    api: LambdaApi
    key: str

    def send(self, event: dict[str, Any], *, key: bool = True) -> dict[str, Any]:
        if key:
            event["headers"]["x-api-key"] = self.key
        return self.api.handle(event)

    def get(self, path: str, query: str = "", **headers: str) -> dict[str, Any]:
        event = documented("api/get_health")
        event["rawPath"] = event["requestContext"]["http"]["path"] = path
        event["rawQueryString"] = query
        event["headers"] |= headers
        return self.send(event)

    def completed(self, text: str = " Shalom.") -> str:
        job = complete_job(self.world.platform, self.world.processing(), make_transcript(text))
        return job.id


@contextmanager
def open_gateway(data_dir: Path, metrics: MetricsLog, **changes: Any) -> Iterator[Gateway]:
    settings = SETTINGS | changes
    with open_world(data_dir, **settings) as world:
        app = create_app(world.platform, make_settings(data_dir, **settings))
        api = LambdaApi(app, metrics=metrics)
        key = create_key(world.deployment.platform, tenant="acme").token
        yield Gateway(world=world, api=api, key=key)
        api.close()


@pytest.fixture
def gateway(tmp_path: Path, metrics: MetricsLog) -> Iterator[Gateway]:
    with open_gateway(tmp_path / "data", metrics) as opened:
        yield opened


def body(answer: dict[str, Any]) -> Any:
    text = answer.get("body", "")
    return json.loads(base64.b64decode(text) if answer.get("isBase64Encoded") else text)


@pytest.mark.parametrize("name", documented_names("api"))
def test_every_documented_request_gets_an_answer(gateway: Gateway, name: str) -> None:
    answer = gateway.send(documented(name))
    expected = {"api/long_poll": 404, "api/submit_form": 202, "api/submit_url": 202}
    assert answer["statusCode"] == expected.get(name, 200)
    assert isinstance(answer["body"], str)


def test_a_submitted_url_becomes_a_job(gateway: Gateway) -> None:
    answer = gateway.send(documented("api/submit_url"))
    job = gateway.world.platform.jobs.get(body(answer)["job_id"])
    assert (job.recording_id, job.options.language, job.options.diarize) == ("שיחה 42", "he", True)


def test_every_byte_of_a_binary_body_arrives(gateway: Gateway) -> None:
    answer = gateway.send(documented("api/submit_form"))
    job = gateway.world.platform.jobs.get(body(answer)["job_id"])
    assert job.source.key is not None
    assert gateway.world.platform.blobs.read(job.source.key) == b"RIFF\xff\xfe\x00\x01WAVE"


def test_a_binary_answer_comes_as_base64_and_a_text_as_it_is(
    tmp_path: Path, metrics: MetricsLog
) -> None:
    with open_gateway(tmp_path, metrics, largest_answer_bytes=1_000_000) as gateway:
        job = gateway.completed()
        path = f"/api/v1/jobs/{job}/transcript"
        binary, text = gateway.get(path, "format=docx"), gateway.get(path, "format=text")
        platform = gateway.world.platform
        transcript = read_transcript(platform, platform.jobs.get(job))
    document = render(transcript, "docx", RenderOptions(about=About(task="transcribe")))
    with pytest.raises(UnicodeDecodeError):
        document.decode()  # no text, so nothing but base64 can carry it
    assert (binary["statusCode"], binary["isBase64Encoded"]) == (200, True)
    assert base64.b64decode(binary["body"], validate=True) == document
    assert (text["statusCode"], text["isBase64Encoded"]) == (200, False)
    assert text["body"].strip() == "Shalom."


def test_a_stage_with_a_name_is_not_part_of_the_path(gateway: Gateway) -> None:
    assert gateway.send(documented("api/get_health_named_stage"))["statusCode"] == 200


@pytest.mark.parametrize(
    ("stage", "path", "seen"),
    [
        ("$default", "/prod/health", "/prod/health"),
        ("prod", "/prod/health", "/health"),
        ("prod", "/prod", "/"),
        ("prod", "/production/health", "/production/health"),
        ("prod", "/health", "/health"),
    ],
)
def test_only_the_stages_own_name_is_cut(stage: str, path: str, seen: str) -> None:
    event = documented("api/get_health")
    event["requestContext"]["stage"] = stage
    event["requestContext"]["http"]["path"] = path
    assert prepared(event)["requestContext"]["http"]["path"] == seen


def test_the_request_id_is_the_gateways_unless_the_caller_has_one(gateway: Gateway) -> None:
    assert gateway.get("/health")["headers"]["x-request-id"] == "BJKvgjX4liAEPYg="
    mine = gateway.get("/health", **{"x-request-id": "mine-1"})
    assert mine["headers"]["x-request-id"] == "mine-1"
    refused = gateway.get("/api/v1/jobs/job_absent")
    assert body(refused)["request_id"] == "BJKvgjX4liAEPYg="


@pytest.mark.parametrize("given", ["two words", "", "x" * 200, "a,b", 'quoted"'])
def test_a_request_has_one_id_also_when_the_callers_is_not_taken(
    gateway: Gateway, given: str
) -> None:
    """What answers it, what is logged of it, and the gateway's access log name the same."""
    refused = gateway.get("/api/v1/jobs/job_absent", **{"x-request-id": given})
    assert refused["headers"]["x-request-id"] == "BJKvgjX4liAEPYg="
    assert body(refused)["request_id"] == "BJKvgjX4liAEPYg="
    event = documented("api/get_health")
    event["headers"]["x-request-id"] = given
    assert prepared(event)["headers"]["x-request-id"] == "BJKvgjX4liAEPYg="


def test_without_a_key_nothing_but_health_is_open(gateway: Gateway) -> None:
    event = documented("api/submit_url")
    del event["headers"]["x-api-key"]
    answer = gateway.send(event, key=False)
    assert (answer["statusCode"], body(answer)["code"]) == (401, "unauthorized")
    assert "www-authenticate" in answer["headers"]


def test_events_can_not_be_streamed_and_the_answer_says_what_to_do(gateway: Gateway) -> None:
    answer = gateway.get(f"/api/v1/jobs/{gateway.completed()}/events")
    assert (answer["statusCode"], body(answer)["code"]) == (501, "streaming_unsupported")
    assert "/segments?wait=" in body(answer)["detail"]


def test_a_long_poll_answers_and_may_not_be_longer_than_the_gateway_waits(
    gateway: Gateway,
) -> None:
    job = gateway.completed()
    path = f"/api/v1/jobs/{job}/segments"
    assert body(gateway.get(path, "wait=20"))["complete"] is True
    assert gateway.get(path, "wait=21")["statusCode"] == 422


def test_a_rendering_that_lambda_would_not_carry_is_left_in_the_bucket(gateway: Gateway) -> None:
    job = gateway.completed(" word" * 1000)
    for form in ("json", "text", "srt", "verbose_json"):
        answer = gateway.get(f"/api/v1/jobs/{job}/transcript", f"format={form}")
        assert answer["statusCode"] == 303, form
        key = answer["headers"]["location"].split("/blobs/", 1)[1].split("?", 1)[0]
        stored = gateway.world.platform.blobs.read(key)
        assert stored.count(b"word") >= 1000
        assert key.startswith(f"tenants/acme/jobs/{job}/"), "erased with the job"


def test_a_body_over_the_limit_is_refused_and_the_other_door_named(gateway: Gateway) -> None:
    event = documented("api/submit_url")
    event["body"] = json.dumps({"blob": "A" * 20_000_000})
    answer = gateway.send(event)
    assert (answer["statusCode"], body(answer)["code"]) == (413, "payload_too_large")
    assert "/api/v1/uploads" in body(answer)["detail"]


def test_a_fault_is_answered_without_its_trace(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    def fault() -> None:
        raise ZeroDivisionError("secret")

    gateway.world.faults.always("before jobs.get", fault)
    answer = gateway.get("/api/v1/jobs/job_01jz0000000000000000000000")
    assert (answer["statusCode"], body(answer)["code"]) == (500, "internal_error")
    assert "secret" not in answer["body"]
    assert "ZeroDivisionError" in caplog.text


def test_requests_and_their_time_are_counted_but_waiting_is_not(
    gateway: Gateway, emitted: Callable[[], Emitted]
) -> None:
    job = gateway.completed()
    gateway.get("/health")
    gateway.get("/nowhere")
    gateway.get(f"/api/v1/jobs/{job}/segments", "wait=5")
    found = emitted()
    assert found.of("ApiRequests", status_class="2xx") == [1.0, 1.0]
    assert found.of("ApiRequests", status_class="4xx") == [1.0]
    assert len(found.of("ApiLatency")) == 2


@pytest.mark.parametrize(
    "event", [{}, {"version": "1.0"}, {"version": "2.0"}, documented("intake/dropped")]
)
def test_another_functions_event_is_refused(gateway: Gateway, event: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        gateway.api.handle(event)


@pytest.mark.parametrize("character", ["a", '"', "א", "\x01"])
def test_an_answer_over_lambdas_limit_is_replaced_by_one_that_says_so(character: str) -> None:
    size = len(json.dumps(character, ensure_ascii=False).encode()) - 2
    fits = {"statusCode": 200, "headers": {"x-request-id": "r"}, "body": character}
    fits["body"] = character * (SIX_MB // size - 20_000)
    assert carried(fits, "r") is fits
    over = fits | {"body": character * (SIX_MB // size + 1)}
    answer = carried(over, "r")
    assert (answer["statusCode"], body(answer)["code"]) == (422, "answer_too_large")
    assert answer["headers"]["x-request-id"] == body(answer)["request_id"] == "r"
    assert len(json.dumps(answer)) < 1000
