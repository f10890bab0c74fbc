from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gpu_job.steps.assign_speakers import assign_speakers, speaker_totals
from shared.domain.transcript import Segment, SpeakerTotal, Turn, Word

A, B = "SPEAKER_00", "SPEAKER_01"


def _words(*timed: tuple[str, float, float]) -> tuple[Word, ...]:
    return tuple(
        Word(word=f" {text}", start=start, end=end, probability=0.9) for text, start, end in timed
    )


def _segment(*timed: tuple[str, float, float]) -> Segment:
    words = _words(*timed)
    text = "".join(word.word for word in words).strip()
    return Segment(id=7, start=words[0].start, end=words[-1].end, text=text, words=words)


def _turn(speaker: str, start: float, end: float) -> Turn:
    return Turn(speaker=speaker, start=start, end=end)


def _labels(segments: tuple[Segment, ...]) -> list[str | None]:
    return [word.speaker for segment in segments for word in segment.words]


def test_each_word_goes_to_the_turn_that_covers_most_of_it() -> None:
    segment = _segment(("hello", 0, 1), ("there", 1, 2.2), ("yes", 2.2, 3))
    found = assign_speakers([segment], [_turn(A, 0, 1.9), _turn(B, 1.9, 3)])
    assert _labels(found) == [A, A, B]


def test_a_segment_is_cut_where_the_speaker_changes() -> None:
    segment = _segment(("are", 0, 1), ("you?", 1, 2), ("I", 2, 2.5), ("am.", 2.5, 3))
    first, second = assign_speakers([segment], [_turn(A, 0, 2), _turn(B, 2, 3)])
    assert (first.id, first.text, first.start, first.end, first.speakers) == (
        0, "are you?", 0, 2, (A,),
    )  # fmt: skip
    assert (second.id, second.text, second.start, second.end, second.speakers) == (
        1, "I am.", 2, 3, (B,),
    )  # fmt: skip


def test_a_word_in_a_gap_goes_to_the_nearest_turn_in_reach() -> None:
    segment = _segment(("well", 1.2, 1.4), ("so", 1.9, 2.0))
    found = assign_speakers([segment], [_turn(A, 0, 1), _turn(B, 2.2, 3)])
    assert _labels(found) == [A, B]


def test_a_word_far_from_every_turn_keeps_no_speaker() -> None:
    found = assign_speakers([_segment(("hum", 5, 5.2))], [_turn(A, 0, 1), _turn(B, 9, 10)])
    assert _labels(found) == [None]
    assert found[0].speakers == ()


def test_the_longer_of_two_overlapping_speakers_wins() -> None:
    turns = [_turn(A, 0, 1.2), _turn(B, 0.8, 3)]
    assert _labels(assign_speakers([_segment(("ok", 0.5, 1.1))], turns)) == [A]
    assert _labels(assign_speakers([_segment(("ok", 1.0, 1.6))], turns)) == [B]


def test_a_stray_word_inside_a_sentence_returns_to_its_speaker() -> None:
    segment = _segment(("one", 0, 0.5), ("two", 0.5, 0.8), ("three", 0.8, 1.5))
    turns = [_turn(A, 0, 0.5), _turn(B, 0.5, 0.8), _turn(A, 0.8, 2)]
    (only,) = assign_speakers([segment], turns)
    assert only.speakers == (A,)
    assert _labels((only,)) == [A, A, A]


def test_an_interjection_between_sentences_stays_with_its_speaker() -> None:
    segment = _segment(("done.", 0, 0.5), ("Right.", 0.5, 0.8), ("Next", 0.8, 1.5))
    turns = [_turn(A, 0, 0.5), _turn(B, 0.5, 0.8), _turn(A, 0.8, 2)]
    assert _labels(assign_speakers([segment], turns)) == [A, B, A]


def test_an_unlabelled_word_between_two_of_one_speaker_joins_them() -> None:
    segment = _segment(("one", 0, 0.5), ("two", 1.6, 1.8), ("three", 3, 3.5))
    found = assign_speakers([segment], [_turn(A, 0, 0.6), _turn(A, 2.9, 4)])
    assert _labels(found) == [A, A, A]


def test_a_segment_without_words_is_labelled_as_a_whole() -> None:
    segment = Segment(id=0, start=0, end=4, text="all of it")
    (only,) = assign_speakers([segment], [_turn(A, 0, 1), _turn(B, 1, 4)])
    assert (only.speakers, only.text) == ((B,), "all of it")


def test_without_turns_nothing_changes() -> None:
    segment = _segment(("hello", 0, 1))
    assert assign_speakers([segment], []) == (segment,)


def test_totals_add_up_the_turns_of_each_speaker() -> None:
    turns = [_turn(B, 2, 3.5), _turn(A, 0, 1), _turn(A, 5, 5.25)]
    assert speaker_totals(turns) == (
        SpeakerTotal(label=A, seconds=1.25),
        SpeakerTotal(label=B, seconds=1.5),
    )


_SPAN = st.tuples(st.floats(0, 60), st.floats(0.01, 5))


@given(
    spans=st.lists(_SPAN, min_size=1, max_size=30),
    turns=st.lists(st.tuples(_SPAN, st.sampled_from([A, B])), max_size=12),
)
def test_no_word_is_lost_or_changed(
    spans: list[tuple[float, float]], turns: list[tuple[tuple[float, float], str]]
) -> None:
    timed = sorted((start, start + length) for start, length in spans)
    segment = _segment(*((f"w{number}", *span) for number, span in enumerate(timed)))
    found = assign_speakers(
        [segment], [_turn(label, start, start + length) for (start, length), label in turns]
    )
    words = [replace(word, speaker=None) for piece in found for word in piece.words]
    assert words == list(segment.words)
    assert " ".join(piece.text for piece in found) == segment.text
