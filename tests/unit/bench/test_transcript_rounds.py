from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.transcript.recordings import Recording
from bench.transcript.rounds import in_turn, ratios, spread, total
from bench.transcript.scoring import WordErrors
from bench.transcript.systems import Heard, Run
from shared.domain.transcript import Turn


def recording(name: str, text: str | None = "red blue") -> Recording:
    return Recording(path=Path(name), group="g", seconds=10, scored=(0, 10), text=text)


def made(text: str | None, *, wall: float = 1.0, peak: float = 5.0) -> Run:
    return Run(
        wall=wall, cpu=2.0, peak=peak, heard=Heard(text=text, lengths=(1.0, 2.0, 6.0), words=2)
    )


class Scripted:
    """Hears the same every time and writes down when it is asked."""

    load_seconds = 0.0

    def __init__(self, name: str, log: list[str]) -> None:
        self.name = name
        self._log = log
        self.asleep = False
        self.watched: Scripted | None = None

    def run(self, recording: Recording) -> Run:
        assert not self.asleep
        if self.watched and self.watched.asleep:
            self._log.append(f"{self.watched.name} sleeps")
        self._log.append(f"{self.name}{recording.path}")
        return made("red blue")

    @contextmanager
    def suspended(self) -> Iterator[None]:
        self.asleep = True
        yield
        self.asleep = False


def test_systems_take_turns_on_each_recording_in_every_round() -> None:
    log: list[str] = []
    systems = [Scripted("A", log), Scripted("B", log)]
    totals = in_turn(systems, [recording("1"), recording("2")], 2, lambda _: None)
    assert log == ["A1", "B1", "A2", "B2"] * 2
    assert {name: len(found) for name, found in totals.items()} == {"A": 2, "B": 2}


def test_the_others_sleep_while_one_works() -> None:
    log: list[str] = []
    first, second = Scripted("A", log), Scripted("B", log)
    first.watched = second
    in_turn([first, second], [recording("1")], 1, lambda _: None)
    assert log == ["B sleeps", "A1", "B1"]
    assert not second.asleep


def test_a_round_sums_times_and_takes_the_largest_peak() -> None:
    found = total(
        [recording("1"), recording("2")],
        [made("red blue", wall=1.0, peak=9.0), made("red", wall=2.5, peak=4.0)],
    )
    assert (found.seconds, found.wall, found.cpu, found.peak) == (20, 3.5, 4.0, 9.0)
    assert (found.segments, found.words) == (6, 4)
    assert (found.length(50), found.length(100)) == (2.0, 6.0)
    assert found.words_wrong == WordErrors(errors=1, words=4)
    assert found.speakers_wrong is None


def test_a_system_that_hears_nothing_misses_all_words() -> None:
    assert total([recording("1")], [made("")]).words_wrong == WordErrors(errors=2, words=2)


def test_a_system_that_does_not_transcribe_has_no_word_errors() -> None:
    assert total([recording("1")], [made(None)]).words_wrong is None


def test_a_diarizer_that_finds_nobody_misses_everybody() -> None:
    spoken = Recording(
        path=Path("1"),
        group="g",
        seconds=10,
        scored=(0, 10),
        turns=(Turn(start=1, end=3, speaker="A"),),
    )
    run = Run(wall=1, cpu=1, peak=1, heard=Heard(turns=()))
    found = total([spoken], [run])
    errors = found.speakers_wrong
    assert found.length(50) == 0.0
    assert errors is not None
    assert errors.percent == 100.0


def test_a_spread_is_the_median_between_least_and_most() -> None:
    found = spread([5.0, 1.0, 3.0])
    assert (found.middle, found.low, found.high) == (3.0, 1.0, 5.0)
    with pytest.raises(ValueError, match="no values"):
        spread([])


def test_ratios_are_taken_round_by_round() -> None:
    found = ratios([10.0, 30.0, 8.0], [10.0, 20.0, 16.0])
    assert (found.middle, found.low, found.high) == (1.0, 0.5, 1.5)
    with pytest.raises(ValueError, match="longer"):
        ratios([1.0], [1.0, 2.0])
