from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import numpy as np
import pytest

from gpu_job.engines import voices as embedded_voices
from gpu_job.engines.ports import Audio, never
from gpu_job.engines.pyannote_diarizer import Grouping, Labelled, OnBatch, PyannoteDiarizer
from gpu_job.engines.pyannote_voices import PyannoteVoices, Window, pack, unpack
from gpu_job.steps.assign_speakers import assign_speakers
from shared.domain.errors import Stopped, WorkerError
from shared.domain.options import DiarizationArgs
from shared.domain.transcript import Turn
from tests.support.whisper import silence, spoken

ANY = DiarizationArgs()
ANSWER = Grouping(
    turns=(
        Labelled(start=2.0, end=5.0, label="SPEAKER_00"),
        Labelled(start=-0.1, end=3.0, label="SPEAKER_01"),
    ),
    exclusive=(
        Labelled(start=-0.1, end=2.6, label="SPEAKER_01"),
        Labelled(start=2.6, end=5.0, label="SPEAKER_00"),
    ),
)


def heard(*, soft: bool = False) -> PyannoteVoices:
    """Two windows; the second local speaker is silent in the first."""
    segmentation = np.zeros((2, 4, 2), dtype=np.float32)
    segmentation[0, :, 0] = 0.7 if soft else 1.0
    segmentation[1, 1:, :] = 1.0
    prints = np.linspace(0, 1, 2 * 2 * 3, dtype=np.float32).reshape(2, 2, 3)
    return PyannoteVoices(
        pipeline="p",
        duration=4.0,
        window=Window(start=0.0, duration=3.0, step=1.0),
        segmentation=segmentation,
        prints=prints,
    )


@dataclass
class ScriptedPipeline:
    """Answers the same to every audio; keeps what it was asked."""

    pipeline: str = "p"
    answer: Grouping = ANSWER
    voices: PyannoteVoices | None = field(default_factory=heard)
    fault: Exception | None = None
    hold: threading.Event | None = None
    waveforms: list[Audio] = field(default_factory=list)
    args: list[DiarizationArgs] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    def listen(
        self, waveform: Audio, args: DiarizationArgs, on_batch: OnBatch
    ) -> tuple[Grouping, PyannoteVoices | None]:
        self.waveforms.append(waveform)
        self.args.append(args)
        try:
            for stage, done in (("segmentation", 1), ("segmentation", 2), ("embeddings", 1)):
                on_batch(stage, done, 2)
                time.sleep(0.15)
            if self.hold is not None:
                self.hold.wait(10)
                on_batch("embeddings", 2, 2)
        except Stopped:
            self.ended.append("stopped")
            raise
        if self.fault:
            raise self.fault
        return self.answer, self.voices

    def group(self, voices: PyannoteVoices, args: DiarizationArgs) -> Grouping:
        self.args.append(args)
        return self.answer


def test_turns_lie_inside_the_audio_with_labels_in_order_of_appearance() -> None:
    found = PyannoteDiarizer(backend=ScriptedPipeline()).diarize(
        silence(4), ANY, on_progress=lambda _: None, should_stop=never
    )
    assert found.turns == (
        Turn(start=0.0, end=3.0, speaker="SPEAKER_00"),
        Turn(start=2.0, end=4.0, speaker="SPEAKER_01"),
    )
    assert found.exclusive == (
        Turn(start=0.0, end=2.6, speaker="SPEAKER_00"),
        Turn(start=2.6, end=4.0, speaker="SPEAKER_01"),
    )


def test_words_in_an_overlap_go_by_the_exclusive_turns() -> None:
    found = PyannoteDiarizer(backend=ScriptedPipeline()).diarize(
        silence(4), ANY, on_progress=lambda _: None, should_stop=never
    )
    segments = assign_speakers([spoken(2.0, "first", "second")], found.turns_for_words)
    assert [segment.speakers for segment in segments] == [("SPEAKER_00",), ("SPEAKER_01",)]
    without = assign_speakers([spoken(2.0, "first", "second")], found.turns)
    assert [segment.speakers[0] for segment in without] == ["SPEAKER_00"]


def test_the_whole_waveform_and_the_limits_reach_the_pipeline() -> None:
    backend = ScriptedPipeline()
    audio = np.linspace(-1, 1, 16_000, dtype=np.float32)
    args = DiarizationArgs(min_speakers=2, max_speakers=5)
    PyannoteDiarizer(backend=backend).diarize(
        audio, args, on_progress=lambda _: None, should_stop=never
    )
    np.testing.assert_array_equal(backend.waveforms[0], audio)
    assert backend.waveforms[0].flags.writeable
    assert backend.args == [args]


def test_progress_rises_to_the_end_and_is_told_in_the_callers_thread() -> None:
    told: list[float] = []
    threads: set[str] = set()

    def on_progress(seconds: float) -> None:
        told.append(seconds)
        threads.add(threading.current_thread().name)

    PyannoteDiarizer(backend=ScriptedPipeline()).diarize(
        silence(4), ANY, on_progress=on_progress, should_stop=never
    )
    assert told == sorted(set(told))
    assert 0 < told[0] < 4.0
    assert told[-1] == 4.0
    assert threads == {threading.current_thread().name}


def test_a_stop_is_obeyed_at_once_and_ends_the_pipeline_at_its_next_batch() -> None:
    backend = ScriptedPipeline(hold=threading.Event())
    assert backend.hold is not None
    began = time.monotonic()
    asked: list[float] = []

    def should_stop() -> bool:
        if time.monotonic() - began > 0.6:
            asked.append(time.monotonic())
        return bool(asked)

    with pytest.raises(Stopped):
        PyannoteDiarizer(backend=backend).diarize(
            silence(4), ANY, on_progress=lambda _: None, should_stop=should_stop
        )
    assert time.monotonic() - asked[0] < 1
    backend.hold.set()
    for _ in range(100):
        if backend.ended:
            break
        time.sleep(0.05)
    assert backend.ended == ["stopped"]


def test_nothing_is_asked_of_the_pipeline_after_a_stop_or_for_no_audio() -> None:
    backend = ScriptedPipeline()
    with pytest.raises(Stopped):
        PyannoteDiarizer(backend=backend).diarize(
            silence(4), ANY, on_progress=lambda _: None, should_stop=lambda: True
        )
    empty = PyannoteDiarizer(backend=backend).diarize(
        silence(0.05), ANY, on_progress=lambda _: None, should_stop=never
    )
    assert (empty.turns, empty.exclusive, backend.args) == ((), (), [])
    assert PyannoteDiarizer(backend=backend).regroup(empty.voices, ANY) == ()


def test_memory_that_runs_out_is_told_as_such() -> None:
    backend = ScriptedPipeline(fault=RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"))
    with pytest.raises(WorkerError) as caught:
        PyannoteDiarizer(backend=backend).diarize(
            silence(4), ANY, on_progress=lambda _: None, should_stop=never
        )
    assert (caught.value.code, caught.value.retryable) == ("out_of_memory", True)


def test_voices_are_grouped_anew_without_audio() -> None:
    backend = ScriptedPipeline()
    found = PyannoteDiarizer(backend=backend).diarize(
        silence(4), ANY, on_progress=lambda _: None, should_stop=never
    )
    three = DiarizationArgs(num_speakers=3)
    assert PyannoteDiarizer(backend=backend).regroup(found.voices, three) == found.turns
    assert backend.args == [ANY, three]
    assert len(backend.waveforms) == 1


def test_silence_gives_no_turns_now_or_later() -> None:
    backend = ScriptedPipeline(answer=Grouping(turns=(), exclusive=()), voices=None)
    diarizer = PyannoteDiarizer(backend=backend)
    found = diarizer.diarize(silence(4), ANY, on_progress=lambda _: None, should_stop=never)
    assert found.turns == ()
    assert diarizer.regroup(found.voices, ANY) == ()
    assert backend.args == [ANY]


@pytest.mark.parametrize("soft", [False, True])
def test_packed_voices_come_back_as_they_were(soft: bool) -> None:  # noqa: FBT001 (parametrized)
    before = heard(soft=soft)
    after = unpack(pack(before), "p")
    assert (after.window, after.duration) == (before.window, before.duration)
    np.testing.assert_array_equal(after.segmentation, before.segmentation)
    active = before.segmentation.sum(axis=1) > 0
    np.testing.assert_array_equal(after.prints[active], before.prints[active])
    assert (after.prints[~active] == 1.0).all()


def test_voices_of_others_are_refused_and_so_are_damaged_ones() -> None:
    good = pack(heard())
    others = embedded_voices.pack(
        embedded_voices.Voices(duration=1.0, activity=[], prints=[]),
    )
    diarizer = PyannoteDiarizer(backend=ScriptedPipeline(pipeline="another"))
    for data in (good, others, good[: len(good) // 2], b"", b"nonsense"):
        with pytest.raises(WorkerError) as caught:
            diarizer.regroup(data, ANY)
        assert (caught.value.code, caught.value.retryable) == ("voices_unreadable", False)
    with pytest.raises(WorkerError):
        embedded_voices.unpack(good)
