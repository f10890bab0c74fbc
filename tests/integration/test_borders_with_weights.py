"""Words at the borders of windows, with real speech and the border moved over it."""

from __future__ import annotations

from difflib import SequenceMatcher

import pytest

from gpu_job.engines.ports import Region, never
from shared.domain.options import TranscriptionOptions
from tests.integration.test_word_times_with_weights import _plain, heard, sample
from tests.support.weights import engines

pytestmark = [pytest.mark.models, pytest.mark.slow]

#: Seconds heard by both windows.
OVERLAP = 3.0


@pytest.mark.parametrize("border", [14.3, 15.6, 17.1, 18.4, 21.2])
def test_a_border_anywhere_in_speech_loses_and_doubles_no_word(border: float) -> None:
    expected = [_plain(word.word) for segment in heard() for word in segment.words]
    audio = sample()
    output = (
        engines()
        .transcriber("base")
        .transcribe(
            audio,
            TranscriptionOptions(language="en"),
            on_segment=lambda _: None,
            on_progress=lambda _: None,
            should_stop=never,
            chunks=[
                Region(start=0.0, end=border + OVERLAP / 2),
                Region(start=border - OVERLAP / 2, end=len(audio) / 16_000),
            ],
        )
    )
    words = [_plain(word.word) for segment in output.segments for word in segment.words]
    changes = SequenceMatcher(None, expected, words, autojunk=False).get_opcodes()
    # Another spelling ("fifteenth") is no loss; a word more or less is.
    assert [change for change in changes if change[0] in ("insert", "delete")] == []
    assert len(words) == len(expected)
