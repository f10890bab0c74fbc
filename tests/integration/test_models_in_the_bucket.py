"""Weights in S3: signed URLs of the real adapter, fetched as a worker fetches them. moto is S3."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpu_job.assemble import make_cache
from gpu_job.engines.loader import EngineConfig
from gpu_job.models.pull import ensure
from shared.domain.errors import ModelUnavailable
from shared.models.registry import FileSpec, ModelSpec
from tests.support.aws_contracts import AwsAdapters
from tests.support.platform import make_settings

WEIGHTS = bytes(range(256)) * 4000


@pytest.fixture
def adapters() -> Iterator[AwsAdapters]:
    made = AwsAdapters()
    yield made
    made.close()


def config(adapters: AwsAdapters, folder: Path) -> EngineConfig:
    """As the job definition has it with ModelsPrefix."""
    settings = make_settings(
        folder, models_dir=folder / "baked", models_cache_dir=folder / "cache",
        models_prefix="models", models_offline=True,
    )  # fmt: skip
    return make_cache(settings, adapters.blob_store()).config


def registry() -> dict[str, ModelSpec]:
    file = FileSpec(
        path="sub/model.bin", size=len(WEIGHTS), sha256=hashlib.sha256(WEIGHTS).hexdigest()
    )
    spec = ModelSpec(
        name="toy", kind="whisper", engine="e", title="t", licence="MIT", files=(file,), sources=()
    )
    return {"toy": spec}


def bring(chosen: EngineConfig) -> Path:
    return ensure(
        "toy", chosen.models_dir, registry(), baked=chosen.baked, offline=chosen.offline,
        stored=chosen.stored,
    )  # fmt: skip


def test_a_worker_takes_weights_from_the_bucket_into_its_cache(
    adapters: AwsAdapters, tmp_path: Path
) -> None:
    adapters.blob_store().put("models/toy/sub/model.bin", [WEIGHTS])
    folder = bring(config(adapters, tmp_path))
    assert folder == tmp_path / "cache" / "toy"
    assert (folder / "sub" / "model.bin").read_bytes() == WEIGHTS
    adapters.blob_store().delete("models/toy/sub/model.bin")
    assert bring(config(adapters, tmp_path)) == folder, "the next worker finds it there"


def test_a_transfer_that_broke_off_goes_on_where_it_was(
    adapters: AwsAdapters, tmp_path: Path
) -> None:
    adapters.blob_store().put("models/toy/sub/model.bin", [WEIGHTS])
    etag = adapters.clients.s3.head_object(Bucket=adapters.name, Key="models/toy/sub/model.bin")
    staged = tmp_path / "cache" / ".partial" / "toy" / "files" / "sub"
    staged.mkdir(parents=True)
    (staged / "model.bin.part").write_bytes(WEIGHTS[:500_000])
    (staged / "model.bin.part.validator").write_text(etag["ETag"], encoding="utf-8")
    folder = bring(config(adapters, tmp_path))
    assert (folder / "sub" / "model.bin").read_bytes() == WEIGHTS


def test_what_is_not_in_the_bucket_is_told_without_its_signature(
    adapters: AwsAdapters, tmp_path: Path
) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        bring(config(adapters, tmp_path))
    assert "store models/toy: sub/model.bin is not there" in caught.value.detail
    assert "Signature" not in caught.value.detail
