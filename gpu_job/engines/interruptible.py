"""Calls into native code that can be abandoned, and its faults as our errors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from gpu_job.engines.ports import ShouldStop
from shared.domain.errors import Stopped, WorkerError

T = TypeVar("T")
POLL_SECONDS = 0.1
#: How CTranslate2, ONNX Runtime and torch (on a GPU, on the CPU) say that memory ran out.
_EXHAUSTED = ("out of memory", "bad_alloc", "can't allocate memory")


def run_interruptibly(work: Callable[[], T], should_stop: ShouldStop) -> T:
    """Run `work` in a thread and return its result; leave it alone once told to stop.

    A decoder's batch takes seconds and can't be interrupted, but a cancelled job must stop within
    two. The thread is a daemon: it ends with its batch, or with the process.

    Raises:
        Stopped: `should_stop` turned true; the result of `work` is dropped.
    """
    if should_stop():
        raise_stopped()
    results: list[T] = []
    faults: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as exc:  # noqa: BLE001 (raised again in the caller's thread)
            faults.append(exc)

    thread = threading.Thread(target=run, name="engine", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(POLL_SECONDS)
        if thread.is_alive() and should_stop():
            raise_stopped()
    if faults:
        raise faults[0]
    return results[0]


def raise_stopped() -> None:
    """End the work because somebody asked for it.

    Raises:
        Stopped: always.
    """
    msg = "told to stop"
    raise Stopped(msg)


def tells_of_memory(exc: Exception) -> bool:
    """Whether memory ran out: native libraries tell their faults apart only by text."""
    return any(word in str(exc).lower() for word in _EXHAUSTED)


@contextmanager
def engine_errors(engine: str) -> Iterator[None]:
    """Translate what native libraries raise.

    Raises:
        WorkerError: ``out_of_memory`` or ``engine_failed``.
    """
    try:
        yield
    except MemoryError as exc:
        msg = f"{engine} ran out of memory"
        raise WorkerError(msg, code="out_of_memory") from exc
    except (RuntimeError, ValueError) as exc:
        exhausted = tells_of_memory(exc)
        msg = f"{engine} ran out of memory" if exhausted else f"{engine} failed: {exc}"
        code = "out_of_memory" if exhausted else "engine_failed"
        raise WorkerError(msg[:500], code=code) from exc
