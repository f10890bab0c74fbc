"""Word times and segments of the real decoder, held against an independent alignment."""

from __future__ import annotations

import json
import re
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest

from gpu_job.engines.ports import Audio, never
from shared.domain.options import Accuracy, TranscriptionOptions
from shared.domain.transcript import Segment
from tests.support.weights import SAMPLE, engines, require

pytestmark = pytest.mark.models

ALIGNMENT = Path(__file__).parents[1] / "golden" / "two_voices.alignment.json"


def sample() -> Audio:
    """Read the repository's recording: 16 kHz, mono, 16 bit."""
    with av.open(str(SAMPLE)) as container:
        frames = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    return np.asarray(np.concatenate(frames) / 32768, dtype=np.float32)


@cache
def heard() -> tuple[Segment, ...]:
    require("base")
    return (
        engines()
        .transcriber("base")
        .transcribe(
            sample(),
            TranscriptionOptions(language="en"),
            on_segment=lambda _: None,
            on_progress=lambda _: None,
            should_stop=never,
        )
        .segments
    )


def _plain(word: str) -> str:
    return re.sub(r"[^a-z0-9']", "", word.lower())


def differences() -> tuple[np.ndarray, np.ndarray]:
    """How far starts and ends of the words that both have lie apart (seconds)."""
    reference = json.loads(ALIGNMENT.read_text())["words"]
    ours = [word for segment in heard() for word in segment.words]
    matcher = SequenceMatcher(
        None, [word for word, _, _ in reference], [_plain(w.word) for w in ours], autojunk=False
    )
    pairs = [
        (reference[match.a + n], ours[match.b + n])
        for match in matcher.get_matching_blocks()
        for n in range(match.size)
    ]
    assert len(pairs) >= 0.9 * len(reference)
    starts = np.array([abs(word.start - start) for (_, start, _), word in pairs])
    ends = np.array([abs(word.end - end) for (_, _, end), word in pairs])
    return starts, ends


def test_nearly_all_words_begin_and_end_within_a_fifth_of_a_second_of_the_reference() -> None:
    for off in differences():
        assert np.median(off) <= 0.06
        assert np.percentile(off, 90) <= 0.2
        assert np.mean(off > 0.2) <= 0.06
        assert off.max() <= 0.5


def test_times_are_monotone_and_inside_the_audio() -> None:
    times = [
        time for segment in heard() for word in segment.words for time in (word.start, word.end)
    ]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] <= len(sample()) / 16_000


def test_segments_are_sentences_and_phrases_rather_than_windows() -> None:
    lengths = [segment.end - segment.start for segment in heard()]
    assert len(lengths) >= 6  # one a turn at least
    assert max(lengths) <= 10.0


def test_best_accuracy_says_what_is_read_and_what_standard_says() -> None:
    best = (
        engines()
        .transcriber("base")
        .transcribe(
            sample(),
            TranscriptionOptions(language="en", accuracy=Accuracy.BEST),
            on_segment=lambda _: None,
            on_progress=lambda _: None,
            should_stop=never,
        )
    )
    said = [_plain(word.word) for segment in best.segments for word in segment.words]
    standard = [_plain(word.word) for segment in heard() for word in segment.words]
    assert SequenceMatcher(None, said, standard, autojunk=False).ratio() > 0.95
    assert all(segment.flags == () for segment in best.segments)
