"""Which URLs and addresses are refused before anything is sent."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from shared.domain.errors import UrlRefused
from shared.webhooks.addresses import Reach, classify, parse_host
from shared.webhooks.url_policy import UrlPolicy, check_url, display_url

STRICT = UrlPolicy()
LOOPBACK = UrlPolicy(allow_loopback=True)


@pytest.mark.parametrize(
    ("text", "reach"),
    [
        ("8.8.8.8", Reach.PUBLIC),
        ("2606:4700::1111", Reach.PUBLIC),
        ("::ffff:8.8.8.8", Reach.PUBLIC),
        ("127.8.9.1", Reach.LOOPBACK),
        ("::1", Reach.LOOPBACK),
        ("::ffff:127.0.0.1", Reach.LOOPBACK),
        ("::ffff:0:127.0.0.1", Reach.LOOPBACK),
        ("64:ff9b::7f00:1", Reach.LOOPBACK),
        ("2002:7f00:1::", Reach.LOOPBACK),
        ("::127.0.0.1", Reach.LOOPBACK),
        ("10.1.2.3", Reach.PRIVATE),
        ("100.64.0.1", Reach.PRIVATE),
        ("172.31.255.255", Reach.PRIVATE),
        ("64:ff9b::c0a8:1", Reach.PRIVATE),
        ("fd12::1", Reach.PRIVATE),
        ("169.254.1.1", Reach.LINK_LOCAL),
        ("fe80::1", Reach.LINK_LOCAL),
        ("fe80::1%eth0", Reach.LINK_LOCAL),
        ("2606:4700::1111%eth0", Reach.LINK_LOCAL),
        ("169.254.169.254", Reach.METADATA),
        ("::ffff:169.254.169.254", Reach.METADATA),
        ("fd00:ec2::254", Reach.METADATA),
        ("168.63.129.16", Reach.METADATA),
        ("100.100.100.200", Reach.METADATA),
        ("0.0.0.0", Reach.RESERVED),  # noqa: S104 - nothing is bound
        ("::", Reach.RESERVED),
        ("192.0.2.1", Reach.RESERVED),
        ("198.19.0.1", Reach.RESERVED),
        ("224.0.0.1", Reach.RESERVED),
        ("255.255.255.255", Reach.RESERVED),
        ("ff02::1", Reach.RESERVED),
        ("2001:db8::1", Reach.RESERVED),
        ("2001:0:1::1", Reach.RESERVED),
        ("64:ff9b:1::a00:1", Reach.RESERVED),
        ("fec0::1", Reach.RESERVED),
    ],
)
def test_an_address_is_known_for_what_it_reaches(text: str, reach: Reach) -> None:
    assert classify(ip_address(text)) is reach


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "127.1", "127.0.0.1."],
)
def test_every_notation_of_an_address_is_read(host: str) -> None:
    assert parse_host(host) == ip_address("127.0.0.1")
    with pytest.raises(UrlRefused, match="loopback") as caught:
        check_url(f"http://{host}/", STRICT)
    assert (caught.value.code, caught.value.field) == ("url_refused", "url")
    check_url(f"http://{host}/", LOOPBACK)


@pytest.mark.parametrize("host", ["cafe", "example.com", "abc.def", "1.2.3.4.5", "xn--4dbrk0ce"])
def test_a_name_is_not_taken_for_an_address(host: str) -> None:
    assert parse_host(host) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.mp3?sig=1",
        "http://example.com:8080/",
        "https://EXAMPLE.com./",
        "https://תמליל.example/שיר.mp3",
        "https://under_score.example/",
        "http://8.8.8.8/",
        "https://[2606:4700::1111]/",
    ],
)
def test_a_public_url_passes(url: str) -> None:
    check_url(url, STRICT)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "must begin with https:// or http://"),
        ("gopher://example.com/", "must begin with"),
        ("ftp://example.com/", "must begin with"),
        ("javascript:alert(1)", "must begin with"),
        ("//example.com/", "must begin with"),
        ("", "must begin with"),
        ("http://", "must name a host"),
        ("http:///path", "must name a host"),
        ("http://user@example.com/", "user name or password"),
        ("http://user:secret@example.com/", "user name or password"),
        ("http://8.8.8.8\\@10.0.0.1/", "user name or password"),
        ("http://10.0.0.1/", "private address"),
        ("http://[::1]/", "loopback address"),
        ("http://[::ffff:10.0.0.1]/", "private address"),
        ("http://[64:ff9b::a9fe:a9fe]/", "metadata service"),
        ("http://[fe80::1%25eth0]/", "link-local address"),
        ("http://[fe80::1%eth0]/", "link-local address"),
        ("http://169.254.169.254/latest/meta-data/", "metadata service"),
        ("http://0/", "reserved address"),
        ("http://exa%6dple.com/", "malformed host"),
        ("http://0177.0.0.1/", "malformed"),
        ("http://a..b/", "malformed host"),
        ("http://exa mple.com/", "malformed host"),
        ("http://①②⑦.0.0.1/", "malformed"),
        ("http://example.com:22/", "port 22"),
        ("http://example.com:6379/", "port 6379"),
        ("http://example.com:bad/", "malformed"),
        ("http://example.com/" + "a" * 2048, "2048 characters"),
    ],
)
def test_a_url_that_must_not_be_called_is_refused_with_the_reason(url: str, reason: str) -> None:
    with pytest.raises(UrlRefused, match=reason) as caught:
        check_url(url, STRICT)
    assert "secret" not in caught.value.detail


@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "169.254.9.9", "0"])
def test_nothing_opens_metadata_link_local_or_reserved_addresses(host: str) -> None:
    open_as_can_be = UrlPolicy(
        allow_loopback=True, allow_private_networks=("0.0.0.0/0", "::/0"), allowed_ports=(80,)
    )
    check_url("http://10.0.0.1/", open_as_can_be)
    with pytest.raises(UrlRefused):
        check_url(f"http://{host}/", open_as_can_be)


def test_a_private_network_is_open_only_when_named() -> None:
    policy = UrlPolicy(allow_private_networks=("10.1.0.0/16",))
    check_url("http://10.1.2.3/", policy)
    for host in ("10.2.0.1", "127.0.0.1"):
        with pytest.raises(UrlRefused):
            check_url(f"http://{host}/", policy)


def test_a_block_that_is_none_is_refused_when_the_policy_is_made() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0"):
        UrlPolicy(allow_private_networks=("10.0.0.x/8",))


def test_only_the_allowed_ports_pass_where_a_policy_names_them() -> None:
    policy = UrlPolicy(allowed_ports=(443,))
    check_url("https://example.com/", policy)
    for url in ("http://example.com/", "https://example.com:8443/"):
        with pytest.raises(UrlRefused, match="port"):
            check_url(url, policy)


def test_only_the_allowed_schemes_pass_where_a_policy_names_them() -> None:
    with pytest.raises(UrlRefused, match="must begin with https://"):
        check_url("http://example.com/", UrlPolicy(allowed_schemes=("https",)))


def test_a_shown_url_carries_no_credentials() -> None:
    shown = display_url("https://user:pass@example.com:8443/a/b.mp3?sig=secret#x")
    assert shown == "https://example.com:8443/a/b.mp3"
    assert display_url("http://[v1.a]/?sig=secret") == "(malformed url)"


@pytest.mark.parametrize("port", ["0", "65536", "65558", "99999", "-1"])
def test_a_port_that_the_system_would_take_for_another_is_refused(port: str) -> None:
    with pytest.raises(UrlRefused, match="port"):
        check_url(f"http://example.com:{port}/", STRICT)


@pytest.mark.parametrize("host", ["xn--a", "xn--"])
def test_a_name_that_the_client_could_not_decode_is_refused(host: str) -> None:
    with pytest.raises(UrlRefused, match="malformed"):
        check_url(f"http://{host}/", STRICT)
