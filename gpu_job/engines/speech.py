"""From a speech probability per frame to the stretches in which somebody speaks.

The rule is Silero's (https://github.com/snakers4/silero-vad, `get_speech_timestamps`): speech
begins at a high probability and ends where it stays low for a while.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gpu_job.engines.ports import SAMPLE_RATE, Region

#: Samples a frame.
FRAME = 512
ON, OFF = 0.5, 0.35
PAUSE_SECONDS = 0.16
#: Shorter pauses are used where speech would else go on for longer than Whisper's window.
SHORTER_PAUSES = (0.096, 0.064, 0.032)
LONGEST_SECONDS = 28.0


def speech_regions(probabilities: Sequence[float], samples: int) -> tuple[Region, ...]:
    """Return where somebody speaks in audio of so many samples, in order, disjoint.

    Long speech is cut at ever shorter pauses; what has none at all stays long.
    """
    spans = (
        piece
        for span in _spans(probabilities, 0, len(probabilities), PAUSE_SECONDS)
        for piece in _cut(probabilities, span, SHORTER_PAUSES)
    )
    return tuple(
        Region(start=start * FRAME / SAMPLE_RATE, end=min(end * FRAME, samples) / SAMPLE_RATE)
        for start, end in spans
    )


def _cut(
    probabilities: Sequence[float], span: tuple[int, int], pauses: Sequence[float]
) -> Iterator[tuple[int, int]]:
    """Cut a span that is too long at shorter pauses."""
    start, end = span
    if not pauses or (end - start) * FRAME <= LONGEST_SECONDS * SAMPLE_RATE:
        yield span
        return
    for piece in _spans(probabilities, start, end, pauses[0]):
        yield from _cut(probabilities, piece, pauses[1:])


def _spans(
    probabilities: Sequence[float], begin: int, stop: int, pause: float
) -> Iterator[tuple[int, int]]:
    """Yield first frame and end of each stretch of speech."""
    patience = pause * SAMPLE_RATE / FRAME
    start = quiet = None
    for frame in range(begin, stop):
        probability = probabilities[frame]
        if probability >= ON:
            start = frame if start is None else start
            quiet = None
        elif probability < OFF and start is not None:
            quiet = frame if quiet is None else quiet
            if frame - quiet >= patience:
                yield start, quiet
                start = quiet = None
    if start is not None:
        yield start, stop if quiet is None else quiet
