from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from gpu_job.channels.bleed import MutedSamples, without_bleed
from gpu_job.channels.coherence import delay
from gpu_job.channels.separate import separate
from gpu_job.channels.timeline import Channel, ChannelTimeline, by_time, spoken_turns
from gpu_job.channels.transcriber import ChannelTranscriber, over_channels
from gpu_job.engines.faster_whisper_engine import FasterWhisperTranscriber
from gpu_job.engines.ports import SAMPLE_RATE, Audio, Region
from gpu_job.engines.speech import LONGEST_SECONDS
from gpu_job.steps.decode import DecodedAudio
from shared.domain.errors import Stopped
from shared.domain.options import TranscriptionOptions
from shared.domain.transcript import Segment
from shared.models.registry import find_model
from tests.support.whisper import FixedVad, ScriptedWhisper, ramp, silence

SECONDS = 12.0
OPTIONS = TranscriptionOptions(model="base")
REGIONS = tuple(Region(start=40.0 * n + 0.4, end=40.0 * n + 27) for n in range(3))
_MINUTES = 120.0
assert LONGEST_SECONDS > 27  # a region is one window


def never() -> bool:
    return False


def decoded(*channels: Audio) -> DecodedAudio:
    return DecodedAudio(
        samples=channels[0],
        by_channel=channels if len(channels) > 1 else (),
        digest="",
        sample_rate=SAMPLE_RATE,
        duration=len(channels[0]) / SAMPLE_RATE,
        container="wav",
        codec="pcm_s16le",
        source_rate=SAMPLE_RATE,
        channels=len(channels),
    )


def talk(seed: int, *spans: tuple[float, float]) -> Audio:
    """Noise in syllables, coloured as speech is, within the given spans (seconds)."""
    random = np.random.default_rng(seed)
    times = np.arange(int(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * 4.3 * times + seed)
    noise = np.convolve(random.standard_normal(len(times)), np.hanning(9) / 4, mode="same")
    where = np.zeros(len(times))
    for start, end in spans:
        where[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)] = 0.1
    return (noise * syllables * where).astype(np.float32)


def echo(signal: Audio, *, decibels: float, milliseconds: float) -> Audio:
    late = np.zeros_like(signal)
    lag = int(milliseconds * SAMPLE_RATE / 1000)
    late[lag:] = signal[: len(signal) - lag]
    return late * np.float32(10 ** (decibels / 20))


def hiss(seed: int) -> Audio:
    random = np.random.default_rng(seed)
    return (random.standard_normal(int(SECONDS * SAMPLE_RATE)) * 10**-3.5).astype(np.float32)


def heard(audio: DecodedAudio) -> ChannelTimeline:
    assert isinstance(audio.samples, ChannelTimeline)
    return audio.samples


def kept(channel: Channel, start: float, end: float) -> float:
    """The share of a span in which a channel is not muted."""
    part = channel.samples[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)]
    return float(np.mean(part != 0))


# --- the time line -----------------------------------------------------------------------------


def test_channels_follow_each_other_with_a_pause_and_any_window_is_right() -> None:
    random = np.random.default_rng(1)
    parts = [random.standard_normal(count).astype(np.float32) for count in (5000, 5000, 5000)]
    line = ChannelTimeline(tuple(Channel(number=n, samples=p) for n, p in enumerate(parts)))
    pause = np.zeros(SAMPLE_RATE, dtype=np.float32)
    whole = np.concatenate([parts[0], pause, parts[1], pause, parts[2]])
    assert len(line) == len(whole)
    for start, stop in [(0, 10**9), (4990, 5010), (100, 200), (21_000, 42_500), (46_990, 47_100)]:
        np.testing.assert_array_equal(line[start:stop], whole[start:stop])


def _pair(backend: ScriptedWhisper) -> ChannelTranscriber:
    """Two channels of two minutes, in which the same ramp is heard."""
    inner = FasterWhisperTranscriber(
        hears_out=False,
        backend=backend,
        model=find_model("base"),
        vad=FixedVad(REGIONS),
        batch_size=2,
    )
    channels = tuple(Channel(number=n, samples=ramp(_MINUTES)) for n in (0, 2))
    return ChannelTranscriber(inner=inner, timeline=ChannelTimeline(channels))


def test_segments_are_told_in_the_recordings_time_with_their_channel() -> None:
    both = _pair(ScriptedWhisper())
    done: list[float] = []
    told: list[Segment] = []
    output = both.transcribe(
        both.timeline, OPTIONS, on_segment=told.append, on_progress=done.append, should_stop=never
    )
    assert list(output.segments) == told
    assert [segment.id for segment in told] == list(range(6))
    starts = [segment.start for segment in told]
    assert starts[:3] == pytest.approx(starts[3:])
    assert starts[2] < REGIONS[2].end
    assert [one.speakers for one in told] == [("CHANNEL_00",)] * 3 + [("CHANNEL_02",)] * 3
    assert {word.speaker for word in told[-1].words} == {"CHANNEL_02"}
    assert done == sorted(done)
    assert done[-1] == len(both.timeline) / SAMPLE_RATE


def test_a_plan_lies_on_the_time_line_and_windows_hold_one_channel() -> None:
    backend = ScriptedWhisper()
    both = _pair(backend)
    plan = both.plan(both.timeline, OPTIONS, should_stop=never)
    assert [region.start for region in plan] == [0.4, 40.4, 80.4, 121.4, 161.4, 201.4]
    both.transcribe(
        both.timeline, OPTIONS, chunks=plan, on_segment=lambda _: None,
        on_progress=lambda _: None, should_stop=never,
    )  # fmt: skip
    assert [len(windows) for windows, _ in backend.batches] == [2, 1, 2, 1]


@pytest.mark.parametrize("stop_after", range(8))
def test_whoever_starts_again_anywhere_is_given_exactly_the_rest(stop_after: int) -> None:
    both = _pair(ScriptedWhisper())
    plan = both.plan(both.timeline, OPTIONS, should_stop=never)
    whole: list[Segment] = []
    marks = [(0.0, 0)]
    both.transcribe(
        both.timeline, OPTIONS, chunks=plan, language=("en", 1.0), on_segment=whole.append,
        on_progress=lambda done: marks.append((done, len(whole))), should_stop=never,
    )  # fmt: skip
    done, count = marks[stop_after]
    rest = both.transcribe(
        both.timeline, OPTIONS, chunks=plan, language=("en", 1.0), start_at=done,
        previous=tuple(whole[:count]), on_segment=lambda _: None, on_progress=lambda _: None,
        should_stop=never,
    )  # fmt: skip
    assert list(rest.segments) == whole[count:]


def _said(start: float, end: float, speaker: str) -> Segment:
    return Segment(id=7, start=start, end=end, text="Hm.", speakers=(speaker,))


def test_segments_are_merged_by_time_and_keep_their_own_when_they_overlap() -> None:
    merged = by_time(
        (_said(0, 9, "CHANNEL_00"), _said(10, 11, "CHANNEL_00"), _said(0, 1, "CHANNEL_01"),
         _said(4, 5, "CHANNEL_01"))
    )  # fmt: skip
    assert [(one.id, one.start, one.end) for one in merged] == [
        (0, 0, 9), (1, 0, 1), (2, 4, 5), (3, 10, 11)
    ]  # fmt: skip
    turns = spoken_turns(merged)
    assert [turn.speaker[-1] for turn in turns] == ["0", "1", "1", "0"]


def test_other_audio_goes_to_the_engine_as_it_is() -> None:
    def load(_model: str, _engine: str) -> ChannelTranscriber:
        return _pair(ScriptedWhisper())

    assert over_channels(load, silence(1)) is load


# --- bleed -------------------------------------------------------------------------------------

A, B = talk(1, (0.5, 4.0), (8.0, 10.0)), talk(2, (4.5, 7.5), (10.5, 11.5))


@pytest.mark.parametrize("decibels", [-6, -12, -20])
@pytest.mark.parametrize("milliseconds", [0, 3, 40, 100])
def test_an_echo_is_muted_and_each_speaker_kept(decibels: float, milliseconds: float) -> None:
    left = A + echo(B, decibels=decibels, milliseconds=milliseconds) + hiss(3)
    right = B + echo(A, decibels=decibels, milliseconds=milliseconds) + hiss(4)
    audio = separate(decoded(left, right), should_stop=never)
    one, two = heard(audio).channels
    assert audio.warnings == ("bleed_removed",)
    assert min(kept(one, 0.6, 3.9), kept(one, 8.1, 9.9), kept(two, 4.6, 7.4)) > 0.99
    assert max(kept(one, 4.8, 7.3), kept(two, 0.8, 3.7), kept(two, 8.2, 9.8)) < 0.1


def test_both_speaking_at_once_are_kept_though_each_hears_the_other() -> None:
    loud, soft = talk(5, (1, 11)), talk(6, (1, 11)) * np.float32(0.7)
    left = loud + echo(soft, decibels=-12, milliseconds=20) + hiss(3)
    right = soft + echo(loud, decibels=-12, milliseconds=20) + hiss(4)
    one, two = heard(separate(decoded(left, right), should_stop=never)).channels
    assert kept(one, 1, 11) == kept(two, 1, 11) == 1.0


def test_channels_without_bleed_are_left_as_they_are() -> None:
    audio = separate(decoded(A + hiss(3), B + hiss(4)), should_stop=never)
    assert audio.warnings == ()
    for channel, before in zip(heard(audio).channels, (A + hiss(3), B + hiss(4)), strict=True):
        np.testing.assert_array_equal(channel.samples[:], before)


def test_the_delay_of_an_echo_is_found() -> None:
    for milliseconds in (0, 7, 50, 100):
        lag = delay(echo(A, decibels=-12, milliseconds=milliseconds) + hiss(3), A + hiss(4))
        assert lag == milliseconds * 16


def test_three_channels_are_each_cleaned_of_the_others() -> None:
    third = talk(7, (10.6, 11.8))
    voices = (talk(8, (0.5, 4)), talk(9, (4.5, 8)), third)
    mixed = [
        own + sum(echo(o, decibels=-15, milliseconds=15) for o in voices if o is not own) + hiss(n)
        for n, own in enumerate(voices)
    ]
    channels = heard(separate(decoded(*mixed), should_stop=never)).channels
    spans = [(0.9, 3.6), (4.9, 7.6), (10.9, 11.5)]
    for number, channel in enumerate(channels):
        for other, (start, end) in enumerate(spans):
            assert (kept(channel, start, end) > 0.9) is (other == number)


def test_bleed_is_found_alike_wherever_a_block_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = A + hiss(3), B + echo(A, decibels=-10, milliseconds=20) + hiss(4)
    channels = [Channel(number=0, samples=left), Channel(number=1, samples=right)]
    whole, _ = without_bleed(channels, should_stop=never)
    monkeypatch.setattr("gpu_job.channels.bleed._BLOCK", 256 * 125)
    pieces, _ = without_bleed(channels, should_stop=never)
    same = (whole[1].samples[:] == 0) == (pieces[1].samples[:] == 0)
    assert float(np.mean(same)) > 0.98


def test_muting_does_not_depend_on_the_window_it_is_read_in() -> None:
    samples = np.ones(1000, dtype=np.float32)
    muted = MutedSamples(samples, ((10, 20), (50, 300), (990, 1000)))
    whole = muted[:]
    assert (int(whole.sum()), len(muted)) == (1000 - 270, 1000)
    edges = [0, 5, 15, 20, 60, 299, 300, 995, 1000]
    np.testing.assert_array_equal(np.concatenate([muted[a:b] for a, b in pairwise(edges)]), whole)
    assert samples.all()


# --- alike, silent, single ---------------------------------------------------------------------


def _labels(*channels: Audio) -> tuple[Sequence[str], tuple[str, ...]]:
    audio = separate(decoded(*channels), should_stop=never)
    return [channel.label for channel in heard(audio).channels], audio.warnings


def test_the_same_sound_in_both_channels_is_heard_once_with_a_warning() -> None:
    both = A + B
    assert _labels(both, both) == (["CHANNEL_00"], ("identical_channels",))
    assert _labels(both * np.float32(0.5), both + hiss(1) * np.float32(0.1)) == (
        ["CHANNEL_01"],
        ("identical_channels",),
    )


def test_one_channel_is_separate_already() -> None:
    assert _labels(A) == (["CHANNEL_00"], ("single_channel",))


def test_a_silent_channel_is_no_copy_of_another_silent_one() -> None:
    quiet = np.zeros_like(A)
    assert _labels(quiet, A, quiet) == (["CHANNEL_00", "CHANNEL_01", "CHANNEL_02"], ())


def test_looking_at_channels_stops_when_told_to() -> None:
    with pytest.raises(Stopped):
        separate(decoded(A, B), should_stop=lambda: True)
    with pytest.raises(Stopped):
        without_bleed([Channel(number=0, samples=A)], should_stop=lambda: True)


def test_what_the_source_warned_of_stays() -> None:
    audio = separate(replace(decoded(A), warnings=("audio_truncated",)), should_stop=never)
    assert audio.warnings == ("audio_truncated", "single_channel")
