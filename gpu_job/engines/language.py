"""Which language is spoken, from several windows spread over the audio.

A file may begin with a jingle, a greeting or a quotation in another language, so the first window
is not asked alone. Windows are asked one by one, far from each other first, until the mean of
their probabilities is sure. A window counts by the speech in it: what a few words at the end are
taken for says little about an hour.

Before that the beginnings of two windows are asked, which takes a third of the time. Ten seconds
were taken for a wrong language at up to 0.87 (clips of known ones), so they decide only where both
are surer than that by far and agree.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import itemgetter
from statistics import mean

from gpu_job.engines.chunks import WINDOW_SECONDS, Window
from gpu_job.engines.interruptible import run_interruptibly
from gpu_job.engines.ports import SAMPLE_RATE, Samples, ShouldStop
from gpu_job.engines.whisper_backend import WhisperBackend

#: ISO 639-2 for "undetermined": nobody spoke, so there was nothing to detect.
UNDETERMINED = "und"
FEWEST_WINDOWS, MOST_WINDOWS = 2, 5
SURE = 0.8
EXCERPT_SECONDS, SURE_OF_EXCERPT = 10.0, 0.95


def heard_language(
    backend: WhisperBackend, audio: Samples, windows: Sequence[Window], should_stop: ShouldStop
) -> tuple[str, float]:
    """Return the language with the highest mean probability, and that mean, of what was asked.

    So where whole windows disagree, each sure of itself, the probability is the share of speech
    that says so, and low.

    Raises:
        WorkerError: the engine failed.
        Stopped: `should_stop` turned true.
    """
    order = spread(len(windows))
    ask = partial(_ask, backend, audio, should_stop)
    if (agreed := _agreed([windows[number] for number in order[:FEWEST_WINDOWS]], ask)) is not None:
        return agreed
    totals: defaultdict[str, float] = defaultdict(float)
    heard = 0.0
    for asked, number in enumerate(order, start=1):
        window = windows[number]
        seconds = _speech(window)
        found = ask(window, WINDOW_SECONDS)
        for code, probability in found.items():
            totals[code] += probability * seconds
        heard += seconds
        if asked >= FEWEST_WINDOWS and max(totals.values()) >= SURE * heard:
            break
    if not heard:
        return UNDETERMINED, 0.0
    code = max(totals, key=lambda known: totals[known])
    return code, min(1.0, totals[code] / heard)


def _agreed(
    windows: Sequence[Window], ask: Callable[[Window, float], Mapping[str, float]]
) -> tuple[str, float] | None:
    """Return what the beginnings of windows are surely taken for, if it is one language."""
    if len(windows) < FEWEST_WINDOWS or any(_speech(item) < EXCERPT_SECONDS for item in windows):
        return None
    answers: list[tuple[str, float]] = []
    for window in windows:
        code, probability = max(ask(window, EXCERPT_SECONDS).items(), key=itemgetter(1))
        if probability < SURE_OF_EXCERPT or (answers and code != answers[0][0]):
            return None
        answers.append((code, probability))
    return answers[0][0], min(1.0, mean(probability for _, probability in answers))


def _ask(
    backend: WhisperBackend,
    audio: Samples,
    should_stop: ShouldStop,
    window: Window,
    seconds: float,
) -> Mapping[str, float]:
    """Return what the first `seconds` of a window are taken for; less is filled up with silence."""
    part = window.samples(audio)[: round(seconds * SAMPLE_RATE)]
    work = partial(backend.language_probabilities, part, shortest=seconds)
    return run_interruptibly(work, should_stop)


def _speech(window: Window) -> float:
    return sum(region.end - region.start for region in window.speech)


def spread(count: int) -> list[int]:
    """Return up to five of so many positions, spread evenly, neighbours not one after another."""
    if count <= MOST_WINDOWS:
        even = list(range(count))
    else:
        even = [round((n + 0.5) * count / MOST_WINDOWS - 0.5) for n in range(MOST_WINDOWS)]
    return list(dict.fromkeys((*even[1::2], *even)))
