"""The real code of pyannote.audio, offline, with weights that need no account."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from pyannote.audio.telemetry.metrics import is_metrics_enabled
from pyannote.core import Annotation, Segment
from pyannote.metrics.diarization import DiarizationErrorRate

from gpu_job.engines.loader import EngineCache, EngineConfig
from gpu_job.engines.ports import SAMPLE_RATE, Audio, Diarization, Diarizer, never
from gpu_job.steps.assign_speakers import assign_speakers
from gpu_job.steps.decode import decode
from shared.domain.errors import Stopped, WorkerError
from shared.domain.options import DiarizationArgs
from shared.domain.transcript import Turn
from tests.support.pyannote_folder import build
from tests.support.pyannote_networks import save_segmentation
from tests.support.weights import SAMPLE, models_dir, require
from tests.support.whisper import silence, spoken

pytestmark = pytest.mark.models
ANY = DiarizationArgs()


def load(folder: Path) -> Diarizer:
    config = EngineConfig(models_dir=folder, pyannote_dir=folder, device="cpu", offline=True)
    return EngineCache(config=config).diarizer("pyannote")


def diarize(diarizer: Diarizer, audio: Audio, args: DiarizationArgs = ANY) -> Diarization:
    return diarizer.diarize(audio, args, on_progress=lambda _: None, should_stop=never)


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Nothing may be fetched, and nobody told."""

    def refuse(_self: socket.socket, address: Any) -> None:
        raise AssertionError(f"a connection to {address}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        yield


@pytest.fixture(scope="session")
def sample() -> Audio:
    decoded = decode(SAMPLE, max_seconds=60, on_progress=lambda _: None, should_stop=never)
    return np.array(decoded.samples[0 : len(decoded.samples)])


@pytest.fixture(scope="session")
def mixed(sample: Audio) -> Audio:
    """One voice for 7.8 s, the other over it from second 4 on, together 10.6 s."""
    first, second = sample[: int(7.8 * SAMPLE_RATE)], sample[int(8.5 * SAMPLE_RATE) :]
    audio = np.zeros(int(10.6 * SAMPLE_RATE), dtype=np.float32)
    audio[: len(first)] += first
    audio[4 * SAMPLE_RATE :] += second[: len(audio) - 4 * SAMPLE_RATE]
    return audio


@pytest.fixture(scope="session")
def diarizer(tmp_path_factory: pytest.TempPathFactory) -> Diarizer:
    """As community-1 is arranged: powerset segmentation, VBx over a PLDA."""
    require("segmentation-3.0", "ecapa")
    return load(build(tmp_path_factory.mktemp("pipeline") / "vbx"))


@pytest.fixture(scope="session")
def found(diarizer: Diarizer, sample: Audio) -> Diarization:
    return diarize(diarizer, sample)


def error_rate(turns: tuple[Turn, ...]) -> float:
    told = json.loads(SAMPLE.with_suffix(".json").read_text(encoding="utf-8"))["turns"]
    reference, hypothesis = Annotation(), Annotation()
    for number, turn in enumerate(told):
        reference[Segment(turn["start"], turn["end"]), number] = turn["speaker"]
    for number, found_turn in enumerate(turns):
        place = Segment(found_turn.start, found_turn.end)
        hypothesis[place, number] = found_turn.speaker
    return float(DiarizationErrorRate()(reference, hypothesis))


def speakers(turns: tuple[Turn, ...]) -> set[str]:
    return {turn.speaker for turn in turns}


def test_the_rebuilt_segmentation_hears_what_the_registered_one_hears(
    tmp_path: Path, sample: Audio
) -> None:
    path = models_dir() / "segmentation-3.0" / "segmentation-3.0.onnx"
    network = save_segmentation(tmp_path / "segmentation", path)
    window = sample[None, None, : 10 * SAMPLE_RATE]
    with torch.inference_mode():
        ours = network(torch.from_numpy(window.copy())).numpy()
    (theirs,) = onnxruntime.InferenceSession(str(path)).run(None, {"input": window})
    np.testing.assert_allclose(ours, theirs, atol=2e-3)


def test_two_voices_are_told_apart(found: Diarization) -> None:
    assert speakers(found.turns) == {"SPEAKER_00", "SPEAKER_01"}
    assert error_rate(found.turns) < 0.06


def test_telemetry_is_off() -> None:
    assert not is_metrics_enabled()


def test_an_overlap_shows_in_the_turns_and_words_go_by_the_exclusive_ones(
    diarizer: Diarizer, mixed: Audio
) -> None:
    heard = diarize(diarizer, mixed)
    ends = pairwise(heard.turns)
    assert any(later.start < earlier.end - 0.5 for earlier, later in ends)
    assert all(later.start >= earlier.end - 0.001 for earlier, later in pairwise(heard.exclusive))
    assert speakers(heard.exclusive) <= speakers(heard.turns)
    assert len(speakers(heard.turns)) == 2
    words = assign_speakers([spoken(0.5, *["word"] * 18)], heard.turns_for_words)
    assert {name for segment in words for name in segment.speakers} == speakers(heard.turns)


def test_the_same_limits_give_the_same_turns_without_audio(
    diarizer: Diarizer, found: Diarization
) -> None:
    assert diarizer.regroup(found.voices, ANY) == found.turns


@pytest.mark.parametrize(
    ("args", "least", "most"),
    [
        (DiarizationArgs(num_speakers=1), 1, 1),
        (DiarizationArgs(num_speakers=2), 2, 2),
        (DiarizationArgs(num_speakers=3), 3, 3),
        (DiarizationArgs(min_speakers=3), 3, 20),
        (DiarizationArgs(max_speakers=1), 1, 1),
        (DiarizationArgs(num_speakers=50), 3, 50),
    ],
)
def test_other_limits_are_honoured_without_audio(
    diarizer: Diarizer, found: Diarization, args: DiarizationArgs, least: int, most: int
) -> None:
    turns = diarizer.regroup(found.voices, args)
    assert least <= len(speakers(turns)) <= most
    assert diarizer.regroup(found.voices, args) == turns


def test_more_speakers_than_can_be_told_apart_fail_no_job(diarizer: Diarizer, mixed: Audio) -> None:
    assert len(speakers(diarize(diarizer, mixed, DiarizationArgs(num_speakers=20)).turns)) >= 1


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.1, 0.4, 3.0])
def test_silence_of_any_length_has_no_speakers(diarizer: Diarizer, seconds: float) -> None:
    heard = diarize(diarizer, silence(seconds))
    assert (heard.turns, heard.exclusive) == ((), ())
    assert diarizer.regroup(heard.voices, DiarizationArgs(num_speakers=2)) == ()


def test_a_stop_is_obeyed_within_a_second_and_the_next_job_works(
    diarizer: Diarizer, sample: Audio
) -> None:
    told: list[float] = []
    asked: list[float] = []

    def should_stop() -> bool:
        if len(told) >= 2:
            asked.append(time.monotonic())
        return bool(asked)

    with pytest.raises(Stopped):
        diarizer.diarize(sample, ANY, on_progress=told.append, should_stop=should_stop)
    assert time.monotonic() - asked[0] < 1
    assert told == sorted(told)
    assert 0 < told[-1] < 41
    assert diarize(diarizer, silence(1)).turns == ()


def test_voices_of_another_pipeline_are_refused(
    tmp_path: Path, found: Diarization, sample: Audio
) -> None:
    """And the arrangement of the older 3.1 pipeline works too."""
    other = load(build(tmp_path / "ahc", "AgglomerativeClustering"))
    with pytest.raises(WorkerError) as caught:
        other.regroup(found.voices, ANY)
    assert caught.value.code == "voices_unreadable"
    heard = diarize(other, sample[: 16 * SAMPLE_RATE], DiarizationArgs(num_speakers=2))
    assert len(speakers(heard.turns)) == 2


def test_a_damaged_network_is_told(tmp_path: Path) -> None:
    folder = build(tmp_path / "broken")
    (folder / "segmentation" / "pytorch_model.bin").write_bytes(b"no checkpoint")
    with pytest.raises(WorkerError) as caught:
        load(folder)
    assert caught.value.code == "engine_failed"
