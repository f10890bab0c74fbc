"""Decoding any container that FFmpeg reads into mono float32 at 16 kHz.

Memory is the decoded samples and nothing that grows beside them. The file comes from a stranger:
playlists and concat scripts that would make FFmpeg open other files or addresses are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpu_job.steps.memory_bound import memory_bound
from gpu_job.steps.sample_collector import SAMPLE_RATE, SampleCollector
from shared.domain.errors import SourceError

#: No protocol has this name, so nothing but the opened file itself can be read.
_NO_NESTED_FILES = {"protocol_whitelist": "none"}
_MOST_FAULTS = 1000
#: No encoder makes longer frames; a decoder would give a few bytes of a bomb gigabytes at once.
_MOST_FRAME_SAMPLES = 1 << 20
#: What reading a header may take: the index of a video of ten hours takes a tenth of it.
_MOST_HEADER_BYTES = 1 << 30
#: Containers whose header states the length; for others FFmpeg estimates it from the bit rate.
_STATED_LENGTH = ("flac", "mp4", "matroska", "ogg", "aiff", "caf")
#: Below this, encoder padding and rounding explain a difference.
_SHORT_SECONDS, _SHORT_SHARE = 1.0, 0.02

_RIFF_HEADER = 8
_RIFF_UNKNOWN = 0xFFFF0000

TRUNCATED = "audio_truncated"
DAMAGED = "audio_damaged"


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodedAudio:
    """Decoded audio. `samples` is (n,) float32, mono, 16 kHz; the rest describes the source.

    `warnings` holds ``audio_truncated`` (the file ends too early) and ``audio_damaged`` (parts in
    the middle could not be decoded).
    """

    samples: NDArray[np.float32]
    sample_rate: int
    duration: float
    container: str
    codec: str
    source_rate: int
    channels: int
    warnings: tuple[str, ...] = ()


def decode(
    path: Path,
    *,
    max_seconds: float,
    on_progress: Callable[[float], None],
    should_stop: Callable[[], bool],
) -> DecodedAudio:
    """Decode the first audio track of a file, video or not.

    Args:
        path: a local file.
        max_seconds: the longest audio accepted, in seconds.
        on_progress: hears the seconds decoded, about every ten seconds of audio.
        should_stop: asked for every packet.

    Raises:
        SourceError: codes ``empty_file``, ``source_unreadable``, ``no_audio_stream``,
            ``no_audio_samples``, ``audio_too_long``.
        Stopped: `should_stop` turned true.
    """
    if path.stat().st_size == 0:
        msg = "the file has 0 bytes"
        raise SourceError(msg, code="empty_file")
    import av

    with path.open("rb") as stream:
        try:
            with memory_bound(_MOST_HEADER_BYTES):
                # Tags are no part of the sound, and many are in a code page and not in UTF-8.
                container = av.open(
                    stream, container_options=_NO_NESTED_FILES, metadata_errors="replace"
                )
        except (av.error.FFmpegError, IndexError) as exc:
            # PyAV answers IndexError to formats that have no demuxer for a plain file.
            msg = "the file is not audio or video that FFmpeg can read"
            raise SourceError(msg) from exc
        with container:
            if not container.streams.audio:
                msg = f"the file ({container.format.name}) has no audio track"
                raise SourceError(msg, code="no_audio_stream")
            collector = SampleCollector(
                max_seconds=max_seconds, on_progress=on_progress, should_stop=should_stop
            )
            return _decode_track(container, collector, cut_short=_riff_is_cut_short(path))


def _decode_track(container: Any, collector: SampleCollector, *, cut_short: bool) -> DecodedAudio:
    track = container.streams.best("audio") or container.streams.audio[0]
    track.thread_type = "AUTO"
    track.codec_context.options = {"max_samples": str(_MOST_FRAME_SAMPLES)}
    for frame in _frames(container, track, collector):
        collector.add(frame, _leading_seconds(container, frame))
    collector.finish()
    if not collector.samples:
        raise _nothing_decoded(collector)
    samples = np.frombuffer(collector.samples, dtype=np.float32)
    collector.on_progress(len(samples) / SAMPLE_RATE)
    return DecodedAudio(
        samples=samples,
        sample_rate=SAMPLE_RATE,
        duration=len(samples) / SAMPLE_RATE,
        container=container.format.name,
        codec=track.codec_context.name,
        source_rate=track.codec_context.sample_rate,
        channels=track.codec_context.channels,
        warnings=_warnings(container, track, collector, cut_short=cut_short),
    )


def _frames(container: Any, track: Any, collector: SampleCollector) -> Iterator[Any]:
    """Yield decoded frames; damaged packets are counted and passed over."""
    import av

    packets = container.demux(track)
    while True:
        collector.check_stop()
        try:
            packet = next(packets)
            frames = packet.decode()
        except StopIteration:
            return
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            collector.faults += 1
            if collector.faults > _MOST_FAULTS:
                return
            continue
        if frames and collector.faults:
            collector.went_on = True
        yield from frames


def _nothing_decoded(collector: SampleCollector) -> SourceError:
    if collector.faults:
        return SourceError("no part of the audio track can be decoded")
    return SourceError("the audio track has no samples (0 seconds)", code="no_audio_samples")


def _leading_seconds(container: Any, frame: Any) -> float:
    """How long after the container's start this frame begins (a video may start silent)."""
    if frame.time is None:
        return 0.0
    start = (container.start_time or 0) / 1_000_000
    return float(frame.time) - start


def _riff_is_cut_short(path: Path) -> bool:
    """Whether a WAV states more bytes than the file has; FFmpeg corrects that silently.

    Writers that could not seek back leave 0 or the largest number there, which says nothing.
    """
    with path.open("rb") as stream:
        header = stream.read(_RIFF_HEADER)
    if len(header) < _RIFF_HEADER or header[:4] != b"RIFF":
        return False
    stated = int.from_bytes(header[4:8], "little")
    return 0 < stated < _RIFF_UNKNOWN and path.stat().st_size < stated + _RIFF_HEADER


def _warnings(
    container: Any, track: Any, collector: SampleCollector, *, cut_short: bool
) -> tuple[str, ...]:
    warnings = [DAMAGED] if collector.went_on else []
    stated = 0.0
    if any(name in container.format.name for name in _STATED_LENGTH) and track.duration:
        stated = float(track.duration * track.time_base)
    missing = stated - collector.seconds
    short = cut_short or missing > max(_SHORT_SECONDS, _SHORT_SHARE * stated)
    if short or (collector.faults and not collector.went_on):
        warnings.append(TRUNCATED)
    return tuple(warnings)
