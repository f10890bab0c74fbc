"""TLS through the guard: the connection goes to an address, the certificate is for the name."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest

from shared.webhooks.time_limit import time_limit
from shared.webhooks.url_guard import UrlPolicy, guarded_client
from tests.support.scripted_server import ScriptedResolver, ScriptedServer, response

LOOPBACK = UrlPolicy(allow_loopback=True)


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context for ``hook.example`` and a client's that trusts it."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        [
            *"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(),
            *"-subj /CN=hook.example -addext subjectAltName=DNS:hook.example".split(),
            *("-keyout", str(key), "-out", str(cert)),
        ],
        check=True,
        capture_output=True,
    )
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(cert, key)
    return serving, ssl.create_default_context(cafile=str(cert))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
def test_tls_verifies_the_name_though_the_connection_goes_to_an_address(tmp_path: Path) -> None:
    serving, trusting = certificate(tmp_path)
    names: list[str | None] = []
    serving.sni_callback = lambda _socket, name, _context: names.append(name)
    server = ScriptedServer(lambda _: [response(b"sealed")], serving)
    resolver = ScriptedResolver(["127.0.0.1"])
    with (
        server.running(),
        guarded_client(
            LOOPBACK, timeout=5, max_redirects=0, resolver=resolver, ssl_context=trusting
        ) as client,
        time_limit(10),
    ):
        assert client.get(server.url(host="hook.example", scheme="https")).text == "sealed"
        with pytest.raises(httpx.ConnectError, match="certificate"):
            client.get(server.url(host="other.example", scheme="https"))
    assert names == ["hook.example", "other.example"]
