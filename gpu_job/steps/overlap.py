"""Where people talk at the same time. Pure functions; times are seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from shared.domain.flags import Flag
from shared.domain.transcript import Segment, Turn

#: Less than this is the edge of a turn or a short "mhm", which no word is lost to.
LEAST_SECONDS = 0.5


def mark_overlap(segments: Iterable[Segment], turns: Sequence[Turn]) -> Iterator[Segment]:
    """Flag segments during which somebody else speaks while their own speaker does.

    Args:
        segments: in order of their starts, each with its speaker or none.
        turns: of all speakers, in any order; turns of one speaker don't overlap.

    Yields:
        The segments; those with overlap name the others too, who says most first.
    """
    coming = sorted(turns, key=lambda turn: turn.start)
    near: list[Turn] = []
    position = 0
    for segment in segments:
        while position < len(coming) and coming[position].start < segment.end:
            near.append(coming[position])
            position += 1
        near = [turn for turn in near if turn.end > segment.start]
        others = _others(segment, near)
        if not others:
            yield segment
            continue
        yield replace(
            segment,
            speakers=(*segment.speakers, *others),
            flags=tuple(dict.fromkeys((*segment.flags, str(Flag.OVERLAP)))),
        )


def _others(segment: Segment, near: Sequence[Turn]) -> list[str]:
    """Who else speaks in the segment together with its speaker, who says most first."""
    if len(segment.speakers) != 1:
        return []
    (own,) = segment.speakers
    seconds: dict[str, float] = {}
    for mine in (turn for turn in near if turn.speaker == own):
        for other in (turn for turn in near if turn.speaker != own):
            start = max(segment.start, mine.start, other.start)
            together = min(segment.end, mine.end, other.end) - start
            if together > 0:
                seconds[other.speaker] = seconds.get(other.speaker, 0.0) + together
    loud = [label for label, total in seconds.items() if total >= LEAST_SECONDS]
    return sorted(loud, key=lambda label: (-seconds[label], label))
