from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.domain.errors import ModelUnavailable
from shared.domain.options import LANGUAGES
from shared.models.registry import (
    DEFAULT_MODELS,
    HubSource,
    PackageSource,
    find_model,
    load_registry,
)


def test_the_default_models_are_pinned_by_content_and_need_no_hub() -> None:
    registry = load_registry()
    for name in DEFAULT_MODELS:
        spec = registry[name]
        assert spec.default
        assert any(isinstance(source, PackageSource) for source in spec.sources)
        assert all(
            file.size and re.fullmatch(r"[0-9a-f]{64}", file.sha256 or "") for file in spec.files
        )


def test_every_package_source_names_where_each_file_lies() -> None:
    for spec in load_registry().values():
        for source in spec.sources:
            if isinstance(source, PackageSource):
                assert set(source.members) == {file.path for file in spec.files}
                projects = {archive.split("==")[0] for archive in source.archives}
                used = {part.split(":")[0] for parts in source.members.values() for part in parts}
                assert used == projects


def test_a_multilingual_model_knows_all_languages_and_a_tuned_one_its_own() -> None:
    registry = load_registry()
    assert registry["base"].multilingual
    assert registry["base"].languages == LANGUAGES
    assert registry["base"].can_translate
    assert registry["tiny.en"].languages == {"en"}
    assert not registry["tiny.en"].multilingual
    assert registry["ivrit-he-turbo"].languages == {"he"}
    assert not registry["ivrit-he-turbo"].can_translate


def test_a_model_is_found_by_its_alias() -> None:
    spec = find_model("ivrit-ai/whisper-large-v3-turbo-ct2")
    assert spec.name == "ivrit-he-turbo"
    assert isinstance(spec.sources[0], HubSource)


def test_the_size_is_unknown_until_every_file_has_one() -> None:
    assert load_registry()["large-v3-turbo"].size_bytes is None
    assert load_registry()["base"].size_bytes == 147_882_941


def test_an_unregistered_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ModelUnavailable, match=r"known: base, ecapa") as caught:
        find_model("gpt-9")
    assert (caught.value.code, caught.value.field) == ("unknown_model", "model")


@pytest.mark.parametrize(
    "text",
    ["", "[models.x]\nkind = 'whisper'\n", "not toml",
     ("[models.x]\nkind='whisper'\nengine='e'\ntitle='t'\nlicence='MIT'\nfiles=[]\n"
     "sources=[{kind='ftp'}]\n")],
)  # fmt: skip
def test_a_broken_registry_file_says_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "models.toml"
    path.write_text(text)
    with pytest.raises(ModelUnavailable) as caught:
        load_registry(path)
    assert caught.value.code == "invalid_model_registry"
