"""Every hop of a redirect is checked again, whatever it names."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from shared.domain.errors import UrlRefused
from shared.webhooks.url_guard import UrlPolicy, guarded_client
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


def redirect(location: str) -> Script:
    return lambda _: [response(status="302 Found", Location=location)]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(lambda _: [response(b"hello")]).running() as running:
        yield running


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://10.0.0.1/", "private"),
        ("http://169.254.169.254/latest/meta-data/", "metadata"),
        ("http://2852039166/", "metadata"),
        ("//[::ffff:10.0.0.1]/", "private"),
        ("http://user:pass@example.com/", "user name"),
        ("file:///etc/passwd", "must begin with"),
        ("gopher://example.com/", "must begin with"),
        ("http://example.com:25/", "port 25"),
    ],
)
def test_a_redirect_to_a_refused_place_is_refused(location: str, reason: str) -> None:
    with (
        ScriptedServer(redirect(location)).running() as server,
        pytest.raises(UrlRefused, match=reason),
    ):
        get(server.url())


def test_a_redirect_to_a_name_that_leads_inside_is_refused(server: ScriptedServer) -> None:
    resolver = ScriptedResolver(["127.0.0.1"], ["10.0.0.1"])
    with ScriptedServer(redirect(f"http://second.example:{server.port}/")).running() as first:
        with pytest.raises(UrlRefused):
            get(first.url(host="first.example"), resolver=resolver)
        assert len(first.heads) == 1
    assert resolver.asked == ["first.example", "second.example"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost.example"])
def test_a_redirect_from_a_public_place_to_loopback_is_refused(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    connect = socket.create_connection

    def route(address: tuple[str, int], *args: Any, **kwargs: Any) -> socket.socket:
        # The one public address of this test's internet lives on our loopback server.
        assert address[0] == "93.184.215.14"
        return connect(("127.0.0.1", address[1]), *args, **kwargs)

    with ScriptedServer(redirect(server.url(host=host))).running() as first:
        monkeypatch.setattr(socket, "create_connection", route)
        resolver = ScriptedResolver(["93.184.215.14"], ["127.0.0.1"])
        with pytest.raises(UrlRefused, match="loopback"):
            get(first.url(host="public.example"), policy=UrlPolicy(), resolver=resolver)
        monkeypatch.undo()
        assert len(first.heads) == 1
    assert server.heads == []


def test_allowed_redirects_are_followed_up_to_the_limit(server: ScriptedServer) -> None:
    with ScriptedServer(redirect(server.url("/end"))).running() as first:
        assert get(first.url(), max_redirects=1).text == "hello"
    with ScriptedServer(redirect("/again")).running() as loop:
        with pytest.raises(httpx.TooManyRedirects):
            get(loop.url(), max_redirects=3)
        assert len(loop.heads) == 4


def test_without_redirects_the_redirect_itself_is_the_answer(server: ScriptedServer) -> None:
    with ScriptedServer(redirect(server.url())).running() as first:
        assert get(first.url(), max_redirects=0).status_code == 302
    assert server.heads == []
