"""The benchmark of transcripts: see `docs/quality.md`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import httpx

from bench.child import ROOT
from bench.findings import BenchmarkBroken, Findings, Plan
from bench.transcript.package_audio import package_recordings
from bench.transcript.recordings import Recording, read_folder, repeated
from bench.transcript.rounds import in_turn, warm_up
from bench.transcript.systems import Starter, System
from bench.transcript.tables import Comparison, ratios_table, rows_of, systems_table

#: Where `make bench-transcript` puts the environment of peers.
PEERS = ROOT / ".venv-bench"
_SAMPLES = ROOT / "samples"
_AUDIO = ROOT / "build" / "bench-audio"
_LONG_SECONDS = 180.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Result:
    """A set that was compared, and how long each system took to load."""

    comparison: Comparison
    loads: Mapping[str, float]


def run(plan: Plan) -> Findings:
    """First the words, then the speakers; each system is started once and warmed up."""
    recordings = _chosen(plan)
    peers = PEERS / "bin" / "python" if (PEERS / ".done").is_file() else None
    results: list[_Result] = []
    failures: list[str] = []
    for part in (_words, _speakers):
        with ExitStack() as stack:
            start = Starter(stack=stack, folder=plan.folder, peers=peers)
            part(plan, recordings, start, results, failures)
    rows = tuple(row for result in results for row in rows_of(result.comparison))
    text = "\n\n".join(_section(result) for result in results)
    notes: tuple[str, ...] = (
        (
            f"transcript: {plan.rounds} rounds, systems in turn on each recording; medians,"
            " with the least and the most of the rounds in brackets."
        ),
        (
            "transcript: whisperX's word times take an alignment model from a hub, which it is"
            " not given: it does less than the others."
        ),
    )
    if not all(result.comparison.whisperx for result in results):
        notes += ("transcript: WITHOUT whisperX where it is not listed: it can't be had here.",)
    return Findings(rows=rows, notes=notes, text=text, failures=tuple(failures))


def _chosen(plan: Plan) -> tuple[Recording, ...]:
    """The folder's recordings, or what any machine can have."""
    if plan.data is not None:
        found = read_folder(plan.data)
    else:
        found = (*_long(plan), *read_folder(package_recordings(_AUDIO)))
    if plan.recordings:
        found = tuple(each for each in found if {each.group, each.path.stem} & set(plan.recordings))
    if not found:
        raise BenchmarkBroken("no recording with a reference; docs/quality.md shows the layout")
    return found


def _long(plan: Plan) -> Iterator[Recording]:
    """The committed sample, long enough for times to mean something."""
    for recording in read_folder(_SAMPLES):
        target = plan.folder / f"{recording.path.stem}.wav"
        yield recording if plan.quick else repeated(recording, target, seconds=_LONG_SECONDS)


def _words(
    plan: Plan,
    recordings: Sequence[Recording],
    start: Starter,
    results: list[_Result],
    failures: list[str],
) -> None:
    """Everybody transcribes what has a text."""
    chosen = [recording for recording in recordings if recording.text]
    if not chosen:
        return
    ours, batched, sequential = start.ours(diarize=False), start.batched(), start.sequential()
    whisperx = start.whisperx(diarize=False)
    names = {
        "ours": ours.name,
        "batched": batched.name,
        "sequential": sequential.name,
        "whisperx": whisperx.name if whisperx else None,
    }
    systems: list[System] = [ours, batched, sequential, *([whisperx] if whisperx else [])]
    _compare(plan, chosen, systems, names, results, failures)


def _speakers(
    plan: Plan,
    recordings: Sequence[Recording],
    start: Starter,
    results: list[_Result],
    failures: list[str],
) -> None:
    """Who can tell speakers apart does so where they are known."""
    chosen = [recording for recording in recordings if recording.turns]
    if not chosen:
        return
    ours, diarizer = start.ours(diarize=True), start.own_diarizer()
    whisperx = start.whisperx(diarize=True)
    names = {
        "ours": ours.name,
        "diarizer": diarizer.name,
        "whisperx": whisperx.name if whisperx else None,
    }
    systems: list[System] = [ours, diarizer, *([whisperx] if whisperx else [])]
    _compare(plan, chosen, systems, names, results, failures)


def _compare(
    plan: Plan,
    recordings: Sequence[Recording],
    systems: Sequence[System],
    names: Mapping[str, Any],
    results: list[_Result],
    failures: list[str],
) -> None:
    """Set by set: what breaks in one leaves the figures of those before it."""
    warm_up(systems, _sample(), _say)
    for group, members in _groups(recordings):
        try:
            totals = in_turn(systems, members, plan.rounds, _say)
        except (BenchmarkBroken, httpx.HTTPError, OSError) as exc:
            failures.append(f"transcript {group}: {type(exc).__name__}: {exc}")
            continue
        results.append(
            _Result(
                comparison=Comparison(group=group, recordings=members, totals=totals, **names),
                loads={system.name: system.load_seconds for system in systems},
            )
        )
        # At once: a run takes half an hour, and may be ended before its own end.
        print(f"\n{_section(results[-1])}\n", flush=True)


def _groups(recordings: Sequence[Recording]) -> Iterator[tuple[str, list[Recording]]]:
    def group(recording: Recording) -> str:
        return recording.group

    for name, members in groupby(sorted(recordings, key=group), key=group):
        yield name, list(members)


def _sample() -> Recording:
    """What everybody warms up with."""
    return next(iter(read_folder(_SAMPLES)))


def _section(result: _Result) -> str:
    """Markdown of one set, as it stands in docs/quality.md."""
    found = result.comparison
    seconds = sum(recording.seconds for recording in found.recordings)
    files = len(found.recordings)
    what = "diarized" if found.diarizer else "words"
    many = "files" if files > 1 else "file"
    parts = [
        f"### {found.group}, {what}: {files} {many}, {seconds:.0f} s",
        systems_table(found),
        ratios_table(found),
        "Models loaded in, not counted above: "
        + "; ".join(f"{name} {taken:.1f} s" for name, taken in result.loads.items())
        + ".",
    ]
    return "\n\n".join(part for part in parts if part)


def _say(line: str) -> None:
    print(line, flush=True)
