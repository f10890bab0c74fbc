"""Words at the borders of overlapping windows: each once, whichever window heard it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_job.engines.borders import merge
from gpu_job.engines.faster_whisper_engine import FasterWhisperTranscriber
from gpu_job.engines.ports import Region
from shared.domain.options import TranscriptionOptions
from shared.domain.transcript import Segment, Word
from shared.models.registry import find_model
from tests.support.whisper import FixedVad, ScriptedWhisper, facts, ramp, spoken

SECONDS = 100
#: What is said: a word every 0.7 s, a sentence of eight, some words repeated.
SPOKEN = tuple(
    Word(
        word=f" {'the' if n % 3 == 0 else f'w{n}'}{'.' if n % 8 == 7 else ''}",
        start=0.7 * n,
        end=0.7 * n + 0.6,
        probability=0.9,
    )
    for n in range(int((SECONDS - 1) / 0.7))
)


def hears(chunk: Region) -> list[Segment]:
    """All words that lie in the chunk, and half of the one that its border cuts."""
    inside = [word for word in SPOKEN if chunk.start <= word.start and word.end <= chunk.end]
    cut = [word for word in SPOKEN if word.start < chunk.end < word.end]
    partial = [Word(word=" hm", start=word.start, end=chunk.end, probability=0.3) for word in cut]
    words = (*inside, *partial)
    if not words:
        return []
    return [
        Segment(
            id=0,
            start=words[0].start,
            end=words[-1].end,
            text="".join(word.word for word in words).strip(),
            words=words,
            extra_data=facts(),
        )
    ]


@dataclass
class Run:
    """Transcriptions of the same speech with any plan."""

    heard: list[Segment] = field(default_factory=list)
    progress: list[tuple[float, int]] = field(default_factory=list)

    def __call__(self, chunks: list[Region], **more: float) -> list[Segment]:
        engine = FasterWhisperTranscriber(
            hears_out=False,
            backend=ScriptedWhisper(batched_answer=hears),
            model=find_model("base"),
            vad=FixedVad(()),
            batch_size=2,
        )
        engine.transcribe(
            ramp(SECONDS),
            TranscriptionOptions(language="en"),
            on_segment=self.heard.append,
            on_progress=lambda done: self.progress.append((done, len(self.heard))),
            should_stop=lambda: False,
            chunks=chunks,
            start_at=more.get("start_at", 0.0),
        )
        return self.heard


def _words(segments: list[Segment]) -> list[str]:
    return [word.word for segment in segments for word in segment.words]


def _plan(borders: list[float], overlap: float = 3.0) -> list[Region]:
    edges = [0.0, *borders, float(SECONDS)]
    return [
        Region(start=max(start - overlap / 2, 0.0), end=min(end + overlap / 2, float(SECONDS)))
        for start, end in itertools.pairwise(edges)
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(15, 26), min_size=3, max_size=4))
def test_wherever_the_borders_lie_every_word_comes_once(lengths: list[float]) -> None:
    borders = [sum(lengths[: n + 1]) for n in range(len(lengths))]
    plan = _plan([border for border in borders if border < SECONDS - 10])
    plan = [part for part in plan if part.end - part.start <= 30]
    if plan[-1].end < SECONDS:
        plan.append(Region(start=plan[-1].end - 3, end=float(SECONDS)))
    segments = Run()(plan)
    assert _words(segments) == [word.word for word in SPOKEN]
    assert [segment.id for segment in segments] == list(range(len(segments)))


def test_a_sentence_across_a_border_stays_one_segment() -> None:
    plain = [s.text for s in Run()(_plan([25.0, 50.0, 75.0]))]
    moved = [s.text for s in Run()(_plan([20.0, 45.0, 72.5]))]
    assert plain == moved
    assert all(text.endswith(".") for text in plain[:-1])


@pytest.mark.parametrize("stop", [0, 1, 2])
def test_a_restart_gives_exactly_the_rest(stop: int) -> None:
    plan = _plan([25.0, 50.0, 75.0])
    whole = Run()
    whole(plan)
    done, reported = whole.progress[stop]
    rest = Run()(plan, start_at=done)
    assert [(s.text, s.words) for s in rest] == [(s.text, s.words) for s in whole.heard[reported:]]


def test_what_only_one_side_heard_is_kept() -> None:
    alone = [spoken(10, "so", "be", "it.")]
    assert merge(alone, [], 9, 12) == alone
    assert merge([], alone, 9, 12) == alone


def test_without_a_common_word_the_change_is_in_the_middle() -> None:
    before, after = [spoken(8, *"abcdefgh")], [spoken(9, *"stuvwxyz")]
    (met,) = merge(before, after, 9, 12)
    assert met.text == "a b c d e v w x y z"


def _bare(start: float, end: float, text: str) -> Segment:
    return Segment(id=0, start=start, end=end, text=text)


def test_segments_without_words_are_taken_by_their_middle() -> None:
    before = [Segment(id=0, start=5, end=9, text="One."), Segment(id=1, start=9, end=12, text="Tw")]
    after = [
        Segment(id=0, start=9.5, end=12, text="Two."),
        Segment(id=1, start=13, end=15, text="X."),
    ]
    assert [segment.text for segment in merge(before, after, 9, 12)] == ["One.", "Two.", "X."]
