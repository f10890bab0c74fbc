from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from gpu_job.engines.faster_whisper_engine import FasterWhisperTranscriber
from gpu_job.engines.ports import Region, Transcriber, never
from gpu_job.steps.choose_model import LANGUAGE_MODEL_UNAVAILABLE, Chosen, ModelChooser
from gpu_job.stopwatch import Stopwatch
from shared.domain.errors import ModelUnavailable, UnsupportedOption
from shared.domain.model_policy import ModelPolicy
from shared.domain.options import Task, TranscriptionOptions
from shared.models.policy import HOUSE_LANGUAGES
from shared.models.registry import find_model
from tests.support.whisper import FixedVad, ScriptedWhisper, ramp

HEBREW = {"he": 0.9, "en": 0.05}
ASKED_FOR = ModelPolicy(by_language=HOUSE_LANGUAGES, pulled=True)
HOUSE = ModelPolicy(by_language=HOUSE_LANGUAGES)
REGIONS = (Region(start=0.5, end=9), Region(start=10, end=20))


@dataclass
class Shelf:
    """Models whose weights may be had, and what was asked of it in which order."""

    heard: dict[str, float] = field(default_factory=lambda: dict(HEBREW))
    here: tuple[str, ...] = ("base", "ivrit-he-turbo")
    afar: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)
    backends: dict[str, ScriptedWhisper] = field(default_factory=dict)

    def load(self, model: str, engine: str) -> Transcriber:
        self.asked.append(f"load {model}")
        self.backends[model] = ScriptedWhisper(languages=self.heard)
        return FasterWhisperTranscriber(
            hears_out=False,
            backend=self.backends[model],
            model=find_model(model),
            vad=FixedVad(REGIONS),
        )

    def fetch(self, model: str, pull: bool) -> object:  # noqa: FBT001 (a Callable)
        self.asked.append(f"{'pull' if pull else 'look for'} {model}")
        if model not in self.here + (self.afar if pull else ()):
            raise ModelUnavailable(f"no {model}")
        return model

    def choose(
        self,
        policy: ModelPolicy = ASKED_FOR,
        options: TranscriptionOptions | None = None,
        known: tuple[str, float] | None = None,
    ) -> Chosen:
        chooser = ModelChooser(policy=policy, load=self.load, fetch=self.fetch)
        return chooser.choose(
            options or TranscriptionOptions(), ramp(30), watch=Stopwatch(), should_stop=never,
            known=known,
        )  # fmt: skip


def language_of(chosen: Chosen) -> tuple[str, float]:
    assert chosen.language is not None
    code, probability = chosen.language
    return code, round(probability, 6)


def test_a_tuned_model_comes_after_a_multilingual_one_has_heard_its_language() -> None:
    shelf = Shelf()
    chosen = shelf.choose()
    assert shelf.asked == ["load base", "pull ivrit-he-turbo", "load ivrit-he-turbo"]
    assert chosen.model == "ivrit-he-turbo"
    assert language_of(chosen) == ("he", 0.9)
    output = chosen.transcriber.transcribe(
        ramp(30), chosen.options, chunks=chosen.chunks, language=chosen.language,
        on_segment=lambda _: None, on_progress=lambda _: None, should_stop=never,
    )  # fmt: skip
    tuned = shelf.backends["ivrit-he-turbo"]
    assert tuned.detected == [], "its own detection has degraded"
    assert [arguments["language"] for _, arguments in tuned.batches] == ["he"]
    assert output.language == "he"
    assert output.language_probability == pytest.approx(0.9)


def test_for_a_named_language_no_other_model_is_loaded() -> None:
    shelf = Shelf()
    assert shelf.choose(options=TranscriptionOptions(language="he")).model == "ivrit-he-turbo"
    assert shelf.asked == ["pull ivrit-he-turbo", "load ivrit-he-turbo"]
    assert shelf.choose(options=TranscriptionOptions(language="fr")).model == "base"


def test_who_names_a_model_gets_it() -> None:
    shelf = Shelf()
    chosen = shelf.choose(options=TranscriptionOptions(model="base", language="he"))
    assert (chosen.model, shelf.asked) == ("base", ["load base"])


def test_other_languages_stay_with_the_model_that_heard_them_loaded_once() -> None:
    shelf = Shelf(heard={"fr": 0.95})
    chosen = shelf.choose()
    assert (chosen.model, language_of(chosen)) == ("base", ("fr", 0.95))
    assert shelf.asked == ["load base", "load base"], "the second is the warm one"
    assert chosen.chunks == REGIONS


def test_a_language_that_is_less_likely_than_not_brings_no_tuned_model() -> None:
    chosen = Shelf(heard={"he": 0.45, "ar": 0.3}).choose()
    assert (chosen.model, language_of(chosen)) == ("base", ("he", 0.45))


def test_weights_that_cannot_be_had_are_told_and_do_not_fail_the_job() -> None:
    shelf = Shelf(here=("base",))
    chosen = shelf.choose()
    assert (chosen.model, chosen.warnings) == ("base", (LANGUAGE_MODEL_UNAVAILABLE,))
    named = shelf.choose(options=TranscriptionOptions(language="yi"))
    assert (named.model, named.warnings) == ("base", (LANGUAGE_MODEL_UNAVAILABLE,))
    assert "load ivrit-he-turbo" not in shelf.asked


def test_the_house_s_own_choice_is_used_where_its_weights_are_and_never_pulled() -> None:
    absent = Shelf(here=("base",), afar=("ivrit-he-turbo",))
    chosen = absent.choose(HOUSE, TranscriptionOptions(language="he"))
    assert (chosen.model, chosen.warnings) == ("base", ())
    plain = absent.choose(HOUSE)
    assert (plain.model, plain.language) == ("base", None), "the engine detects by itself"
    assert not any(asked.startswith("pull") for asked in absent.asked)
    assert Shelf().choose(HOUSE).model == "ivrit-he-turbo"


def test_what_a_deployment_names_is_pulled() -> None:
    assert Shelf(here=("base",), afar=("ivrit-he-turbo",)).choose().model == "ivrit-he-turbo"


def test_an_attempt_that_goes_on_does_not_detect_again() -> None:
    shelf = Shelf(heard={"en": 1.0})
    chosen = shelf.choose(known=("he", 0.8))
    assert (chosen.model, chosen.language) == ("ivrit-he-turbo", ("he", 0.8))
    assert shelf.asked == ["pull ivrit-he-turbo", "load ivrit-he-turbo"]


def test_a_translation_goes_to_a_model_that_can() -> None:
    translate = TranscriptionOptions(task=Task.TRANSLATE)
    turbo = ModelPolicy(default="large-v3-turbo", by_language=HOUSE_LANGUAGES, pulled=True)
    assert Shelf().choose(turbo, translate).model == "base"
    named = TranscriptionOptions(task=Task.TRANSLATE, language="he")
    assert Shelf().choose(turbo, named).model == "base"


def test_a_recording_that_switches_languages_stays_with_the_default_model() -> None:
    shelf = Shelf()
    chosen = shelf.choose(options=TranscriptionOptions(multilingual=True))
    assert (chosen.model, shelf.asked) == ("base", ["load base"])


def test_a_translation_that_no_model_can_do_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpu_job.steps.choose_model.translator", lambda *_: None)
    with pytest.raises(UnsupportedOption) as caught:
        Shelf().choose(options=TranscriptionOptions(task=Task.TRANSLATE))
    assert caught.value.field == "task"


def test_where_nobody_speaks_the_default_model_says_so() -> None:
    chosen = Shelf(heard={"und": 0.0}).choose()
    assert chosen.model == "base"


@pytest.mark.parametrize("policy", [ASKED_FOR, HOUSE, ModelPolicy(translate="large-v3-turbo")])
@pytest.mark.parametrize(
    "options",
    [
        TranscriptionOptions(),
        TranscriptionOptions(language="he"),
        TranscriptionOptions(language="yi"),
        TranscriptionOptions(model="tiny.en"),
        TranscriptionOptions(task=Task.TRANSLATE),
        TranscriptionOptions(multilingual=True),
    ],
)
def test_the_model_that_is_loaded_ahead_is_the_one_that_choosing_loads_first(
    policy: ModelPolicy, options: TranscriptionOptions
) -> None:
    shelf = Shelf()
    ahead = ModelChooser(policy=policy, load=shelf.load, fetch=shelf.fetch).first(options)
    shelf.asked.clear()
    shelf.choose(policy, options)
    assert next(asked for asked in shelf.asked if asked.startswith("load")) == f"load {ahead}"
