"""What options about language and spelling do to real speech, with the default model.

The clips come from a package (see `tests.support.package_audio`).
"""

from __future__ import annotations

from typing import Any

import pytest

from gpu_job.engines.loader import EngineCache, EngineConfig
from gpu_job.engines.ports import Audio, Transcriber, TranscriptionOutput, never
from gpu_job.steps.choose_model import Chosen, ModelChooser
from gpu_job.stopwatch import Stopwatch
from shared.domain.model_policy import ModelPolicy
from shared.domain.options import Task, TranscriptionOptions
from tests.support.package_audio import clip, joined
from tests.support.weights import engines, models_dir, pulled, require

pytestmark = pytest.mark.models


@pytest.fixture(autouse=True)
def weights() -> None:
    require("base")


def heard(audio: Audio, **options: Any) -> TranscriptionOutput:
    # Quick: a wrong language fails at every temperature, and takes its time.
    asked = TranscriptionOptions(temperature=0.0, beam_size=1, **options)
    return transcribed(engines().transcriber("base"), audio, asked)


def transcribed(
    transcriber: Transcriber, audio: Audio, options: TranscriptionOptions, **known: Any
) -> TranscriptionOutput:
    return transcriber.transcribe(
        audio, options, on_segment=lambda _: None, on_progress=lambda _: None,
        should_stop=never, **known,
    )  # fmt: skip


def text_of(output: TranscriptionOutput) -> str:
    return " ".join(segment.text for segment in output.segments)


def test_a_hotword_is_spelled_as_it_is_given() -> None:
    spanish = clip("es/pangrama")
    assert "murciélago" not in text_of(heard(spanish, language="es"))
    hinted = heard(spanish, language="es", hotwords="veloz murciélago hindú")
    assert "veloz murciélago hindú" in text_of(hinted)


def test_a_prompt_sets_the_style() -> None:
    counting = clip("en/counting")
    assert "7" in text_of(heard(counting, language="en"))
    worded = heard(counting, language="en", initial_prompt="One, two, three, four, five.")
    assert "seven" in text_of(worded).lower()


def test_a_translation_is_in_english_and_names_what_was_spoken() -> None:
    output = heard(clip("fr/bonjour_monde"), task=Task.TRANSLATE)
    assert "hello" in text_of(output).lower()
    assert "bonjour" not in text_of(output).lower()
    assert output.language == "fr"
    assert output.language_probability > 0.9


def test_a_language_that_is_named_is_written_whatever_is_spoken() -> None:
    english = clip("en/quick_brown_fox")
    assert "brown fox" in text_of(heard(english, language="en"))
    forced = heard(english, language="es")
    assert (forced.language, forced.language_probability) == ("es", 1.0)
    assert "brown fox" not in text_of(forced)


def test_a_recording_keeps_its_languages_when_asked() -> None:
    audio = joined("en/quick_brown_fox", "fr/pangrama", "en/counting")
    output = heard(audio, multilingual=True)
    told = [segment.language for segment in output.segments]
    assert list(dict.fromkeys(told)) == ["en", "fr"]
    assert told[-1] == "en"
    assert output.language == "en", "two clips of three"
    text = text_of(output)
    assert "brown fox" in text
    assert "Portez ce vieux" in text


@pytest.mark.slow  # 78 MB of weights the first time
def test_a_tuned_model_takes_over_from_the_one_that_has_detected() -> None:
    pulled("tiny.en")
    cache = EngineCache(config=EngineConfig(models_dir=models_dir(), offline=True))
    policy = ModelPolicy(by_language={"en": "tiny.en"}, pulled=True)
    chooser = ModelChooser(policy=policy, load=cache.transcriber, fetch=cache.fetch)

    def choose(audio: Audio) -> Chosen:
        return chooser.choose(TranscriptionOptions(), audio, watch=Stopwatch(), should_stop=never)

    english, french = clip("en/quick_brown_fox"), clip("fr/bonjour_monde")
    chosen = choose(english)
    assert chosen.model == "tiny.en"
    output = transcribed(
        chosen.transcriber, english, chosen.options, chunks=chosen.chunks,
        language=chosen.language,
    )  # fmt: skip
    assert "brown fox" in text_of(output)
    assert output.language == "en"
    assert 0.9 < output.language_probability <= 1.0, "what the multilingual model said"
    assert choose(french).model == "base"
