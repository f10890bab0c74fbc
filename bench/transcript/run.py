"""The benchmark of transcripts: see `docs/quality.md`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path

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


def run(plan: Plan) -> Findings:
    """First the words, then the speakers; each system is started once and warmed up."""
    recordings = _chosen(plan)
    peers = PEERS / "bin" / "python" if (PEERS / ".done").is_file() else None
    found = [*_words(plan, recordings, peers), *_speakers(plan, recordings, peers)]
    rows = tuple(row for each, _ in found for row in rows_of(each))
    text = "\n\n".join(_section(each, loads) for each, loads in found)
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
    if not all(each.whisperx for each, _ in found):
        notes += ("transcript: WITHOUT whisperX where it is not listed: it can't be had here.",)
    return Findings(rows=rows, notes=notes, text=text)


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
    plan: Plan, recordings: Sequence[Recording], peers: Path | None
) -> list[tuple[Comparison, dict[str, float]]]:
    chosen = [recording for recording in recordings if recording.text]
    if not chosen:
        return []
    with ExitStack() as stack:
        start = Starter(stack=stack, folder=plan.folder, peers=peers)
        ours, batched, sequential = start.ours(diarize=False), start.batched(), start.sequential()
        whisperx = start.whisperx(diarize=False)
        systems: list[System] = [ours, batched, sequential, *([whisperx] if whisperx else [])]
        warm_up(systems, _sample(), _say)
        return [
            (
                Comparison(
                    group=group,
                    recordings=members,
                    totals=in_turn(systems, members, plan.rounds, _say),
                    ours=ours.name,
                    batched=batched.name,
                    sequential=sequential.name,
                    whisperx=whisperx.name if whisperx else None,
                ),
                {system.name: system.load_seconds for system in systems},
            )
            for group, members in _groups(chosen)
        ]


def _speakers(
    plan: Plan, recordings: Sequence[Recording], peers: Path | None
) -> list[tuple[Comparison, dict[str, float]]]:
    chosen = [recording for recording in recordings if recording.turns]
    if not chosen:
        return []
    with ExitStack() as stack:
        start = Starter(stack=stack, folder=plan.folder, peers=peers)
        ours, diarizer = start.ours(diarize=True), start.own_diarizer()
        whisperx = start.whisperx(diarize=True)
        systems: list[System] = [ours, diarizer, *([whisperx] if whisperx else [])]
        warm_up(systems, _sample(), _say)
        return [
            (
                Comparison(
                    group=group,
                    recordings=members,
                    totals=in_turn(systems, members, plan.rounds, _say),
                    ours=ours.name,
                    diarizer=diarizer.name,
                    whisperx=whisperx.name if whisperx else None,
                ),
                {system.name: system.load_seconds for system in systems},
            )
            for group, members in _groups(chosen)
        ]


def _groups(recordings: Sequence[Recording]) -> Iterator[tuple[str, list[Recording]]]:
    def group(recording: Recording) -> str:
        return recording.group

    for name, members in groupby(sorted(recordings, key=group), key=group):
        yield name, list(members)


def _sample() -> Recording:
    """What everybody warms up with."""
    return next(iter(read_folder(_SAMPLES)))


def _section(found: Comparison, loads: dict[str, float]) -> str:
    """Markdown of one set, as it stands in docs/quality.md."""
    seconds = sum(recording.seconds for recording in found.recordings)
    files = len(found.recordings)
    what = "diarized" if found.diarizer else "words"
    many = "files" if files > 1 else "file"
    parts = [
        f"### {found.group}, {what}: {files} {many}, {seconds:.0f} s",
        systems_table(found),
        ratios_table(found),
        "Models loaded in, not counted above: "
        + "; ".join(f"{name} {taken:.1f} s" for name, taken in loads.items())
        + ".",
    ]
    return "\n\n".join(part for part in parts if part)


def _say(line: str) -> None:
    print(line, flush=True)
