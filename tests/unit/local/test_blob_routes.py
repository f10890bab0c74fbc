from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from functions.local.blob_routes import ByteRange, create_blob_app, parse_range
from shared.domain.errors import InvalidRequest
from shared.domain.job import Status
from shared.services.cancel_job import purge_job
from shared.services.start_upload import sign_upload
from shared.services.submission import Submission, UploadAudio
from shared.services.submit_job import submit_job
from shared.wiring.local import LocalDeployment
from tests.support.clock import FakeClock
from tests.support.platform import make_deployment

CONTENT = bytes(range(256)) * 8192  # 2 MiB: more than one chunk


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def deployment(tmp_path: Path, clock: FakeClock) -> Iterator[LocalDeployment]:
    with make_deployment(tmp_path, clock=clock) as made:
        yield made


@pytest.fixture
def client(deployment: LocalDeployment) -> Iterator[TestClient]:
    app = create_blob_app(deployment.platform, deployment.signer)
    with TestClient(app, base_url="http://127.0.0.1:8360") as made:
        yield made


@pytest.fixture
def url(deployment: LocalDeployment) -> str:
    blobs = deployment.platform.blobs
    blobs.put("a/b.bin", [CONTENT], content_type="audio/flac")
    return blobs.sign_download("a/b.bin", expires_in=60, filename="שיחה.flac")


def test_a_signed_url_gives_the_object(client: TestClient, url: str) -> None:
    answer = client.get(url)
    assert answer.content == CONTENT
    assert answer.headers["content-type"] == "audio/flac"
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert "filename*=UTF-8''%D7%A9" in answer.headers["content-disposition"]


def test_head_tells_the_size_and_sends_nothing(client: TestClient, url: str) -> None:
    answer = client.head(url)
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.content == b""


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=0-0", CONTENT[:1]),
        ("bytes=1048570-1048585", CONTENT[1048570:1048586]),
        ("bytes=2097100-", CONTENT[2097100:]),
        ("bytes=-5", CONTENT[-5:]),
        ("bytes=10-99999999", CONTENT[10:]),
    ],
)
def test_a_range_gives_these_bytes_only(
    client: TestClient, url: str, asked: str, expected: bytes
) -> None:
    answer = client.get(url, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == expected
    assert answer.headers["content-range"].endswith(f"/{len(CONTENT)}")


def test_a_range_behind_the_end_is_416(client: TestClient, url: str) -> None:
    answer = client.get(url, headers={"Range": f"bytes={len(CONTENT)}-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(CONTENT)}"


@pytest.mark.parametrize("header", [None, "", "bytes=-", "bytes=5-2", "items=1-2", "bytes=0-1,3-4"])
def test_a_range_that_is_none_gives_the_whole(header: str | None) -> None:
    assert parse_range(header, 10) is None


def test_a_suffix_longer_than_the_object_is_the_object() -> None:
    assert parse_range("bytes=-50", 10) == ByteRange(start=0, end=10)


def test_no_range_of_an_empty_object_can_be_satisfied() -> None:
    with pytest.raises(InvalidRequest):
        parse_range("bytes=0-", 0)


@pytest.mark.parametrize(("name", "value"), [("signature", "00"), ("expires", "9999999999")])
def test_a_url_that_was_changed_is_refused(
    client: TestClient, url: str, name: str, value: str
) -> None:
    altered = httpx.URL(url).copy_set_param(name, value)
    answer = client.get(str(altered))
    assert answer.status_code == 403
    assert answer.json()["code"] == "signature_invalid"
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_signature_is_good_for_its_key_only(
    client: TestClient, url: str, deployment: LocalDeployment
) -> None:
    deployment.platform.blobs.put("a/c.bin", [b"other"])
    assert client.get(url.replace("b.bin", "c.bin")).status_code == 403


def test_an_expired_url_is_refused(client: TestClient, url: str, clock: FakeClock) -> None:
    clock.advance(61)
    answer = client.get(url)
    assert (answer.status_code, answer.json()["code"]) == (403, "signature_expired")


def test_a_download_url_does_not_upload(client: TestClient, url: str) -> None:
    assert client.put(url, content=b"x").status_code == 403


def test_an_erased_object_is_404(client: TestClient, url: str, deployment: LocalDeployment) -> None:
    deployment.platform.blobs.delete("a/b.bin")
    assert client.get(url).status_code == 404


def test_an_upload_starts_the_job_that_waits_for_it(
    client: TestClient, deployment: LocalDeployment
) -> None:
    platform = deployment.platform
    upload = sign_upload(platform, tenant="acme", size_bytes=None, content_type="audio/flac")
    audio = UploadAudio(upload_id=upload.upload_id)
    job = submit_job(platform, Submission(tenant="acme", audio=audio)).job
    assert job.status is Status.AWAITING_UPLOAD
    answer = client.put(
        upload.signed.url, content=iter([CONTENT, b"end"]), headers=dict(upload.signed.headers)
    )
    assert answer.status_code == 200
    arrived = platform.jobs.get(job.id)
    assert arrived.status is Status.PENDING
    assert arrived.source.size_bytes == len(CONTENT) + 3
    assert platform.blobs.read(arrived.source.key or "") == CONTENT + b"end"


def test_a_signed_url_writes_once_and_nothing_after_its_object_was_erased(
    client: TestClient, deployment: LocalDeployment
) -> None:
    platform = deployment.platform
    upload = sign_upload(platform, tenant="acme", size_bytes=None, content_type=None)
    audio = UploadAudio(upload_id=upload.upload_id)
    job = submit_job(platform, Submission(tenant="acme", audio=audio)).job
    first = client.put(upload.signed.url, content=b"audio")
    again = client.put(upload.signed.url, content=b"audio")
    assert (again.status_code, again.headers["etag"]) == (200, first.headers["etag"])
    for body in (b"other", b"longer than the first"):
        other = client.put(upload.signed.url, content=body)
        assert (other.status_code, other.json()["code"]) == (409, "upload_taken")
    assert platform.blobs.read(job.source.key or "") == b"audio"
    purge_job(platform, tenant="acme", job_id=job.id)
    late = client.put(upload.signed.url, content=b"audio")
    assert (late.status_code, late.json()["code"]) == (410, "upload_erased")
    assert platform.blobs.read(job.source.key or "") == b""


@pytest.mark.parametrize("content", [[b"x" * 11], [b"x" * 6, b"x" * 5]])
def test_an_upload_over_its_size_is_refused_and_leaves_nothing(
    client: TestClient, deployment: LocalDeployment, content: list[bytes]
) -> None:
    upload = sign_upload(deployment.platform, tenant="acme", size_bytes=10, content_type=None)
    announced = {"content-length": "11"} if len(content) == 1 else {}
    answer = client.put(upload.signed.url, content=iter(content), headers=announced)
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    assert list(deployment.platform.blobs.list("tenants")) == []


def test_an_empty_upload_is_refused(client: TestClient, deployment: LocalDeployment) -> None:
    upload = sign_upload(deployment.platform, tenant="acme", size_bytes=10, content_type=None)
    answer = client.put(upload.signed.url, content=b"")
    assert (answer.status_code, answer.json()["code"]) == (422, "empty_file")


def test_another_content_type_than_the_signed_one_is_refused(
    client: TestClient, deployment: LocalDeployment
) -> None:
    upload = sign_upload(
        deployment.platform, tenant="acme", size_bytes=10, content_type="audio/flac"
    )
    answer = client.put(upload.signed.url, content=b"x", headers={"Content-Type": "text/html"})
    assert (answer.status_code, answer.json()["code"]) == (422, "content_type_mismatch")


def test_a_range_of_thousands_of_digits_is_ignored(client: TestClient, url: str) -> None:
    answer = client.get(url, headers={"Range": f"bytes={'9' * 5000}-"})
    assert (answer.status_code, answer.content) == (200, CONTENT)


def test_every_answer_has_a_request_id_and_is_logged_without_its_signature(
    client: TestClient, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="functions.api")
    good, bad = client.get(url), client.get(f"{url}x")
    assert good.headers["x-request-id"].startswith("req_")
    assert bad.json()["request_id"] == bad.headers["x-request-id"]
    assert [record.getMessage() for record in caplog.records] == [
        "GET /blobs/{key:path} 200",
        f"GET /blobs/{{key:path}} {bad.status_code}",
    ]
    assert "signature" not in caplog.text


def test_a_fault_is_a_problem_without_its_trace(
    client: TestClient, deployment: LocalDeployment, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_key: str) -> None:
        raise RuntimeError("hunter2")

    monkeypatch.setattr(deployment.platform.blobs, "stat", fail)
    answer = client.get(url)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "hunter2" not in answer.text


def test_a_page_of_an_allowed_origin_may_upload(deployment: LocalDeployment) -> None:
    app = create_blob_app(
        deployment.platform, deployment.signer, cors_origins=["https://app.example.com"]
    )
    upload = sign_upload(deployment.platform, tenant="acme", size_bytes=5, content_type="audio/wav")
    asks = {
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type",
    }
    sends = {"Content-Type": "audio/wav"}
    with TestClient(app, base_url="http://127.0.0.1:8360") as client:
        for origin, allowed in (("https://app.example.com", True), ("https://evil.example", False)):
            page = {"Origin": origin}
            asked = client.options(upload.signed.url, headers=page | asks)
            assert (asked.status_code == 200) is allowed
            sent = client.put(upload.signed.url, content=b"audio", headers=page | sends)
            assert (sent.headers.get("access-control-allow-origin") == origin) is allowed
