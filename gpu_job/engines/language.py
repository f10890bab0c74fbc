"""Which language is spoken, from several windows spread over the audio.

A file may begin with a jingle, a greeting or a quotation in another language, so the first window
is not asked alone. Windows are asked one by one, far from each other first, until the mean of
their probabilities is sure. A window counts by the speech in it: what a few words at the end are
taken for says little about an hour.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial

from gpu_job.engines.chunks import Window
from gpu_job.engines.interruptible import run_interruptibly
from gpu_job.engines.ports import Samples, ShouldStop
from gpu_job.engines.whisper_backend import WhisperBackend

#: ISO 639-2 for "undetermined": nobody spoke, so there was nothing to detect.
UNDETERMINED = "und"
FEWEST_WINDOWS, MOST_WINDOWS = 2, 5
SURE = 0.8


def heard_language(
    backend: WhisperBackend, audio: Samples, windows: Sequence[Window], should_stop: ShouldStop
) -> tuple[str, float]:
    """Return the language with the highest mean probability, and that mean.

    So where windows disagree, each sure of itself, the probability is the share of speech that
    says so, and low.

    Raises:
        WorkerError: the engine failed.
        Stopped: `should_stop` turned true.
    """
    totals: defaultdict[str, float] = defaultdict(float)
    heard = 0.0
    for asked, number in enumerate(spread(len(windows)), start=1):
        window = windows[number]
        seconds = sum(region.end - region.start for region in window.speech)
        found = run_interruptibly(
            partial(backend.language_probabilities, window.samples(audio)), should_stop
        )
        for code, probability in found.items():
            totals[code] += probability * seconds
        heard += seconds
        if asked >= FEWEST_WINDOWS and max(totals.values()) >= SURE * heard:
            break
    if not heard:
        return UNDETERMINED, 0.0
    code = max(totals, key=lambda known: totals[known])
    return code, min(1.0, totals[code] / heard)


def spread(count: int) -> list[int]:
    """Return up to five of so many positions, spread evenly, neighbours not one after another."""
    if count <= MOST_WINDOWS:
        even = list(range(count))
    else:
        even = [round((n + 0.5) * count / MOST_WINDOWS - 0.5) for n in range(MOST_WINDOWS)]
    return list(dict.fromkeys((*even[1::2], *even)))
