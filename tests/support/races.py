"""Many callers at once: threads of this process, or processes of their own."""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, wait
from functools import cache
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
    """The same in processes of their own, each with its own connections to the same storage.

    The processes stay for the next race: to start them takes far longer than to race.
    """
    description = platform.description() if isinstance(platform, Adapters) else platform
    pool = _processes(racers)
    calls = [pool.submit(_run, description, racer, number) for number in range(racers)]
    _, late = wait(calls, _TIMEOUT_SECONDS)
    try:
        assert not late, f"{len(late)} of {racers} racers did not come in"
        return [call.result() for call in calls]
    except _LacksThePort as exc:
        pytest.skip(str(exc))
    except BaseException:
        _processes.cache_clear()  # one that hangs, or missed the start, is of no use to others
        pool.shutdown(wait=False, cancel_futures=True)
        raise


@cache
def _processes(racers: int) -> ProcessPoolExecutor:
    """As many processes, of which each takes one call of a race: all wait for each other first."""
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(racers)
    return ProcessPoolExecutor(racers, mp_context=context, initializer=_remember, initargs=(start,))


class _LacksThePort(Exception):
    """pytest's own way to skip can't travel between processes."""


_start: list[Barrier] = []


def _remember(start: Barrier) -> None:
    """In each new process: a barrier can only be handed over while a process is started."""
    _start.append(start)
    threading.Thread(target=_end_with_the_tests, daemon=True).start()


def _end_with_the_tests() -> None:
    """Also where they are killed: nobody would tell this process to end."""
    tests = multiprocessing.parent_process()
    assert tests is not None
    tests.join()
    os._exit(1)


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
