"""Weights in the deployment's own store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpu_job.assemble import make_cache, stored_models
from gpu_job.models.pull import ensure, pull
from gpu_job.models.sources import StoredModels
from shared.domain.errors import ModelUnavailable
from shared.models.registry import FileSpec, HubSource, ModelSpec
from tests.support.file_server import FileServer, file_server
from tests.support.platform import make_deployment, make_settings

WEIGHTS = b"weights" * 100_000
CONFIG = b'{"beam": 5}'
HUB = HubSource(repo="owner/toy", revision="main")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A bucket, and the only hub there is."""
    with file_server() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        running.files = {"/models/toy/model.bin": WEIGHTS, "/models/toy/config.json": CONFIG}
        yield running


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def registry(*, pinned: bool = True) -> dict[str, ModelSpec]:
    files = tuple(
        FileSpec(path=path, size=len(body), sha256=sha256(body) if pinned else None)
        for path, body in (("model.bin", WEIGHTS), ("config.json", CONFIG))
    )
    spec = ModelSpec(
        name="toy", kind="whisper", engine="e", title="t", licence="MIT", files=files,
        sources=(HUB,),
    )  # fmt: skip
    return {"toy": spec}


def bucket(server: FileServer, **more: Any) -> StoredModels:
    return StoredModels(prefix="models", sign=lambda key: f"{server.url}/{key}", **more)


def put_manifest(server: FileServer, **hashes: str) -> None:
    files = {
        name.replace("_", "."): {"size": 1, "mtime": 1, "sha256": value}
        for name, value in hashes.items()
    }
    server.files["/models/toy/manifest.json"] = json.dumps({"files": files}).encode()


def test_a_model_comes_from_the_store_before_any_other_source(
    server: FileServer, tmp_path: Path
) -> None:
    folder = pull("toy", tmp_path, registry(), stored=bucket(server))
    assert (folder / "model.bin").read_bytes() == WEIGHTS
    assert [path for path, _ in server.requests] == [
        "/models/toy/model.bin",
        "/models/toy/config.json",
    ]
    pull("toy", tmp_path, registry(), stored=bucket(server))
    assert len(server.requests) == 2, "it is in the cache now"


def test_what_the_store_lacks_comes_from_the_other_sources(
    server: FileServer, tmp_path: Path
) -> None:
    server.files = {
        "/owner/toy/resolve/main/model.bin": WEIGHTS,
        "/owner/toy/resolve/main/config.json": CONFIG,
    }
    assert pull("toy", tmp_path, registry(), stored=bucket(server)).is_dir()


def test_wrong_bytes_in_the_store_are_not_used(server: FileServer, tmp_path: Path) -> None:
    server.files["/models/toy/model.bin"] = b"x" * len(WEIGHTS)
    with pytest.raises(ModelUnavailable, match="sha256"):
        pull("toy", tmp_path, registry(), stored=bucket(server, only=True))
    assert not (tmp_path / "toy").exists()


def test_a_transfer_that_breaks_goes_on_where_it_was(server: FileServer, tmp_path: Path) -> None:
    server.break_after = [400_000]
    pull("toy", tmp_path, registry(), stored=bucket(server))
    asked = [wanted for path, wanted in server.requests if path.endswith("model.bin")]
    assert asked[0] is None
    assert asked[1] is not None
    assert asked[1].startswith("bytes=")


def test_offline_means_the_store_and_nothing_else(server: FileServer, tmp_path: Path) -> None:
    ensure("toy", tmp_path / "one", registry(), offline=True, stored=bucket(server))
    server.files = {"/owner/toy/resolve/main/model.bin": WEIGHTS}
    server.requests.clear()
    with pytest.raises(ModelUnavailable, match=r"store models/toy: model\.bin is not there"):
        ensure("toy", tmp_path / "two", registry(), offline=True, stored=bucket(server))
    assert [path for path, _ in server.requests] == ["/models/toy/model.bin"]


def test_baked_weights_need_no_store(server: FileServer, tmp_path: Path) -> None:
    baked = tmp_path / "baked"
    pull("toy", baked, registry(), stored=bucket(server))
    server.files.clear()
    found = ensure("toy", tmp_path / "cache", registry(), baked=[baked], stored=bucket(server))
    assert found == baked / "toy"


def test_the_manifest_pins_what_the_registry_can_not(server: FileServer, tmp_path: Path) -> None:
    put_manifest(server, model_bin=sha256(WEIGHTS), config_json=sha256(b"another"))
    with pytest.raises(ModelUnavailable, match=r"config\.json is not the file"):
        pull("toy", tmp_path, registry(pinned=False), stored=bucket(server, only=True))
    put_manifest(server, model_bin=sha256(WEIGHTS), config_json=sha256(CONFIG))
    folder = pull("toy", tmp_path, registry(pinned=False), stored=bucket(server, only=True))
    written = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert written["source"] == "store models/toy", "the cache's own manifest"


def test_without_a_manifest_the_first_use_is_trusted(server: FileServer, tmp_path: Path) -> None:
    assert pull("toy", tmp_path, registry(pinned=False), stored=bucket(server, only=True)).is_dir()
    assert server.served("/models/toy/manifest.json") == 1


def test_settings_say_where_the_store_has_them_and_where_they_are_kept(tmp_path: Path) -> None:
    baked, cache = tmp_path / "baked", tmp_path / "cache"
    settings = make_settings(
        tmp_path, models_dir=baked, models_cache_dir=cache, models_prefix="weights/v1",
        models_offline=True,
    )  # fmt: skip
    with make_deployment(tmp_path) as deployment:
        config = make_cache(settings, deployment.platform.blobs).config
        assert (config.baked, config.models_dir) == ((baked,), cache)
        assert config.stored is not None
        assert config.stored.prefix == "weights/v1"
        assert "weights/v1/toy/model.bin" in config.stored.sign("weights/v1/toy/model.bin")
        plain = make_settings(tmp_path, models_dir=baked)
        assert stored_models(plain, deployment.platform.blobs) is None
        assert make_cache(plain, deployment.platform.blobs).config.models_dir == baked
        with pytest.raises(ModelUnavailable):
            config.model_folder("base", pull=False)
