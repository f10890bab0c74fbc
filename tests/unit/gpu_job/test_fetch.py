from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gpu_job.steps.fetch import FetchLimits, fetch
from shared.domain.errors import SourceError, Stopped, WorkerError
from shared.domain.job import Source, SourceKind
from shared.ports.blob_store import BlobStore
from shared.webhooks.time_limit import never
from shared.webhooks.url_policy import UrlPolicy
from tests.support.file_server import file_server
from tests.support.platform import make_deployment

AUDIO = bytes(range(256)) * 10_000
KEY = "tenants/acme/jobs/job_1/source/a.wav"


@pytest.fixture
def blobs(tmp_path: Path) -> Iterator[BlobStore]:
    with make_deployment(tmp_path / "data") as deployment:
        yield deployment.platform.blobs


def limits(
    *, max_bytes: int = 1 << 30, seconds: float = 20.0, allow_loopback: bool = True
) -> FetchLimits:
    policy = UrlPolicy(allow_loopback=allow_loopback)
    return FetchLimits(max_bytes=max_bytes, seconds=seconds, policy=policy)


def from_url(url: str) -> Source:
    return Source(kind=SourceKind.URL, url=url)


def from_blob(size: int | None = len(AUDIO)) -> Source:
    return Source(kind=SourceKind.BLOB, key=KEY, size_bytes=size)


def take(
    source: Source,
    folder: Path,
    blobs: BlobStore,
    *,
    within: FetchLimits | None = None,
    stop_after: int | None = None,
) -> list[tuple[int, int | None]]:
    seen: list[tuple[int, int | None]] = []
    fetch(
        source,
        folder / "source",
        blobs=blobs,
        limits=within or limits(),
        on_progress=lambda done, total: seen.append((done, total)),
        should_stop=never if stop_after is None else lambda: len(seen) >= stop_after,
    )
    return seen


def test_an_object_is_copied_and_measured(blobs: BlobStore, tmp_path: Path) -> None:
    blobs.put(KEY, [AUDIO])
    seen = take(from_blob(), tmp_path, blobs)
    assert (tmp_path / "source").read_bytes() == AUDIO
    assert seen[-1] == (len(AUDIO), len(AUDIO))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_url_is_copied_and_measured(blobs: BlobStore, tmp_path: Path) -> None:
    with file_server() as server:
        server.files["/a.wav"] = AUDIO
        seen = take(from_url(f"{server.url}/a.wav"), tmp_path, blobs)
    assert (tmp_path / "source").read_bytes() == AUDIO
    assert seen[-1] == (len(AUDIO), len(AUDIO))


def test_an_empty_object_is_the_callers_fault(blobs: BlobStore, tmp_path: Path) -> None:
    blobs.put(KEY, [])
    with pytest.raises(SourceError) as caught:
        take(from_blob(0), tmp_path, blobs)
    assert caught.value.code == "empty_file"


@pytest.mark.parametrize("source", [from_blob(), Source(kind=SourceKind.BLOB)])
def test_audio_that_is_gone_is_not_tried_again(
    source: Source, blobs: BlobStore, tmp_path: Path
) -> None:
    with pytest.raises(SourceError) as caught:
        take(source, tmp_path, blobs)
    assert (caught.value.code, caught.value.retryable) == ("source_missing", False)


def test_only_the_version_that_the_job_took_is_read(blobs: BlobStore, tmp_path: Path) -> None:
    source = replace(from_blob(), version=blobs.put(KEY, [AUDIO]).version)
    take(source, tmp_path, blobs)
    assert (tmp_path / "source").read_bytes() == AUDIO
    blobs.put(KEY, [b"other audio"])
    with pytest.raises(SourceError) as caught:
        take(source, tmp_path, blobs)
    assert (caught.value.code, caught.value.retryable) == ("source_changed", False)


def test_an_object_above_the_limit_is_refused(blobs: BlobStore, tmp_path: Path) -> None:
    blobs.put(KEY, [AUDIO])
    with pytest.raises(SourceError, match="1000 bytes") as caught:
        take(from_blob(None), tmp_path, blobs, within=limits(max_bytes=1000))
    assert caught.value.code == "source_too_large"
    assert (tmp_path / "source").stat().st_size <= 1000


def test_a_url_above_the_limit_is_refused(blobs: BlobStore, tmp_path: Path) -> None:
    with file_server() as server:
        server.files["/a.wav"] = AUDIO
        with pytest.raises(SourceError) as caught:
            take(from_url(f"{server.url}/a.wav"), tmp_path, blobs, within=limits(max_bytes=1000))
    assert caught.value.code == "source_too_large"


def test_a_store_that_is_too_slow_is_our_fault(blobs: BlobStore, tmp_path: Path) -> None:
    blobs.put(KEY, [AUDIO])
    with pytest.raises(WorkerError) as caught:
        take(from_blob(), tmp_path, blobs, within=limits(seconds=0.0))
    assert (caught.value.code, caught.value.retryable) == ("fetch_too_slow", True)


def test_reading_stops_when_asked(blobs: BlobStore, tmp_path: Path) -> None:
    blobs.put(KEY, [AUDIO])
    with pytest.raises(Stopped):
        take(from_blob(), tmp_path, blobs, stop_after=1)


def test_a_loopback_url_is_refused_unless_allowed(blobs: BlobStore, tmp_path: Path) -> None:
    with file_server() as server:
        server.files["/a.wav"] = AUDIO
        source = from_url(f"{server.url}/a.wav")
        with pytest.raises(SourceError) as caught:
            take(source, tmp_path, blobs, within=limits(allow_loopback=False))
        assert server.requests == []
    assert caught.value.code == "url_refused"
