"""What of the S3 store no other store has: parts, versions, connections that break."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from shared.adapters.aws.clients import AwsClients
from shared.adapters.aws.s3_blob_store import S3BlobStore
from shared.adapters.aws.s3_reading import MOST_CUTS
from shared.domain.errors import Conflict, NotFound, Unavailable, VersionConflict
from tests.support.aws_contracts import AwsAdapters, aws_environment
from tests.support.aws_parts import make_bucket
from tests.support.scripted_server import ScriptedServer, response

MIB = 1 << 20
PART = 5 * MIB


@pytest.fixture
def aws() -> Iterator[AwsAdapters]:
    adapters = AwsAdapters()
    yield adapters
    adapters.close()


@pytest.fixture
def store(aws: AwsAdapters) -> S3BlobStore:
    return S3BlobStore(aws.clients, bucket=aws.name, part_bytes=PART)


def no_parts_are_left(aws: AwsAdapters) -> bool:
    return "Uploads" not in aws.clients.s3.list_multipart_uploads(Bucket=aws.name)


def blocks(size: int) -> Iterator[bytes]:
    for start in range(0, size, 1000):
        yield bytes([start // 1000 % 251]) * min(1000, size - start)


@pytest.mark.parametrize("size", [PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 7])
def test_an_object_of_any_size_comes_back(store: S3BlobStore, size: int) -> None:
    info = store.put("a", blocks(size), content_type="audio/wav")
    assert (info.size_bytes, store.stat("a")) == (size, info)
    assert store.read("a") == b"".join(blocks(size))


def test_a_large_object_needs_the_memory_of_some_parts(
    aws: AwsAdapters, store: S3BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sent nowhere: moto would keep it in this same process."""
    s3, chunk = aws.clients.s3, bytes(MIB)
    sent: list[int] = []

    def upload_part(*, Body: bytes, **_: object) -> dict[str, str]:  # noqa: N803 - boto3's name
        sent.append(len(Body))
        return {"ETag": '"e"'}

    monkeypatch.setattr(s3, "upload_part", upload_part)
    monkeypatch.setattr(s3, "complete_multipart_upload", lambda **_: {"ETag": '"whole"'})
    tracemalloc.start()
    store.put("a", (chunk for _ in range(20 * 5)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sent == [PART] * 20
    assert peak < 6 * PART


def test_an_error_after_some_parts_leaves_none(aws: AwsAdapters, store: S3BlobStore) -> None:
    def chunks() -> Iterator[bytes]:
        yield bytes(2 * PART)
        raise RuntimeError("the client went away")

    with pytest.raises(RuntimeError, match="went away"):
        store.put("a", chunks())
    assert not store.exists("a")
    assert no_parts_are_left(aws)


def test_what_was_put_once_in_parts_stays(aws: AwsAdapters, store: S3BlobStore) -> None:
    first = store.put("a", blocks(PART + 1), once=True)
    assert store.put("a", blocks(PART + 1), once=True) == first
    with pytest.raises(Conflict) as caught:
        store.put("a", [bytes(PART + 1)], once=True)
    assert caught.value.code == "object_exists"
    assert store.stat("a") == first
    assert no_parts_are_left(aws)


def test_a_job_reads_the_version_that_it_took_whatever_is_put_over_it(store: S3BlobStore) -> None:
    taken = store.put("a", [b"taken"])
    late = store.put("a", [b"late"])
    assert b"".join(store.stream("a", version=taken.version)) == b"taken"
    store.delete("a", version=late.version)
    assert store.stat("a") == taken


def test_deleting_leaves_no_version_and_no_marker(aws: AwsAdapters, store: S3BlobStore) -> None:
    for key in ("p/a", "p/a", "p/ab", "p/b"):
        store.put(key, [b"x"])
    aws.clients.s3.delete_object(Bucket=aws.name, Key="p/a")
    store.delete("p/a")
    left = aws.clients.s3.list_object_versions(Bucket=aws.name)
    assert [version["Key"] for version in left["Versions"]] == ["p/ab", "p/b"]
    assert store.delete_prefix("p") == 2
    left = aws.clients.s3.list_object_versions(Bucket=aws.name)
    assert (left.get("Versions", []), left.get("DeleteMarkers", [])) == ([], [])


def test_all_versions_are_erased_when_they_fill_more_than_a_page(
    aws: AwsAdapters, store: S3BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.adapters.aws.s3_erasing._PAGE", 4)
    for number in range(11):
        store.put(f"p/{number % 6}", [bytes([number])])
    for _ in range(5):
        store.put("p/0", [b"x"])
    store.delete("p/0")
    assert [info.key for info in store.list("p")] == [f"p/{number}" for number in range(1, 6)]
    assert store.delete_prefix("p") == 5
    assert "Versions" not in aws.clients.s3.list_object_versions(Bucket=aws.name)


def test_everything_is_erased_though_s3_lists_fewer_than_it_was_asked_for(
    aws: AwsAdapters, store: S3BlobStore
) -> None:
    asked: list[str] = []

    def two_a_page(params: dict[str, Any], **_: object) -> None:
        asked.append(params["Prefix"])
        params["MaxKeys"] = 2

    for name in ("a/1", "a/2", "a/3", "b", "b", "b", "b2", "b3"):
        store.put(name, [b"x"])
    aws.clients.s3.meta.events.register("before-parameter-build.s3.ListObjectVersions", two_a_page)
    assert store.delete_prefix("a") == 3
    store.delete("b")
    assert [blob.key for blob in store.list("a")] == []
    left = aws.clients.s3.list_objects_v2(Bucket=aws.name)["Contents"]
    assert [entry["Key"] for entry in left] == ["b2", "b3"]
    assert asked.count("b") == 2, "other keys are not looked through"


def test_a_bucket_without_versions_reads_one_version_or_nothing(aws: AwsAdapters) -> None:
    make_bucket(aws.clients, f"{aws.name}-plain", versioned=False)
    store = S3BlobStore(aws.clients, bucket=f"{aws.name}-plain")
    old = store.put("a", [b"old"])
    assert b"".join(store.stream("a", version=old.version)) == b"old"
    new = store.put("a", [b"new"])
    with pytest.raises(VersionConflict):
        next(store.stream("a", version=old.version))
    store.delete("a", version=old.version)
    assert [info.version for info in store.list("a")] == []
    assert store.stat("a") == new
    store.delete("a", version=new.version)
    with pytest.raises(NotFound):
        next(store.stream("a", version=new.version))


# A real socket that cuts, refuses and resets; waits are not slept.


class Cutting:
    """Serves one object; each connection breaks after `give` bytes, or is answered as scripted."""

    def __init__(self, body: bytes, *, give: int, etag: str = '"e1"') -> None:
        self.body, self.give, self.etag = body, give, etag
        self.asked: list[tuple[str | None, str | None]] = []

    def __call__(self, head: str) -> Iterable[bytes]:
        headers = {k.lower(): v for k, _, v in (x.partition(": ") for x in head.split("\r\n"))}
        given = headers.get("range")
        self.asked.append((given, headers.get("if-match")))
        start = int(given.removeprefix("bytes=").rstrip("-")) if given else 0
        if headers.get("if-match", self.etag) != self.etag:
            return [response(status="412 Precondition Failed")]
        rest = self.body[start:]
        whole = response(rest, status="206 Partial" if given else "200 OK", ETag=self.etag)
        return [whole[: len(whole) - len(rest) + self.give]]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.adapters.aws.s3_reading._FIRST_WAIT_SECONDS", 0.0)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)


def at(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> S3BlobStore:
    for name, value in aws_environment(server.url("")).items():
        monkeypatch.setenv(name, value)
    return S3BlobStore(AwsClients(connect_seconds=0.5, read_seconds=0.5), bucket="bucket")


def test_a_body_that_is_cut_goes_on_where_it_was_cut_in_the_same_version(
    quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = bytes(range(250)) * 4
    cutting = Cutting(body, give=300)
    with ScriptedServer(cutting).running() as server:
        store = at(server, monkeypatch)
        assert b"".join(store.stream("a", chunk_bytes=100)) == body
    assert cutting.asked[0] == (None, None)
    assert all(asked == '"e1"' for _, asked in cutting.asked[1:])
    assert [given for given, _ in cutting.asked[1:]] == ["bytes=300-", "bytes=600-", "bytes=900-"]


def test_an_object_that_is_replaced_while_it_is_read_is_not_mixed(
    quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    cutting = Cutting(bytes(1000), give=300)
    with ScriptedServer(cutting).running() as server:
        stream = at(server, monkeypatch).stream("a", chunk_bytes=100)
        assert len(next(stream)) == 100
        cutting.etag = '"e2"'
        with pytest.raises(VersionConflict):
            list(stream)


def test_a_bucket_that_always_breaks_off_is_unavailable_after_some_tries(
    quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    cutting = Cutting(bytes(1000), give=0)
    with (
        ScriptedServer(cutting).running() as server,
        pytest.raises(Unavailable, match="broke off"),
    ):
        at(server, monkeypatch).read("a")
    assert len(cutting.asked) == MOST_CUTS


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("503 Slow Down", "SlowDown"),
        ("500 Internal Server Error", "InternalError"),
        ("429 Too Many", "ThrottlingException"),
    ],
)
@pytest.mark.parametrize("failures", [3, 99])
def test_throttling_and_errors_pass_or_are_unavailable(
    quick: None, monkeypatch: pytest.MonkeyPatch, status: str, code: str, failures: int
) -> None:
    answers = iter(range(failures))

    def script(_: str) -> Iterable[bytes]:
        if next(answers, None) is None:
            return [response(b"audio", ETag='"e"')]
        return [response(f"<Error><Code>{code}</Code></Error>".encode(), status=status)]

    with ScriptedServer(script).running() as server:
        store = at(server, monkeypatch)
        if failures == 3:
            assert store.read("a") == b"audio"
        else:
            with pytest.raises(Unavailable) as caught:
                store.read("a")
            assert caught.value.retryable
        assert len(server.heads) == 4, "as many tries as clients.py allows"


def test_a_reset_connection_is_tried_again(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([[b""], [response(b"audio", ETag='"e"')]])
    with ScriptedServer(lambda _: next(answers)).running() as server:
        assert at(server, monkeypatch).read("a") == b"audio"


def test_a_role_that_may_not_is_told_so(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        ScriptedServer(lambda _: [response(status="403 Forbidden")]).running() as server,
        pytest.raises(Unavailable) as caught,
    ):
        at(server, monkeypatch).stat("a")
    assert (caught.value.code, caught.value.retryable) == ("access_denied", False)


def test_what_s3_kept_of_a_batch_is_not_said_to_be_erased(
    aws: AwsAdapters, store: S3BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("p/a", [b"x"])
    kept = {"Errors": [{"Key": "p/a", "Code": "AccessDenied", "Message": "no"}]}
    monkeypatch.setattr(aws.clients.s3, "delete_objects", lambda **_: kept)
    with pytest.raises(Unavailable) as caught:
        store.delete_prefix("p")
    assert caught.value.code == "access_denied"


def test_an_end_whose_answer_was_lost_is_known_as_ones_own(
    aws: AwsAdapters, store: S3BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK asks again and hears that there is no such upload any more."""
    complete = aws.clients.s3.complete_multipart_upload

    def twice(**asked: object) -> object:
        complete(**asked)  # type: ignore[arg-type]
        return complete(**asked)  # type: ignore[arg-type]

    monkeypatch.setattr(aws.clients.s3, "complete_multipart_upload", twice)
    info = store.put("a", [bytes(PART + 1)], once=True)
    assert store.stat("a") == info
