from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from shared.domain.model_policy import ModelPolicy
from shared.models.policy import (
    HOUSE_LANGUAGES,
    chosen_for,
    offered_names,
    offers,
    translator,
)
from shared.models.registry import find_model
from shared.settings import Settings, environment
from tests.support.platform import make_settings


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    models = ("DEFAULT_MODEL", "LANGUAGE_MODELS", "TRANSLATE_MODEL", "MODELS_AVAILABLE")
    for name in (*models, "DEVICE"):
        monkeypatch.delenv(f"TAMLIL_{name}", raising=False)


def test_by_default_small_machines_get_base_and_gpus_the_large_model() -> None:
    assert make_settings(Path("unused")).model_policy == ModelPolicy(
        default="base", by_language=HOUSE_LANGUAGES, pulled=False
    )
    assert make_settings(Path("unused"), device="cuda").default_model == "large-v3-turbo"
    chosen = make_settings(Path("unused"), device="cuda", default_model="base")
    assert chosen.default_model == "base"


def test_a_deployment_names_its_own_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAMLIL_LANGUAGE_MODELS", '{"iw": "ivrit-he-turbo", "EN": "tiny.en"}')
    monkeypatch.setenv("TAMLIL_DEFAULT_MODEL", "turbo")
    settings = Settings()
    assert settings.model_policy == ModelPolicy(
        default="large-v3-turbo", by_language={"he": "ivrit-he-turbo", "en": "tiny.en"}, pulled=True
    )
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    assert Settings().model_policy == settings.model_policy


def test_an_empty_map_switches_the_house_s_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAMLIL_LANGUAGE_MODELS", "{}")
    assert Settings().model_policy.by_language == {}


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("LANGUAGE_MODELS", '{"he": "no-such-model"}', "no model 'no-such-model' that transcribes"),
        ("LANGUAGE_MODELS", '{"he": "ecapa"}', "no model 'ecapa' that transcribes"),
        ("LANGUAGE_MODELS", '{"tlh": "base"}', "language 'tlh' is not supported"),
        ("LANGUAGE_MODELS", '{"auto": "base"}', "does not know language 'auto'"),
        ("LANGUAGE_MODELS", '{"fr": "tiny.en"}', "'tiny.en' does not know language 'fr'"),
        ("LANGUAGE_MODELS", '{"he": "base", "iw": "turbo"}', "two models for language 'he'"),
        ("LANGUAGE_MODELS", "he=base", "must be a JSON object"),
        ("LANGUAGE_MODELS", '["base"]', "dictionary"),
        ("DEFAULT_MODEL", "no-such-model", "no model 'no-such-model' that transcribes"),
        ("TRANSLATE_MODEL", "tiny.en", "'tiny.en' can't translate"),
        ("MODELS_AVAILABLE", '["base", "ecapa"]', "no model 'ecapa' that transcribes"),
    ],
)
def test_a_model_that_cannot_be_is_an_error_of_configuration_at_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(f"TAMLIL_{name}", value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    (fault,) = caught.value.errors()
    assert fault["loc"] == (name.lower(),)
    assert says in fault["msg"]


@pytest.mark.parametrize(
    ("policy", "language", "expected"),
    [
        ({}, None, "base"),
        ({"default": "large-v3-turbo"}, None, "base"),
        ({"default": "tiny.en"}, "he", "base"),
        ({"default": "base", "translate": "base"}, "he", "base"),
    ],
)
def test_translation_goes_to_the_first_that_can(
    policy: dict[str, Any], language: str | None, expected: str
) -> None:
    found = translator(ModelPolicy(**policy), language)
    assert found is not None
    assert found.name == expected


ONLY_TURBO: dict[str, Any] = {"default": "large-v3-turbo", "available": ("large-v3-turbo",)}


def test_a_translation_goes_to_no_model_that_the_deployment_does_not_have() -> None:
    assert translator(ModelPolicy(**ONLY_TURBO), None) is None
    found = translator(ModelPolicy(**ONLY_TURBO, translate="base"), None)
    assert found is not None
    assert found.name == "base"


def test_what_is_offered_is_what_is_available_and_what_the_deployment_takes_by_itself() -> None:
    own = {"he": "ivrit-he-turbo"}
    assert offered_names(ModelPolicy(**ONLY_TURBO, by_language=own)) == ["large-v3-turbo"]
    pulled = ModelPolicy(**ONLY_TURBO | {"default": "tiny.en"}, by_language=own, pulled=True)
    assert offered_names(pulled) == ["ivrit-he-turbo", "large-v3-turbo", "tiny.en"]
    assert offers(ModelPolicy(), find_model("tiny.en")), "nobody said what there is"
    assert not offers(ModelPolicy(), find_model("ecapa")), "it does not transcribe"
    assert not offers(ModelPolicy(**ONLY_TURBO), find_model("tiny.en"))


def test_a_model_is_listed_with_the_languages_it_is_for() -> None:
    policy = ModelPolicy(by_language={"yi": "base", "he": "base", "en": "tiny.en"})
    assert chosen_for(policy, "base") == ["he", "yi"]
    assert chosen_for(policy, "ecapa") == []
