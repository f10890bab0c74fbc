"""Audio and video files made on the spot, so that no recording need be committed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray


def tone(seconds: float, rate: int = 16_000, channels: int = 1) -> NDArray[np.int16]:
    """Return a 440 Hz tone, shape (channels, n), at half of full scale."""
    times = np.arange(int(seconds * rate)) / rate
    wave = (np.sin(2 * np.pi * 440 * times) * 16_000).astype(np.int16)
    return np.tile(wave, (channels, 1))


def write_audio(
    path: Path,
    samples: NDArray[np.int16],
    *,
    rate: int = 16_000,
    codec: str = "pcm_s16le",
    video: bool = False,
    audio_delay: float = 0.0,
) -> Path:
    """Encode samples (channels, n) into the container that the suffix names."""
    import av

    layout = {1: "mono", 2: "stereo", 3: "3.0", 6: "5.1", 8: "7.1"}[samples.shape[0]]
    with av.open(str(path), "w") as container:
        picture = _add_video(container) if video else None
        stream = cast("Any", container.add_stream(codec, rate=rate, layout=layout))
        if picture is not None:
            _write_video(container, picture, samples.shape[1] / rate + audio_delay)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples.T.reshape(1, -1)), format="s16", layout=layout
        )
        frame.sample_rate = rate
        resampler = av.AudioResampler(
            format=stream.codec_context.format,
            layout=layout,
            rate=stream.codec_context.sample_rate,
            frame_size=stream.codec_context.frame_size or None,
        )
        position = round(audio_delay * stream.codec_context.sample_rate)
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            piece.pts = position
            position += piece.samples
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def write_video_only(path: Path, seconds: float = 0.5) -> Path:
    """Write a file that has pictures and no sound."""
    import av

    with av.open(str(path), "w") as container:
        _write_video(container, _add_video(container), seconds)
    return path


def _add_video(container: Any) -> Any:
    stream = container.add_stream("mpeg4", rate=10)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    return stream


def _write_video(container: Any, stream: Any, seconds: float) -> None:
    import av

    for _ in range(max(1, int(seconds * 10))):
        picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), dtype=np.uint8), format="rgb24")
        container.mux(stream.encode(picture))
    container.mux(stream.encode(None))
