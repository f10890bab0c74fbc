from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, TypeVar

import pytest

from gpu_job.engines.chunks import Window
from gpu_job.engines.faster_whisper_engine import FasterWhisperTranscriber
from gpu_job.engines.ports import Region
from gpu_job.engines.unheard import insert, unheard
from shared.domain.options import Accuracy, TranscriptionOptions
from shared.domain.transcript import Segment
from shared.models.registry import find_model
from tests.support.whisper import FixedVad, ScriptedWhisper, facts, moved, ramp, spoken

#: Ten seconds of speech, a pause of which a second is left out, and ten more.
FIRST, SECOND = Region(start=0.5, end=10.0), Region(start=12.0, end=22.0)
WINDOW = Window(
    pieces=(Region(start=0.0, end=10.5), Region(start=11.5, end=22.5)), speech=(FIRST, SECOND)
)
OPTIONS = TranscriptionOptions(language="en")
BEST = replace(OPTIONS, accuracy=Accuracy.BEST)
T = TypeVar("T")


def words(start: float, end: float) -> Segment:
    """A word each half second, in a window's time."""
    return spoken(start, *(f"w{n}" for n in range(round(2 * (end - start)))))


def test_speech_that_is_covered_by_words_is_heard() -> None:
    assert unheard(WINDOW, [words(0.5, 10.0), words(11.0, 21.0)]) == ()


def test_what_follows_the_last_word_is_unheard_however_long_that_is_stretched() -> None:
    decoded = words(0.5, 6.0)
    (*rest, last) = decoded.words
    stretched = Segment(
        id=0, start=0.5, end=21.5, text="x",
        words=(*rest, type(last)(word=last.word, start=last.start, end=21.5, probability=0.5)),
    )  # fmt: skip
    tail, whole = unheard(WINDOW, [stretched])
    assert tail.start == pytest.approx(6.8)
    assert tail.end == 10.0
    assert (whole.start, whole.end) == (12.0, 22.0)


def test_a_gap_between_words_counts_and_a_short_one_does_not() -> None:
    decoded = [words(0.5, 3.0), words(7.0, 10.0), words(11.0, 14.0), words(16.0, 21.0)]
    (gap,) = unheard(WINDOW, decoded)
    assert gap.start == pytest.approx(3.3)
    assert gap.end == pytest.approx(6.7)


def test_without_words_nothing_is_told() -> None:
    assert unheard(WINDOW, [Segment(id=0, start=0.0, end=5.0, text="no words")]) == ()


def test_found_words_stand_between_those_before_and_after() -> None:
    decoded = [spoken(0.5, *(f"a{n}" for n in range(5)), extra=facts(logprob=-0.3))]
    late = moved(spoken(0.0, "b0", "b1"), 16.0)
    gap = Region(start=12.0, end=16.0)  # 11 to 15 of the window's own seconds
    merged = insert([*decoded, late], WINDOW, gap, [spoken(0.5, "new", "words")])
    said = [word.word.strip() for segment in merged for word in segment.words]
    assert said == ["a0", "a1", "a2", "a3", "a4", "new", "words", "b0", "b1"]
    starts = [word.start for segment in merged for word in segment.words]
    assert starts == sorted(starts)
    assert merged[1].words[0].start == pytest.approx(11.5)


def test_marks_without_words_keep_their_place() -> None:
    marks = Segment(id=0, start=12.0, end=13.0, text="...")
    early = moved(spoken(0.0, "a0"), 1.0)
    merged = insert([early, marks], WINDOW, Region(start=4.0, end=6.0), [spoken(0.0, "new")])
    assert [segment.text for segment in merged] == ["a0", "new", "..."]


def transcribed(
    backend: ScriptedWhisper, options: TranscriptionOptions = OPTIONS
) -> Sequence[Segment]:
    engine = FasterWhisperTranscriber(
        backend=backend, model=find_model("base"), vad=FixedVad((FIRST, SECOND))
    )
    return engine.transcribe(
        ramp(30),
        options,
        on_segment=lambda _: None,
        on_progress=lambda _: None,
        should_stop=lambda: False,
    ).segments


def asked(backend: ScriptedWhisper) -> list[tuple[float, float]]:
    chunks = [chunk for group, _ in backend.batches for chunk in group]
    return [(round(chunk.start, 1), round(chunk.end, 1)) for chunk in chunks]


def in_order(items: Iterable[T]) -> list[T]:
    """Those in a row once: what is long comes out in several segments."""
    return [item for item, _ in groupby(items)]


def all_words(segments: Iterable[Segment]) -> list[str]:
    return [word.word.strip() for segment in segments for word in segment.words]


SAID = [*["one"] * 18, "end.", *["two"] * 18, "end."]


def stops_early(chunk: Region) -> list[Segment]:
    """The packed window: it says the first half and stops. Asked for the second, it says that."""
    word, start = ("one", 0.5) if chunk.start < 5 else ("two", chunk.start)
    return [spoken(start, *([word] * 18), "end.")]


def test_a_decoder_that_ends_early_is_asked_for_the_rest() -> None:
    backend = ScriptedWhisper(batched_answer=stops_early)
    said = transcribed(backend)
    assert asked(backend)[1:] == [(12.0, 22.0)]
    assert all_words(said) == SAID


def test_so_is_one_that_carries_the_context() -> None:
    backend = ScriptedWhisper(batched_answer=stops_early, sequential_answer=stops_early)
    said = transcribed(backend, BEST)
    assert asked(backend) == [(12.0, 22.0)]
    assert all_words(said) == SAID


@pytest.mark.parametrize(
    ("measures", "flags", "tries"),
    [
        ({"no_speech": 0.7}, ("no_speech",), 0),
        ({"no_speech": 0.7, "logprob": -1.5}, ("no_speech", "low_logprob"), 0),
        ({"ratio": 3.0}, ("high_compression",), 1),
        ({"logprob": -1.5}, ("low_logprob",), 1),
    ],
)
def test_what_may_be_silence_or_fails_is_put_in_and_says_so(
    measures: Mapping[str, Any], flags: tuple[str, ...], tries: int
) -> None:
    def answer(chunk: Region) -> list[Segment]:
        if chunk.start < 5:
            return [spoken(0.5, *(["one"] * 18), "end.")]
        return [spoken(chunk.start, "well", "now.", extra=facts(**measures))]

    backend = ScriptedWhisper(batched_answer=answer, sequential_answer=answer)
    said = transcribed(backend)
    told = in_order((one.text.split()[0], one.flags) for one in said)
    assert told == [("one", ()), ("well", flags)]
    assert len(asked(backend)) == 2
    assert len(backend.singles) == tries
