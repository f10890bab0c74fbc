"""Many callers at once: threads of this process, or processes of their own."""

from __future__ import annotations

import multiprocessing
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.synchronize import Barrier
from typing import Protocol, TypeVar

import pytest

from tests.support.contracts import Adapters, AdaptersDescription

R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")

_TIMEOUT_SECONDS = 60.0


class RacerFunction(Protocol[R_co]):
    """Module-level, so that a spawned process can import it."""

    def __call__(self, platform: Adapters, number: int, /) -> R_co: ...


def race_threads(platform: Adapters, racer: RacerFunction[R], *, racers: int = 8) -> list[R]:
    """Call `racer(platform, number)` in that many threads at once."""
    start = threading.Barrier(racers)

    def run(number: int) -> R:
        start.wait(_TIMEOUT_SECONDS)
        return racer(platform, number)

    with ThreadPoolExecutor(racers) as pool:
        return list(pool.map(run, range(racers)))


def race_processes(
    platform: Adapters | AdaptersDescription, racer: RacerFunction[R], *, racers: int = 3
) -> list[R]:
    """The same in new processes, each with its own connections to the same storage."""
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(racers)
    description = platform.description() if isinstance(platform, Adapters) else platform
    with ProcessPoolExecutor(
        racers, mp_context=context, initializer=_remember, initargs=(start,)
    ) as pool:
        calls = [pool.submit(_run, description, racer, number) for number in range(racers)]
        try:
            return [call.result(_TIMEOUT_SECONDS) for call in calls]
        except _LacksThePort as exc:
            pytest.skip(str(exc))


class _LacksThePort(Exception):
    """pytest's own way to skip can't travel between processes."""


_start: list[Barrier] = []


def _remember(start: Barrier) -> None:
    """In each new process: a barrier can only be handed over while a process is started."""
    _start.append(start)


def _run(description: AdaptersDescription, racer: RacerFunction[R], number: int) -> R:
    _start[0].wait(_TIMEOUT_SECONDS)
    # Opened after the start: processes that open a new database at once are part of the race.
    platform = description.open()
    try:
        return racer(platform, number)
    except pytest.skip.Exception as exc:
        raise _LacksThePort(exc.msg) from None
    finally:
        platform.close()


class Race(Protocol):
    """`race_threads` or `race_processes`."""

    def __call__(self, platform: Adapters, racer: RacerFunction[R], /) -> list[R]: ...


RACES: tuple[Race, ...] = (race_threads, race_processes)
