"""The guard against a real loopback server and a name server that lies."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpcore
import httpx
import pytest

from shared.domain.errors import UrlRefused
from shared.webhooks.url_guard import (
    GuardedBackend,
    NameNotResolved,
    UrlPolicy,
    guarded_client,
    system_resolver,
)
from tests.support.scripted_server import Script, ScriptedResolver, ScriptedServer, response

LOOPBACK = UrlPolicy(allow_loopback=True)


def get(
    url: str,
    *,
    policy: UrlPolicy = LOOPBACK,
    resolver: ScriptedResolver | None = None,
    max_redirects: int = 5,
) -> httpx.Response:
    names = resolver or ScriptedResolver(["127.0.0.1"])
    with guarded_client(policy, timeout=5, max_redirects=max_redirects, resolver=names) as client:
        return client.get(url)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(lambda _: [response(b"hello")]).running() as running:
        yield running


def test_a_name_is_connected_to_at_its_checked_address_and_keeps_its_host_header(
    server: ScriptedServer,
) -> None:
    answer = get(server.url("/x?y=1", host="hook.example"))
    assert (answer.status_code, answer.text) == (200, "hello")
    assert server.heads[0].startswith("GET /x?y=1 HTTP/1.1")
    assert f"Host: hook.example:{server.port}" in server.heads[0]


@pytest.mark.parametrize("host", ["127.0.0.1", "hook.example"])
def test_loopback_is_refused_unless_the_policy_allows_it(server: ScriptedServer, host: str) -> None:
    with pytest.raises(UrlRefused, match="loopback"):
        get(server.url(host=host), policy=UrlPolicy())
    assert server.heads == []


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "192.168.1.1", "100.64.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "fd00::1"],
)
def test_a_name_that_leads_to_a_private_address_is_refused(address: str) -> None:
    with pytest.raises(UrlRefused, match="private"):
        get("http://inside.example/", resolver=ScriptedResolver([address]))


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "::ffff:a9fe:a9fe"])
def test_metadata_services_are_refused_even_where_loopback_is_allowed(address: str) -> None:
    with pytest.raises(UrlRefused, match="metadata"):
        get("http://metadata.example/", resolver=ScriptedResolver([address]))


def test_a_name_with_one_good_and_one_bad_address_is_refused(server: ScriptedServer) -> None:
    with pytest.raises(UrlRefused):
        get(server.url(host="mixed.example"), resolver=ScriptedResolver(["127.0.0.1", "10.0.0.1"]))
    assert server.heads == []


def test_a_name_that_changes_its_address_is_checked_at_each_connection(
    server: ScriptedServer,
) -> None:
    resolver = ScriptedResolver(["127.0.0.1"], ["10.0.0.1"])
    with guarded_client(LOOPBACK, timeout=5, max_redirects=0, resolver=resolver) as client:
        assert client.get(server.url(host="rebind.example")).text == "hello"
        with pytest.raises(UrlRefused):
            client.get(server.url(host="rebind.example"))
    assert len(resolver.asked) == 2
    assert len(server.heads) == 1


def test_the_address_that_was_checked_is_the_one_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connected: list[object] = []

    def record(address: tuple[str, int], *_args: object, **_kwargs: object) -> socket.socket:
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", record)
    resolver = ScriptedResolver(["93.184.215.14", "2606:2800:21f::1"], ["127.0.0.1"])
    backend = GuardedBackend(UrlPolicy(), resolver)
    with pytest.raises(httpcore.ConnectError):
        backend.connect_tcp("rebind.example", 443, timeout=1)
    assert connected == [("93.184.215.14", 443), ("2606:2800:21f::1", 443)]
    assert resolver.asked == ["rebind.example"]
    with pytest.raises(UrlRefused):
        backend.connect_tcp("rebind.example", 443, timeout=1)
    assert len(connected) == 2


def test_proxies_of_the_environment_are_ignored(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert get(server.url()).text == "hello"


def test_cookies_of_one_answer_do_not_travel_with_the_next_request() -> None:
    script: Script = lambda _: [response(b"x", Set_Cookie="session=a")]  # noqa: E731 - short
    with (
        ScriptedServer(script).running() as server,
        guarded_client(LOOPBACK, timeout=5, max_redirects=0) as client,
    ):
        client.get(server.url())
        client.get(server.url())
        assert not any("cookie" in head.lower() for head in server.heads)


def test_the_next_address_is_tried_when_the_first_does_not_answer(server: ScriptedServer) -> None:
    resolver = ScriptedResolver(["127.0.0.2", "127.0.0.1"])
    assert get(server.url(host="two.example"), resolver=resolver).text == "hello"


def test_nobody_listening_is_a_connect_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(httpx.ConnectError):
        get(f"http://127.0.0.1:{port}/")


def test_a_name_without_addresses_is_a_connect_error() -> None:
    with pytest.raises(httpx.ConnectError, match="no address"):
        get("http://empty.example/", resolver=ScriptedResolver([]))


def test_the_system_resolver_tells_an_unknown_name_from_a_silent_name_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "127.0.0.1" in system_resolver("localhost", 80)
    error = socket.EAI_NONAME

    def fail(*_args: object, **_kwargs: object) -> list[object]:
        raise socket.gaierror(error, "scripted")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(NameNotResolved):
        system_resolver("unknown.example", 80)
    error = socket.EAI_AGAIN
    with pytest.raises(httpcore.ConnectError, match="did not answer"):
        system_resolver("silent.example", 80)
