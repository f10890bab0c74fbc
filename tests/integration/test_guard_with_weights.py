"""Sounds without speech, and what the real decoder makes of them."""

from __future__ import annotations

from functools import cache

import pytest

from gpu_job.engines.ports import SAMPLE_RATE, never
from shared.domain.flags import Flag
from shared.domain.options import TranscriptionOptions
from shared.domain.transcript import Segment
from tests.support.sounds import SOUNDS
from tests.support.weights import engines, require

pytestmark = pytest.mark.models


@cache
def heard(
    sound: str, *, vad: bool, language: str | None = None, seconds: int = 45
) -> tuple[Segment, ...]:
    require("base")
    return (
        engines()
        .transcriber("base")
        .transcribe(
            SOUNDS[sound]()[: seconds * SAMPLE_RATE],
            TranscriptionOptions(vad=vad, language=language),
            on_segment=lambda _: None,
            on_progress=lambda _: None,
            should_stop=never,
        )
        .segments
    )


@pytest.mark.parametrize("sound", SOUNDS)
def test_no_sound_gives_words_that_are_not_flagged(sound: str) -> None:
    assert [segment.text for segment in heard(sound, vad=True) if not segment.flags] == []


@pytest.mark.slow
@pytest.mark.parametrize("language", [None, "he"])
@pytest.mark.parametrize("sound", SOUNDS)
def test_no_sound_gives_words_that_are_not_flagged_without_voice_detection(
    sound: str, language: str | None
) -> None:
    segments = heard(sound, vad=False, language=language)
    assert [segment.text for segment in segments if not segment.flags] == []


@pytest.mark.parametrize("sound", ["silence", "hold_tone"])
def test_words_made_of_a_sound_that_is_decoded_are_flagged_rather_than_dropped(sound: str) -> None:
    segments = heard(sound, vad=False, language="en", seconds=8)
    assert segments
    assert all(Flag.NO_SPEECH in segment.flags for segment in segments)
