"""The webhook function as it is put together: its own client against real sockets."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from functions.webhook.handle import handle_delivery, webhook_client
from shared.domain.deliveries import DEFAULT_SCHEDULE, Delivery, DeliveryStatus
from shared.domain.errors import UrlRefused
from shared.ports.platform import WebhookConfig
from shared.services.manage_webhooks import send_test
from tests.support.scripted_server import Script, ScriptedServer, response
from tests.support.world import World, open_world

TIMEOUT_SECONDS = 1.0
PATIENCE_SECONDS = 4.0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(
        tmp_path / "data", allow_loopback_urls=True, webhook_timeout_seconds=TIMEOUT_SECONDS
    ) as opened:
        yield opened


def send(world: World, url: str) -> Delivery:
    """Schedule a test event and make its first attempt, as the function does."""
    scheduled = send_test(world.platform, tenant="acme", url=url)
    with webhook_client(world.platform.webhooks) as client:
        after = handle_delivery(world.platform, scheduled.id, client=client)
    assert after is not None
    return after


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_by_default_this_machine_is_not_even_connected_to(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://{host}:{listener.getsockname()[1]}/"
        with (
            webhook_client(WebhookConfig(timeout_seconds=0.5)) as client,
            pytest.raises(UrlRefused),
        ):
            client.post(url, content=b"{}")
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_by_default_a_private_network_is_refused() -> None:
    with webhook_client(WebhookConfig()) as client, pytest.raises(UrlRefused, match="private"):
        client.post("http://10.0.0.1/", content=b"{}")


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_a_failure_and_nobody_else_is_called(world: World, status: str) -> None:
    with ScriptedServer(lambda _: [response()]).running() as second:
        script: Script = lambda _: [response(status=status, Location=second.url())]  # noqa: E731
        with ScriptedServer(script).running() as first:
            after = send(world, first.url())
            assert len(first.heads) == 1
        assert second.heads == []
    assert (after.status, after.attempts[0].status_code) == (
        DeliveryStatus.PENDING,
        int(status[:3]),
    )
    assert after.attempts[0].error == f"the receiver answered {status[:3]}"


def drip(_: str) -> Iterator[bytes]:
    """Keeps every single read busy, for twice as long as the test has patience."""
    yield b"HTTP/1.1 200 OK\r\n"
    for number in range(int(2 * PATIENCE_SECONDS / 0.05)):
        time.sleep(0.05)
        yield f"X-Drip-{number}: x\r\n".encode()


def test_a_receiver_that_drips_is_left_at_the_time_limit(world: World) -> None:
    with ScriptedServer(drip).running() as server:
        began = time.monotonic()
        after = send(world, server.url())
        assert time.monotonic() - began < PATIENCE_SECONDS
    assert after.attempts[0].error == "no answer within 1 seconds"
    assert after.status is DeliveryStatus.PENDING


def test_gone_switches_the_hook_off(world: World) -> None:
    with ScriptedServer(lambda _: [response(status="410 Gone")]).running() as server:
        first = send(world, server.url())
        assert (first.status, first.next_attempt_at) == (DeliveryStatus.SWITCHED_OFF, None)
        assert world.platform.deliveries.is_switched_off("acme", server.url())
        assert len(server.heads) == 1


@pytest.mark.parametrize("as_date", [False, True])
def test_a_wait_that_the_receiver_asks_for_is_kept(world: World, *, as_date: bool) -> None:
    wait = DEFAULT_SCHEDULE[1] + 115
    asked = formatdate(world.clock.now() + wait, usegmt=True) if as_date else f"{wait:.0f}"
    answer = response(status="503 Service Unavailable", Retry_After=asked)
    with ScriptedServer(lambda _: [answer]).running() as server:
        after = send(world, server.url())
    assert after.next_attempt_at == pytest.approx(world.clock.now() + wait, abs=1)
