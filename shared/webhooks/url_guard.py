"""An HTTP client that can't be led to private addresses (promise 7 of the architecture).

Checking a name first and connecting to it later resolves it twice, and a hostile name server
answers the second time with 127.0.0.1. So the guard sits where the connection is made: it resolves
the name once, checks every address, and connects to the address it has checked. TLS and the Host
header still name the host. Redirects pass through the same transport and are checked again.

httpx's own transport has no public place for a network backend; httpcore's pool has one, and a
transport over it is httpx's public way to add it. Nothing private is touched.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import ip_address

import httpcore
import httpx

from shared.webhooks.addresses import parse_host
from shared.webhooks.time_limit import LimitedStream, SocketOptions, remaining
from shared.webhooks.url_policy import UrlPolicy, check_url

__all__ = ["NameNotResolved", "Resolver", "UrlPolicy", "check_url", "guarded_client"]

#: Host name and port to the textual IP addresses behind it.
Resolver = Callable[[str, int], Sequence[str]]

_CONNECT_SECONDS = 10.0  # where the caller sets none


class NameNotResolved(httpx.ConnectError):
    """No name server knows the host."""


def system_resolver(host: str, port: int) -> Sequence[str]:
    """Ask the operating system.

    Raises:
        NameNotResolved: the name has no address.
        httpcore.ConnectError: the name server did not answer; another try may succeed.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as exc:
        if isinstance(exc, socket.gaierror) and exc.errno == socket.EAI_AGAIN:
            msg = "the name server did not answer"
            raise httpcore.ConnectError(msg) from exc
        msg = "the host name does not resolve"
        raise NameNotResolved(msg) from exc
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def guarded_client(
    policy: UrlPolicy,
    *,
    timeout: float,
    max_redirects: int,
    resolver: Resolver = system_resolver,
    ssl_context: ssl.SSLContext | None = None,
) -> httpx.Client:
    """Make a client that reaches only what `policy` allows; the caller closes it.

    `timeout` (seconds) bounds the connection and each wait for bytes; wrap calls in `time_limit`
    to bound the whole. `max_redirects` 0 hands a redirect back as the answer. Proxies and netrc of
    the environment are ignored, since a proxy would connect in our place, unchecked; cookies are
    not kept, since one client serves many tenants.

    Its calls raise UrlRefused, NameNotResolved and what httpx raises.
    """
    return httpx.Client(
        transport=GuardedTransport(policy, resolver, ssl_context),
        timeout=timeout,
        follow_redirects=max_redirects > 0,
        max_redirects=max_redirects,
        trust_env=False,
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        headers={"User-Agent": "tamlil"},
    )


class GuardedTransport(httpx.BaseTransport):
    """Checks each request's URL, then sends it over connections that check addresses."""

    def __init__(
        self, policy: UrlPolicy, resolver: Resolver, ssl_context: ssl.SSLContext | None = None
    ) -> None:
        self._policy = policy
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl_context or httpx.create_ssl_context(trust_env=False),
            # Callers bound how many they send at once; waiting here would escape their limits.
            max_connections=None,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            network_backend=GuardedBackend(policy, resolver),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; a redirect comes here as another."""
        check_url(request.url, self._policy)
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        outgoing = httpcore.Request(
            method=request.method,
            url=url,
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _as_httpx():
            answer = self._pool.handle_request(outgoing)
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class GuardedBackend(httpcore.NetworkBackend):
    """Resolves once, checks every address, connects to a checked one.

    The base class refuses local sockets.
    """

    def __init__(self, policy: UrlPolicy, resolver: Resolver) -> None:
        self._policy = policy
        self._resolver = resolver
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions | None = None,
    ) -> httpcore.NetworkStream:
        """Try the addresses in turn, all within `timeout` seconds."""
        until = time.monotonic() + (_CONNECT_SECONDS if timeout is None else timeout)
        failure: Exception = httpcore.ConnectError("the host has no address")
        for address in self._checked_addresses(host, port):
            left = remaining(max(0.001, until - time.monotonic()))
            try:
                stream = self._sockets.connect_tcp(
                    address, port, left, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
            else:
                return LimitedStream(stream)
        raise failure

    def _checked_addresses(self, host: str, port: int) -> list[str]:
        """Every address must pass: which of several is used is the attacker's draw, not ours."""
        literal = parse_host(host)
        texts = [str(literal)] if literal is not None else self._resolver(host, port)
        addresses = [ip_address(text) for text in texts]
        for address in addresses:
            self._policy.check_address(address)
        return [str(address) for address in addresses]


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        chunks: Iterable[bytes] = self._answer.iter_stream()
        with _as_httpx():
            yield from chunks

    def close(self) -> None:
        self._answer.close()


_FAILURES = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)


@contextmanager
def _as_httpx() -> Iterator[None]:
    """Raise httpcore's failures as httpx's, which bear the same names."""
    try:
        yield
    except _FAILURES as exc:
        named: type[httpx.TransportError] = getattr(httpx, type(exc).__name__)
        raise named(str(exc)) from exc
