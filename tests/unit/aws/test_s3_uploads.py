"""What a signed upload lets its holder do, sent by a client that is not the SDK."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from shared.adapters.aws import s3_signing
from shared.adapters.aws.s3_blob_store import S3BlobStore
from shared.domain.errors import LimitExceeded, NotFound
from shared.ports.blob_store import SignedUpload
from tamlil.upload_parts import send_in_parts
from tests.support.aws_contracts import AwsAdapters

MIB = 1 << 20


@pytest.fixture
def aws() -> Iterator[AwsAdapters]:
    adapters = AwsAdapters()
    yield adapters
    adapters.close()


@pytest.fixture
def store(aws: AwsAdapters) -> S3BlobStore:
    return S3BlobStore(aws.clients, bucket=aws.name)


def policy(upload: SignedUpload) -> list[Any]:
    conditions = json.loads(base64.b64decode(upload.fields["policy"]))["conditions"]
    assert isinstance(conditions, list)
    return conditions


def query(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query)


def test_a_form_stores_what_is_sent_with_its_fields(store: S3BlobStore) -> None:
    upload = store.sign_upload("a/b", expires_in=60, max_bytes=9, content_type="audio/mpeg")
    assert (upload.method, upload.max_bytes, upload.parts) == ("POST", 9, None)
    answer = httpx.post(upload.url, data=dict(upload.fields), files={"file": b"audio"})
    assert answer.is_success, answer.text
    assert store.read("a/b") == b"audio"
    assert store.stat("a/b").content_type == "audio/mpeg"


def test_a_form_is_signed_for_its_size_its_type_and_its_key_alone(store: S3BlobStore) -> None:
    upload = store.sign_upload("a/b", expires_in=60, max_bytes=9, content_type="audio/mpeg")
    conditions = policy(upload)
    assert ["content-length-range", 1, 9] in conditions
    assert {"Content-Type": "audio/mpeg"} in conditions
    assert {"key": "a/b"} in conditions
    assert [c for c in conditions if isinstance(c, list) and c[0] == "starts-with"] == []


def test_a_form_without_a_size_allows_what_s3_takes_in_one(store: S3BlobStore) -> None:
    upload = store.sign_upload("a", expires_in=60, max_bytes=8 << 30)
    assert upload.max_bytes == 5 << 30
    assert ["content-length-range", 1, 5 << 30] in policy(upload)


def test_a_key_of_ones_own_encrypts_whichever_way_an_object_comes(aws: AwsAdapters) -> None:
    store = S3BlobStore(aws.clients, bucket=aws.name, kms_key="key-1")
    upload = store.sign_upload("form", expires_in=60, max_bytes=9)
    assert {"x-amz-server-side-encryption-aws-kms-key-id": "key-1"} in policy(upload)
    httpx.post(upload.url, data=dict(upload.fields), files={"file": b"audio"}).raise_for_status()
    store.put("put", [b"x"])
    S3BlobStore(aws.clients, bucket=aws.name, kms_key="key-1", part_bytes=5 * MIB).put(
        "parts", [bytes(6 * MIB)]
    )
    for key in ("put", "parts"):
        head = aws.clients.s3.head_object(Bucket=aws.name, Key=key)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "key-1")


def large(store: S3BlobStore, monkeypatch: pytest.MonkeyPatch, size: int) -> SignedUpload:
    """An upload in parts of a size that a test can send."""
    monkeypatch.setattr(s3_signing, "LEAST_PART_BYTES", 5 * MIB)
    monkeypatch.setattr("shared.adapters.aws.s3_blob_store.PARTS_ABOVE_BYTES", MIB)
    return store.sign_upload("a/b", expires_in=60, max_bytes=size, size_bytes=size)


def send(upload: SignedUpload, path: Path) -> httpx.Response:
    assert upload.parts is not None
    parts = {
        "part_bytes": upload.parts.part_bytes,
        "urls": upload.parts.urls,
        "abort_url": upload.parts.abort_url,
    }
    told = {
        "method": upload.method, "url": upload.url, "headers": upload.headers, "parts": parts
    }  # fmt: skip
    with httpx.Client() as http, path.open("rb") as file:
        return send_in_parts(http, told, file)


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    path = tmp_path / "audio"
    path.write_bytes(bytes(range(256)) * (11 * MIB // 256))
    return path


def test_a_large_file_goes_in_parts(
    store: S3BlobStore, monkeypatch: pytest.MonkeyPatch, audio: Path
) -> None:
    upload = large(store, monkeypatch, 11 * MIB)
    assert upload.parts is not None
    assert len(upload.parts.urls) == 3
    with pytest.raises(NotFound):
        store.stat("a/b")
    assert send(upload, audio).is_success
    assert store.read("a/b") == audio.read_bytes()


def test_the_end_of_an_upload_in_parts_never_replaces_an_object(
    store: S3BlobStore, monkeypatch: pytest.MonkeyPatch, audio: Path, aws: AwsAdapters
) -> None:
    upload = large(store, monkeypatch, 11 * MIB)
    store.put("a/b", [], content_type="application/x-tamlil-erased")
    assert send(upload, audio).status_code == 412
    assert store.read("a/b") == b""
    assert "Uploads" not in aws.clients.s3.list_multipart_uploads(Bucket=aws.name)


def test_each_part_takes_exactly_its_length(
    store: S3BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = large(store, monkeypatch, 11 * MIB)
    assert upload.parts is not None
    assert "if-none-match" in query(upload.url)["X-Amz-SignedHeaders"][0]
    for url in upload.parts.urls:
        assert "content-length" in query(url)["X-Amz-SignedHeaders"][0]


def test_an_upload_in_parts_can_be_given_up(
    store: S3BlobStore, monkeypatch: pytest.MonkeyPatch, aws: AwsAdapters
) -> None:
    upload = large(store, monkeypatch, 11 * MIB)
    assert upload.parts is not None
    assert httpx.put(upload.parts.urls[0], content=bytes(5 * MIB)).is_success
    assert httpx.delete(upload.parts.abort_url).is_success
    assert "Uploads" not in aws.clients.s3.list_multipart_uploads(Bucket=aws.name)


@pytest.mark.parametrize("erase", ["delete", "delete_prefix"])
def test_erasing_ends_uploads_under_way(
    store: S3BlobStore, monkeypatch: pytest.MonkeyPatch, aws: AwsAdapters, erase: str
) -> None:
    large(store, monkeypatch, 11 * MIB)
    store.delete("a/bc")
    assert len(aws.clients.s3.list_multipart_uploads(Bucket=aws.name)["Uploads"]) == 1
    store.delete("a/b") if erase == "delete" else store.delete_prefix("a")
    assert "Uploads" not in aws.clients.s3.list_multipart_uploads(Bucket=aws.name)


def test_the_largest_upload_fits_into_an_answer_of_lambda(store: S3BlobStore) -> None:
    """Beside each URL of this test there is room for a session token of 2,000 characters."""
    upload = store.sign_upload("a", expires_in=60, max_bytes=8 << 30, size_bytes=8 << 30)
    assert upload.parts is not None
    assert len(upload.parts.urls) <= 512
    assert sum(len(url) + 2000 for url in upload.parts.urls) < 3_000_000


def test_more_than_s3_holds_is_refused(store: S3BlobStore) -> None:
    with pytest.raises(LimitExceeded) as caught:
        store.sign_upload("a", expires_in=60, max_bytes=1 << 50, size_bytes=1 << 50)
    assert caught.value.field == "size_bytes"


def test_a_download_has_the_name_that_it_is_saved_under(store: S3BlobStore) -> None:
    store.put("a", [b"x"])
    answer = httpx.get(store.sign_download("a", expires_in=60, filename='שיחה "1".mp3'))
    assert answer.content == b"x"
    disposition = answer.headers["content-disposition"]
    assert "filename*=UTF-8''%D7%A9%D7%99%D7%97%D7%94%20%221%22.mp3" in disposition
    assert re.search(r'filename="____ _1_\.mp3"', disposition)


@pytest.mark.parametrize(("left", "signed"), [(100.0, 100), (7200.0, 3600), (None, 3600)])
def test_nothing_is_signed_beyond_the_end_of_the_credentials(
    aws: AwsAdapters, monkeypatch: pytest.MonkeyPatch, left: float | None, signed: int
) -> None:
    now = datetime.now(UTC).timestamp()
    end = None if left is None else now + left
    monkeypatch.setattr(aws.clients, "credentials_end", lambda _: end)
    store = S3BlobStore(aws.clients, bucket=aws.name, now=lambda: now)
    assert query(store.sign_download("a", expires_in=3600))["X-Amz-Expires"] == [str(signed)]
    upload = store.sign_upload("a", expires_in=3600, max_bytes=9)
    assert upload.expires_at == pytest.approx(now + signed)


def test_the_end_of_a_roles_credentials_is_known(aws: AwsAdapters) -> None:
    from botocore.credentials import RefreshableCredentials

    end = datetime.now(UTC) + timedelta(hours=1)
    assert aws.clients.credentials_end(0.0) is None, "keys of a user don't end"
    session = aws.clients._opened()
    session._session._credentials = RefreshableCredentials(  # type: ignore[attr-defined]
        access_key="a", secret_key="b", token="c", expiry_time=end,
        refresh_using=lambda: pytest.fail("not due yet"), method="test",
    )  # fmt: skip
    assert aws.clients.credentials_end(0.0) == pytest.approx(end.timestamp())
