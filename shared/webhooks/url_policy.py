"""What a URL from outside may look like, before any name is resolved."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING

from shared.domain.errors import UrlRefused
from shared.webhooks.addresses import Address, Reach, classify, parse_host

if TYPE_CHECKING:  # its import takes as long as a small function's start; most need no URL
    import httpx

MAX_URL_LENGTH = 2048

# Ports of services that are not web servers and might take an HTTP request for their own protocol:
# ssh, telnet, mail, DNS, TFTP, NTP, SMB, LDAP, X11, IRC, databases, caches, container engines.
DENIED_PORTS = frozenset(
    {0, 1, 7, 9, 13, 19, 21, 22, 23, 25, 53, 69, 110, 111, 119, 123, 135, 137, 139, 143, 161, 179}
    | {389, 445, 465, 512, 513, 514, 515, 587, 631, 636, 873, 993, 995, 1433, 1521, 2049, 2375}
    | {2376, 2379, 2380, 3306, 3389, 4190, 5060, 5061, 5432, 5672, 5900, 6000, 6379, 6667, 6697}
    | {9042, 10250, 11211, 27017}
)
_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?\Z")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LARGEST_PORT = 65_535


@dataclass(frozen=True, kw_only=True, slots=True)
class UrlPolicy:
    """What the guard allows beside public addresses.

    `allow_private_networks` are CIDR blocks inside the private ranges (RFC 1918, 100.64.0.0/10,
    fc00::/7). `allowed_ports` None allows all but DENIED_PORTS. Metadata services, link-local and
    reserved addresses can't be allowed.

    Raises:
        ValueError: a block is not a CIDR block.
    """

    allow_loopback: bool = False
    allow_private_networks: tuple[str, ...] = ()
    allowed_schemes: tuple[str, ...] = ("https", "http")
    allowed_ports: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        for block in self.allow_private_networks:
            ip_network(block)

    def check_address(self, address: Address) -> None:
        """Refuse an address that is neither public nor allowed by name.

        Raises:
            UrlRefused: says what kind of address it is, not which.
        """
        reach = classify(address)
        if reach is Reach.PUBLIC or (reach is Reach.LOOPBACK and self.allow_loopback):
            return
        if reach is Reach.PRIVATE and any(
            address in ip_network(block) for block in self.allow_private_networks
        ):
            return
        msg = f"url leads to a {reach.value} address, which is not allowed"
        raise UrlRefused(msg, field="url")

    def allows_port(self, port: int) -> bool:
        """Say whether a request may go to this port.

        A port past the largest must not reach the system, which takes it modulo 65,536: 65558 is
        then 22.
        """
        if not 0 < port <= _LARGEST_PORT:
            return False
        if self.allowed_ports is not None:
            return port in self.allowed_ports
        return port not in DENIED_PORTS


def check_url(url: str | httpx.URL, policy: UrlPolicy) -> None:
    """Check all that a URL itself shows; names are checked when they are connected to.

    The parser is the client's own, so that the guard and the connection read the same host.

    Raises:
        UrlRefused: too long, malformed, other scheme, user name or password, no host, a port or
            a literal address that is not allowed.
    """
    import httpx

    if len(str(url)) > MAX_URL_LENGTH:
        _refuse(f"url is longer than {MAX_URL_LENGTH} characters")
    try:
        parsed = httpx.URL(url)
        _ = parsed.host  # decodes an ``xn--`` name, as the client will when it sends
    except (httpx.InvalidURL, UnicodeError) as exc:
        msg = "url is malformed"
        raise UrlRefused(msg, field="url") from exc
    if parsed.scheme not in policy.allowed_schemes:
        _refuse(f"url must begin with {' or '.join(f'{s}://' for s in policy.allowed_schemes)}")
    if parsed.userinfo:
        _refuse("url must not carry a user name or password")
    _check_host(parsed.raw_host.decode("ascii"), policy)
    port = _DEFAULT_PORTS.get(parsed.scheme, 0) if parsed.port is None else parsed.port
    if not policy.allows_port(port):
        _refuse(f"url names port {port}, which is not allowed")


def display_url(url: str | httpx.URL) -> str:
    """Scheme, host and path for messages: query and user name may be credentials."""
    import httpx

    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return "(malformed url)"
    return str(parsed.copy_with(userinfo=b"", query=None, fragment=None))[:200]


def _check_host(host: str, policy: UrlPolicy) -> None:
    if not host:
        _refuse("url must name a host")
    address = parse_host(host)
    if address is not None:
        policy.check_address(address)
    elif len(host) > 253 or not _NAME.match(host.lower()):  # noqa: PLR2004 - limit of DNS
        _refuse("url has a malformed host")


def _refuse(detail: str) -> None:
    raise UrlRefused(detail, field="url")
