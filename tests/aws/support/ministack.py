"""A cloud on loopback: ministack as a process of its own, with IAM and signatures enforced.

What it does not model, as far as it matters here (read in its source, version 1.5.33):

- EventBridge calls a Lambda target once: no retry and no dead-letter queue of the rule.
- S3 and DynamoDB never ask KMS whether the caller may use the key.
- The root's secret is not checked (its access key is the account's id); everybody else's is.
- A function runs with ministack's own Python and packages beside it, so that environment holds
  nothing but ministack and boto3, as the Lambda runtime holds boto3.
- A function's environment begins with ministack's own: that is how tests set what no template has.
"""

from __future__ import annotations

import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import boto3
import httpx

from tests.aws.support.programs import MINISTACK, free_port, machine_environment, need
from tests.support.fake_batch_jobs import ACCOUNT, REGION

_START_SECONDS, _STOP_SECONDS = 60.0, 15.0


@dataclass(frozen=True, kw_only=True)
class Keys:
    """Credentials, as the SDK's variables name them."""

    access_key: str
    secret_key: str
    token: str | None = None

    def variables(self) -> dict[str, str]:
        """As environment variables."""
        session = {} if self.token is None else {"AWS_SESSION_TOKEN": self.token}
        return session | {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }


#: Whoever deploys: may do everything.
OWNER = Keys(access_key=ACCOUNT, secret_key="owner")


@dataclass(frozen=True, kw_only=True)
class Ministack:
    """Where it listens, the certificate to trust, and where it writes what happened."""

    url: str
    certificate: Path
    log: Path
    _made: dict[tuple[str, Keys], Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, service: str, keys: Keys = OWNER) -> Any:
        """A client of the real SDK, made once; any thread may use it."""
        with self._lock:
            if (service, keys) not in self._made:
                self._made[service, keys] = self._make(service, keys)
            return self._made[service, keys]

    def _make(self, service: str, keys: Keys) -> Any:
        return boto3.client(
            cast("Any", service),
            endpoint_url=self.url,
            region_name=REGION,
            verify=str(self.certificate),
            aws_access_key_id=keys.access_key,
            aws_secret_access_key=keys.secret_key,
            aws_session_token=keys.token,
        )

    def close(self) -> None:
        """Close the connections."""
        for client in self._made.values():
            client.close()

    def trust(self) -> ssl.SSLContext:
        """What an HTTP client has to trust."""
        return ssl.create_default_context(cafile=self.certificate)

    def assume(self, role: str) -> Keys:
        """Credentials of a role, by its ARN, as the service that it trusts would get them."""
        answer = self.client("sts").assume_role(RoleArn=role, RoleSessionName="test")
        found = answer["Credentials"]
        return Keys(
            access_key=found["AccessKeyId"],
            secret_key=found["SecretAccessKey"],
            token=found["SessionToken"],
        )

    def variables(self, keys: Keys) -> dict[str, str]:
        """The environment in which another program's SDK finds this cloud."""
        return keys.variables() | {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_CA_BUNDLE": str(self.certificate),
            "SSL_CERT_FILE": str(self.certificate),
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@contextmanager
def run_ministack(
    folder: Path, variables: Mapping[str, str], *, installed: Path = MINISTACK
) -> Iterator[Ministack]:
    """Start on a free port, with these variables for the functions too; end it with the block."""
    program, port = need(installed), free_port()
    temporary = folder / "tmp"
    temporary.mkdir(parents=True)
    own = {
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.2",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "TMPDIR": str(temporary),
        "USE_SSL": "1",  # the bucket and the queues refuse whoever comes without TLS
    }
    environment = machine_environment() | own | dict(variables)
    log = folder / "ministack.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program], env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
    certificate = temporary / "ministack-tls" / "server.crt"
    cloud = Ministack(url=f"https://127.0.0.1:{port}", certificate=certificate, log=log)
    try:
        _wait_until_ready(process, cloud)
        yield cloud
    finally:
        cloud.close()
        end(process)


def _wait_until_ready(process: subprocess.Popen[bytes], cloud: Ministack) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, cloud.log.read_text(encoding="utf-8")
        if _answers(cloud):
            return
        time.sleep(0.05)
    raise AssertionError(cloud.log.read_text(encoding="utf-8"))


def _answers(cloud: Ministack) -> bool:
    if not cloud.certificate.exists():
        return False
    try:
        httpx.get(f"{cloud.url}/_ministack/health", verify=cloud.trust())
    except (httpx.TransportError, ssl.SSLError):  # not listening yet, or still writing its file
        return False
    return True


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a program to end, and end it if it has not within some seconds."""
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
