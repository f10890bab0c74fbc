"""What somebody who may drop files, and no more, can't make the server do."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.api.present import job_summary
from functions.local.inbox import Inbox
from shared.domain.errors import Unavailable
from shared.domain.job import Job
from shared.ports.job_store import JobQuery
from shared.ports.platform import Platform
from tests.support.platform import make_deployment


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with make_deployment(tmp_path / "data") as deployment:
        yield deployment.platform


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "inbox" / "acme"
    made.mkdir(parents=True)
    return made


def look(platform: Platform, folder: Path) -> list[Job]:
    inbox = Inbox(platform, folder.parent)
    for _ in range(3):
        inbox.step()
    return list(platform.jobs.query(JobQuery(tenant=folder.name)).jobs)


def drop(folder: Path, name: bytes, content: bytes = b"audio") -> Path:
    path = folder / os.fsdecode(name)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", [b"\xff\xfe.wav", b"a\nb.wav", b"\x1b[2J.wav"])
def test_a_name_that_no_answer_can_hold_is_made_harmless(
    platform: Platform, folder: Path, name: bytes
) -> None:
    drop(folder, name)
    (job,) = look(platform, folder)
    assert job.source.filename is not None
    assert job.source.filename.isprintable()
    assert json.loads(job_summary(job).model_dump_json())["job_id"] == job.id


def test_a_refusal_of_such_a_name_is_told(platform: Platform, folder: Path) -> None:
    path = drop(folder, b"\xff.wav")
    path.with_name(path.name + ".json").write_text("no json")
    assert look(platform, folder) == []
    assert "invalid_request" in path.with_name(path.name + ".error.txt").read_text()


def test_a_link_in_place_of_the_error_file_is_not_written_through(
    platform: Platform, folder: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path = drop(folder, b"a.wav", b"")
    path.with_name("a.wav.error.txt").symlink_to(victim)
    look(platform, folder)
    assert victim.read_text() == "precious"


def test_a_link_in_place_of_the_options_is_not_read(
    platform: Platform, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "options").write_text('{"recording_id": "stolen"}')
    path = drop(folder, b"a.wav")
    path.with_name("a.wav.json").symlink_to(tmp_path / "options")
    assert look(platform, folder) == []


@pytest.mark.parametrize("name", ["a.wav.json", "a.wav.error.txt"])
def test_a_pipe_beside_the_audio_does_not_stop_the_loop(
    platform: Platform, folder: Path, name: str
) -> None:
    drop(folder, b"a.wav", b"" if name.endswith("txt") else b"audio")
    os.mkfifo(folder / name)
    drop(folder, b"b.wav")
    assert [job.source.filename for job in look(platform, folder)] == ["b.wav"]


def test_a_link_to_another_tenant_bills_nothing_to_it(platform: Platform, folder: Path) -> None:
    other = folder.with_name("other")
    other.mkdir()
    (folder / ".done").symlink_to(other)
    drop(folder, b"a.wav")
    assert len(look(platform, folder)) == 1
    assert list(other.iterdir()) == []
    assert list(platform.jobs.query(JobQuery(tenant="other")).jobs) == []


def test_the_audio_is_not_read_through_a_link(platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "a.wav").symlink_to(tmp_path / "secret")
    with pytest.raises(Unavailable):
        platform.blobs.put_file("tenants/acme/inbox/x", tmp_path / "a.wav")


def test_a_file_that_can_not_be_read_holds_up_no_other(
    platform: Platform, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(folder, b"a.wav")
    drop(folder, b"b.wav")
    store = platform.blobs.put_file

    def refuse_a(key: str, path: Path, *, content_type: str | None = None) -> object:
        if path.name == "a.wav":
            raise Unavailable("permission denied")
        return store(key, path, content_type=content_type)

    monkeypatch.setattr(platform.blobs, "put_file", refuse_a)
    inbox = Inbox(platform, folder.parent)
    inbox.step()
    with pytest.raises(Unavailable):
        inbox.step()
    jobs = platform.jobs.query(JobQuery(tenant="acme")).jobs
    assert [job.source.filename for job in jobs] == ["b.wav"]


@pytest.mark.parametrize("name", ["ש" * 120 + ".wav", "x" * 251 + ".wav", "é" * 127])
def test_a_name_as_long_as_a_name_can_be_is_taken_once_and_moved(
    platform: Platform, folder: Path, name: str
) -> None:
    path = drop(folder, name.encode())
    (job,) = look(platform, folder)
    assert not path.exists()
    (moved,) = (folder / ".done").iterdir()
    assert moved.read_bytes() == b"audio"
    assert moved.name.startswith(f"{job.id}-{name[0]}")
    assert moved.suffix == path.suffix


def test_the_refusal_of_a_file_with_the_longest_name_is_told(
    platform: Platform, folder: Path
) -> None:
    path = drop(folder, b"x" * 251 + b".wav", content=b"")
    assert look(platform, folder) == []
    (told,) = (found for found in folder.iterdir() if found != path)
    assert told.name.endswith(".wav.error.txt")
    assert "0 bytes" in told.read_text()
