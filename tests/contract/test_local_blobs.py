"""What the embedded blob store and its signed URLs promise beyond the port."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from shared.adapters.local.file_blob_store import FileBlobStore
from shared.adapters.local.signed_urls import DownloadGrant, UploadGrant, UrlSigner
from shared.domain.errors import Forbidden, InvalidRequest, NotFound, Unavailable
from tests.support.clock import FakeClock

BASE = "http://127.0.0.1:8000/api/v1"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def signer(clock: FakeClock) -> UrlSigner:
    return UrlSigner(b"k" * 32, BASE, clock)


@pytest.fixture
def store(tmp_path: Path, signer: UrlSigner) -> FileBlobStore:
    return FileBlobStore(tmp_path / "blobs", signer)


def _files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def _split(url: str) -> tuple[str, dict[str, str]]:
    """What the HTTP route sees: the key, and the query."""
    parts = urlsplit(url)
    path = parts.path.removeprefix("/api/v1/blobs/")
    return unquote(path), dict(parse_qsl(parts.query, keep_blank_values=True))


def test_the_file_begins_with_the_objects_bytes(store: FileBlobStore, tmp_path: Path) -> None:
    store.put("a/b", [b"123", b"456"], content_type="audio/mpeg")
    (path,) = _files(tmp_path / "blobs")
    assert path == tmp_path / "blobs" / "objects" / "a" / "b%blob"
    assert path.read_bytes().startswith(b"123456audio/mpeg")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_failed_put_leaves_no_file(store: FileBlobStore, tmp_path: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.put("a/b", chunks())
    assert _files(tmp_path / "blobs") == []


def test_equal_content_has_an_equal_version(store: FileBlobStore) -> None:
    assert store.put("a", [b"1", b"2"]).version == store.put("b", [b"12"]).version


def test_an_open_stream_goes_on_with_the_old_object(store: FileBlobStore) -> None:
    store.put("a", [b"old" * 10])
    stream = store.stream("a", chunk_bytes=3)
    assert next(stream) == b"old"
    store.put("a", [b"new" * 10])
    assert b"".join(stream) == b"old" * 9
    assert store.read("a") == b"new" * 10


def test_a_link_that_leads_out_of_the_store_is_refused(
    store: FileBlobStore, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "blobs" / "objects" / "link").symlink_to(outside)
    with pytest.raises(InvalidRequest) as caught:
        store.put("link/a", [b"x"])
    assert caught.value.code == "invalid_key"
    with pytest.raises(InvalidRequest):
        store.delete_prefix("link")
    assert list(outside.iterdir()) == []


def test_a_link_in_place_of_an_object_is_not_followed(store: FileBlobStore, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    store.put("real", [b"secret"])
    (tmp_path / "blobs" / "objects" / "real%blob").rename(secret)
    (tmp_path / "blobs" / "objects" / "a%blob").symlink_to(secret)
    with pytest.raises((NotFound, Unavailable)):
        store.read("a")
    assert not store.exists("a")
    store.delete("a")
    assert secret.exists()


def test_folders_do_not_outlive_their_objects(store: FileBlobStore, tmp_path: Path) -> None:
    for key in ("a/b/c", "a/b/d/e", "f/g"):
        store.put(key, [b"x"])
    store.delete("a/b/c")
    store.delete_prefix("f")
    objects = tmp_path / "blobs" / "objects"
    assert {path.name for path in objects.rglob("*")} == {"a", "b", "d", "e%blob"}
    store.delete("a/b/d/e")
    store.put("top", [b"x"])
    store.delete("top")
    assert list(objects.iterdir()) == []


def test_opening_removes_only_stale_temporary_files(
    store: FileBlobStore, tmp_path: Path, signer: UrlSigner
) -> None:
    stale, fresh = tmp_path / "blobs" / "tmp" / "stale", tmp_path / "blobs" / "tmp" / "fresh"
    stale.touch()
    fresh.touch()
    os.utime(stale, (1, 1))
    FileBlobStore(tmp_path / "blobs", signer)
    assert not stale.exists()
    assert fresh.exists()


@pytest.mark.parametrize("damage", [b"", b"x", b"x" * 100])
def test_a_damaged_file_is_unavailable(store: FileBlobStore, tmp_path: Path, damage: bytes) -> None:
    store.put("a", [b"123"])
    (tmp_path / "blobs" / "objects" / "a%blob").write_bytes(damage)
    with pytest.raises(Unavailable) as caught:
        store.read("a")
    assert caught.value.code == "blob_damaged"


def test_errors_of_the_file_system_are_unavailable_and_name_no_path(
    store: FileBlobStore, tmp_path: Path
) -> None:
    (tmp_path / "blobs" / "tmp").rmdir()
    with pytest.raises(Unavailable) as caught:
        store.put("a", [b"x"])
    assert str(tmp_path) not in caught.value.detail
    with pytest.raises(Unavailable):
        store.put_file("a", tmp_path / "absent")


@pytest.mark.parametrize("key", ["a" * 1025, "b/" + "ש" * 50, "a\ud800"])
def test_keys_that_no_file_can_be_named_after_are_refused(store: FileBlobStore, key: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        store.put(key, [b"x"])
    assert caught.value.code == "invalid_key"


def test_an_overlong_content_type_is_refused(store: FileBlobStore) -> None:
    with pytest.raises(InvalidRequest):
        store.put("a", [b"x"], content_type="a" * 1025)


def test_a_download_url_grants_its_object(store: FileBlobStore, signer: UrlSigner) -> None:
    url = store.sign_download("שיחה/a b.mp3", expires_in=60, filename="שם & x.mp3")
    assert url.startswith(f"{BASE}/blobs/")
    assert url.isascii()
    key, query = _split(url)
    assert signer.verify_download(key, query) == DownloadGrant(
        key="שיחה/a b.mp3", expires_at=1_800_000_060.0, filename="שם & x.mp3"
    )


def test_an_upload_url_grants_a_put(store: FileBlobStore, signer: UrlSigner) -> None:
    upload = store.sign_upload("a", expires_in=60, max_bytes=9, content_type="audio/mpeg")
    assert (upload.method, upload.max_bytes) == ("PUT", 9)
    assert upload.expires_at == 1_800_000_060.0
    assert upload.headers == {"Content-Type": "audio/mpeg"}
    assert upload.fields == {}
    assert signer.verify_upload(*_split(upload.url)) == UploadGrant(
        key="a", expires_at=1_800_000_060.0, max_bytes=9, content_type="audio/mpeg"
    )


def test_an_expired_url_grants_nothing(signer: UrlSigner, clock: FakeClock) -> None:
    key, query = _split(signer.sign_download("a", expires_in=60))
    clock.advance(59.9)
    signer.verify_download(key, query)
    clock.advance(0.1)
    with pytest.raises(Forbidden) as caught:
        signer.verify_download(key, query)
    assert caught.value.code == "signature_expired"


@pytest.mark.parametrize(
    "change",
    [
        {"expires": "1900000000.000"},
        {"max_bytes": "10"},
        {"content_type": "text/html"},
        {"filename": "x.html"},
        {"signature": "0" * 64},
        {"signature": ""},
        {"signature": "é\ud800"},
    ],
)
def test_a_changed_query_grants_nothing(signer: UrlSigner, change: dict[str, str]) -> None:
    upload = signer.sign_upload("a", expires_in=60, max_bytes=9, content_type="audio/mpeg")
    key, query = _split(upload.url)
    with pytest.raises(Forbidden) as caught:
        signer.verify_upload(key, {**query, **change})
    assert caught.value.code == "signature_invalid"


@pytest.mark.parametrize("name", ["expires", "max_bytes", "content_type", "signature"])
def test_a_query_that_lacks_something_grants_nothing(signer: UrlSigner, name: str) -> None:
    upload = signer.sign_upload("a", expires_in=60, max_bytes=9, content_type="audio/mpeg")
    key, query = _split(upload.url)
    del query[name]
    with pytest.raises(Forbidden):
        signer.verify_upload(key, query)
    with pytest.raises(Forbidden):
        signer.verify_upload(key, {})


def test_a_url_is_good_for_its_key_method_and_secret_only(
    signer: UrlSigner, clock: FakeClock
) -> None:
    key, query = _split(signer.sign_download("a", expires_in=60))
    with pytest.raises(Forbidden):
        signer.verify_download("b", query)
    upload = signer.sign_upload("a", expires_in=60, max_bytes=9)
    with pytest.raises(Forbidden):
        signer.verify_download(*_split(upload.url))
    with pytest.raises(Forbidden):
        signer.verify_upload(key, {**query, "max_bytes": "9"})
    with pytest.raises(Forbidden):
        UrlSigner(b"other", BASE, clock).verify_download(key, query)


def test_the_base_url_may_be_learned_later(signer: UrlSigner, clock: FakeClock) -> None:
    signer.base_url = "http://127.0.0.1:4711/"
    assert signer.sign_download("a", expires_in=1).startswith("http://127.0.0.1:4711/blobs/a?")
    late = UrlSigner(b"k", lambda: "https://late.example", clock)
    assert late.sign_download("a", expires_in=1).startswith("https://late.example/blobs/a?")


def test_a_put_that_meets_a_pruned_folder_tries_again(
    store: FileBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, pruned = Path.replace, threading.Event()

    def replace_after_prune(self: Path, target: Path) -> Path:
        if not pruned.is_set():
            pruned.set()
            target.parent.rmdir()
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", replace_after_prune)
    store.put("a/b", [b"x"])
    assert pruned.is_set()
    assert store.read("a/b") == b"x"
