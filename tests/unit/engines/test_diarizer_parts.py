from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from gpu_job.engines import reconstruction
from gpu_job.engines.clustering import assign, find_speakers, nearest
from gpu_job.engines.embedded_diarizer import EmbeddedDiarizer
from gpu_job.engines.embedding import Embedder, runs
from gpu_job.engines.fbank import log_mel
from gpu_job.engines.reconstruction import Assignment, reconstruct
from gpu_job.engines.segmentation import (
    FRAME_STEP,
    FRAMES,
    LEVELS,
    STEP,
    STEP_FRAMES,
    WINDOW,
    Activity,
    Segmenter,
    window_count,
)
from gpu_job.engines.voices import VERSION, Voices, pack, unpack
from shared.domain.errors import Stopped, WorkerError
from shared.domain.options import DiarizationArgs
from tests.support.voices import Answer, voice_prints
from tests.support.whisper import silence

ANY = DiarizationArgs()


def _activity(windows: int, *spans: tuple[int, int, int]) -> list[Activity]:
    """Windows of a whole in which `spans` (first frame, last frame, local speaker) are active."""
    whole = np.zeros(((windows - 1) * STEP_FRAMES + FRAMES, 3), dtype=np.uint8)
    for first, last, speaker in spans:
        whole[first:last, speaker] = LEVELS
    return [whole[n * STEP_FRAMES : n * STEP_FRAMES + FRAMES] for n in range(windows)]


def test_turns_of_overlapping_windows_become_one_and_labels_follow_appearance() -> None:
    activity = _activity(4, (100, 400, 1), (420, 900, 0))
    assignments = [
        Assignment(window=window, speaker=speaker, label=1 - speaker)
        for window in range(4)
        for speaker in (0, 1)
    ]
    first, second = reconstruct(activity, assignments, 2, 60.0)
    assert (first.speaker, second.speaker) == ("SPEAKER_00", "SPEAKER_01")
    assert first.start == pytest.approx(100 * FRAME_STEP / 16_000, abs=0.05)
    assert first.end == pytest.approx(400 * FRAME_STEP / 16_000, abs=0.05)
    assert second.end == pytest.approx(900 * FRAME_STEP / 16_000, abs=0.05)


def test_two_people_at_once_are_two_overlapping_turns() -> None:
    activity = _activity(1, (0, 500, 0), (200, 300, 1))
    known = [Assignment(window=0, speaker=n, label=n) for n in (0, 1)]
    turns = reconstruct(activity, known, 2, 10.0)
    assert [(turn.speaker, turn.start > 3) for turn in turns] == [
        ("SPEAKER_00", False),
        ("SPEAKER_01", True),
    ]


def test_turns_end_with_the_audio_and_specks_are_dropped() -> None:
    activity = _activity(1, (0, 589, 0), (100, 104, 1))
    known = [Assignment(window=0, speaker=n, label=n) for n in (0, 1)]
    (turn,) = reconstruct(activity, known, 2, 4.0)
    assert (turn.start, turn.end) == (0.0, 4.0)


def test_a_short_pause_does_not_end_a_turn() -> None:
    activity = _activity(1, (50, 200, 0), (208, 400, 0))
    assert len(reconstruct(activity, [Assignment(window=0, speaker=0, label=0)], 1, 10.0)) == 1


@pytest.mark.parametrize(
    ("samples", "expected"), [(0, 0), (1, 1), (WINDOW, 1), (WINDOW + 1, 2), (WINDOW + STEP, 2)]
)
def test_windows_cover_every_sample(samples: int, expected: int) -> None:
    assert window_count(samples) == expected


def test_runs_are_the_stretches_of_a_mask() -> None:
    assert runs(np.array([True, True, False, True])) == [(0, 2), (3, 4)]
    assert runs(np.zeros(3, dtype=np.bool_)) == []


def test_features_have_a_frame_each_ten_milliseconds_and_80_db_of_range() -> None:
    rng = np.random.default_rng(0)
    features = log_mel(rng.normal(0, 0.1, 16_000).astype(np.float32))
    assert features.shape == (101, 80)
    assert features.dtype == np.float32
    assert float(features.max() - features.min()) <= 80.0
    tone = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000).astype(np.float32)
    # 1000 Hz is 1000 mel; filters lie 35.06 mel apart: it is between the 28th and the 29th.
    assert int(log_mel(tone)[50].argmax()) in (27, 28)


def _diarizer(classes: NDArray[np.float32]) -> tuple[EmbeddedDiarizer, Answer]:
    vector = np.ones((1, 192), dtype=np.float32)
    heard = Answer(answer=vector)
    return (
        EmbeddedDiarizer(segmenter=Segmenter(Answer(answer=classes)), embedder=Embedder(heard)),
        heard,
    )


def _always(powerset_class: int) -> NDArray[np.float32]:
    scores = np.full((1, FRAMES, 7), -20.0, dtype=np.float32)
    scores[:, :, powerset_class] = 0.0
    return scores


def test_one_voice_is_one_speaker_and_progress_is_the_audio_heard() -> None:
    diarizer, heard = _diarizer(_always(1))
    progress: list[float] = []
    (turn,) = diarizer.diarize(
        silence(30), ANY, on_progress=progress.append, should_stop=lambda: False
    ).turns
    assert (turn.speaker, turn.start, turn.end) == ("SPEAKER_00", 0.0, 30.0)
    assert progress == sorted(progress)
    assert (progress[0], progress[-1]) == (10.0, 30.0)
    assert {shape[1] for shape in heard.shapes} == {501}


def test_the_network_hears_a_voice_in_one_window_of_three_and_each_window_has_its_print() -> None:
    diarizer, heard = _diarizer(_always(1))
    found = diarizer.diarize(
        silence(30), ANY, on_progress=lambda _: None, should_stop=lambda: False
    )
    assert [item.window for item in unpack(found.voices).prints] == list(range(9 + 1))
    assert len(heard.shapes) == 4


def test_silence_and_no_audio_give_no_turns() -> None:
    for seconds in (0, 12):
        diarizer, heard = _diarizer(_always(0))
        heard_nobody = diarizer.diarize(
            silence(seconds), ANY, on_progress=lambda _: None, should_stop=lambda: False
        )
        assert heard_nobody.turns == ()
        assert diarizer.regroup(heard_nobody.voices, DiarizationArgs(num_speakers=2)) == ()
        assert heard.shapes == []


def test_people_who_only_speak_at_once_are_still_heard() -> None:
    diarizer, heard = _diarizer(_always(4))
    turns = diarizer.diarize(
        silence(10), ANY, on_progress=lambda _: None, should_stop=lambda: False
    ).turns
    assert len(heard.shapes) == 2
    assert len(turns) == 1


def test_what_every_window_finds_likely_and_none_is_sure_of_is_speech() -> None:
    def heard(level: int) -> int:
        activity = [np.where(part > 0, level, 0) for part in _activity(4, (300, 500, 0))]
        known = [Assignment(window=window, speaker=0, label=0) for window in range(4)]
        return len(reconstruct([part.astype(np.uint8) for part in activity], known, 1, 20.0))

    assert [heard(level) for level in (5, 7)] == [0, 1]


def test_two_voices_of_one_window_are_never_one_person() -> None:
    prints = voice_prints(5, 5)
    speakers = next(find_speakers(prints, ANY))
    middle = prints[0].vector + 0.5 * prints[5].vector
    between = replace(prints[1], window=99, speaker=1, vector=middle / np.linalg.norm(middle))
    sure = replace(prints[0], window=99)
    assert nearest(between.vector, speakers) == nearest(sure.vector, speakers)
    one, other = assign([sure, between], speakers)
    assert one == nearest(sure.vector, speakers) != other
    assert assign([sure, between], speakers[:1]) == [0, 0]


def test_turns_do_not_depend_on_the_blocks_in_which_windows_are_put_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(3)
    activity = [rng.integers(0, LEVELS + 1, (FRAMES, 3)).astype(np.uint8) for _ in range(23)]
    known = [
        Assignment(window=window, speaker=speaker, label=(window + speaker) % 4)
        for window in range(23)
        for speaker in range(3)
    ]
    whole = reconstruct(activity, known, 4, 60.0)
    for block in (1, 3, 4, 22, 23):
        monkeypatch.setattr(reconstruction, "_BLOCK", block)
        assert reconstruct(activity, known, 4, 60.0) == whole


def test_voices_are_grouped_anew_without_the_audio() -> None:
    activity = _activity(6, (0, 700, 0), (700, 1400, 1))
    prints = [
        replace(item, window=number % 6, speaker=number // 6)
        for number, item in enumerate(voice_prints(6, 6))
    ]
    voices = pack(Voices(duration=25.0, activity=activity, prints=prints))
    diarizer, _ = _diarizer(_always(0))
    assert [turn.speaker for turn in diarizer.regroup(voices, ANY)] == ["SPEAKER_00", "SPEAKER_01"]
    (only,) = diarizer.regroup(voices, DiarizationArgs(max_speakers=1))
    assert (only.speaker, only.start) == ("SPEAKER_00", 0.0)


def test_grouping_anew_with_the_same_limits_changes_nothing() -> None:
    diarizer, _ = _diarizer(_always(4))
    first = diarizer.diarize(
        silence(30), ANY, on_progress=lambda _: None, should_stop=lambda: False
    )
    assert first.turns
    assert diarizer.regroup(first.voices, ANY) == first.turns


def test_voices_survive_packing() -> None:
    activity = _activity(3, (5, 300, 0), (200, 800, 2))
    prints = voice_prints(2, 1)
    read = unpack(pack(Voices(duration=17.25, activity=activity, prints=prints)))
    assert read.duration == 17.25
    np.testing.assert_array_equal(np.stack(read.activity), np.stack(activity))
    for before, after in zip(prints, read.prints, strict=True):
        assert (after.window, after.speaker, after.seconds) == (
            before.window, before.speaker, before.seconds,
        )  # fmt: skip
        assert float(before.vector @ after.vector) > 0.9999


def test_damaged_and_foreign_voices_are_refused_for_good() -> None:
    good = pack(Voices(duration=10.0, activity=_activity(1), prints=voice_prints(1)))
    other = io.BytesIO()
    np.savez_compressed(other, version=np.int64(VERSION + 1))
    unknown = io.BytesIO()
    np.savez_compressed(unknown, what=np.int64(1))
    for data in (b"", b"nonsense", good[:200], other.getvalue(), unknown.getvalue()):
        with pytest.raises(WorkerError) as caught:
            unpack(data)
        assert caught.value.code == "voices_unreadable"
        assert not caught.value.retryable


def test_diarization_stops_when_told_to() -> None:
    diarizer, _ = _diarizer(_always(1))
    progress: list[float] = []
    with pytest.raises(Stopped):
        diarizer.diarize(
            silence(60), ANY, on_progress=progress.append, should_stop=lambda: len(progress) > 2
        )
    assert len(progress) == 3
