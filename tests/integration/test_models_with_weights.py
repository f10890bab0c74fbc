"""The real networks on a real recording. Every test here needs the default weights."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest
from numpy.typing import NDArray

from gpu_job.engines.embedding import load_embedder
from gpu_job.engines.ports import Audio, Diarization, TranscriptionOutput
from gpu_job.steps.assign_speakers import assign_speakers
from gpu_job.steps.decode import decode
from shared.domain.errors import Stopped
from shared.domain.options import DiarizationArgs, OutputOptions, TranscriptionOptions
from shared.domain.transcript import Segment, Turn
from tests.support.weights import SAMPLE, engines, models_dir, require

pytestmark = pytest.mark.models

GOLDEN = Path(__file__).parents[1] / "golden" / "ecapa_synthetic_voice.json"


@cache
def _sample() -> Audio:
    return decode(
        SAMPLE, max_seconds=60, on_progress=lambda _: None, should_stop=lambda: False
    ).samples[:]


@cache
def _reference() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(SAMPLE.with_suffix(".json").read_text())
    return document


def _transcribe(options: TranscriptionOptions, audio: Audio | None = None) -> TranscriptionOutput:
    require("base")
    return (
        engines()
        .transcriber("base")
        .transcribe(
            _sample() if audio is None else audio,
            options,
            on_segment=lambda _: None,
            on_progress=lambda _: None,
            should_stop=lambda: False,
        )
    )


def _diarize(audio: Audio, args: DiarizationArgs) -> tuple[Turn, ...]:
    require("segmentation-3.0", "ecapa")
    return (
        engines()
        .diarizer()
        .diarize(audio, args, on_progress=lambda _: None, should_stop=lambda: False)
        .turns
    )


def _text(segments: Sequence[Segment]) -> str:
    return " ".join(segment.text for segment in segments)


def _error_rate(reference: str, heard: str) -> float:
    plain = jiwer.Compose(
        [
            jiwer.ToLowerCase(),
            jiwer.RemovePunctuation(),  # type: ignore[no-untyped-call]
            jiwer.SubstituteRegexes({r"\bmister\b": "mr", "15th": "fifteenth", "-": " "}),
            jiwer.RemoveMultipleSpaces(),
            jiwer.Strip(),
        ]
    )
    return float(jiwer.wer(plain(reference), plain(heard)))


@cache
def _plain_run() -> TranscriptionOutput:
    return _transcribe(TranscriptionOptions())


def test_the_sample_is_heard_right_with_times_in_order() -> None:
    output = _plain_run()
    assert output.language == "en"
    assert output.language_probability > 0.9
    assert _error_rate(_reference()["text"], _text(output.segments)) < 0.1
    times = [
        time
        for segment in output.segments
        for word in segment.words
        for time in (word.start, word.end)
    ]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] <= _reference()["duration"] + 0.01
    assert all(len(segment.text) <= 200 for segment in output.segments)


def test_words_are_where_they_are_spoken() -> None:
    """Each reference turn's first and last heard word lie near the turn's own borders."""
    words = [word for segment in _plain_run().segments for word in segment.words]
    for turn in _reference()["turns"]:
        inside = [word for word in words if turn["start"] - 0.4 < word.start < turn["end"]]
        assert inside[0].start == pytest.approx(turn["start"], abs=0.5)
        assert inside[-1].end == pytest.approx(turn["end"], abs=0.6)


def test_options_change_what_is_heard() -> None:
    short = _sample()[: 4 * 16_000]
    plain = _text(_transcribe(TranscriptionOptions(language="en"), short).segments)
    german = _transcribe(TranscriptionOptions(language="de"), short)
    assert german.language == "de"
    assert _text(german.segments) != plain
    prompted = _transcribe(
        TranscriptionOptions(language="en", initial_prompt="PRINTING, THEN, FOR OUR PURPOSE"), short
    )
    assert _text(prompted.segments) != plain
    hot = _transcribe(TranscriptionOptions(language="en", temperature=1.0, beam_size=1), short)
    assert {segment.extra_data.temperature for segment in hot.segments if segment.extra_data} == {
        1.0
    }


def test_without_words_and_without_vad_the_text_is_still_there() -> None:
    options = TranscriptionOptions(
        language="en", vad=False, output_options=OutputOptions(word_timestamps=False), beam_size=1
    )
    output = _transcribe(options)
    assert all(segment.words == () for segment in output.segments)
    assert _error_rate(_reference()["text"], _text(output.segments)) < 0.15


def test_silence_is_no_speech() -> None:
    silence = np.zeros(5 * 16_000, dtype=np.float32)
    assert _transcribe(TranscriptionOptions(), silence) == TranscriptionOutput(
        segments=(), language="und", language_probability=0.0
    )
    assert _diarize(silence, DiarizationArgs()) == ()


def test_a_running_transcription_stops_within_two_seconds() -> None:
    require("base")
    began = time.monotonic()
    audio = np.tile(_sample(), 3)
    with pytest.raises(Stopped):
        engines().transcriber("base").transcribe(
            audio,
            TranscriptionOptions(language="en", vad=False),
            on_segment=lambda _: None,
            on_progress=lambda _: None,
            should_stop=lambda: time.monotonic() - began > 0.5,
        )
    assert time.monotonic() - began < 2.5


def _error_of_labels(turns: Sequence[Turn]) -> float:
    """Share of the reference's speech that is unheard or has the wrong speaker, by 10 ms steps."""
    truth = [(turn["speaker"], turn["start"], turn["end"]) for turn in _reference()["turns"]]
    names: dict[str, str] = {}
    for speaker, start, end in truth:
        best = max(turns, key=lambda turn: min(end, turn.end) - max(start, turn.start))
        names.setdefault(best.speaker, speaker)
    wrong = total = 0
    for speaker, start, end in truth:
        for moment in np.arange(start, end, 0.01):
            heard = {names.get(t.speaker) for t in turns if t.start <= moment < t.end}
            total += 1
            wrong += heard != {speaker}
    return wrong / total


@cache
def _heard(args: DiarizationArgs, seconds: int) -> Diarization:
    require("segmentation-3.0", "ecapa")
    return (
        engines()
        .diarizer()
        .diarize(
            _sample()[: seconds * 16_000],
            args,
            on_progress=lambda _: None,
            should_stop=lambda: False,
        )
    )


def _plain_turns() -> tuple[Turn, ...]:
    return _heard(DiarizationArgs(), 60).turns


def test_two_voices_are_told_apart() -> None:
    turns = _plain_turns()
    assert next(turn.speaker for turn in turns) == "SPEAKER_00"
    assert {turn.speaker for turn in turns} == {"SPEAKER_00", "SPEAKER_01"}
    assert _error_of_labels(turns) < 0.1


def test_one_voice_is_one_speaker() -> None:
    first = [turn for turn in _reference()["turns"] if turn["speaker"] == "F"]
    voice = np.concatenate(
        [_sample()[int(t["start"] * 16_000) : int(t["end"] * 16_000)] for t in first]
    )
    assert {turn.speaker for turn in _diarize(voice, DiarizationArgs())} == {"SPEAKER_00"}


def test_two_voices_at_once_are_two_turns_at_once() -> None:
    voices = {
        name: np.concatenate(
            [
                _sample()[int(turn["start"] * 16_000) : int(turn["end"] * 16_000)]
                for turn in _reference()["turns"]
                if turn["speaker"] == name
            ]
        )
        for name in "FM"
    }
    both = np.zeros(18 * 16_000, dtype=np.float32)
    for name, begin in (("F", 0), ("M", 7)):  # from 7 to 11 seconds both are heard
        part = voices[name][: 11 * 16_000]
        both[begin * 16_000 : begin * 16_000 + len(part)] += part
    turns = _diarize(both, DiarizationArgs())
    crowd = [
        len({turn.speaker for turn in turns if turn.start <= moment < turn.end})
        for moment in np.arange(7.0, 11.0, 0.1)
    ]
    assert sum(people == 2 for people in crowd) > len(crowd) / 2


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (DiarizationArgs(num_speakers=1), 1),
        (DiarizationArgs(max_speakers=1), 1),
        (DiarizationArgs(num_speakers=3), 3),
        (DiarizationArgs(min_speakers=3), 3),
        (DiarizationArgs(min_speakers=4, max_speakers=5), 4),
        (DiarizationArgs(max_speakers=4), 2),
    ],
)
def test_numbers_of_speakers_are_honoured_without_hearing_the_audio_again(
    args: DiarizationArgs, expected: int
) -> None:
    turns = engines().diarizer().regroup(_heard(DiarizationArgs(), 60).voices, args)
    assert len({turn.speaker for turn in turns}) == expected


def test_grouping_anew_gives_what_hearing_again_would() -> None:
    args = DiarizationArgs(num_speakers=1)
    heard = _heard(DiarizationArgs(), 14)
    assert engines().diarizer().regroup(heard.voices, args) == _heard(args, 14).turns != heard.turns


def test_every_word_has_the_right_speaker() -> None:
    turns = _plain_turns()
    segments = assign_speakers(_plain_run().segments, turns)
    for truth in _reference()["turns"]:
        inside = [
            word.speaker
            for segment in segments
            for word in segment.words
            if truth["start"] < (word.start + word.end) / 2 < truth["end"]
        ]
        expected = "SPEAKER_00" if truth["speaker"] == "F" else "SPEAKER_01"
        assert inside.count(expected) / len(inside) > 0.95


def synthetic_voice(seconds: float = 3.0) -> NDArray[np.float32]:
    """A buzz with vibrato, beats and a rising whistle: the golden embedding's signal."""
    times = np.arange(int(seconds * 16_000)) / 16_000
    pitch = 140 + 20 * np.sin(2 * np.pi * 3 * times)
    phase = 2 * np.pi * np.cumsum(pitch) / 16_000
    buzz = np.sum([np.sin(k * phase) / k for k in range(1, 30)], axis=0)
    buzz = buzz * (0.6 + 0.4 * np.sin(2 * np.pi * 2.5 * times))
    whistle = 0.05 * np.sin(2 * np.pi * (500 + 1500 * times / seconds) * times)
    signal: NDArray[np.float32] = (0.1 * (buzz + whistle)).astype(np.float32)
    return signal


def test_the_converted_network_gives_speechbrains_embedding() -> None:
    """The golden vector was made by SpeechBrain itself; the file says with which versions."""
    require("ecapa")
    golden = np.array(json.loads(GOLDEN.read_text())["embedding"])
    embedder = load_embedder(models_dir() / "ecapa", threads=1)
    heard = embedder.embed(synthetic_voice())
    np.testing.assert_allclose(heard, golden / np.linalg.norm(golden), atol=1e-4)
