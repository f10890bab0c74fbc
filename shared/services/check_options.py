"""An option that this deployment can't honour is refused at submit, never swallowed."""

from __future__ import annotations

from dataclasses import replace

from shared.domain.errors import InvalidRequest, ModelUnavailable, UnsupportedOption
from shared.domain.model_policy import ModelPolicy
from shared.domain.options import (
    Channels,
    DiarizationArgs,
    Task,
    TranscriptionOptions,
    normalize_language,
)
from shared.models.policy import offered_names, offers, translator
from shared.models.registry import ModelSpec, find_model
from shared.ports.platform import Limits

#: Engines a caller may name; `stable-whisper` is the seed service's name for word-exact times.
ENGINES = ("faster-whisper", "stable-whisper")

MOST_SPEAKERS = 20
MOST_BEAMS = 20


def check_options(limits: Limits, options: TranscriptionOptions) -> TranscriptionOptions:
    """Return the options with every default made explicit but the model's.

    Where the caller names none, the deployment chooses when the language is known.

    Raises:
        UnsupportedOption: the engine, the model or this deployment can't do it.
        InvalidRequest: a value is out of its range.
    """
    if options.engine not in ENGINES:
        raise UnsupportedOption(
            f"engine {options.engine!r} is not available; available: {', '.join(ENGINES)}",
            field="engine",
        )
    language = normalize_language(options.language)
    model = _presumed(limits.models, options, language)
    if options.multilingual:
        _check_multilingual(model, language)
    language = _language(model, language)
    if options.task is Task.TRANSLATE and not model.can_translate:
        raise UnsupportedOption(f"model {model.name!r} can't translate", field="task")
    if options.channels is Channels.SEPARATE and options.diarize:
        raise InvalidRequest(
            "give channels 'separate' (each channel is a speaker), or diarize, not both",
            code="contradiction",
            field="channels",
        )
    _check_decoding(options)
    check_diarization(options)
    return replace(
        options, engine=model.engine, model=options.model and model.name, language=language
    )


def _presumed(
    policy: ModelPolicy, options: TranscriptionOptions, language: str | None
) -> ModelSpec:
    """The model that is asked for, or the one that the deployment will start with."""
    if options.model is not None:
        return _model(policy, options.model)
    if options.task is Task.TRANSLATE:
        spec = translator(policy, language)
        if spec is None:
            raise UnsupportedOption("no model here can translate this", field="task")
        return spec
    # What is not sure to be here can't be counted on.
    own = policy.by_language if policy.pulled else {}
    return find_model(own.get(language or "", policy.default))


def _model(policy: ModelPolicy, name: str) -> ModelSpec:
    try:
        spec = find_model(name)
    except ModelUnavailable:
        spec = None
    if spec is None or spec.kind != "whisper":
        raise UnsupportedOption(
            f"model {name[:80]!r} is not known here; see GET /api/v1/models", field="model"
        ) from None
    if not offers(policy, spec):
        has = ", ".join(offered_names(policy))
        raise UnsupportedOption(
            f"this deployment does not have model {spec.name!r}; it has: {has}", field="model"
        )
    return spec


def _language(model: ModelSpec, language: str | None) -> str | None:
    """A model for one language needs no detection; for others it is refused."""
    if language is None:
        return None if model.multilingual else min(model.languages)
    if language not in model.languages:
        known = ", ".join(sorted(model.languages))
        raise UnsupportedOption(
            f"model {model.name!r} does not know language {language!r}; it knows: {known}",
            field="language",
        )
    return language


def _check_multilingual(model: ModelSpec, language: str | None) -> None:
    """Each stretch in its own language: so there is none to name, and several to know."""
    if language is not None:
        raise InvalidRequest(
            "give language, or multilingual, not both", code="contradiction", field="multilingual"
        )
    if not model.multilingual:
        raise UnsupportedOption(
            f"model {model.name!r} knows one language only", field="multilingual"
        )


def _check_decoding(options: TranscriptionOptions) -> None:
    if not 1 <= options.beam_size <= MOST_BEAMS:
        raise InvalidRequest(
            f"beam_size must be 1 to {MOST_BEAMS}, not {options.beam_size}", field="beam_size"
        )
    given = options.temperature
    ladder = given if isinstance(given, tuple) else (given,)
    if not ladder or not all(0.0 <= value <= 1.0 for value in ladder):
        raise InvalidRequest("temperature must be 0 to 1, or a list of such", field="temperature")


def check_diarization(options: TranscriptionOptions) -> None:
    """Refuse numbers of speakers that are out of range, contradict each other, or go unused.

    Raises:
        InvalidRequest: naming the field.
    """
    args = options.diarization_args
    if args != DiarizationArgs() and not options.diarize:
        raise InvalidRequest("diarization_args need diarize: true", field="diarization_args")
    for name in ("num_speakers", "min_speakers", "max_speakers"):
        value = getattr(args, name)
        if value is not None and not 1 <= value <= MOST_SPEAKERS:
            raise InvalidRequest(
                f"{name} must be 1 to {MOST_SPEAKERS}, not {value}",
                field=f"diarization_args.{name}",
            )
    if args.num_speakers is not None and (args.min_speakers or args.max_speakers):
        raise InvalidRequest(
            "give num_speakers, or min_speakers and max_speakers, not both",
            field="diarization_args",
        )
    if args.min_speakers and args.max_speakers and args.min_speakers > args.max_speakers:
        raise InvalidRequest("min_speakers is larger than max_speakers", field="diarization_args")
