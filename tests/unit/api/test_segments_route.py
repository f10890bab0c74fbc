from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from functions.api.watchers import Watchers
from shared.domain.api_keys import Scope
from shared.domain.errors import Unavailable
from shared.domain.options import TranscriptionOptions
from shared.services.cancel_job import purge_job
from tests.support.api import Api, problem
from tests.support.growing import finish, said, save_part


@contextmanager
def after(seconds: float, act: Callable[[], object]) -> Iterator[None]:
    """Do something in another thread, so long from now."""
    timer = threading.Timer(seconds, act)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def path(job_id: str) -> str:
    return f"/api/v1/jobs/{job_id}/segments"


def test_a_growing_transcript_is_read_page_by_page(api: Api, acme: httpx.Client) -> None:
    job = api.world.processing()
    save_part(api.world, job, said(0), said(1))
    first = acme.get(path(job.id)).json()
    assert [segment["text"] for segment in first["segments"]] == ["segment 0", "segment 1"]
    assert (first["status"], first["stage"], first["progress"]) == (
        "processing",
        "transcribing",
        0.1,
    )
    finish(api.world, job, said(0), said(1), said(2))
    second = acme.get(path(job.id), params={"after": first["cursor"]}).json()
    assert [segment["id"] for segment in second["segments"]] == [2]
    assert second["complete"]
    assert second["final"]
    assert not second["replaces"]


def test_a_job_tells_where_its_segments_are(api: Api, acme: httpx.Client) -> None:
    job = api.world.completed()
    links = acme.get(f"/api/v1/jobs/{job.id}").json()["links"]
    assert links["segments"] == path(job.id)
    assert len(acme.get(links["segments"]).json()["segments"]) == 1


def test_without_wait_nothing_new_is_answered_at_once(api: Api, acme: httpx.Client) -> None:
    job = api.world.processing()
    answer = acme.get(path(job.id))
    assert answer.json()["segments"] == []
    assert not answer.json()["complete"]
    assert answer.headers["cache-control"] == "no-store"


def test_a_waiting_request_is_answered_as_soon_as_a_segment_is_there(
    api: Api, acme: httpx.Client
) -> None:
    job = api.world.processing()
    started = time.monotonic()
    with after(0.4, lambda: save_part(api.world, job, said(0))):
        answer = acme.get(path(job.id), params={"wait": 20}).json()
    assert len(answer["segments"]) == 1
    assert time.monotonic() - started < 10


def test_a_waiting_request_ends_with_the_job(api: Api, acme: httpx.Client) -> None:
    job = api.world.processing()
    started = time.monotonic()
    with after(0.4, lambda: acme.delete(f"/api/v1/jobs/{job.id}")):
        answer = api.client().get(path(job.id), params={"wait": 20}).json()
    assert (answer["status"], answer["complete"]) == ("cancelled", True)
    assert time.monotonic() - started < 10


def test_a_waiting_request_tells_of_a_purge(api: Api, acme: httpx.Client) -> None:
    job = api.world.submit()
    purge = lambda: purge_job(api.world.platform, tenant="acme", job_id=job.id)  # noqa: E731 - one call
    with after(0.4, purge):
        problem(acme.get(path(job.id), params={"wait": 20}), 404, "job_not_found")


def test_waiting_in_vain_ends_after_the_time_asked_for(api: Api, acme: httpx.Client) -> None:
    job = api.world.processing()
    started = time.monotonic()
    answer = acme.get(path(job.id), params={"wait": 0.7}).json()
    assert 0.7 <= time.monotonic() - started < 10
    assert answer["segments"] == []


def test_a_server_that_shuts_down_lets_nobody_wait(api: Api, acme: httpx.Client) -> None:
    job = api.world.processing()
    started = time.monotonic()
    with after(0.4, api.app.state.watchers.close):
        assert acme.get(path(job.id), params={"wait": 20}).status_code == 200
    assert acme.get(path(job.id), params={"wait": 20}).status_code == 200
    assert time.monotonic() - started < 10
    assert len(api.app.state.watchers) == 0


def test_too_many_that_wait_are_told_to_come_again(api: Api, acme: httpx.Client) -> None:
    api.app.state.watchers = Watchers(most=0)
    job = api.world.processing()
    answer = acme.get(path(job.id), params={"wait": 5})
    problem(answer, 503, "too_many_watchers")
    assert answer.headers["retry-after"] == "5"
    assert acme.get(path(job.id)).status_code == 200


def test_speakers_replace_what_came_before(api: Api, acme: httpx.Client) -> None:
    job = api.world.processing(options=TranscriptionOptions(diarize=True))
    save_part(api.world, job, said(0))
    cursor = acme.get(path(job.id)).json()["cursor"]
    finish(api.world, job, said(0, speakers=("SPEAKER_00",)))
    answer = acme.get(path(job.id), params={"after": cursor}).json()
    assert answer["replaces"]
    assert answer["segments"][0]["speakers"] == ["SPEAKER_00"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"after": "nonsense"}, "after"),
        ({"wait": "21"}, "wait"),
        ({"wait": "-1"}, "wait"),
        ({"wait": "nan"}, "wait"),
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"page": "2"}, "page"),
    ],
)
def test_a_wrong_query_is_refused_by_name(
    api: Api, acme: httpx.Client, query: dict[str, str], field: str
) -> None:
    answer = acme.get(path(api.world.submit().id), params=query)
    assert problem(answer, 422)["field"] == field


def test_another_tenants_segments_are_not_found(api: Api) -> None:
    job = api.world.completed()
    problem(api.client(tenant="other").get(path(job.id)), 404, "job_not_found")


def test_segments_need_a_key_and_the_scope(api: Api) -> None:
    job = api.world.completed()
    problem(api.anonymous().get(path(job.id)), 401)
    problem(api.client(Scope.JOBS_WRITE).get(path(job.id)), 403)


def test_a_watch_frees_its_place_whatever_ends_it() -> None:
    watchers = Watchers(most=1)

    async def wait_twice() -> None:
        with pytest.raises(ZeroDivisionError):
            async with watchers.watch():
                raise ZeroDivisionError
        async with watchers.watch():
            with pytest.raises(Unavailable, match="1 requests wait"):
                async with watchers.watch():
                    pass

    asyncio.run(wait_twice())
    assert len(watchers) == 0
