"""What is decoded at once: windows of at most Whisper's 30 s, made of neighbouring speech.

The plan is speech as it is; windows are packed from it when it is decoded, always alike. Between
two stretches of speech at most 0.8 s of silence is kept: Whisper tends to stop at a long silence
and lose what follows, and every window costs the same, however little is in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from gpu_job.engines.ports import SAMPLE_RATE, Audio, Region, Samples
from gpu_job.engines.speech import LONGEST_SECONDS

WINDOW_SECONDS = 30.0
#: Silence kept before and after speech, as in Silero's and faster-whisper's defaults.
PAD_SECONDS = 0.4
#: Heard twice where no silence could be found to cut at.
OVERLAP_SECONDS = 3.0
_SEARCH_SECONDS = 5.0
_FRAME = SAMPLE_RATE // 20
#: A frame is silent when it has a hundredth of the usual energy (-20 dB).
_SILENT_SHARE = 0.01


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """Stretches of audio that the decoder hears end to end, and the speech that lies in them.

    `overlaps` tells that it begins in the middle of speech, with some that the window before has.
    """

    pieces: tuple[Region, ...]
    speech: tuple[Region, ...]
    overlaps: bool = False

    @property
    def start(self) -> float:
        """Where it begins (seconds of the audio)."""
        return self.pieces[0].start

    @property
    def end(self) -> float:
        """Where it ends (seconds of the audio)."""
        return self.pieces[-1].end

    @property
    def language(self) -> str | None:
        """What is spoken in it, if the plan tells."""
        return self.speech[0].language

    @property
    def seconds(self) -> float:
        """How much the decoder hears."""
        return sum(piece.end - piece.start for piece in self.pieces)

    @property
    def pauses(self) -> tuple[Region, ...]:
        """Where nobody speaks: between its speech, and at its ends where silence was kept."""
        ends = [self.start, *(region.end for region in self.speech)]
        starts = [*(region.start for region in self.speech), self.end]
        return tuple(
            Region(start=end, end=start)
            for end, start in zip(ends, starts, strict=True)
            if start > end
        )

    def samples(self, audio: Samples) -> Audio:
        """Return what the decoder hears."""
        return np.concatenate([samples_of(audio, piece) for piece in self.pieces])

    def locate(self, start: float, end: float) -> tuple[float, float]:
        """Return where in the audio something is, from its seconds in the window.

        Both ends come to lie in one piece, which is that of the middle.
        """
        middle, before = (start + end) / 2, 0.0
        for number, piece in enumerate(self.pieces):
            length = piece.end - piece.start
            if middle <= before + length or number == len(self.pieces) - 1:
                break
            before += length
        shift = piece.start - before
        return _inside(start + shift, piece), _inside(end + shift, piece)


def _inside(time: float, piece: Region) -> float:
    return min(max(time, piece.start), piece.end)


def pack(regions: Sequence[Region], duration: float) -> Iterator[Window]:
    """Fill windows with neighbouring regions of a plan and one language; as many as fit."""
    group: list[Region] = []
    pieces: list[Region] = []
    overlaps = False
    for number, region in enumerate(regions):
        begins_inside = number > 0 and region.start < regions[number - 1].end
        piece = _padded(regions, number, duration)
        seconds = sum(one.end - one.start for one in pieces) + piece.end - piece.start
        switches = number > 0 and region.language != regions[number - 1].language
        if group and (begins_inside or switches or seconds > WINDOW_SECONDS):
            yield Window(pieces=_joined(pieces), speech=tuple(group), overlaps=overlaps)
            group, pieces, overlaps = [], [], begins_inside
        group.append(region)
        pieces.append(piece)
    if group:
        yield Window(pieces=_joined(pieces), speech=tuple(group), overlaps=overlaps)


def batches(windows: Sequence[Window], size: int) -> Iterator[Sequence[Window]]:
    """Group neighbouring windows of one language, at most so many."""
    for _, same in groupby(windows, key=lambda window: window.language):
        alike = tuple(same)
        for position in range(0, len(alike), size):
            yield alike[position : position + size]


def _padded(regions: Sequence[Region], number: int, duration: float) -> Region:
    """Add silence on both sides; a short pause is shared with the neighbour."""
    region = regions[number]
    before = region.start - regions[number - 1].end if number else region.start
    last = number == len(regions) - 1
    after = duration - region.end if last else regions[number + 1].start - region.end
    left = before if number == 0 else before / 2
    right = after if last else after / 2
    return Region(
        start=region.start - min(max(left, 0.0), PAD_SECONDS),
        end=region.end + min(max(right, 0.0), PAD_SECONDS),
    )


def _joined(pieces: Iterable[Region]) -> tuple[Region, ...]:
    """Make one of pieces that touch."""
    joined: list[Region] = []
    for piece in pieces:
        if joined and piece.start <= joined[-1].end + 1 / SAMPLE_RATE:
            joined[-1] = Region(start=joined[-1].start, end=piece.end)
        else:
            joined.append(piece)
    return tuple(joined)


def cover(audio: Samples, region: Region) -> Iterator[Region]:
    """Cut what is too long for a window: at silences, and where none is near, with an overlap.

    Each cut is at the quietest 50 ms of the window's last 5 s.
    """
    start, end = round(region.start * SAMPLE_RATE), round(region.end * SAMPLE_RATE)
    longest = round(LONGEST_SECONDS * SAMPLE_RATE)
    while end - start > longest:
        cut, silent = _quietest(audio[start : start + longest])
        shared = 0 if silent else round(OVERLAP_SECONDS * SAMPLE_RATE / 2)
        yield Region(start=start / SAMPLE_RATE, end=(start + cut + shared) / SAMPLE_RATE)
        start += cut - shared
    yield Region(start=start / SAMPLE_RATE, end=end / SAMPLE_RATE)


def samples_of(audio: Samples, region: Region) -> Audio:
    """Return the region's part of the audio."""
    return audio[round(region.start * SAMPLE_RATE) : round(region.end * SAMPLE_RATE)]


def _quietest(window: Audio) -> tuple[int, bool]:
    """Return the middle of the quietest frame near the end, and whether it is silent."""
    count = len(window) // _FRAME
    energy = (window[: count * _FRAME].reshape(count, _FRAME) ** 2).mean(axis=1)
    near = count - round(_SEARCH_SECONDS * SAMPLE_RATE) // _FRAME
    frame = near + int(np.argmin(energy[near:]))
    silent = bool(energy[frame] <= _SILENT_SHARE * float(np.mean(energy)))
    return frame * _FRAME + _FRAME // 2, silent
