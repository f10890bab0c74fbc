from __future__ import annotations

import pytest

from gpu_job.steps.assign_speakers import assign_speakers
from gpu_job.steps.overlap import mark_overlap
from shared.domain.transcript import Segment, Turn, Word


def said(start: float, end: float, speaker: str | None = "A") -> Segment:
    return Segment(id=0, start=start, end=end, text="x", speakers=(speaker,) if speaker else ())


def turn(speaker: str, start: float, end: float) -> Turn:
    return Turn(start=start, end=end, speaker=speaker)


@pytest.mark.parametrize(
    ("turns", "others"),
    [
        ([turn("A", 0, 10), turn("B", 4, 5)], ("B",)),
        ([turn("A", 0, 10), turn("B", 4, 4.4)], ()),
        ([turn("A", 0, 10), turn("B", 2, 2.3), turn("B", 4, 4.3)], ("B",)),
        ([turn("A", 0, 10), turn("B", 4, 5), turn("C", 4, 7)], ("C", "B")),
        ([turn("A", 0, 3), turn("B", 3, 10)], ()),
        ([turn("B", 4, 20), turn("A", 0, 10)], ("B",)),
    ],
)
def test_who_speaks_at_the_same_time_is_named_and_flagged(
    turns: list[Turn], others: tuple[str, ...]
) -> None:
    (marked,) = mark_overlap([said(0, 10)], turns)
    assert marked.speakers == ("A", *others)
    assert marked.flags == (("overlap",) if others else ())


def test_overlap_counts_inside_the_segment_only() -> None:
    turns = [turn("A", 0, 30), turn("B", 9, 12), turn("B", 25, 26)]
    marked = list(mark_overlap([said(0, 9.2), said(9.5, 20), said(20, 24)], turns))
    assert [bool(segment.flags) for segment in marked] == [False, True, False]


def test_a_segment_without_a_speaker_is_left_alone() -> None:
    segment = said(0, 10, None)
    assert list(mark_overlap([segment], [turn("A", 0, 10), turn("B", 0, 10)])) == [segment]


def test_words_go_by_exclusive_turns_and_overlap_by_all() -> None:
    words = (Word(word=" yes", start=0.0, end=4.0, probability=1.0),)
    segment = Segment(id=3, start=0.0, end=4.0, text="yes", words=words)
    every = [turn("A", 0, 4), turn("B", 1, 3)]
    (marked,) = assign_speakers([segment], [turn("A", 0, 4)], overlapping=every)
    assert (marked.speakers, marked.flags) == (("A", "B"), ("overlap",))
    assert [word.speaker for word in marked.words] == ["A"]
