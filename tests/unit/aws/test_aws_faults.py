"""Faults on the wire between the SDK and each service: some tries, then `Unavailable`, in time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator

import pytest

from shared.adapters.aws.clients import AwsClients
from shared.adapters.aws.dynamo_job_store import DynamoJobStore
from shared.adapters.aws.event_bridge_event_bus import EventBridgeEventBus
from shared.adapters.aws.s3_blob_store import S3BlobStore
from shared.adapters.aws.secrets_manager_store import SecretsManagerStore
from shared.adapters.aws.sqs_job_queue import SqsJobQueue
from shared.domain.errors import Unavailable
from shared.domain.events import EventType
from shared.domain.messages import JobEvent
from tests.support.aws_contracts import AwsAdapters, aws_environment
from tests.support.every_call import every_call
from tests.support.scripted_server import ScriptedServer, response

EVENT = JobEvent(event_id="e", type=EventType.WEBHOOK_TEST, job_id="j", tenant="a", occurred_at=1.0)
_TRIES = 4

Call = Callable[[AwsClients, str], object]


def _queue(clients: AwsClients, url: str) -> SqsJobQueue:
    return SqsJobQueue(clients, queue_url=f"{url}1/jobs", dead_letter_url=f"{url}1/dead")


CALLS: dict[str, Call] = {
    "queue.send": lambda clients, url: _queue(clients, url).send("a"),
    "queue.receive": lambda clients, url: _queue(clients, url).receive(),
    "queue.delete": lambda clients, url: _queue(clients, url).delete("r"),
    "queue.depth": lambda clients, url: _queue(clients, url).depth(),
    "jobs.get": lambda clients, _: _job(clients),
    "bus.publish": lambda clients, _: EventBridgeEventBus(clients, bus="b").publish([EVENT]),
    "secrets.get": lambda clients, _: SecretsManagerStore(clients, prefix="p").get("s"),
    "blobs.put": lambda clients, _: S3BlobStore(clients, bucket="b").put("k", [b"x"]),
    "blobs.stat": lambda clients, _: S3BlobStore(clients, bucket="b").stat("k"),
}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's waits are counted, not slept."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)


def _job(clients: AwsClients) -> object:
    return DynamoJobStore(clients, table="t").get("job_1")


def throttled(_: str) -> Iterable[bytes]:
    body = json.dumps({"__type": "ThrottlingException", "message": "slow down"}).encode()
    return [response(body, status="400 Bad Request")]


def throttled_as_xml(_: str) -> Iterable[bytes]:
    body = b"<Error><Code>SlowDown</Code></Error>"
    return [response(body, status="503 Slow Down")]


def broken(_: str) -> Iterable[bytes]:
    return [response(b"", status="500 Internal Server Error")]


def reset(_: str) -> Iterable[bytes]:
    return [b""]


def cut(_: str) -> Iterable[bytes]:
    return [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"]


def at(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> AwsClients:
    for name, value in aws_environment(server.url("")).items():
        monkeypatch.setenv(name, value)
    return AwsClients(connect_seconds=0.5, read_seconds=0.5)


@pytest.mark.parametrize("fault", [throttled, broken, reset, cut])
@pytest.mark.parametrize("name", CALLS)
def test_a_fault_that_lasts_is_unavailable_after_some_tries(
    quick: None,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    fault: Callable[[str], Iterable[bytes]],
) -> None:
    if name.startswith("blobs") and fault is throttled:
        fault = throttled_as_xml
    with ScriptedServer(fault).running() as server:
        clients = at(server, monkeypatch)
        if name == "blobs.stat" and fault is cut:
            pytest.skip("a HEAD's answer has no body that could be cut")
        with pytest.raises(Unavailable) as caught:
            CALLS[name](clients, server.url(""))
    assert caught.value.retryable
    assert len(server.heads) == _TRIES


def once(fault: Callable[[str], Iterable[bytes]], then: bytes) -> Callable[[str], Iterable[bytes]]:
    first: Iterator[int] = iter(range(1))
    return lambda head: [then] if next(first, None) is None else fault(head)


@pytest.mark.parametrize("fault", [throttled, broken, reset])
def test_a_fault_that_passes_is_not_seen(
    quick: None, monkeypatch: pytest.MonkeyPatch, fault: Callable[[str], Iterable[bytes]]
) -> None:
    taken = json.dumps({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}).encode()
    with ScriptedServer(once(fault, response(taken))).running() as server:
        bus = EventBridgeEventBus(at(server, monkeypatch), bus="b")
        assert bus.publish([EVENT]) == {"e"}
    assert len(server.heads) == 2


def test_throttling_without_end_costs_seconds_not_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the SDK's real waits, of 1, 2 and 4 seconds at most."""
    with ScriptedServer(throttled).running() as server:
        clients = at(server, monkeypatch)
        started = time.monotonic()
        with pytest.raises(Unavailable):
            CALLS["bus.publish"](clients, server.url(""))
    assert time.monotonic() - started < 8.0


def test_an_sdk_that_can_not_be_set_up_is_unavailable_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """No region, a broken configuration: then it is the making of the client that fails."""
    from botocore.exceptions import NoRegionError

    def no_client(*_: object, **__: object) -> None:
        raise NoRegionError

    aws = AwsAdapters()
    calls = every_call(aws)
    monkeypatch.setattr(aws.clients, "_client", no_client)
    answered = []
    for name, call in calls.items():
        try:
            call()
        except Unavailable:
            continue
        except NoRegionError:
            pass
        answered.append(name)
    aws.close()
    assert answered == []


@pytest.mark.parametrize(
    "sign",
    [
        lambda blobs: blobs.sign_download("a", expires_in=60.0),
        lambda blobs: blobs.sign_upload("a", expires_in=60.0, max_bytes=9),
        lambda blobs: blobs.sign_upload(
            "a", expires_in=60.0, max_bytes=1 << 30, size_bytes=1 << 30
        ),
    ],
)
def test_a_role_whose_credentials_can_not_be_fetched_is_unavailable(
    monkeypatch: pytest.MonkeyPatch, sign: Callable[[S3BlobStore], object]
) -> None:
    from botocore.exceptions import CredentialRetrievalError

    def fail(_: float) -> None:
        raise CredentialRetrievalError(provider="container", error_msg="away")

    clients = AwsClients()
    monkeypatch.setattr(clients, "credentials_end", fail)
    with pytest.raises(Unavailable):
        sign(S3BlobStore(clients, bucket="b"))


def test_a_silent_service_is_given_up_in_time(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(_: str) -> Iterable[bytes]:
        while not server.closing.wait(0.02):
            pass
        yield b""

    server = ScriptedServer(silent)
    with server.running():
        clients = at(server, monkeypatch)
        started = time.monotonic()
        with pytest.raises(Unavailable):
            CALLS["queue.send"](clients, server.url(""))
    assert time.monotonic() - started < _TRIES * 0.5 + 3.0
