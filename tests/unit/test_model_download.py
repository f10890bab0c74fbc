from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gpu_job.models.download import Downloader, DownloadFailed
from tests.support.file_server import FileServer, file_server

BODY = bytes(range(256)) * 4000


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as running:
        running.files["/model.bin"] = BODY
        yield running


@pytest.fixture
def downloader() -> Iterator[Downloader]:
    with httpx.Client(timeout=5) as client:
        yield Downloader(client=client, sleep=lambda _: None)


def _fetch(downloader: Downloader, url: str, target: Path) -> list[tuple[int, int | None]]:
    heard: list[tuple[int, int | None]] = []
    downloader.fetch(url, target, headers={}, on_bytes=lambda *progress: heard.append(progress))
    return heard


def test_a_file_arrives_whole_and_its_progress_ends_at_its_size(
    server: FileServer, downloader: Downloader, tmp_path: Path
) -> None:
    heard = _fetch(downloader, f"{server.url}/model.bin", tmp_path / "model.bin")
    assert (tmp_path / "model.bin").read_bytes() == BODY
    assert heard[-1] == (len(BODY), len(BODY))
    assert [path.name for path in tmp_path.iterdir()] == ["model.bin"]


def test_a_broken_transfer_goes_on_where_it_stopped(
    server: FileServer, downloader: Downloader, tmp_path: Path
) -> None:
    server.break_after = [300_000, 200_000]
    _fetch(downloader, f"{server.url}/model.bin", tmp_path / "model.bin")
    assert (tmp_path / "model.bin").read_bytes() == BODY
    starts = [wanted for _, wanted in server.requests]
    assert starts[0] is None
    assert all(wanted is not None for wanted in starts[1:])


def test_a_pull_of_tomorrow_resumes_the_part_of_today(server: FileServer, tmp_path: Path) -> None:
    server.break_after = [600_000]
    with httpx.Client() as client, pytest.raises(DownloadFailed):
        _fetch(
            Downloader(client=client, tries=1), f"{server.url}/model.bin", tmp_path / "model.bin"
        )
    kept = (tmp_path / "model.bin.part").stat().st_size
    assert kept > 0
    with httpx.Client() as client:
        _fetch(
            Downloader(client=client, tries=1), f"{server.url}/model.bin", tmp_path / "model.bin"
        )
    assert server.requests[-1] == ("/model.bin", f"bytes={kept}-")
    assert (tmp_path / "model.bin").read_bytes() == BODY


def test_a_file_that_changed_meanwhile_starts_anew(
    server: FileServer, downloader: Downloader, tmp_path: Path
) -> None:
    (tmp_path / "model.bin.part").write_bytes(b"old bytes")
    (tmp_path / "model.bin.part.validator").write_text('"yesterday"')
    _fetch(downloader, f"{server.url}/model.bin", tmp_path / "model.bin")
    assert (tmp_path / "model.bin").read_bytes() == BODY


def test_a_part_longer_than_the_file_is_dropped(
    server: FileServer, downloader: Downloader, tmp_path: Path
) -> None:
    (tmp_path / "model.bin.part").write_bytes(BODY + b"!")
    (tmp_path / "model.bin.part.validator").write_text('"one"')
    _fetch(downloader, f"{server.url}/model.bin", tmp_path / "model.bin")
    assert (tmp_path / "model.bin").read_bytes() == BODY


def test_a_busy_server_is_asked_again(
    server: FileServer, downloader: Downloader, tmp_path: Path
) -> None:
    server.statuses = [503, 429]
    _fetch(downloader, f"{server.url}/model.bin", tmp_path / "model.bin")
    assert (tmp_path / "model.bin").read_bytes() == BODY
    assert len(server.requests) == 3


def test_a_refusal_is_final(server: FileServer, downloader: Downloader, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match=r"127\.0\.0\.1 answered 404"):
        _fetch(downloader, f"{server.url}/absent", tmp_path / "absent")
    assert len(server.requests) == 1


def test_a_server_that_always_fails_is_given_up(
    server: FileServer, downloader: Downloader, tmp_path: Path
) -> None:
    server.statuses = [500] * 9
    with pytest.raises(DownloadFailed, match="failed 5 times"):
        _fetch(downloader, f"{server.url}/model.bin", tmp_path / "model.bin")


def test_nobody_listening_is_said_at_once(downloader: Downloader, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="ConnectError"):
        _fetch(downloader, "http://127.0.0.1:9/model.bin", tmp_path / "model.bin")


def test_a_local_address_is_copied(downloader: Downloader, tmp_path: Path) -> None:
    (tmp_path / "a file").write_bytes(BODY)
    heard = _fetch(downloader, (tmp_path / "a file").as_uri(), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == BODY
    assert heard == [(len(BODY), len(BODY))]
    with pytest.raises(DownloadFailed, match="can't be read"):
        _fetch(downloader, (tmp_path / "absent").as_uri(), tmp_path / "copy")
