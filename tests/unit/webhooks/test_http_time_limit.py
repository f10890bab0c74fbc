"""Limits on a whole exchange, against servers that keep the connection busy or silent."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from shared.domain.errors import Stopped
from shared.webhooks.time_limit import DeadlinePassed, time_limit
from shared.webhooks.url_guard import UrlPolicy, guarded_client
from tests.support.scripted_server import Script, ScriptedServer, response


def get(server: ScriptedServer, *, timeout: float = 5, body: bytes = b"") -> httpx.Response:
    policy = UrlPolicy(allow_loopback=True)
    with guarded_client(policy, timeout=timeout, max_redirects=0) as client:
        return client.post(server.url(), content=body)


def drip(_: str) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    for number in range(1000):
        time.sleep(0.05)
        yield f"X-Drip-{number}: x\r\n".encode()


def stall(_: str) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
    for _number in range(200):
        time.sleep(0.05)
        yield b""


@pytest.mark.parametrize("script", [drip, stall])
def test_a_time_limit_binds_the_whole_exchange(script: Script) -> None:
    with ScriptedServer(script).running() as server:
        began = time.monotonic()
        with pytest.raises(DeadlinePassed), time_limit(0.4):
            get(server)
        assert time.monotonic() - began < 2


def test_a_wish_to_stop_ends_a_stalled_exchange() -> None:
    wishes = iter([False, False, False])
    with ScriptedServer(stall).running() as server:
        began = time.monotonic()
        with pytest.raises(Stopped), time_limit(60, lambda: next(wishes, True)):
            get(server)
        assert time.monotonic() - began < 2


def test_a_stalled_read_ends_at_its_own_timeout_inside_a_longer_limit() -> None:
    with (
        ScriptedServer(stall).running() as server,
        time_limit(60),
        pytest.raises(httpx.ReadTimeout),
    ):
        get(server, timeout=0.3)


def test_a_receiver_that_never_reads_does_not_hold_the_sender_past_the_limit() -> None:
    def deaf(_: str) -> Iterator[bytes]:
        for _number in range(200):
            time.sleep(0.05)
            yield b""

    with ScriptedServer(deaf).running() as server:
        began = time.monotonic()
        with pytest.raises(httpx.TransportError), time_limit(0.4):
            get(server, body=bytes(50_000_000))
        assert time.monotonic() - began < 3


def test_an_exchange_within_its_limit_is_left_alone_and_the_limit_ends_with_its_block() -> None:
    with ScriptedServer(lambda _: [response(b"fine")]).running() as server:
        with time_limit(0.2):
            assert get(server).text == "fine"
        time.sleep(0.2)
        assert get(server).text == "fine"
