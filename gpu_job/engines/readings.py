"""Readings of a window: what the decoder makes of it at one temperature or another.

Text that fails a test is read again, higher up the ladder of temperatures, and the best reading is
taken. The tests are Whisper's own, and whether the sound bears the text out where it runs in a
loop or is a phrase that Whisper is known to invent (guard.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gpu_job.engines.engine_arguments import COMPRESSION_RATIO_THRESHOLD
from gpu_job.engines.guard import facts_of, has_failed
from shared.domain.flags import Flag
from shared.domain.transcript import Segment

Ladder = tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One decoding of a window. `flags` are ``loop`` and ``phantom_phrase``, if its text has them.

    It `fails` when any test goes against it; `repeats` is the worst of failures.
    """

    segments: Sequence[Segment]
    flags: frozenset[str] = frozenset()

    @property
    def fails(self) -> bool:
        """It is worth another try."""
        return bool(self.flags) or self.may_climb

    @property
    def may_climb(self) -> bool:
        """It is worth as many tries as there are: chance may lead to what holds."""
        return Flag.LOOP in self.flags or has_failed(self.segments)

    @property
    def repeats(self) -> bool:
        """It says the same again and again."""
        return Flag.LOOP in self.flags or any(
            fact.compression_ratio > COMPRESSION_RATIO_THRESHOLD for fact in facts_of(self.segments)
        )

    @property
    def worth(self) -> tuple[bool, bool, float]:
        """By what readings are compared; see `better`."""
        likely = min((fact.avg_logprob for fact in facts_of(self.segments)), default=float("-inf"))
        return not self.fails, not self.repeats, likely


def better(first: Reading, second: Reading) -> Reading:
    """Choose: what passes all tests, else what does not repeat itself, else the likelier text.

    So Whisper chooses where all temperatures fail. A second look that finds silence takes no text
    away; the flags will tell.
    """
    return max(first, second, key=lambda one: one.worth) if second.segments else first


def climb(
    read: Callable[[Ladder], Reading], ladder: Ladder, first: Reading | None = None
) -> Reading:
    """Return the best reading, asking for more only while the best one fails.

    A call of `read` goes up the ladder by itself as far as Whisper's own tests want. What then is
    still in a loop goes on from there: chance leads out of a loop (Holtzman et al. 2019,
    https://arxiv.org/abs/1904.09751). A phantom phrase gets one more reading, at the next
    temperature, and no third: it comes from what the decoder has learned and not from the sound,
    and so does whatever other text a higher temperature would give at last.

    Args:
        read: decodes the window with these temperatures, of which there is at least one.
        ladder: what has not been tried.
        first: what was read before; without it the ladder has to have a temperature.
    """
    if first is None:
        first = read(ladder)
        ladder = _above(ladder, first)
    best, again = first, first.fails
    while again and ladder:
        latest = read(ladder if best.may_climb else ladder[:1])
        best = better(best, latest)
        ladder = _above(ladder, latest)
        again = best.may_climb and Flag.LOOP in latest.flags
    return best


def _above(ladder: Ladder, reading: Reading) -> Ladder:
    """What is left of the ladder; nothing when the decoder took the window for silence."""
    if not reading.segments:
        return ()
    reached = [
        ladder.index(fact.temperature)
        for fact in facts_of(reading.segments)
        if fact.temperature in ladder
    ]
    return ladder[max(reached, default=0) + 1 :]
