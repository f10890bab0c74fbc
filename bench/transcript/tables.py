"""What the rounds say: rows with targets for the report, and Markdown for the documentation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from bench.report import Row, higher_is_better, lower_is_better, measured, no_worse
from bench.transcript.recordings import Recording, der_limit
from bench.transcript.rounds import Spread, Total, Totals, ratios, spread

#: The whole job may take a ninth longer than the engine alone.
_BATCHED_TARGET = 0.9
_WHISPERX_TARGET = 2.0
#: CPU seconds of a diarized job.
_DIARIZED_TARGET = 5.0
#: Eight times real time: so many seconds a second of audio may the diarizer take.
_DIARIZER_SECONDS = 1 / 8
#: Below this a submit costs as much as the work, and a ratio says little of the engine (seconds).
_LEAST_SECONDS = 60.0

Pick = Callable[[Total], float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """All totals of one set; names say which systems play which part (None: absent)."""

    group: str
    recordings: Sequence[Recording]
    totals: Totals
    ours: str
    batched: str | None = None
    sequential: str | None = None
    whisperx: str | None = None
    diarizer: str | None = None

    @property
    def title(self) -> str:
        """What every row's name begins with."""
        return f"transcript {self.group}" + (", diarized" if self.diarizer else "")

    @property
    def long_enough(self) -> bool:
        """Whether times of a whole job say something of the engine."""
        mean = sum(recording.seconds for recording in self.recordings) / len(self.recordings)
        return mean >= _LEAST_SECONDS

    def values(self, name: str, pick: Pick) -> list[float]:
        """One figure a round."""
        return [pick(total) for total in self.totals[name]]


def rows_of(found: Comparison) -> Iterator[Row]:
    """All rows of a set, with and without targets."""
    if found.diarizer is not None:
        yield from _speaker_rows(found)
        return
    if found.batched is not None:
        yield from _times(found, found.batched, "batched", target=_BATCHED_TARGET)
        yield from _word_rows(found, found.batched, "batched", with_target=True)
    if found.sequential is not None:
        yield from _times(found, found.sequential, "sequential", target=None)
        yield from _word_rows(found, found.sequential, "sequential", with_target=True)
        yield from _segment_rows(found, found.sequential)
    if found.whisperx is not None:
        yield from _times(found, found.whisperx, "whisperX", target=_WHISPERX_TARGET)
        yield from _word_rows(found, found.whisperx, "whisperX", with_target=False)


def systems_table(found: Comparison) -> str:
    """Markdown: what each system took and how right it was, medians of the rounds."""
    speakers = found.diarizer is not None
    heard = ("WER %", "segments", "their median s", "p90 s", "timed words")
    right = ("WER %", "DER %") if speakers else heard
    heads = ("system", "x real time", "wall s", "CPU s", "peak MiB", *right)
    cells = [
        (
            name,
            _number(spread([total.seconds / total.wall for total in totals]).middle),
            _with_range(spread([total.wall for total in totals])),
            _with_range(spread([total.cpu for total in totals])),
            f"{max(total.peak for total in totals):.0f}",
            *_right_cells(totals, speakers=speakers),
        )
        for name, totals in found.totals.items()
    ]
    return _markdown(heads, cells)


def ratios_table(found: Comparison) -> str:
    """Markdown: ratios against each peer with their spread over the rounds; above 1 ours wins."""
    heads = ("against", "wall", "CPU", "peak memory")
    ours = found.totals[found.ours]
    cells = [
        (
            name,
            *(
                _with_range(ratios([pick(t) for t in totals], [pick(t) for t in ours]))
                for pick in (_wall, _cpu, _peak)
            ),
        )
        for name, totals in found.totals.items()
        if name not in (found.ours, found.diarizer)
    ]
    return _markdown(heads, cells) if cells else ""


def _wall(total: Total) -> float:
    return total.wall


def _cpu(total: Total) -> float:
    return total.cpu


def _peak(total: Total) -> float:
    return total.peak


def _length(total: Total, *, percent: float) -> float:
    return total.length(percent)


def _wer(total: Total) -> float:
    assert total.words_wrong is not None  # noqa: S101 - asked only where words are known
    return total.words_wrong.percent


def _der(total: Total) -> float:
    assert total.speakers_wrong is not None  # noqa: S101 - asked only where speakers are known
    return total.speakers_wrong.percent


def _times(found: Comparison, peer: str, short: str, *, target: float | None) -> Iterator[Row]:
    wanted = target if found.long_enough else None
    yield _compared(found, peer, f"wall time, against {short}", _wall, "s", wanted)
    yield _compared(found, peer, f"CPU time, against {short}", _cpu, "s", None)
    yield _compared(found, peer, f"peak memory, against {short}", _peak, "MiB", None)


def _compared(
    found: Comparison, peer: str, what: str, pick: Pick, unit: str, target: float | None
) -> Row:
    ours, theirs = found.values(found.ours, pick), found.values(peer, pick)
    return lower_is_better(
        f"{found.title}: {what}",
        median(ours),
        median(theirs),
        unit=unit,
        ratio=ratios(theirs, ours).middle,
        target=target,
    )


def _word_rows(found: Comparison, peer: str, short: str, *, with_target: bool) -> Iterator[Row]:
    ours, theirs = median(found.values(found.ours, _wer)), median(found.values(peer, _wer))
    name = f"{found.title}: word error rate, against {short}"
    if with_target:
        yield no_worse(name, ours, theirs, unit="%")
    else:
        yield lower_is_better(name, ours, theirs, unit="%")


def _segment_rows(found: Comparison, peer: str) -> Iterator[Row]:
    """As many as the peer's, and as fine."""
    yield higher_is_better(
        f"{found.title}: segments, against sequential",
        median(found.values(found.ours, lambda total: total.segments)),
        median(found.values(peer, lambda total: total.segments)),
        unit="",
        target=1.0,
    )
    for name, percent in (("median", 50), ("90th percentile", 90)):
        yield lower_is_better(
            f"{found.title}: length of a segment, {name}, against sequential",
            median(found.values(found.ours, partial(_length, percent=percent))),
            median(found.values(peer, partial(_length, percent=percent))),
            unit="s",
            target=1.0,
        )


def _speaker_rows(found: Comparison) -> Iterator[Row]:
    assert found.diarizer is not None  # noqa: S101 - that is what makes the set one of speakers
    name = found.title
    limit = der_limit(found.recordings)
    alone = median(found.values(found.diarizer, _der))
    yield measured(f"{name}: DER of the diarizer", alone, unit="%", at_most=limit)
    job = median(found.values(found.ours, _der))
    yield measured(f"{name}: DER of the job's RTTM, made of words", job, unit="%")
    pace = median(found.values(found.diarizer, lambda total: total.wall / total.seconds))
    yield measured(
        f"{name}: diarizer's wall time a second of audio",
        pace,
        unit="s",
        at_most=_DIARIZER_SECONDS,
    )
    if found.whisperx is not None:
        peer = found.whisperx
        short = "against whisperX + pyannote"
        yield lower_is_better(
            f"{name}: DER of the diarizer, {short}",
            alone,
            median(found.values(peer, _der)),
            unit="%",
        )
        yield _compared(found, peer, f"the job's CPU time, {short}", _cpu, "s", _DIARIZED_TARGET)
        yield _compared(found, peer, f"the job's wall time, {short}", _wall, "s", None)
        yield _compared(found, peer, f"the job's peak memory, {short}", _peak, "MiB", None)
        yield _diarizers_row(found, peer, name)


def _diarizers_row(found: Comparison, peer: str, name: str) -> Row:
    assert found.diarizer is not None  # noqa: S101 - see above
    ours = found.values(found.diarizer, _cpu)
    theirs = found.values(peer, lambda total: total.diarizer_cpu)
    return lower_is_better(
        f"{name}: CPU time of the diarizer, against pyannote alone",
        median(ours),
        median(theirs),
        unit="s",
        ratio=ratios(theirs, ours).middle,
    )


def _right_cells(totals: Sequence[Total], *, speakers: bool) -> tuple[str, ...]:
    wer = [total.words_wrong.percent for total in totals if total.words_wrong]
    der = [total.speakers_wrong.percent for total in totals if total.speakers_wrong]
    if speakers:
        return _percent(wer), _percent(der)
    segments = median(total.segments for total in totals)
    lengths = (_number(median(total.length(share) for total in totals)) for share in (50, 90))
    words = median(total.words for total in totals)
    return _percent(wer), f"{segments:.0f}", *lengths, f"{words:.0f}"


def _percent(values: Sequence[float]) -> str:
    return f"{median(values):.2f}" if values else "-"


def _with_range(found: Spread) -> str:
    if found.low == found.high:
        return _number(found.middle)
    return f"{_number(found.middle)} ({_number(found.low)} to {_number(found.high)})"


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _markdown(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    rule = ["---", *("---:" for _ in heads[1:])]
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, rule, *cells))
