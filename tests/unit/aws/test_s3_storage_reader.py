"""A caller names an object in place: within what its tenant may, and in the version it had then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gpu_job.steps.fetch import FetchLimits, fetch
from shared.adapters.aws.clients import AwsClients
from shared.adapters.aws.s3_blob_store import S3BlobStore
from shared.adapters.aws.s3_storage_reader import ANYTHING, S3StorageReader
from shared.domain.errors import InvalidRequest, LimitExceeded, NotFound, SourceError
from shared.domain.job import Job, Source, SourceKind
from shared.ports.platform import Platform
from shared.services.cancel_job import purge_job
from shared.services.submission import NamedAudio, Submission
from shared.services.submit_job import submit_job
from shared.webhooks.time_limit import never
from shared.webhooks.url_policy import UrlPolicy
from tests.support.aws_contracts import AwsAdapters, aws_environment
from tests.support.aws_parts import make_bucket
from tests.support.scripted_server import ScriptedServer, response
from tests.support.world import World, open_world


@pytest.fixture
def aws() -> Iterator[AwsAdapters]:
    adapters = AwsAdapters()
    make_bucket(adapters.clients, f"{adapters.name}-calls")
    make_bucket(adapters.clients, f"{adapters.name}-other")
    yield adapters
    adapters.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path / "world") as opened:
        yield opened


def reader(aws: AwsAdapters, prefix: str = "{tenant}/") -> S3StorageReader:
    return S3StorageReader(
        aws.clients, bucket=aws.name, read_buckets=[f"{aws.name}-calls"], read_prefix=prefix
    )


def put(aws: AwsAdapters, bucket: str, key: str, body: bytes = b"audio") -> str:
    aws.clients.s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="audio/wav")
    return f"s3://{bucket}/{key}"


def platform(aws: AwsAdapters, world: World) -> Platform:
    """The world's, with buckets."""
    blobs = S3BlobStore(aws.clients, bucket=aws.name)
    return replace(world.platform, storage=reader(aws), blobs=blobs)


def submit(on: Platform, uri: str, **more: str) -> Job:
    return submit_job(on, Submission(tenant="acme", audio=NamedAudio(uri=uri), **more)).job  # type: ignore[arg-type]


def refused(on: S3StorageReader, uri: str, tenant: str = "acme") -> str:
    codes = set()
    for call in (
        lambda: on.own_key(uri, tenant=tenant),
        lambda: on.stat(uri, tenant=tenant),
        lambda: next(on.stream(uri, tenant=tenant)),
    ):
        with pytest.raises(InvalidRequest) as caught:
            call()
        codes.add(caught.value.code)
    (code,) = codes
    return code


def test_a_tenant_names_what_lies_under_its_own_name(aws: AwsAdapters) -> None:
    uri = put(aws, f"{aws.name}-calls", "acme/2026/שיחה 1.wav")
    info = reader(aws).stat(uri, tenant="acme")
    assert (info.key, info.size_bytes, info.content_type) == (uri, 5, "audio/wav")
    assert b"".join(reader(aws).stream(uri, tenant="acme", version=info.version)) == b"audio"
    assert reader(aws).own_key(uri, tenant="acme") is None


@pytest.mark.parametrize("key", ["globex/a.wav", "acme2/a.wav", "a.wav", "acme"])
def test_another_tenants_object_can_not_be_named(aws: AwsAdapters, key: str) -> None:
    uri = put(aws, f"{aws.name}-calls", key)
    assert refused(reader(aws), uri) == "storage_uri_not_allowed"


@pytest.mark.parametrize("key", ["acme/../globex/a.wav", "acme/./a", "acme//a", "acme/a\nb"])
def test_a_key_that_a_client_might_read_as_another_one_is_refused(
    aws: AwsAdapters, key: str
) -> None:
    assert refused(reader(aws), f"s3://{aws.name}-calls/{key}") == "invalid_storage_uri"


@pytest.mark.parametrize(
    "uri",
    ["", "s3://", "s3://bucket", "s3://bucket/", "gs://bucket/key", "S3://bucket/key",
     "s3://UPPER/key", "s3://a:b@bucket/key", "arn:aws:s3:::bucket/key"],
)  # fmt: skip
def test_what_is_no_uri_of_s3_is_refused(aws: AwsAdapters, uri: str) -> None:
    assert refused(reader(aws), uri) == "invalid_storage_uri"


def test_a_bucket_that_is_not_on_the_list_can_not_be_named(aws: AwsAdapters) -> None:
    uri = put(aws, f"{aws.name}-other", "acme/a.wav")
    assert refused(reader(aws), uri) == "storage_uri_not_allowed"
    assert refused(reader(aws, ANYTHING), uri) == "storage_uri_not_allowed"


@pytest.mark.parametrize(
    ("prefix", "key"),
    [("calls/{tenant}/", "calls/acme/a"), ("shared/", "shared/a"), (ANYTHING, "globex/a")],
)
def test_the_deployment_says_what_a_tenant_may_name(
    aws: AwsAdapters, prefix: str, key: str
) -> None:
    uri = put(aws, f"{aws.name}-calls", key)
    assert reader(aws, prefix).stat(uri, tenant="acme").size_bytes == 5


@pytest.mark.parametrize("prefix", ["{tenant}/", ANYTHING])
@pytest.mark.parametrize(
    "key",
    ["tenants/globex/inbox/a", "tenants/acme/jobs/job_1/source/a", "tenants/acme/uploads/u", "a"],
)  # fmt: skip
def test_of_the_deployments_own_bucket_only_ones_inbox_can_be_named(
    aws: AwsAdapters, prefix: str, key: str
) -> None:
    """Also where that bucket is on the list by mistake."""
    names = [aws.name, f"{aws.name}-calls"]
    careless = S3StorageReader(aws.clients, bucket=aws.name, read_buckets=names, read_prefix=prefix)
    assert refused(careless, f"s3://{aws.name}/{key}") == "storage_uri_not_allowed"
    mine = f"s3://{aws.name}/tenants/acme/inbox/a.wav"
    assert careless.own_key(mine, tenant="acme") == "tenants/acme/inbox/a.wav"


def test_what_the_role_may_not_read_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(lambda _: [response(status="403 Forbidden")]).running() as server:
        for name, value in aws_environment(server.url("")).items():
            monkeypatch.setenv(name, value)
        on = S3StorageReader(
            AwsClients(), bucket="own", read_buckets=["calls"], read_prefix="{tenant}/"
        )
        with pytest.raises(NotFound, match="role"):
            on.stat("s3://calls/acme/a", tenant="acme")
        with pytest.raises(NotFound, match="role"):
            next(on.stream("s3://calls/acme/a", tenant="acme"))


def test_a_job_remembers_object_and_version_and_never_owns_it(
    aws: AwsAdapters, world: World
) -> None:
    on = platform(aws, world)
    uri = put(aws, f"{aws.name}-calls", "acme/a.wav")
    job = submit(on, uri)
    assert (job.source.kind, job.source.url, job.source.filename) == ("storage", uri, "a.wav")
    assert job.source.version == reader(aws).stat(uri, tenant="acme").version
    assert submit(on, uri).id != job.id, "as a URL, it may be transcribed again"
    purge_job(on, tenant="acme", job_id=job.id)
    assert reader(aws).stat(uri, tenant="acme").size_bytes == 5


def test_an_object_of_the_inbox_is_the_job_that_its_drop_made(
    aws: AwsAdapters, world: World
) -> None:
    on = platform(aws, world)
    uri = put(aws, aws.name, "tenants/acme/inbox/a.wav")
    assert submit(on, uri).id == submit(on, uri).id


def test_an_object_that_is_absent_or_too_large_is_refused_at_once(
    aws: AwsAdapters, world: World
) -> None:
    on = platform(aws, world)
    for absent in (f"s3://{aws.name}-calls/acme/x", f"s3://{aws.name}/tenants/acme/inbox/x"):
        with pytest.raises(InvalidRequest) as caught:
            submit(on, absent)
        assert (caught.value.code, caught.value.field) == ("source_missing", "storage_uri")
    small = replace(on, limits=replace(on.limits, max_source_bytes=4))
    with pytest.raises(LimitExceeded):
        submit(small, put(aws, f"{aws.name}-calls", "acme/a.wav"))


def take(aws: AwsAdapters, source: Source, target: Path, tenant: str = "acme") -> bytes:
    limits = FetchLimits(max_bytes=1 << 30, seconds=20.0, policy=UrlPolicy())
    fetch(
        source, target, blobs=S3BlobStore(aws.clients, bucket=aws.name), limits=limits,
        storage=reader(aws), tenant=tenant, on_progress=lambda *_: None, should_stop=never,
    )  # fmt: skip
    return target.read_bytes()


def test_a_worker_reads_the_version_that_was_submitted(aws: AwsAdapters, tmp_path: Path) -> None:
    uri = put(aws, f"{aws.name}-calls", "acme/a.wav")
    version = reader(aws).stat(uri, tenant="acme").version
    put(aws, f"{aws.name}-calls", "acme/a.wav", b"another recording")
    source = Source(kind=SourceKind.STORAGE, url=uri, version=version)
    assert take(aws, source, tmp_path / "taken") == b"audio"


def test_a_worker_checks_for_itself_whose_object_it_reads(aws: AwsAdapters, tmp_path: Path) -> None:
    uri = put(aws, f"{aws.name}-calls", "globex/a.wav")
    source = Source(kind=SourceKind.STORAGE, url=uri)
    with pytest.raises(SourceError) as caught:
        take(aws, source, tmp_path / "taken")
    assert caught.value.code == "storage_uri_not_allowed"


def test_an_object_that_was_deleted_since_fails_the_job_with_its_reason(
    aws: AwsAdapters, tmp_path: Path
) -> None:
    uri = put(aws, f"{aws.name}-calls", "acme/a.wav")
    version = reader(aws).stat(uri, tenant="acme").version
    S3BlobStore(aws.clients, bucket=f"{aws.name}-calls").delete("acme/a.wav")
    with pytest.raises(SourceError) as caught:
        take(aws, Source(kind=SourceKind.STORAGE, url=uri, version=version), tmp_path / "taken")
    assert caught.value.code == "source_missing"
