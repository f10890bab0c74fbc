from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.local.inbox import Inbox
from shared.domain.errors import Unavailable
from shared.domain.job import Job, Status
from shared.ports.job_store import JobQuery
from shared.ports.platform import Platform
from shared.services.cancel_job import cancel_job, purge_job
from tests.support.platform import make_deployment


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with make_deployment(tmp_path / "data") as deployment:
        yield deployment.platform


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "inbox"


def drop(root: Path, name: str, content: bytes = b"audio", options: Any = None) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if options is not None:
        path.with_name(path.name + ".json").write_text(json.dumps(options))
    path.write_bytes(content)
    return path


def look(inbox: Inbox, times: int = 3) -> None:
    for _ in range(times):
        inbox.step()


def jobs_of(platform: Platform, tenant: str = "acme") -> list[Job]:
    return list(platform.jobs.query(JobQuery(tenant=tenant)).jobs)


def test_a_dropped_file_becomes_one_job_of_its_tenant(platform: Platform, root: Path) -> None:
    drop(root, "acme/call.mp3", b"the audio")
    look(Inbox(platform, root))
    (job,) = jobs_of(platform)
    assert job.status is Status.PENDING
    assert job.source.filename == "call.mp3"
    assert job.source.content_type == "audio/mpeg"
    assert job.source.key is not None
    assert platform.blobs.read(job.source.key) == b"the audio"
    assert platform.queue.depth().waiting == 1


def test_a_taken_file_is_moved_away_under_the_job_s_name(platform: Platform, root: Path) -> None:
    path = drop(root, "acme/sub/call.mp3")
    look(Inbox(platform, root))
    (job,) = jobs_of(platform)
    assert not path.exists()
    assert (root / "acme/.done/sub" / f"{job.id}-call.mp3").read_bytes() == b"audio"


def test_a_file_that_still_grows_is_left_until_it_is_whole(platform: Platform, root: Path) -> None:
    inbox = Inbox(platform, root)
    path = drop(root, "acme/call.mp3", b"1")
    for part in (b"2", b"3", b"4"):
        inbox.step()
        with path.open("ab") as file:
            file.write(part)
    assert jobs_of(platform) == []
    look(inbox)
    (job,) = jobs_of(platform)
    assert platform.blobs.read(job.source.key or "") == b"1234"


@pytest.mark.parametrize(
    "name", [".hidden.mp3", "a.mp3.part", "a.tmp", "a.mp3.crdownload", ".git/a.mp3", "a.mp3.json"]
)
def test_names_of_unfinished_and_hidden_files_are_ignored(
    platform: Platform, root: Path, name: str
) -> None:
    path = drop(root, f"acme/{name}")
    look(Inbox(platform, root))
    assert jobs_of(platform) == []
    assert path.exists()


def test_links_are_not_followed(platform: Platform, root: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.mp3"
    secret.write_bytes(b"not yours")
    (root / "acme").mkdir(parents=True)
    (root / "acme/link.mp3").symlink_to(secret)
    (root / "acme/folder").symlink_to(tmp_path)
    look(Inbox(platform, root))
    assert jobs_of(platform) == []


def test_a_crash_between_submit_and_move_makes_no_second_job(
    platform: Platform, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = drop(root, "acme/call.mp3", options={"language": "he"})
    crashing = Inbox(platform, root)
    monkeypatch.setattr(crashing, "_move_away", _crash)
    crashing.step()
    with pytest.raises(KeyboardInterrupt):
        crashing.step()
    (first,) = jobs_of(platform)
    look(Inbox(platform, root))
    (again,) = jobs_of(platform)
    assert again.id == first.id
    assert not path.exists()


def test_a_crash_between_moving_options_and_audio_makes_no_second_job(
    platform: Platform, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = drop(root, "acme/call.mp3", options={"language": "he"})
    crashing = Inbox(platform, root)
    monkeypatch.setattr(crashing, "_move_away", _crash)
    crashing.step()
    with pytest.raises(KeyboardInterrupt):
        crashing.step()
    path.with_name("call.mp3.json").unlink()
    look(Inbox(platform, root))
    (job,) = jobs_of(platform)
    assert job.options.language == "he"
    assert platform.blobs.read(job.source.key or "") == b"audio"
    assert not path.with_name("call.mp3.error.txt").exists()
    assert not path.exists()


def _crash(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_file_that_cannot_be_moved_is_not_taken_twice(
    platform: Platform, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(root, "acme/call.mp3")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    inbox = Inbox(platform, root)
    with monkeypatch.context() as patched:
        patched.setattr(inbox._platform.blobs, "_publish", _copy_instead, raising=True)
        look(inbox, times=6)
    assert len(jobs_of(platform)) == 1


def _copy_instead(temporary: Path, path: Path, _place: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.rename(temporary, path)  # noqa: PTH104 - Path.replace is what the test takes away


def test_the_same_name_with_new_content_is_another_job(platform: Platform, root: Path) -> None:
    inbox = Inbox(platform, root)
    drop(root, "acme/call.mp3", b"monday")
    look(inbox)
    drop(root, "acme/call.mp3", b"tuesday")
    look(inbox)
    contents = {platform.blobs.read(job.source.key or "") for job in jobs_of(platform)}
    assert contents == {b"monday", b"tuesday"}


def test_a_job_s_copy_of_the_file_is_erased_with_it(platform: Platform, root: Path) -> None:
    drop(root, "acme/call.mp3")
    look(Inbox(platform, root))
    (job,) = jobs_of(platform)
    cancel_job(platform, tenant="acme", job_id=job.id)
    purge_job(platform, tenant="acme", job_id=job.id)
    assert not platform.blobs.exists(job.source.key or "")


def test_options_beside_the_file_reach_the_job(platform: Platform, root: Path) -> None:
    options = {
        "language": "iw",
        "diarize": True,
        "diarization_args": {"num_speakers": 2},
        "hotwords": "Tamlil",
        "webhook_url": "https://example.com/hook",
        "recording_id": "r-1",
        "metadata": {"case": "42"},
        "priority": 3,
    }
    drop(root, "acme/call.mp3", options=options)
    look(Inbox(platform, root))
    (job,) = jobs_of(platform)
    assert (job.options.language, job.options.diarize) == ("he", True)
    assert job.options.diarization_args.num_speakers == 2
    assert job.options.hotwords == "Tamlil"
    assert job.webhook is not None
    assert job.webhook.url == "https://example.com/hook"
    assert (job.recording_id, job.metadata, job.priority) == ("r-1", {"case": "42"}, 3)
    assert (root / "acme/.done" / f"{job.id}-call.mp3.json").exists()


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("acme/a.mp3", {"langauge": "he"}, "langauge"),
        ("acme/a.mp3", {"language": "klingon"}, "unsupported_language"),
        ("acme/a.mp3", {"model": "gpt"}, "unsupported_option"),
        ("acme/a.mp3", ["he"], "invalid_request"),
        ("acme/a.mp3", {"webhook_url": "http://169.254.169.254/"}, "url_refused"),
        ("Not A Tenant/a.mp3", None, "tenant"),
        ("a.mp3", None, "no_tenant"),
    ],
)
def test_what_is_refused_is_told_beside_the_file(
    platform: Platform, root: Path, name: str, options: Any, told: str
) -> None:
    path = drop(root, name, options=options)
    look(Inbox(platform, root))
    assert told in path.with_name("a.mp3.error.txt").read_text()
    assert path.exists()
    assert jobs_of(platform) == []
    assert list(platform.blobs.list("tenants")) == []


def test_an_empty_file_is_refused(platform: Platform, root: Path) -> None:
    path = drop(root, "acme/a.mp3", b"")
    look(Inbox(platform, root))
    assert "empty_file" in path.with_name("a.mp3.error.txt").read_text()


def test_a_refused_file_is_looked_at_again_only_when_something_changed(
    platform: Platform, root: Path
) -> None:
    path = drop(root, "acme/a.mp3", options={"language": "klingon"})
    look(Inbox(platform, root))
    error = path.with_name("a.mp3.error.txt")
    written = error.stat().st_mtime_ns
    look(Inbox(platform, root))
    assert error.stat().st_mtime_ns == written
    drop(root, "acme/a.mp3", options={"language": "he"})
    look(Inbox(platform, root))
    assert len(jobs_of(platform)) == 1
    assert not error.exists()


def test_a_store_that_does_not_answer_loses_no_file(
    platform: Platform, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = drop(root, "acme/a.mp3")
    inbox = Inbox(platform, root)
    inbox.step()
    with monkeypatch.context() as patched:
        patched.setattr(platform.jobs, "create", _unavailable)
        with pytest.raises(Unavailable):
            inbox.step()
    assert path.exists()
    look(inbox)
    assert len(jobs_of(platform)) == 1


def _unavailable(*_: object) -> None:
    raise Unavailable("the database did not answer")
