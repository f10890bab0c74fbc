from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gpu_job.steps.decode import DecodedAudio, decode
from shared.domain.errors import SourceError, Stopped
from tests.support.media import tone, write_audio, write_video_only


def _decode(path: Path, max_seconds: float = 3600) -> DecodedAudio:
    return decode(
        path, max_seconds=max_seconds, on_progress=lambda _: None, should_stop=lambda: False
    )


def _frequency(audio: DecodedAudio) -> float:
    middle = audio.samples[4_000:-4_000]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    return float(np.argmax(spectrum) * audio.sample_rate / len(middle))


@pytest.mark.parametrize(
    ("name", "codec", "rate", "channels"),
    [
        ("a.wav", "pcm_s16le", 16_000, 1),
        ("telephone.wav", "pcm_s16le", 8_000, 1),
        ("studio.wav", "pcm_s16le", 48_000, 2),
        ("a.flac", "flac", 44_100, 2),
        ("a.mp3", "libmp3lame", 44_100, 2),
        ("a.m4a", "aac", 48_000, 1),
        ("a.ogg", "libopus", 48_000, 1),
        ("a.webm", "libopus", 48_000, 2),
    ],
)
def test_every_common_format_becomes_mono_16_khz(
    tmp_path: Path, name: str, codec: str, rate: int, channels: int
) -> None:
    path = write_audio(tmp_path / name, tone(3, rate, channels), rate=rate, codec=codec)
    audio = _decode(path)
    assert (audio.samples[:].dtype.name, audio.samples[:].ndim) == ("float32", 1)
    assert audio.sample_rate == 16_000
    assert audio.duration == pytest.approx(3, abs=0.1)
    assert audio.duration == len(audio.samples) / 16_000
    assert _frequency(audio) == pytest.approx(440, abs=2)
    level = float(np.abs(audio.samples[4_000:-4_000]).max())  # an encoder may ring at the edges
    assert level == pytest.approx(0.49, abs=0.06)
    assert (audio.source_rate, audio.channels) == (rate, channels)
    assert audio.warnings == ()


def test_the_sound_of_a_video_is_taken(tmp_path: Path) -> None:
    audio = _decode(
        write_audio(tmp_path / "v.mp4", tone(2, 48_000, 2), rate=48_000, codec="aac", video=True)
    )
    assert _frequency(audio) == pytest.approx(440, abs=2)
    assert audio.codec == "aac"


def test_sound_that_starts_later_than_the_picture_keeps_its_time(tmp_path: Path) -> None:
    path = write_audio(
        tmp_path / "late.mkv", tone(2, 48_000), rate=48_000, codec="pcm_s16le", video=True,
        audio_delay=1.5,
    )  # fmt: skip
    audio = _decode(path)
    assert audio.duration == pytest.approx(3.5, abs=0.1)
    assert float(np.abs(audio.samples[: int(1.4 * 16_000)]).max()) == 0
    assert float(np.abs(audio.samples[int(1.6 * 16_000) :]).max()) > 0.4


def test_silence_is_audio(tmp_path: Path) -> None:
    silence = np.zeros((1, 16_000), dtype=np.int16)
    assert _decode(write_audio(tmp_path / "s.wav", silence)).duration == 1.0


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_a_truncated_file_gives_what_is_there_and_a_warning(tmp_path: Path, suffix: str) -> None:
    codec = "flac" if suffix == "flac" else "pcm_s16le"
    noise = np.random.default_rng(1).integers(-9000, 9000, (1, 160_000)).astype(np.int16)
    path = write_audio(tmp_path / f"a.{suffix}", noise, codec=codec)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    audio = _decode(path)
    assert audio.duration == pytest.approx(5, abs=0.5)
    assert audio.warnings == ("audio_truncated",)


def test_damage_in_the_middle_is_passed_over_with_a_warning(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(-9000, 9000, (1, 160_000)).astype(np.int16)
    path = write_audio(tmp_path / "a.m4a", noise, codec="aac", rate=16_000)
    body = bytearray(path.read_bytes())
    middle = len(body) // 2
    body[middle : middle + 2_000] = b"\xff" * 2_000
    path.write_bytes(bytes(body))
    audio = _decode(path)
    assert audio.duration > 8
    assert "audio_damaged" in audio.warnings


def _raised(path: Path, max_seconds: float = 3600) -> SourceError:
    with pytest.raises(SourceError) as caught:
        _decode(path, max_seconds)
    assert not caught.value.retryable
    return caught.value


def test_an_empty_file_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"")
    assert _raised(tmp_path / "x.wav").code == "empty_file"


@pytest.mark.parametrize(
    "body", [b"Dear Sir,\nthis is a letter.\n" * 50, b"%PDF-1.4\n%%EOF", b"\x00" * 4096, b"RIFF"]
)
def test_what_is_no_audio_is_unreadable(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "x.wav").write_bytes(body)
    assert _raised(tmp_path / "x.wav").code == "source_unreadable"


def test_a_video_without_sound_has_no_audio_stream(tmp_path: Path) -> None:
    assert _raised(write_video_only(tmp_path / "v.mp4")).code == "no_audio_stream"


def test_zero_seconds_of_audio_are_refused(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "z.wav", np.zeros((1, 16), dtype=np.int16))
    header = bytearray(path.read_bytes()[:-32])
    path.write_bytes(bytes(header))
    assert _raised(path).code == "no_audio_samples"


def test_audio_over_the_limit_names_the_limit(tmp_path: Path) -> None:
    error = _raised(write_audio(tmp_path / "a.wav", tone(12)), max_seconds=5)
    assert error.code == "audio_too_long"
    assert "5 seconds" in error.detail


def test_a_playlist_can_not_make_us_read_another_file(tmp_path: Path) -> None:
    secret = write_audio(tmp_path / "secret.ts", tone(2), codec="aac")
    hls = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:2,\n{secret}\n#EXT-X-ENDLIST\n"
    (tmp_path / "x.m3u8").write_text(hls)
    (tmp_path / "x.ffconcat").write_text("ffconcat version 1.0\nfile 'secret.ts'\n")
    assert _decode(secret).duration > 1
    for name in ("x.m3u8", "x.ffconcat"):
        assert _raised(tmp_path / name).code == "source_unreadable"


def test_progress_is_the_seconds_decoded(tmp_path: Path) -> None:
    heard: list[float] = []
    path = write_audio(tmp_path / "a.wav", tone(35))
    decode(path, max_seconds=60, on_progress=heard.append, should_stop=lambda: False)
    assert heard == sorted(heard)
    assert len(heard) >= 3
    assert heard[-1] == pytest.approx(35, abs=0.01)


def test_decoding_stops_when_told_to(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "a.wav", tone(30))
    asked = iter([False, False, True])
    with pytest.raises(Stopped):
        decode(path, max_seconds=60, on_progress=lambda _: None, should_stop=lambda: next(asked))


def test_tags_that_are_not_utf8_do_no_harm(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "a.wav", tone(1))
    title = "שיחה".encode("cp1255")
    info = b"LIST" + (12 + len(title)).to_bytes(4, "little") + b"INFOINAM"
    tags = info + len(title).to_bytes(4, "little") + title
    riff = bytearray(path.read_bytes() + tags)
    riff[4:8] = (len(riff) - 8).to_bytes(4, "little")
    path.write_bytes(riff)
    assert _decode(path).duration == pytest.approx(1, abs=0.01)


def test_a_rate_that_makes_hours_of_a_few_bytes_is_refused(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "a.wav", tone(1))
    riff = bytearray(path.read_bytes())
    riff[24:32] = (10).to_bytes(4, "little") + (20).to_bytes(4, "little")
    path.write_bytes(riff)
    error = _raised(path)
    assert error.code == "source_unreadable"
    assert "10 Hz" in error.detail


def test_a_frame_longer_than_any_encoder_makes_is_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_audio(tmp_path / "a.flac", tone(2), codec="flac")
    assert _decode(path).duration == pytest.approx(2)
    monkeypatch.setattr("gpu_job.steps.decode._MOST_FRAME_SAMPLES", 1000)
    assert _raised(path).code == "source_unreadable"


def _separate(path: Path) -> DecodedAudio:
    return decode(
        path, max_seconds=60, on_progress=lambda _: None, should_stop=lambda: False, separate=True
    )


def _two_tones(count: int, rate: int) -> NDArray[np.int16]:
    """Another tone in each channel: 300 Hz, 400 Hz, ..."""
    times = np.arange(3 * rate) / rate
    return np.stack(
        [(8_000 * np.sin(2 * np.pi * (300 + 100 * n) * times)).astype(np.int16)
         for n in range(count)]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "codec", "count"),
    [
        ("a.wav", "pcm_s16le", 2),
        ("a.flac", "flac", 3),
        ("a.mp3", "libmp3lame", 2),
        ("a.ogg", "libopus", 2),
        ("a.m4a", "aac", 2),
        ("a.wav", "pcm_s16le", 6),
        ("a.wav", "pcm_s16le", 8),
    ],
)
def test_channels_are_kept_apart_when_asked(
    tmp_path: Path, name: str, codec: str, count: int
) -> None:
    path = write_audio(tmp_path / name, _two_tones(count, 48_000), rate=48_000, codec=codec)
    audio = _separate(path)
    assert audio.channels == len(audio.by_channel) == count
    assert {len(samples) for samples in audio.by_channel} == {round(audio.duration * 16_000)}
    for number, samples in enumerate(audio.by_channel):
        found = _frequency(replace(audio, samples=samples))
        assert found == pytest.approx(300 + 100 * number, abs=2)


def test_a_mono_file_has_nothing_to_keep_apart(tmp_path: Path) -> None:
    audio = _separate(write_audio(tmp_path / "a.wav", tone(1)))
    assert (audio.by_channel, audio.channels) == ((), 1)


def test_more_channels_than_are_kept_apart_are_refused_by_number(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((9, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 9 * 1000))
    with pytest.raises(SourceError, match=r"9 channels.*at most 8") as caught:
        _separate(tmp_path / "a.wav")
    assert caught.value.code == "too_many_channels"
    assert _decode(tmp_path / "a.wav").channels == 9


def test_channels_that_ffmpeg_can_not_mix_are_averaged(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((9, 2, 16_000, 0, "NONE", ""))
        loud = np.zeros((1000, 9), dtype="<i2")
        loud[:, :3] = 9000
        file.writeframes(loud.tobytes())
    heard = _decode(tmp_path / "a.wav")
    assert len(heard.samples) == 1000
    np.testing.assert_allclose(heard.samples[100:900], 3000 / 32768, atol=1e-3)
