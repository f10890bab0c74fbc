"""Two voices, each on a channel of its own and audible in the other's, with the real decoder."""

from __future__ import annotations

import json
import re
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pytest

from gpu_job.channels.separate import BLEED_REMOVED, separate
from gpu_job.channels.timeline import by_time
from gpu_job.channels.transcriber import over_channels
from gpu_job.engines.ports import SAMPLE_RATE, never
from gpu_job.steps.decode import decode
from shared.domain.options import Channels, TranscriptionOptions
from tests.support.media import write_audio
from tests.support.weights import SAMPLE, engines, require

pytestmark = pytest.mark.models

#: One hears the other a quarter as loud, 20 ms later.
BLEED, DELAY = 0.25, round(0.02 * SAMPLE_RATE)
OPTIONS = TranscriptionOptions(language="en", channels=Channels.SEPARATE)


def plain(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def test_each_voice_is_heard_on_its_channel_and_on_no_other(tmp_path: Path) -> None:
    require("base")
    mono = decode(SAMPLE, max_seconds=100, on_progress=lambda _: None, should_stop=never)
    heard = mono.samples[0 : len(mono.samples)]
    truth = json.loads(SAMPLE.with_suffix(".json").read_text())["turns"]
    voices = np.zeros((2, len(heard)), dtype=np.float32)
    said: dict[int, list[str]] = {0: [], 1: []}
    for turn in truth:
        channel = 0 if turn["speaker"] == "F" else 1
        place = slice(int(turn["start"] * SAMPLE_RATE), int(turn["end"] * SAMPLE_RATE))
        voices[channel, place] = heard[place]
        said[channel] += plain(turn["text"])
    stereo = voices + BLEED * np.roll(voices[::-1], DELAY, axis=1)
    stereo += np.random.default_rng(0).normal(0, 3e-4, stereo.shape)
    write_audio(tmp_path / "call.wav", (stereo * 32767).round().astype(np.int16))
    audio = separate(
        decode(
            tmp_path / "call.wav",
            max_seconds=100,
            on_progress=lambda _: None,
            should_stop=never,
            separate=True,
        ),
        should_stop=never,
    )
    assert BLEED_REMOVED in audio.warnings
    output = over_channels(engines().transcriber, audio.samples)(
        "base", "faster-whisper"
    ).transcribe(
        audio.samples,
        OPTIONS,
        on_segment=lambda _: None,
        on_progress=lambda _: None,
        should_stop=never,
    )
    segments = by_time(output.segments)
    assert [one.start for one in segments] == sorted(one.start for one in segments)
    for channel, words in said.items():
        label = f"CHANNEL_{channel:02d}"
        found = [word for one in segments if one.speakers == (label,) for word in plain(one.text)]
        assert SequenceMatcher(None, words, found, autojunk=False).ratio() > 0.9, found
        assert len(found) < 1.1 * len(words), "nothing of the other voice, nothing doubled"
