from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.domain.errors import InvalidRequest, UnsupportedOption
from shared.domain.model_policy import ModelPolicy
from shared.domain.options import Channels, DiarizationArgs, Task, TranscriptionOptions
from shared.ports.platform import Limits
from shared.services.check_options import check_options


def check(**changes: Any) -> TranscriptionOptions:
    return check_options(Limits(), TranscriptionOptions(**changes))


def speakers(**changes: int) -> dict[str, Any]:
    return {"diarize": True, "diarization_args": DiarizationArgs(**changes)}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"engine": "espeak"}, "engine"),
        ({"model": "no-such-model"}, "model"),
        ({"model": "ecapa"}, "model"),
        ({"language": "tlh"}, "language"),
        ({"model": "tiny.en", "language": "he"}, "language"),
        ({"model": "tiny.en", "task": Task.TRANSLATE}, "task"),
        ({"multilingual": True, "language": "he"}, "multilingual"),
        ({"multilingual": True, "model": "tiny.en"}, "multilingual"),
        ({"channels": Channels.SEPARATE, "diarize": True}, "channels"),
        ({"diarization_args": DiarizationArgs(num_speakers=2)}, "diarization_args"),
        (speakers(num_speakers=0), "diarization_args.num_speakers"),
        (speakers(num_speakers=21), "diarization_args.num_speakers"),
        (speakers(min_speakers=-1), "diarization_args.min_speakers"),
        (speakers(max_speakers=100), "diarization_args.max_speakers"),
        (speakers(num_speakers=2, min_speakers=1), "diarization_args"),
        (speakers(num_speakers=2, max_speakers=3), "diarization_args"),
        (speakers(min_speakers=3, max_speakers=2), "diarization_args"),
        ({"beam_size": 0}, "beam_size"),
        ({"beam_size": 21}, "beam_size"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": 1.1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": ()}, "temperature"),
        ({"temperature": (0.0, 2.0)}, "temperature"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check(**changes)
    assert caught.value.field == field


def test_what_no_model_here_can_do_is_unsupported_rather_than_invalid() -> None:
    with pytest.raises(UnsupportedOption) as caught:
        check(model="tiny.en", language="he")
    assert "it knows: en" in caught.value.detail


def test_the_seed_services_engine_name_still_works() -> None:
    assert check(engine="stable-whisper").engine == "faster-whisper"


def test_a_model_for_one_language_needs_no_detection() -> None:
    assert check(model="tiny.en").language == "en"


def test_a_multilingual_model_detects() -> None:
    assert check(language="auto").language is None


def test_right_options_pass_unchanged_but_for_their_defaults() -> None:
    asked = TranscriptionOptions(
        language="he", task=Task.TRANSLATE, beam_size=3, temperature=0.4, hotwords="Tamlil",
        **speakers(min_speakers=1, max_speakers=4),
    )  # fmt: skip
    given = check_options(Limits(), asked)
    assert given.model is None, "the deployment chooses, when the language is known"
    assert (given.beam_size, given.temperature, given.hotwords) == (3, 0.4, "Tamlil")
    assert given.diarization_args == asked.diarization_args


TURBO = Limits(models=ModelPolicy(default="large-v3-turbo"))


def test_a_translation_goes_elsewhere_only_where_the_model_is_ours_to_choose() -> None:
    asked = TranscriptionOptions(task=Task.TRANSLATE, language="he")
    assert check_options(TURBO, asked).model is None
    with pytest.raises(UnsupportedOption) as caught:
        check_options(TURBO, replace(asked, model="turbo"))
    assert "'large-v3-turbo' can't translate" in caught.value.detail


def test_a_named_model_is_kept_by_its_own_name() -> None:
    assert check_options(TURBO, TranscriptionOptions(model="turbo")).model == "large-v3-turbo"


HAS_TURBO = Limits(models=ModelPolicy(default="large-v3-turbo", available=("large-v3-turbo",)))


def test_a_model_that_the_deployment_does_not_have_is_refused_and_told_which_there_are() -> None:
    assert check_options(HAS_TURBO, TranscriptionOptions(model="turbo")).model == "large-v3-turbo"
    with pytest.raises(UnsupportedOption) as caught:
        check_options(HAS_TURBO, TranscriptionOptions(model="tiny.en"))
    assert caught.value.field == "model"
    assert "does not have model 'tiny.en'; it has: large-v3-turbo" in caught.value.detail


def test_a_translation_is_refused_where_no_model_of_the_deployment_can() -> None:
    with pytest.raises(UnsupportedOption) as caught:
        check_options(HAS_TURBO, TranscriptionOptions(task=Task.TRANSLATE))
    assert caught.value.field == "task"


def test_a_language_that_only_its_own_model_knows_needs_that_to_be_asked_for() -> None:
    hebrew = TranscriptionOptions(language="he")
    own: dict[str, Any] = {"default": "tiny.en", "by_language": {"he": "ivrit-he-turbo"}}
    sure = Limits(models=ModelPolicy(**own, pulled=True))
    assert check_options(sure, hebrew).language == "he"
    with pytest.raises(UnsupportedOption):
        check_options(Limits(models=ModelPolicy(**own)), hebrew)


def test_each_stretch_in_its_own_language_needs_a_model_that_knows_several() -> None:
    assert check(multilingual=True).multilingual
    with pytest.raises(UnsupportedOption):
        check_options(
            Limits(models=ModelPolicy(default="tiny.en")), TranscriptionOptions(multilingual=True)
        )
