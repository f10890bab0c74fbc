"""Every sentence of `shared.ports.blob_store`, for every adapter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.domain.errors import Conflict, InvalidRequest, NotFound, VersionConflict
from shared.ports.blob_store import BlobStore
from tests.support import racers
from tests.support.contracts import Adapters
from tests.support.races import RACES, Race

#: Nothing of it may reach a store: not as a key, not as a prefix.
BAD_KEYS = ["", "/a", "a/", "a//b", "..", "a/../b", "../a", "a\\b", "a\nb", "a\x00b", "a\x7f", "."]

METHODS: dict[str, Callable[[BlobStore, str], Any]] = {
    "put": lambda store, key: store.put(key, [b"x"]),
    "put_file": lambda store, key: store.put_file(key, Path(__file__)),
    "read": lambda store, key: store.read(key),
    "stream": lambda store, key: list(store.stream(key)),
    "stat": lambda store, key: store.stat(key),
    "exists": lambda store, key: store.exists(key),
    "delete": lambda store, key: store.delete(key),
    "delete_prefix": lambda store, key: store.delete_prefix(key),
    "list": lambda store, key: list(store.list(key)),
    "sign_download": lambda store, key: store.sign_download(key, expires_in=60),
    "sign_upload": lambda store, key: store.sign_upload(key, expires_in=60, max_bytes=9),
}


@pytest.fixture
def store(platform: Adapters) -> BlobStore:
    return platform.blob_store()


def _keys(store: BlobStore, prefix: str) -> list[str]:
    return [info.key for info in store.list(prefix)]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("key", BAD_KEYS)
def test_every_method_refuses_a_bad_key(store: BlobStore, method: str, key: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        METHODS[method](store, key)
    assert caught.value.code == "invalid_key"


@pytest.mark.parametrize(
    "key", ["a", "a/b/c.d", "שיחה/הקלטה 1.mp3", "..a/b..", "100%/%2e%2e/a%blob", "a+b&c=d?e#f", "~"]
)
def test_every_other_key_holds_an_object(store: BlobStore, key: str) -> None:
    store.put(f"p/{key}", [b"12", b"", b"345"])
    assert store.read(f"p/{key}") == b"12345"
    assert _keys(store, "p") == [f"p/{key}"]


def test_put_tells_what_stat_tells(store: BlobStore) -> None:
    put = store.put("a/b", [b"123"], content_type="audio/mpeg")
    assert (put.key, put.size_bytes, put.content_type) == ("a/b", 3, "audio/mpeg")
    assert store.stat("a/b") == put


def test_put_replaces_object_and_content_type(store: BlobStore) -> None:
    first = store.put("a", [b"long old content"], content_type="audio/mpeg")
    second = store.put("a", [b"new"])
    assert store.read("a") == b"new"
    assert store.stat("a") == second
    assert second.content_type != "audio/mpeg"
    assert second.version != first.version


def test_content_of_equal_size_has_another_version(store: BlobStore) -> None:
    versions = {store.put("a", [bytes([number])]).version for number in range(20)}
    assert len(versions) == 20


def test_what_was_put_once_stays(store: BlobStore) -> None:
    first = store.put("a", [b"first"], content_type="audio/mpeg", once=True)
    with pytest.raises(Conflict) as caught:
        store.put("a", [b"second"], once=True)
    assert caught.value.code == "object_exists"
    assert (store.read("a"), store.stat("a")) == (b"first", first)


def test_the_same_content_again_is_no_conflict(store: BlobStore) -> None:
    first = store.put("a", [b"content"], once=True)
    again = store.put("a", [b"con", b"tent"], once=True)
    assert (again.size_bytes, again.version) == (first.size_bytes, first.version)


def test_an_empty_object_is_not_replaced_either(store: BlobStore) -> None:
    store.put("a", [])
    with pytest.raises(Conflict):
        store.put("a", [b"late"], once=True)
    assert store.read("a") == b""


def test_what_was_put_once_may_be_replaced_on_purpose(store: BlobStore) -> None:
    store.put("a", [b"first"], once=True)
    store.put("a", [b"second"])
    assert store.read("a") == b"second"


@pytest.mark.parametrize("race", RACES)
def test_of_racing_writers_who_put_once_exactly_one_wins(platform: Adapters, race: Race) -> None:
    won = [key for answer in race(platform, racers.put_once) for key in answer]
    assert sorted(won) == sorted(f"once/{number}" for number in range(racers.ROUNDS))


def test_an_empty_object_is_an_object(store: BlobStore) -> None:
    store.put("a", [])
    assert store.exists("a")
    assert store.read("a") == b""
    assert list(store.stream("a")) in ([], [b""])
    assert store.stat("a").size_bytes == 0


def test_an_error_in_the_chunks_leaves_nothing(store: BlobStore) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError("the client went away")

    with pytest.raises(RuntimeError, match="went away"):
        store.put("a/new", chunks())
    assert not store.exists("a/new")
    assert _keys(store, "a") == []


def test_an_error_in_the_chunks_leaves_the_old_object(store: BlobStore) -> None:
    old = store.put("a", [b"old"])

    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise OSError("the client went away")

    with pytest.raises(OSError, match="went away"):
        store.put("a", chunks())
    assert store.stat("a") == old


def test_put_file_stores_its_bytes(store: BlobStore, tmp_path: Path) -> None:
    content = bytes(range(256)) * 10_000
    path = tmp_path / "audio"
    path.write_bytes(content)
    info = store.put_file("a", path, content_type="audio/wav")
    assert (info.size_bytes, info.content_type) == (len(content), "audio/wav")
    assert store.read("a") == content
    assert path.read_bytes() == content


def test_stream_gives_chunks_of_the_wanted_size(store: BlobStore) -> None:
    content = bytes(range(250)) * 4
    store.put("a", [content])
    chunks = list(store.stream("a", chunk_bytes=300))
    assert b"".join(chunks) == content
    assert max(len(chunk) for chunk in chunks) <= 300
    assert b"".join(store.stream("a")) == content


def test_stream_gives_the_version_that_is_named_or_nothing(store: BlobStore) -> None:
    old = store.put("a", [b"old"])
    assert b"".join(store.stream("a", version=old.version)) == b"old"
    new = store.put("a", [b"new"])
    with suppress(VersionConflict):
        assert b"".join(store.stream("a", version=old.version)) == b"old"
    assert b"".join(store.stream("a", version=new.version)) == b"new"


def test_stat_tells_of_the_version_that_is_named_or_of_none(store: BlobStore) -> None:
    old = store.put("a", [b"old"])
    assert store.stat("a", version=old.version) == old
    new = store.put("a", [b"newer"])
    with suppress(NotFound):
        assert store.stat("a", version=old.version) == old
    assert store.stat("a", version=new.version) == new
    store.delete("a")
    for version in (old.version, new.version):
        with pytest.raises(NotFound):
            store.stat("a", version=version)


def test_an_absent_object_is_not_found(store: BlobStore) -> None:
    store.put("a/b", [b"x"])
    for key in ("a", "a/b/c", "a/c", "b"):
        with pytest.raises(NotFound):
            store.read(key)
        with pytest.raises(NotFound):
            store.stat(key)
        assert not store.exists(key)


def test_stream_of_an_absent_object_raises_at_the_first_chunk_not_at_the_call(
    store: BlobStore,
) -> None:
    stream = store.stream("absent")
    with pytest.raises(NotFound):
        next(stream)


def test_delete_erases_one_object(store: BlobStore) -> None:
    for key in ("a", "a/b", "a/c"):
        store.put(key, [b"x"])
    store.delete("a/b")
    assert not store.exists("a/b")
    assert store.exists("a")
    assert store.exists("a/c")
    store.delete("a/b")
    store.delete("never/was")


def test_a_key_and_keys_below_it_are_objects_of_their_own(store: BlobStore) -> None:
    store.put("a", [b"1"])
    store.put("a/b", [b"2"])
    store.put("a/b/c", [b"3"])
    assert [store.read(key) for key in ("a", "a/b", "a/b/c")] == [b"1", b"2", b"3"]


def test_nothing_is_left_of_what_was_replaced_once_the_object_is_deleted(store: BlobStore) -> None:
    versions = [store.put("a", [bytes([number])]).version for number in range(3)]
    store.delete("a")
    for version in versions:
        with pytest.raises(NotFound):
            next(store.stream("a", version=version))


def test_delete_of_a_version_leaves_every_other(store: BlobStore) -> None:
    old = store.put("a", [b"old"])
    new = store.put("a", [b"new"])
    store.delete("a", version=new.version)
    assert not store.exists("a") or store.stat("a") == old
    newest = store.put("a", [b"newest"])
    for absent in (new.version, old.version):
        store.delete("a", version=absent)
        assert store.stat("a") == newest
    store.delete("never/was", version=new.version)


def test_delete_prefix_erases_what_is_below_and_nothing_else(store: BlobStore) -> None:
    for key in ("jobs/1", "jobs/1/a", "jobs/1/b/c", "jobs/10/a", "jobs/2/a"):
        store.put(key, [b"x"])
    assert store.delete_prefix("jobs/1") == 2
    assert _keys(store, "jobs") == ["jobs/1", "jobs/10/a", "jobs/2/a"]
    assert store.delete_prefix("jobs/1") == 0


def test_list_is_ordered_by_key_and_tells_what_stat_tells(store: BlobStore) -> None:
    # Their order as keys differs from that of folders before files, and of escaped names.
    keys = ["p/a", "p/a b", "p/a-b/c", "p/a/b", "p/a%", "p/ab", "p/é"]
    for key in keys:
        store.put(key, [key.encode()], content_type="text/plain")
    store.put("q/a", [b"x"])
    listed = list(store.list("p"))
    assert [info.key for info in listed] == sorted(keys)
    stated = [store.stat(key) for key in sorted(keys)]
    assert listed in (stated, [replace(info, content_type=None) for info in stated])
    assert _keys(store, "nothing") == []


@pytest.mark.parametrize("race", RACES)
def test_a_reader_sees_one_whole_object_while_writers_race(platform: Adapters, race: Race) -> None:
    seen = [content for answer in race(platform, racers.put_and_read) for content in answer]
    assert seen
    assert all(len(set(content)) == 1 and len(content) == racers.BLOB_BYTES for content in seen)


@pytest.mark.parametrize("race", RACES)
def test_writers_and_erasers_of_one_folder_do_not_disturb_each_other(
    platform: Adapters, race: Race
) -> None:
    answers = race(platform, racers.put_and_delete)
    assert answers == [racers.ROUNDS] * len(answers)
    assert _keys(platform.blob_store(), "shared") == []
