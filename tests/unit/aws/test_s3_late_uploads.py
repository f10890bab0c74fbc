"""A form's holder can send again, and S3 can't refuse it: what must hold, holds all the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from functions.api.factory import create_app
from functions.intake.handle import Arrival, handle
from shared.adapters.aws.s3_blob_store import S3BlobStore
from shared.adapters.aws.s3_storage_reader import S3StorageReader
from shared.domain.errors import Conflict
from shared.domain.job import Job, Status
from shared.ports.platform import Platform
from shared.services.cancel_job import cancel_job, purge_job
from shared.services.keys_of_blobs import upload_key
from shared.services.start_upload import Upload, sign_upload
from shared.services.submission import Submission, UploadAudio
from shared.services.submit_job import submit_job
from tests.support.api import Api
from tests.support.aws_contracts import AwsAdapters
from tests.support.platform import make_settings
from tests.support.world import World, open_world


@pytest.fixture
def aws() -> Iterator[AwsAdapters]:
    adapters = AwsAdapters()
    yield adapters
    adapters.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path / "world") as opened:
        yield opened


@pytest.fixture
def platform(aws: AwsAdapters, world: World) -> Platform:
    """The world's, with its objects in a bucket."""
    storage = S3StorageReader(aws.clients, bucket=aws.name, read_buckets=[], read_prefix="*")
    blobs = S3BlobStore(aws.clients, bucket=aws.name)
    return replace(world.platform, blobs=blobs, storage=storage)


def send(platform: Platform, upload: Upload, body: bytes) -> Job | None:
    """The form, then what the bucket tells of it."""
    signed = upload.signed
    httpx.post(signed.url, data=dict(signed.fields), files={"file": body}).raise_for_status()
    return handle(platform, Arrival(key=upload_key("acme", upload.upload_id)))


@pytest.fixture
def upload(platform: Platform) -> Upload:
    return sign_upload(platform, tenant="acme", size_bytes=9, content_type=None)


def submit(platform: Platform, upload: Upload) -> Job:
    audio = UploadAudio(upload_id=upload.upload_id)
    return submit_job(platform, Submission(tenant="acme", audio=audio)).job


def everything(aws: AwsAdapters) -> list[tuple[str, int]]:
    found = aws.clients.s3.list_object_versions(Bucket=aws.name)
    assert found.get("DeleteMarkers", []) == []
    return [(version["Key"], version["Size"]) for version in found.get("Versions", [])]


@pytest.mark.parametrize("event", ["comes", "is late"])
def test_a_job_works_on_what_it_took_whatever_is_sent_after_it(
    aws: AwsAdapters, platform: Platform, upload: Upload, event: str
) -> None:
    submit(platform, upload)
    started = send(platform, upload, b"taken")
    assert started is not None
    assert started.status is Status.PENDING
    if event == "comes":
        send(platform, upload, b"later")
    else:
        httpx.post(
            upload.signed.url, data=dict(upload.signed.fields), files={"file": b"later"}
        ).raise_for_status()
    source = started.source
    assert source.key is not None
    assert b"".join(platform.blobs.stream(source.key, version=source.version)) == b"taken"
    if event == "comes":
        assert everything(aws) == [(source.key, 5)], "what came later is gone again"


def test_an_upload_after_a_purge_never_brings_a_recording_back(
    aws: AwsAdapters, platform: Platform, upload: Upload
) -> None:
    job = submit(platform, upload)
    send(platform, upload, b"taken")
    purge_job(platform, tenant="acme", job_id=job.id)
    marks = everything(aws)
    assert [size for _, size in marks] == [0, 0]
    for _ in range(2):
        assert send(platform, upload, b"again") is None
        assert everything(aws) == marks
    with pytest.raises(Conflict) as caught:
        submit(platform, upload)
    assert caught.value.code == "upload_erased"


def test_an_upload_for_a_job_that_was_cancelled_is_not_kept(
    aws: AwsAdapters, platform: Platform, upload: Upload
) -> None:
    cancel_job(platform, tenant="acme", job_id=submit(platform, upload).id)
    send(platform, upload, b"audio")
    assert [size for _, size in everything(aws)] == [0, 0]


def test_the_api_hands_out_a_form_or_parts_by_the_size_that_was_announced(
    world: World, platform: Platform, tmp_path: Path
) -> None:
    api = Api(world=world, app=create_app(platform, make_settings(tmp_path)))
    small = api.client().post("/api/v1/uploads", json={"size_bytes": 1000}).json()
    assert (small["method"], small["parts"], small["max_bytes"]) == ("POST", None, 1000)
    assert small["fields"]["key"] == upload_key("acme", small["upload_id"])
    answer = api.client().post("/api/v1/uploads", json={"size_bytes": 200 << 20})
    large = answer.json()
    assert large["headers"] == {"If-None-Match": "*"}
    assert large["parts"]["part_bytes"] * len(large["parts"]["urls"]) >= 200 << 20
    assert large["parts"]["abort_url"].startswith("http")


def test_the_api_takes_an_object_of_the_tenants_inbox_and_of_no_other(
    world: World, platform: Platform, aws: AwsAdapters, tmp_path: Path
) -> None:
    api = Api(world=world, app=create_app(platform, make_settings(tmp_path)))
    for tenant in ("acme", "globex"):
        platform.blobs.put(f"tenants/{tenant}/inbox/a.wav", [b"audio"])
    mine, theirs = (
        api.client().post(
            "/api/v1/transcribe",
            json={"storage_uri": f"s3://{aws.name}/tenants/{tenant}/inbox/a.wav"},
        )
        for tenant in ("acme", "globex")
    )
    assert mine.status_code == 202, mine.text
    refused = theirs.json()
    assert (theirs.status_code, refused["code"], refused["field"]) == (
        422, "storage_uri_not_allowed", "storage_uri",
    )  # fmt: skip
    assert "globex" not in refused["detail"]
