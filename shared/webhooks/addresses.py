"""Which IP addresses an outgoing request may reach.

IPv4 follows the IANA special-purpose registry; of IPv6 only global unicast (2000::/3) is public,
less the blocks that embed IPv4 addresses: those are judged by the address inside.
https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Reach(StrEnum):
    """What kind of place an address is; only PUBLIC is open to everyone."""

    PUBLIC = "public"
    PRIVATE = "private"
    LOOPBACK = "loopback"
    METADATA = "metadata service"
    LINK_LOCAL = "link-local"
    RESERVED = "reserved"


# Instance metadata and credentials of AWS (EC2, ECS, EKS; v4 and v6), Google Cloud, Azure,
# Alibaba and Oracle. Two of them look public or private, so they come before any other rule.
_METADATA = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254 169.254.170.2 169.254.170.23 168.63.129.16 100.100.100.200 192.0.0.192"
        " fd00:ec2::254 fd00:ec2::23 fd20:ce::254"
    ).split()
)
_BLOCKS_V4 = tuple(
    (IPv4Network(block), reach)
    for reach, blocks in (
        (Reach.LOOPBACK, "127.0.0.0/8"),
        (Reach.LINK_LOCAL, "169.254.0.0/16"),
        (Reach.PRIVATE, "10.0.0.0/8 100.64.0.0/10 172.16.0.0/12 192.168.0.0/16"),
        (
            Reach.RESERVED,
            (
                "0.0.0.0/8 192.0.0.0/24 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24"
                " 192.88.99.0/24 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24"
                " 224.0.0.0/3"
            ),
        ),
    )
    for block in blocks.split()
)
_BLOCKS_V6 = tuple(
    (IPv6Network(block), reach)
    for reach, blocks in (
        (Reach.LOOPBACK, "::1/128"),
        (Reach.LINK_LOCAL, "fe80::/10"),
        (Reach.PRIVATE, "fc00::/7"),
        # Teredo, benchmarking, ORCHID, documentation and the rest of the protocol block.
        (Reach.RESERVED, "2001::/23 2001:db8::/32 2620:4f:8000::/48 3fff::/20"),
        (Reach.PUBLIC, "2000::/3"),
    )
    for block in blocks.split()
)
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")


def classify(address: Address) -> Reach:
    """Say what kind of place an address is; an embedded IPv4 address decides for its wrapper."""
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return Reach.LINK_LOCAL
        inner = _embedded(address)
        if inner is not None:
            return classify(inner)
    if address in _METADATA:
        return Reach.METADATA
    blocks: Sequence[tuple[Network, Reach]]
    blocks, default = (
        (_BLOCKS_V4, Reach.PUBLIC)
        if isinstance(address, IPv4Address)
        else (_BLOCKS_V6, Reach.RESERVED)
    )
    return next((reach for block, reach in blocks if address in block), default)


def parse_host(host: str) -> Address | None:
    """Read a host as an address in any notation the operating system takes; None for a name.

    ``2130706433``, ``0x7f.1`` and ``0177.0.0.1`` are all 127.0.0.1. A zone id is kept, which
    `classify` then refuses.
    """
    bare = host.strip("[]").rstrip(".").replace("%25", "%")
    try:
        return ip_address(bare)
    except ValueError:
        pass
    if not bare or not set(bare.lower()) <= set("0123456789abcdefx."):
        return None
    try:
        return IPv4Address(socket.inet_aton(bare))
    except OSError:
        return None


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address behind a mapped, translated, compatible, NAT64 or 6to4 address."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    is_compatible = address in _COMPATIBLE and int(address) > 1
    if is_compatible or address in _NAT64 or address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None
