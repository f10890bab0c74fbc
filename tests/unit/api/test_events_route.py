from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest

from functions.api.pace import Pace
from functions.api.watchers import Watchers
from functions.local.http_server import HttpServer, bind, url_of
from shared.domain.api_keys import Scope
from shared.domain.job import Job
from shared.domain.options import TranscriptionOptions
from tests.support.api import Api, problem
from tests.support.faults import be_unavailable
from tests.support.growing import finish, said, save_part
from tests.support.waiting import wait_for

Event = dict[str, Any]

_PATIENCE = httpx.Timeout(30)


@pytest.fixture
def base(api: Api) -> Iterator[str]:
    """A real server, since only that streams; it looks and speaks often."""
    api.app.state.pace = Pace(look=0.02, keepalive=0.2)
    bound = bind("127.0.0.1", 0)
    server = HttpServer(api.app, bound)
    server.start()
    try:
        yield url_of(bound, "127.0.0.1")
    finally:
        api.app.state.watchers.close()
        server.stop(5)
        bound.close()


@contextmanager
def opened(
    base: str, api: Api, job: Job, *, headers: dict[str, str] | None = None, **query: str
) -> Iterator[httpx.Response]:
    given = {"X-API-Key": api.token()} | (headers or {})
    url = f"{base}/api/v1/jobs/{job.id}/events"
    with (
        httpx.Client(timeout=_PATIENCE, headers=given) as client,
        client.stream("GET", url, params=query) as answer,
    ):
        yield answer


def blocks(answer: httpx.Response) -> Iterator[list[str]]:
    """The lines of each event or comment."""
    lines: list[str] = []
    for line in answer.iter_lines():
        if line:
            lines.append(line)
        elif lines:
            yield lines
            lines = []


def events(answer: httpx.Response) -> Iterator[Event]:
    """As a browser would read them."""
    for lines in blocks(answer):
        fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
        if "event" in fields:
            yield {**fields, "data": json.loads(fields["data"])}


def kinds(found: list[Event]) -> list[str]:
    return [event["event"] for event in found]


def diarized(api: Api) -> Job:
    return api.world.processing(options=TranscriptionOptions(diarize=True))


def test_a_job_is_told_from_its_first_segment_to_its_end(api: Api, base: str) -> None:
    job = api.world.processing()
    with opened(base, api, job) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-accel-buffering"] == "no"
        coming = events(answer)
        assert next(coming)["data"]["status"] == "processing"
        save_part(api.world, job, said(0))
        save_part(api.world, job, said(1))
        seen: list[int] = []
        while len(seen) < 2:
            event = next(coming)
            if event["event"] == "segments":
                seen += [segment["id"] for segment in event["data"]["segments"]]
                assert event["id"] == event["data"]["cursor"]
        assert seen == [0, 1]
        finish(api.world, job, said(0), said(1), said(2))
        rest = list(coming)
    assert kinds(rest)[-3:] == ["status", "segments", "end"]
    assert [segment["id"] for segment in rest[-2]["data"]["segments"]] == [2]
    assert rest[-1]["data"]["status"] == "completed"
    wait_for(lambda: len(api.app.state.watchers) == 0)


def test_speakers_complete_what_was_told_without_them(api: Api, base: str) -> None:
    job = diarized(api)
    save_part(api.world, job, said(0))
    with opened(base, api, job) as answer:
        coming = events(answer)
        assert kinds([next(coming), next(coming)]) == ["status", "segments"]
        finish(api.world, job, said(0, speakers=("SPEAKER_00",)))
        rest = list(coming)
    assert kinds(rest) == ["status", "speakers", "end"]
    assert rest[1]["data"]["replaces"]
    assert rest[1]["data"]["segments"][0]["speakers"] == ["SPEAKER_00"]


def test_progress_is_told_between_segments(api: Api, base: str) -> None:
    job = api.world.processing()
    with opened(base, api, job) as answer:
        coming = events(answer)
        assert next(coming)["event"] == "status"
        save_part(api.world, job, said(0))
        assert kinds([next(coming), next(coming)]) == ["status", "segments"]
        save_part(api.world, job, said(1))
        event = next(coming)
    assert event["event"] == "progress"
    assert event["data"] == {"stage": "transcribing", "progress": 0.2}


@pytest.mark.parametrize("how", ["header", "query"])
def test_a_client_that_comes_back_goes_on_where_it_was(api: Api, base: str, how: str) -> None:
    job = api.world.processing()
    save_part(api.world, job, said(0))
    with opened(base, api, job) as answer:
        coming = events(answer)
        assert next(coming)["event"] == "status"
        cursor = next(coming)["id"]
    finish(api.world, job, said(0), said(1))
    back: dict[str, Any] = (
        {"headers": {"Last-Event-ID": cursor}} if how == "header" else {"after": cursor}
    )
    with opened(base, api, job, **back) as answer:
        found = list(events(answer))
    assert kinds(found) == ["status", "segments", "end"]
    assert [segment["id"] for segment in found[1]["data"]["segments"]] == [1]


def test_a_client_that_has_the_end_is_told_not_to_come_back(api: Api, base: str) -> None:
    job = api.world.completed()
    with opened(base, api, job) as answer:
        end = list(events(answer))[-1]
    assert end["event"] == "end"
    with opened(base, api, job, headers={"Last-Event-ID": end["id"]}) as answer:
        assert answer.status_code == 204
    with opened(base, api, job, after=end["id"]) as answer:
        assert kinds(list(events(answer))) == ["status", "end"]


def test_a_failed_job_ends_with_its_error(api: Api, base: str) -> None:
    job = api.world.submit()
    api.client().delete(f"/api/v1/jobs/{job.id}")
    with opened(base, api, job) as answer:
        found = list(events(answer))
    assert kinds(found) == ["status", "end"]
    assert found[-1]["data"]["status"] == "cancelled"


def test_a_job_that_is_erased_ends_the_stream(api: Api, base: str) -> None:
    job = api.world.submit()
    with opened(base, api, job) as answer:
        coming = events(answer)
        assert next(coming)["event"] == "status"
        api.world.platform.jobs.delete(api.world.job(job))
        (end,) = list(coming)
    assert (end["event"], end["data"]["status"]) == ("end", "erased")


def test_silence_is_broken_by_comments(api: Api, base: str) -> None:
    job = api.world.submit()
    with opened(base, api, job) as answer:
        coming = blocks(answer)
        found = [next(coming) for _ in range(4)]
    assert found[0] == ["retry: 2000"]
    assert found[1][0] == "event: status"
    assert all(block[0].startswith(":") for block in found[2:])


def test_a_client_that_goes_away_leaves_nothing_behind(api: Api, base: str) -> None:
    job = api.world.submit()
    with opened(base, api, job) as answer:
        coming = events(answer)  # held: letting it go would close the stream
        assert next(coming)["event"] == "status"
        assert len(api.app.state.watchers) == 1
    wait_for(lambda: len(api.app.state.watchers) == 0)


def test_a_server_that_shuts_down_ends_its_streams_at_once(api: Api, base: str) -> None:
    api.app.state.pace = Pace(look=60, keepalive=60)
    job = api.world.submit()
    with opened(base, api, job) as answer:
        coming = events(answer)
        assert next(coming)["event"] == "status"
        started = time.monotonic()
        threading.Timer(0.2, api.app.state.watchers.close).start()
        assert list(coming) == []
    assert time.monotonic() - started < 20


def test_a_stream_ends_after_a_while_so_that_keys_are_checked_again(api: Api, base: str) -> None:
    api.app.state.pace = Pace(look=0.02, longest=0.1)
    with opened(base, api, api.world.submit()) as answer:
        assert kinds(list(events(answer))) == ["status"]


def test_a_store_that_does_not_answer_for_a_while_ends_no_stream(api: Api, base: str) -> None:
    job = api.world.submit()
    with opened(base, api, job) as answer:
        coming = events(answer)
        next(coming)
        for _ in range(3):
            api.world.faults.once("before jobs.get", be_unavailable)
        threading.Timer(0.5, api.client().delete, [f"/api/v1/jobs/{job.id}"]).start()
        assert kinds(list(coming)) == ["status", "end"]


def test_what_is_wrong_is_told_before_the_stream_begins(api: Api) -> None:
    job = api.world.submit()
    path = f"/api/v1/jobs/{job.id}/events"
    acme = api.client()
    problem(api.anonymous().get(path), 401)
    problem(api.client(Scope.JOBS_WRITE).get(path), 403)
    problem(api.client(tenant="other").get(path), 404, "job_not_found")
    problem(acme.get(path, params={"after": "nonsense"}), 422, "invalid_cursor")
    problem(acme.get(path, headers={"Last-Event-ID": "nonsense"}), 422, "invalid_cursor")
    api.app.state.watchers = Watchers(most=0)
    problem(acme.get(path), 503, "too_many_watchers")


def test_head_asks_for_no_stream(api: Api, acme: httpx.Client) -> None:
    answer = acme.head(f"/api/v1/jobs/{api.world.submit().id}/events")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")


def test_a_platform_that_cant_stream_names_what_to_use_instead(
    api: Api, acme: httpx.Client
) -> None:
    platform = api.app.state.platform
    api.app.state.platform = replace(platform, limits=replace(platform.limits, streams=False))
    answer = acme.get(f"/api/v1/jobs/{api.world.submit().id}/events")
    assert "/segments" in problem(answer, 501, "streaming_unsupported")["detail"]
