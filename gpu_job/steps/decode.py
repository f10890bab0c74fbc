"""Decoding any container that FFmpeg reads into mono samples at 16 kHz, on disk.

Memory does not grow with the length. The file comes from a stranger: playlists
and concat scripts that would make FFmpeg open other files or addresses are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from gpu_job.engines.ports import Samples
from gpu_job.steps.disk_samples import SampleFile, check_room
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

#: Each channel is heard as a recording of its own, and costs as much.
MOST_CHANNELS = 8

TRUNCATED = "audio_truncated"
DAMAGED = "audio_damaged"


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodedAudio:
    """Decoded audio: mono at 16 kHz, `duration` seconds; the rest describes the source.

    `digest` names the samples: two files that sound alike to the bit have the same. `warnings`
    holds ``audio_truncated`` (the file ends too early) and ``audio_damaged`` (parts in the middle
    could not be decoded). `by_channel` has the samples of each channel where that was asked for;
    then `samples` is the first one's.
    """

    samples: Samples
    digest: str
    sample_rate: int
    duration: float
    container: str
    codec: str
    source_rate: int
    channels: int
    warnings: tuple[str, ...] = ()
    by_channel: tuple[Samples, ...] = ()


def decode(
    path: Path,
    *,
    max_seconds: float,
    on_progress: Callable[[float], None],
    should_stop: Callable[[], bool],
    folder: Path | None = None,
    separate: bool = False,
) -> DecodedAudio:
    """Decode the first audio track of a file, video or not.

    Args:
        path: a local file.
        max_seconds: the longest audio accepted, in seconds.
        on_progress: hears the seconds decoded, about every ten seconds of audio.
        should_stop: asked for every packet.
        folder: where the samples lie, 32,000 bytes a second, in a file without a name; by default
            the system's temporary folder.
        separate: keep the channels apart, at most eight, instead of mixing them.

    Raises:
        SourceError: codes ``empty_file``, ``source_unreadable``, ``no_audio_stream``,
            ``no_audio_samples``, ``audio_too_long``, ``too_many_channels``.
        WorkerError: ``disk_full``, before decoding where the file states its length.
        Stopped: `should_stop` turned true.
    """
    if path.stat().st_size == 0:
        msg = "the file has 0 bytes"
        raise SourceError(msg, code="empty_file")
    with path.open("rb") as stream, _opened(stream) as container:
        if not container.streams.audio:
            msg = f"the file ({container.format.name}) has no audio track"
            raise SourceError(msg, code="no_audio_stream")
        track = container.streams.best("audio") or container.streams.audio[0]
        count = _channels_to_keep(track) if separate else 1
        with ExitStack() as stack:
            files = [stack.enter_context(closing(SampleFile(folder))) for _ in range(count)]
            collector = SampleCollector(
                max_seconds=max_seconds,
                on_progress=on_progress,
                should_stop=should_stop,
                files=tuple(files),
                layout=track.codec_context.layout if count > 1 else "mono",
            )
            _check_room(folder, container, track, max_seconds, count)
            return _decode_track(container, track, collector, cut_short=_riff_is_cut_short(path))


def _opened(stream: BinaryIO) -> Any:
    import av

    try:
        with memory_bound(_MOST_HEADER_BYTES):
            # Tags are no part of the sound, and many are in a code page and not in UTF-8.
            return av.open(stream, container_options=_NO_NESTED_FILES, metadata_errors="replace")
    except (av.error.FFmpegError, IndexError) as exc:
        # PyAV answers IndexError to formats that have no demuxer for a plain file.
        msg = "the file is not audio or video that FFmpeg can read"
        raise SourceError(msg) from exc


def _channels_to_keep(track: Any) -> int:
    count = int(track.codec_context.channels)
    if count > MOST_CHANNELS:
        msg = (
            f"the file has {count} channels; channels 'separate' takes at most {MOST_CHANNELS},"
            " 'mix' takes any number"
        )
        raise SourceError(msg, code="too_many_channels")
    return max(1, count)


def _check_room(
    folder: Path | None, container: Any, track: Any, max_seconds: float, channels: int
) -> None:
    stated = min(_stated_seconds(container, track), max_seconds)
    check_room(folder, int(stated * SAMPLE_RATE) * channels)


def _decode_track(
    container: Any, track: Any, collector: SampleCollector, *, cut_short: bool
) -> DecodedAudio:
    track.thread_type = "AUTO"
    track.codec_context.options = {"max_samples": str(_MOST_FRAME_SAMPLES)}
    for frame in _frames(container, track, collector):
        collector.add(frame, _leading_seconds(container, frame))
    collector.finish()
    if not collector.count:
        raise _nothing_decoded(collector)
    collector.on_progress(collector.seconds)
    digest = collector.digest
    every = collector.samples()
    return DecodedAudio(
        samples=every[0],
        by_channel=every if len(every) > 1 else (),
        digest=digest,
        sample_rate=SAMPLE_RATE,
        duration=collector.seconds,
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
    exact = any(name in container.format.name for name in _STATED_LENGTH)
    stated = _stated_seconds(container, track) if exact and track.duration else 0.0
    missing = stated - collector.seconds
    short = cut_short or missing > max(_SHORT_SECONDS, _SHORT_SHARE * stated)
    if short or (collector.faults and not collector.went_on):
        warnings.append(TRUNCATED)
    return tuple(warnings)


def _stated_seconds(container: Any, track: Any) -> float:
    """The length by the track's or the container's own word, 0 when there is none."""
    if track.duration:
        return max(0.0, float(track.duration * track.time_base))
    return max(0.0, (container.duration or 0) / 1_000_000)
