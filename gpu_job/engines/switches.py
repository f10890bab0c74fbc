"""Which language each stretch of speech is in, for recordings that switch.

A stretch is asked by itself, and its answer weighed against its neighbours': short speech is often
taken for some related language, while people seldom change theirs. The languages are the most
likely sequence of a hidden Markov model (Viterbi), whose only rule is how seldom they change.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from gpu_job.engines.interruptible import run_interruptibly
from gpu_job.engines.ports import SAMPLE_RATE, Audio, Region, Samples, ShouldStop
from gpu_job.engines.whisper_backend import WhisperBackend

#: Stretches are neighbouring speech up to this long, parted by pauses shorter than this (seconds).
STRETCH_SECONDS = 10.0
PAUSE_SECONDS = 0.5
#: Heard before and after speech as well: a VAD clips the onset of the first word, and by what is
#: left of it Hebrew was taken for Arabic.
MARGIN_SECONDS = 0.2
#: Speech that is shorter is filled up with silence. Against Whisper's 30 s this is five times as
#: quick; over 29 clips of 1 to 6 s in 10 languages (base) the mean -log p of the right language is
#: 0.74, at 5 s it would be 0.89, at 30 s 0.64.
SHORTEST_SECONDS = 10.0
#: How often a stretch is in another language than the one before it: a guess on purpose high,
#: since who asks for this expects switches. A lone stretch then needs odds of five to one. With
#: 0.2 a Hebrew sentence between English and French was just found, with 0.1 not; of 27 clips that
#: change among 9 languages every 3 s 80 % of the seconds are right (0.1: 77 %, 0.5: 86 %), and in
#: 87 stretches of English no other language is seen (0.5: none either).
SWITCH = 0.3
#: Whisper is seldom less wrong than this, whatever it says.
DOUBT = 1e-3


def with_languages(
    backend: WhisperBackend,
    audio: Samples,
    regions: Sequence[Region],
    should_stop: ShouldStop,
) -> tuple[Region, ...]:
    """Return the regions of a plan, each with its language and what Whisper says to that.

    Raises:
        WorkerError: the engine failed.
        Stopped: `should_stop` turned true.
    """
    stretches = list(_stretches(regions))
    heard = [
        run_interruptibly(
            partial(
                backend.language_probabilities,
                _samples(audio, stretch),
                shortest=SHORTEST_SECONDS,
            ),
            should_stop,
        )
        for stretch in stretches
    ]
    return tuple(
        replace(region, language=code, language_probability=min(1.0, found.get(code, 0.0)))
        for stretch, found, code in zip(stretches, heard, likeliest(heard), strict=True)
        for region in stretch
    )


def most_spoken(regions: Iterable[Region]) -> tuple[str, float] | None:
    """Return the language with most seconds of speech; None when no region has one.

    Its probability is that of a second of speech to be in it.
    """
    seconds: defaultdict[str, float] = defaultdict(float)
    expected: defaultdict[str, float] = defaultdict(float)
    for region in regions:
        if region.language is not None:
            length = region.end - region.start
            seconds[region.language] += length
            expected[region.language] += length * region.language_probability
    if not seconds:
        return None
    code = max(seconds, key=lambda known: seconds[known])
    return code, expected[code] / sum(seconds.values())


def likeliest(heard: Sequence[Mapping[str, float]]) -> list[str]:
    """Return the most likely sequence of languages, given each stretch's probabilities."""
    codes = sorted({code for found in heard for code in found})
    if not codes:
        return []
    scores = np.zeros(len(codes))
    came_from: list[np.ndarray] = []
    stay, leave = math.log(1 - SWITCH), math.log(SWITCH)
    for found in heard:
        best = int(np.argmax(scores))
        stays = scores + stay >= scores[best] + leave
        came_from.append(np.where(stays, np.arange(len(codes)), best))
        scores = np.where(stays, scores + stay, scores[best] + leave)
        scores = scores + np.log([max(found.get(code, 0.0), DOUBT) for code in codes])
    state = int(np.argmax(scores))
    path = []
    for origins in reversed(came_from):
        path.append(codes[state])
        state = int(origins[state])
    return path[::-1]


def _stretches(regions: Sequence[Region]) -> Iterator[list[Region]]:
    group: list[Region] = []
    for region in regions:
        joins = (
            group
            and region.start - group[-1].end < PAUSE_SECONDS
            and region.end - group[0].start <= STRETCH_SECONDS
        )
        if group and not joins:
            yield group
            group = []
        group.append(region)
    if group:
        yield group


def _samples(audio: Samples, stretch: Sequence[Region]) -> Audio:
    first, last = stretch[0].start - MARGIN_SECONDS, stretch[-1].end + MARGIN_SECONDS
    return audio[max(0, round(first * SAMPLE_RATE)) : round(last * SAMPLE_RATE)]
