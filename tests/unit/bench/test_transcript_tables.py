from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.report import Row
from bench.transcript.recordings import Recording
from bench.transcript.rounds import Total
from bench.transcript.scoring import SpeakerErrors, WordErrors
from bench.transcript.tables import Comparison, ratios_table, rows_of, systems_table
from shared.domain.transcript import Turn

LONG = Recording(path=Path("a.wav"), group="a", seconds=100, scored=(0, 100), text="x")
SHORT = replace(LONG, seconds=9)
SPOKEN = replace(LONG, turns=(Turn(start=0, end=9, speaker="A"),))


def one(**changes: float | tuple[float, ...] | WordErrors | SpeakerErrors | None) -> Total:
    base = Total(
        seconds=100,
        wall=10,
        cpu=20,
        peak=500,
        lengths=tuple(map(float, range(1, 9))),
        words=80,
        words_wrong=WordErrors(errors=4, words=100),
        speakers_wrong=SpeakerErrors(missed=5, false_alarm=3, confusion=2, total=100),
        diarizer_wall=0,
        diarizer_cpu=0,
    )
    return replace(base, **changes)  # type: ignore[arg-type] # a test names existing fields


def words(recording: Recording = LONG) -> Comparison:
    return Comparison(
        group="a",
        recordings=[recording],
        totals={
            "Tamlil": [one(), one(wall=12), one(wall=8)],
            "raw": [one(wall=8), one(wall=12), one(wall=6.4)],
            "seq": [one(wall=30, lengths=(3.0,) * 8)] * 3,
            "wx": [one(wall=25, words_wrong=WordErrors(errors=1, words=100))] * 3,
        },
        ours="Tamlil",
        batched="raw",
        sequential="seq",
        whisperx="wx",
    )


def named(found: Comparison) -> dict[str, Row]:
    return {row.name.partition(": ")[2]: row for row in rows_of(found)}


def test_wall_time_is_the_median_of_the_rounds_ratios() -> None:
    row = named(words())["wall time, against batched"]
    assert (row.ours, row.peer, row.ratio, row.target, row.met) == (10, 8, 0.8, 0.9, False)


def test_whisperx_is_to_be_beaten_twice() -> None:
    row = named(words())["wall time, against whisperX"]
    assert (row.ratio, row.target, row.met) == (2.5, 2.0, True)


def test_short_recordings_have_no_target_of_time() -> None:
    rows = named(words(SHORT))
    assert rows["wall time, against batched"].target is None
    assert rows["word error rate, against batched"].target == 1.0


def test_as_many_word_errors_as_the_peer_are_allowed_and_one_more_is_not() -> None:
    assert named(words())["word error rate, against batched"].met is True
    worse = words()
    totals = {
        **worse.totals, "Tamlil": [one(words_wrong=WordErrors(errors=5, words=100))] * 3
    }  # fmt: skip
    assert named(replace(worse, totals=totals))["word error rate, against batched"].met is False
    assert named(worse)["word error rate, against whisperX"].met is None


def test_segments_are_to_be_as_many_as_in_sequential_mode() -> None:
    row = named(words())["segments, against sequential"]
    assert (row.ratio, row.met) == (1.0, True)


def test_segments_are_to_be_as_fine_as_in_sequential_mode() -> None:
    rows = named(words())
    middle = rows["length of a segment, median, against sequential"]
    long = rows["length of a segment, 90th percentile, against sequential"]
    assert (middle.ours, middle.peer, middle.met) == (4.5, 3.0, False)
    assert (round(long.ours, 1), long.peer, long.unit) == (7.3, 3.0, "s")


def test_an_absent_peer_has_no_rows() -> None:
    assert not any("whisperX" in name for name in named(replace(words(), whisperx=None)))


def speakers() -> Comparison:
    return Comparison(
        group="a",
        recordings=[SPOKEN],
        totals={
            "Tamlil, diarized": [one(cpu=20)],
            "alone": [one(wall=10, cpu=8, words_wrong=None)],
            "wx": [one(cpu=110, diarizer_cpu=80)],
        },
        ours="Tamlil, diarized",
        diarizer="alone",
        whisperx="wx",
    )


def test_a_diarized_job_is_compared_in_cpu_seconds() -> None:
    row = named(speakers())["the job's CPU time, against whisperX + pyannote"]
    assert (row.ours, row.peer, row.ratio, row.target, row.met) == (20, 110, 5.5, 5.0, True)


def test_the_diarizer_has_a_limit_of_errors_and_of_time() -> None:
    rows = named(speakers())
    assert (rows["DER of the diarizer"].ours, rows["DER of the diarizer"].target) == (10.0, 9.5)
    assert rows["DER of the diarizer"].met is False
    pace = rows["diarizer's wall time a second of audio"]
    assert (pace.ours, pace.target, pace.met) == (0.1, 0.125, True)
    assert rows["CPU time of the diarizer, against pyannote alone"].ratio == 10.0


def test_the_tables_are_markdown_with_the_spread() -> None:
    lines = systems_table(words()).splitlines()
    assert lines[0].startswith("| system | x real time |")
    assert lines[2] == (
        "| Tamlil | 10.0 | 10.0 (8.00 to 12.0) | 20.0 | 500 | 4.00 | 8 | 4.50 | 7.30 | 80 |"
    )  # fmt: skip
    assert "| raw | 0.80 (0.80 to 1.00) | 1.00 | 1.00 |" in ratios_table(words())
    assert "| alone | 10.0 |" in systems_table(speakers())
    assert "alone" not in ratios_table(speakers())
