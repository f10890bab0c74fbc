"""Media that callers really send, through the HTTP API, a real worker process, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import resample_poly

from gpu_job.steps.decode import decode
from tests.support.embedded import FINISHED, Running, running_server
from tests.support.file_server import file_server
from tests.support.media import tone, write_audio, write_video_only
from tests.support.waiting import wait_for
from tests.support.weights import SAMPLE, models_dir, require

_MOST_SECONDS = 20
#: A cold worker on a busy machine loads its model first.
_PATIENCE_SECONDS = 240.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server and one warm worker with the real engine."""
    with running_server(
        tmp_path_factory.mktemp("server") / "data",
        null_engine=False,
        models_dir=models_dir(),
        models_offline=True,
        max_audio_seconds=_MOST_SECONDS,
    ) as found:
        yield found


def ended(running: Running, job_id: str) -> dict[str, Any]:
    wait_for(lambda: running.job(job_id)["status"] in FINISHED, seconds=_PATIENCE_SECONDS)
    return running.job(job_id)


def silence(seconds: float, rate: int = 8_000) -> NDArray[np.int16]:
    return np.zeros((1, int(seconds * rate)), dtype=np.int16)


def _letter(path: Path) -> None:
    path.write_bytes(b"Dear Sir,\nthis is a letter.\n" * 50)


def _no_sound(path: Path) -> None:
    write_video_only(path)


def _no_samples(path: Path) -> None:
    write_audio(path, silence(0.1))
    path.write_bytes(path.read_bytes()[: -silence(0.1).nbytes])


def _film_cut_short(path: Path) -> None:
    """The index of an MP4 stands at its end, and without it nobody knows where the sound is."""
    write_audio(path, tone(2, 48_000), rate=48_000, codec="aac", video=True)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _too_long(path: Path) -> None:
    write_audio(path, silence(_MOST_SECONDS + 1), rate=8_000)


@pytest.mark.parametrize(
    ("name", "make", "code", "says"),
    [
        ("letter.mp3", _letter, "source_unreadable", "not audio or video"),
        ("silent-film.mp4", _no_sound, "no_audio_stream", "no audio track"),
        ("zero.wav", _no_samples, "no_audio_samples", "0 seconds"),
        ("cut.mp4", _film_cut_short, "source_unreadable", "not audio or video"),
        ("long.wav", _too_long, "audio_too_long", f"{_MOST_SECONDS} seconds"),
    ],
)
def test_what_can_not_be_transcribed_fails_at_once_and_says_why(
    running: Running,
    tmp_path: Path,
    name: str,
    make: Callable[[Path], None],
    code: str,
    says: str,
) -> None:
    make(tmp_path / name)
    job = ended(running, running.submit_bytes((tmp_path / name).read_bytes()))
    assert (job["status"], job["attempt"]) == ("failed", 1)
    assert (job["error"]["code"], job["error"]["retryable"]) == (code, False)
    assert says in job["error"]["detail"]
    refusal = running.http.get(f"/api/v1/jobs/{job['job_id']}/transcript")
    assert (refusal.status_code, refusal.json()["code"]) == (409, "job_not_completed")


@cache
def spoken() -> NDArray[np.float32]:
    """The first sentence of the committed sample, with silence behind it."""
    audio = decode(SAMPLE, max_seconds=60, on_progress=lambda _: None, should_stop=lambda: False)
    return np.concatenate([audio.samples[: 7 * 16_000], np.zeros(16_000, dtype=np.float32)])


def speech(rate: int, channels: int = 1) -> NDArray[np.int16]:
    wave = resample_poly(spoken(), rate // 1000, 16)
    return np.tile((wave * 32_767).clip(-32_768, 32_767).astype(np.int16), (channels, 1))


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    rate: int
    channels: int = 1
    codec: str = "pcm_s16le"
    video: bool = False
    keep: float = 1.0
    warnings: tuple[str, ...] = ()


@pytest.mark.models
@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("telephone.wav", Recording(rate=8_000)),
        ("studio.flac", Recording(rate=48_000, channels=2, codec="flac")),
        ("film.mp4", Recording(rate=48_000, channels=2, codec="aac", video=True)),
        ("cut.wav", Recording(rate=16_000, keep=0.8, warnings=("audio_truncated",))),
    ],
)
def test_whatever_holds_speech_is_heard(
    running: Running, tmp_path: Path, name: str, made: Recording
) -> None:
    require("base")
    path = write_audio(
        tmp_path / name,
        speech(made.rate, made.channels),
        rate=made.rate,
        codec=made.codec,
        video=made.video,
    )
    content = path.read_bytes()[: round(path.stat().st_size * made.keep)]
    job = ended(running, running.submit_bytes(content, language="en", beam_size="1"))
    assert job["status"] == "completed", job["error"]
    assert "art of making books" in job["result"]["text"]
    assert tuple(job["warnings"]) == made.warnings
    assert job["audio_seconds"] == pytest.approx(8 * made.keep, abs=0.2)


@pytest.mark.models
def test_silence_is_an_empty_transcript_with_a_warning_whatever_type_its_server_names(
    running: Running, tmp_path: Path
) -> None:
    require("base", "segmentation-3.0", "ecapa")
    quiet = write_audio(tmp_path / "quiet.wav", silence(2), rate=8_000)
    with file_server() as server:  # it says text/html of everything
        server.files["/quiet"] = quiet.read_bytes()
        job = ended(running, running.submit_url(f"{server.url}/quiet", diarize=True))
    assert job["status"] == "completed", job["error"]
    result = job["result"]
    assert (result["text"], result["segments"], result["speakers"]) == ("", [], [])
    assert (result["language"], result["duration"]) == ("und", 2.0)
    assert job["warnings"] == ["no_speech"]
