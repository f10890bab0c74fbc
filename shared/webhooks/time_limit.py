"""A limit on the whole of an HTTP exchange, which per-read timeouts alone don't give.

A peer that sends one byte before each read times out holds a connection for ever. The guarded
client's streams look here before and while they wait, so that a limit binds the handshake, the
headers and the body alike, and a wish to stop is seen within POLL_SECONDS.
"""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

from shared.domain.errors import Stopped

POLL_SECONDS = 0.25
_WRITE_BYTES = 16_384
_LEAST_WAIT = 0.001  # a socket timeout of zero would mean "don't wait at all"


class DeadlinePassed(httpx.TimeoutException):
    """The exchange took longer than its limit, however busy the connection was."""


def never() -> bool:
    """The wish to stop of a caller that has none."""
    return False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Limit:
    deadline: float
    should_stop: Callable[[], bool]

    def wait(self, until: float) -> float:
        """Seconds to wait before looking again; `until` ends the single operation."""
        if self.should_stop():
            msg = "stopped while talking to a server"
            raise Stopped(msg)
        now = time.monotonic()
        if now >= self.deadline:
            msg = "the time limit of the whole exchange has passed"
            raise DeadlinePassed(msg)
        return max(_LEAST_WAIT, min(POLL_SECONDS, self.deadline - now, until - now))

    def remaining(self, timeout: float | None) -> float:
        """`timeout`, cut to what is left of the whole."""
        self.wait(math.inf)
        left = max(_LEAST_WAIT, self.deadline - time.monotonic())
        return left if timeout is None else min(timeout, left)


_ACTIVE: ContextVar[_Limit | None] = ContextVar("tamlil_http_time_limit", default=None)


@contextmanager
def time_limit(seconds: float, should_stop: Callable[[], bool] = never) -> Iterator[None]:
    """Bind every exchange of a guarded client in this context to `seconds` in all.

    Inside, the client's calls raise DeadlinePassed after `seconds`, and Stopped soon after
    `should_stop` says so.
    """
    limit = _Limit(deadline=time.monotonic() + seconds, should_stop=should_stop)
    token = _ACTIVE.set(limit)
    try:
        yield
    finally:
        _ACTIVE.reset(token)


def remaining(timeout: float | None) -> float | None:
    """`timeout` in seconds, cut to the active limit.

    Raises:
        DeadlinePassed: nothing is left.
        Stopped: the caller wants to stop.
    """
    limit = _ACTIVE.get()
    return timeout if limit is None else limit.remaining(timeout)


class LimitedStream(httpcore.NetworkStream):
    """A connection whose every wait obeys the active limit."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read in short waits, so that limit and wish to stop are seen between them."""
        limit = _ACTIVE.get()
        if limit is None:
            return self._stream.read(max_bytes, timeout)
        until = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            try:
                return self._stream.read(max_bytes, limit.wait(until))
            except httpcore.ReadTimeout:
                if time.monotonic() >= until:
                    raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write in pieces, looking at the limit before each."""
        for start in range(0, len(buffer), _WRITE_BYTES):
            self._stream.write(buffer[start : start + _WRITE_BYTES], remaining(timeout))

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Shake hands within what is left of the limit."""
        secured = self._stream.start_tls(ssl_context, server_hostname, remaining(timeout))
        return LimitedStream(secured)

    def get_extra_info(self, info: str) -> Any:
        """What the connection knows about itself."""
        return self._stream.get_extra_info(info)


SocketOptions = Iterable[
    tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
]
