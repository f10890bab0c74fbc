from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from shared.domain.errors import InvalidRequest, NotFound, Unavailable
from shared.domain.job import Job, JobError, Status
from shared.domain.options import Channels, TranscriptionOptions
from shared.domain.reading_position import Position, decode_position, encode_position
from shared.domain.transcript import Word
from shared.services import read_segments as service
from shared.services.cancel_job import purge_job
from shared.services.read_segments import SegmentsPage, read_segments
from shared.services.work_on_job import fail_attempt
from tests.support.growing import erase_parts, finish, said, save_part
from tests.support.world import World


def read(world: World, job: Job, cursor: str | None = None, **more: Any) -> SegmentsPage:
    return read_segments(world.platform, tenant="acme", job_id=job.id, cursor=cursor, **more)


def numbers(page: SegmentsPage) -> list[int]:
    return [segment.id for segment in page.segments]


def diarized(world: World) -> Job:
    return world.processing(options=TranscriptionOptions(diarize=True))


def test_nothing_is_read_of_a_job_that_waits(world: World) -> None:
    page = read(world, world.submit())
    assert page.segments == ()
    assert not page.complete
    assert read(world, page.job, page.cursor).segments == ()


def test_a_cursor_goes_on_where_the_page_before_ended(world: World) -> None:
    job = world.processing()
    save_part(world, job, said(0), said(1))
    first = read(world, job)
    assert numbers(first) == [0, 1]
    assert read(world, job, first.cursor).segments == ()
    save_part(world, job, said(2))
    second = read(world, job, first.cursor)
    assert numbers(second) == [2]
    assert not second.replaces
    assert not second.complete


def test_a_page_may_end_in_the_middle_of_a_part(world: World) -> None:
    job = world.processing()
    save_part(world, job, said(0), said(1), said(2))
    save_part(world, job, said(3))
    cursor, seen = None, []
    for _ in range(4):
        page = read(world, job, cursor, limit=1)
        cursor = page.cursor
        seen += numbers(page)
    assert seen == [0, 1, 2, 3]


def test_a_page_is_bounded_in_bytes_and_never_empty(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_PAGE_BYTES", 600)
    job = world.processing()
    segments = [said(number, "x" * 300) for number in range(3)]
    save_part(world, job, *segments)
    page = read(world, job)
    assert numbers(page) == [0]
    finish(world, job, *segments)
    page = read(world, job, page.cursor)
    assert numbers(page) == [1]
    assert not page.complete


def test_the_rest_of_an_unchanged_transcript_follows_what_was_read(world: World) -> None:
    job = world.processing()
    save_part(world, job, said(0))
    cursor = read(world, job).cursor
    finish(world, job, said(0), said(1), said(2))
    erase_parts(world, job)
    page = read(world, job, cursor, limit=1)
    assert (numbers(page), page.replaces, page.complete) == ([1], False, False)
    page = read(world, job, page.cursor)
    assert (numbers(page), page.replaces, page.complete) == ([2], False, True)
    page = read(world, job, page.cursor)
    assert (page.segments, page.replaces, page.complete) == ((), False, True)


def test_a_transcript_that_begins_otherwise_replaces_what_was_read(world: World) -> None:
    job = world.processing()
    save_part(world, job, said(0))
    cursor = read(world, job).cursor
    finish(world, job, said(0, "something else"))
    page = read(world, job, cursor)
    assert page.replaces
    assert numbers(page) == [0]


def test_speakers_come_as_the_whole_transcript_again(world: World) -> None:
    job = diarized(world)
    save_part(world, job, said(0), said(1))
    cursor = read(world, job).cursor
    labelled = [said(number, speakers=("SPEAKER_00",)) for number in range(2)]
    finish(world, job, *labelled)
    page = read(world, job, cursor, limit=1)
    assert page.replaces
    assert page.segments == (labelled[0],)
    page = read(world, job, page.cursor)
    assert not page.replaces
    assert page.segments == (labelled[1],)
    assert page.complete


def test_whoever_reads_a_completed_diarized_job_has_nothing_replaced(world: World) -> None:
    job = diarized(world)
    finish(world, job, said(0, speakers=("SPEAKER_00",)), said(1, speakers=("SPEAKER_00",)))
    page = read(world, job, limit=1)
    assert not page.replaces
    page = read(world, job, page.cursor)
    assert not page.replaces
    assert page.complete


def test_work_begun_anew_replaces_what_was_read(world: World) -> None:
    job = world.processing()
    save_part(world, job, said(0), said(1))
    cursor = read(world, job).cursor
    save_part(world, job, said(0, "heard anew"), edition=1)
    page = read(world, job, cursor)
    assert page.replaces
    assert [segment.text for segment in page.segments] == ["heard anew"]
    assert not read(world, job, page.cursor).replaces


def test_a_transcript_of_another_edition_than_was_read_replaces_it(world: World) -> None:
    job = world.processing()
    save_part(world, job, said(0), said(1))
    cursor = read(world, job).cursor
    save_part(world, job, said(0, "heard anew"), edition=1)
    finish(world, job, said(0, "heard anew"), said(1))
    page = read(world, job, cursor)
    assert page.replaces
    assert numbers(page) == [0, 1]


def test_a_failed_job_gives_what_there_is_and_why_it_failed(world: World) -> None:
    job = world.processing()
    save_part(world, job, said(0))
    fail_attempt(world.platform, world.job(job), JobError(code="broken", detail="it broke"))
    page = read(world, job, limit=1)
    assert numbers(page) == [0]
    assert page.complete
    assert page.job.error is not None
    assert page.job.error.code == "broken"


def test_a_failed_job_whose_parts_are_erased_is_over(world: World) -> None:
    job = world.processing()
    save_part(world, job, said(0))
    fail_attempt(world.platform, world.job(job), JobError(code="broken", detail="it broke"))
    erase_parts(world, job)
    page = read(world, job)
    assert page.segments == ()
    assert page.complete


def test_what_was_not_asked_for_is_left_out_of_parts_too(world: World) -> None:
    job = world.processing()
    word = Word(word=" hi", start=0.0, end=0.5, probability=0.9)
    segment = said(7, "\u200f hi ")
    save_part(
        world, job, type(segment)(id=7, start=0.00049, end=0.5, text=segment.text, words=(word,))
    )
    (found,) = read(world, job).segments
    assert (found.id, found.start, found.text) == (0, 0.0, "hi")
    expected = (word,) if job.options.output_options.word_timestamps else ()
    assert found.words == expected


def test_separate_channels_are_read_when_they_are_put_together(world: World) -> None:
    job = world.processing(options=TranscriptionOptions(channels=Channels.SEPARATE))
    save_part(world, job, said(0, speakers=("CHANNEL_00",)))
    page = read(world, job)
    assert page.segments == ()
    finish(world, job, said(0, speakers=("CHANNEL_01",)), said(1, speakers=("CHANNEL_00",)))
    page = read(world, job, page.cursor)
    assert [segment.speakers for segment in page.segments] == [("CHANNEL_01",), ("CHANNEL_00",)]
    assert not page.replaces


def once(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do something between the reading of the record and that of the first object."""
    real = service._page
    acts = [act]

    def page(*given: Any) -> SegmentsPage:
        if acts:
            acts.pop()()
        return real(*given)

    monkeypatch.setattr(service, "_page", page)


def test_a_job_that_completes_while_it_is_read_is_read_from_its_transcript(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = world.processing()
    save_part(world, job, said(0))

    def complete() -> None:
        finish(world, job, said(0), said(1))
        erase_parts(world, job)

    once(monkeypatch, complete)
    page = read(world, job)
    assert page.job.status is Status.COMPLETED
    assert numbers(page) == [0, 1]


def test_a_job_that_is_purged_while_it_is_read_is_not_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = world.completed()
    once(monkeypatch, lambda: purge_job(world.platform, tenant="acme", job_id=job.id))
    with pytest.raises(NotFound):
        read(world, job)


def test_a_part_that_is_gone_while_the_job_runs_is_the_stores_fault(world: World) -> None:
    job = world.processing()
    save_part(world, job, said(0))
    erase_parts(world, job)
    with pytest.raises(Unavailable, match="part 0"):
        read(world, job)


def test_a_job_of_another_tenant_is_not_found(world: World) -> None:
    job = world.completed()
    with pytest.raises(NotFound):
        read_segments(world.platform, tenant="other", job_id=job.id)


@pytest.mark.parametrize("limit", [0, 1001])
def test_a_limit_out_of_range_is_refused(world: World, limit: int) -> None:
    with pytest.raises(InvalidRequest, match="1 to 1000"):
        read(world, world.submit(), limit=limit)


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "é", "AAAA", "W10", "bnVsbA", "WyJzZWdtZW50cy0xIiwiam9iIiwxXQ", "[" * 900, "a b"],
)
def test_a_foreign_cursor_is_refused(world: World, cursor: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(world, world.submit(), cursor)
    assert caught.value.code == "invalid_cursor"


def test_another_jobs_cursor_is_refused(world: World) -> None:
    other = read(world, world.completed()).cursor
    with pytest.raises(InvalidRequest):
        read(world, world.completed(), other)


@pytest.mark.parametrize("number", [-1, 1 << 41, 1.0, True, "1", None])
def test_a_cursor_of_impossible_numbers_is_refused(number: Any) -> None:
    with pytest.raises(InvalidRequest):
        decode_position("job", encode_position("job", Position(segments=number)))


def test_a_cursor_reads_back_as_it_was(world: World) -> None:
    position = Position(edition=2, parts=3, skip=4, segments=50, mark=6)
    assert decode_position("job", encode_position("job", position)) == position
