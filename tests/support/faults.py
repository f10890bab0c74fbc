"""Ways to break a platform at a chosen point, around the real adapters."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

from shared.domain.errors import Unavailable
from shared.ports.platform import Platform

#: Ports whose calls can be broken; the others are not part of any promise about crashes.
PORTS = ("jobs", "deliveries", "blobs", "queue", "events", "launcher", "metrics")


class ProcessDied(BaseException):
    """The process ended here. Not an `Exception`: nothing in the product may catch it."""


def die() -> None:
    """End the process as far as a test in the same process can."""
    raise ProcessDied


def kill_this_process() -> None:
    """End the process for real, as ``kill -9`` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def be_unavailable() -> None:
    """Answer as a store or queue does that can't be reached."""
    raise Unavailable("the test has switched it off")


Action = Callable[[], object]


@dataclass
class Faults:
    """What happens at which point: ``before queue.send``, ``after jobs.replace``, and so on."""

    _once: dict[str, list[tuple[int, Action]]] = field(default_factory=dict)
    _always: dict[str, Action] = field(default_factory=dict)

    def once(self, point: str, action: Action = die, *, skip: int = 0) -> None:
        """Act the next time that `point` is reached, after letting it pass `skip` times."""
        self._once.setdefault(point, []).append((skip, action))

    def always(self, point: str, action: Action = be_unavailable) -> None:
        """Act every time until `clear`."""
        self._always[point] = action

    def clear(self) -> None:
        """Everything works again."""
        self._once.clear()
        self._always.clear()

    def reach(self, point: str) -> None:
        """Called by the wrappers."""
        planned = self._once.get(point)
        if planned:
            skip, action = planned.pop(0)
            if skip == 0:
                action()
            else:
                planned.insert(0, (skip - 1, action))
        if point in self._always:
            self._always[point]()


class _Breakable:
    """An adapter whose every call passes two points: before and after."""

    def __init__(self, name: str, adapter: object, faults: Faults) -> None:
        self._name = name
        self._adapter = adapter
        self._faults = faults

    def __getattr__(self, method: str) -> Callable[..., Any]:
        real = getattr(self._adapter, method)

        def call(*args: Any, **kwargs: Any) -> Any:
            self._faults.reach(f"before {self._name}.{method}")
            result = real(*args, **kwargs)
            self._faults.reach(f"after {self._name}.{method}")
            return result

        return call


def breakable(platform: Platform, faults: Faults) -> Platform:
    """The same platform, whose ports obey `faults`."""
    ports = {name: _Breakable(name, getattr(platform, name), faults) for name in PORTS}
    return replace(platform, **cast("dict[str, Any]", ports))
