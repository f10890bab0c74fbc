"""Which language is spoken, from several windows spread over the audio.

A file may begin with a jingle, a greeting or a quotation in another language, so the first window
is not asked alone. Windows are asked one by one, far from each other first, until the mean of
their probabilities is sure.
"""

from __future__ import annotations

from collections import Counter
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

    Raises:
        WorkerError: the engine failed.
        Stopped: `should_stop` turned true.
    """
    totals: Counter[str] = Counter()
    asked = 0
    for number in spread(len(windows)):
        samples = windows[number].samples(audio)
        totals.update(
            run_interruptibly(partial(backend.language_probabilities, samples), should_stop)
        )
        asked += 1
        if asked >= FEWEST_WINDOWS and totals.most_common(1)[0][1] >= SURE * asked:
            break
    if not asked:
        return UNDETERMINED, 0.0
    code, total = totals.most_common(1)[0]
    return code, min(1.0, total / asked)


def spread(count: int) -> list[int]:
    """Return up to five of so many positions, spread evenly, neighbours not one after another."""
    if count <= MOST_WINDOWS:
        even = list(range(count))
    else:
        even = [round((n + 0.5) * count / MOST_WINDOWS - 0.5) for n in range(MOST_WINDOWS)]
    return list(dict.fromkeys((*even[1::2], *even)))
