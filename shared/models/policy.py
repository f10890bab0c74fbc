"""Choosing models by language and task: the house's choice, and checks of a deployment's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from shared.domain.errors import InvalidRequest, ModelUnavailable
from shared.domain.model_policy import ModelPolicy
from shared.domain.options import normalize_language
from shared.models.registry import DEFAULT_MODELS, ModelSpec, find_model, load_registry

#: Taken where their weights are, unless a deployment names its own.
HOUSE_LANGUAGES: Mapping[str, str] = MappingProxyType(
    {"he": "ivrit-he-turbo", "yi": "ivrit-yi-turbo"}
)
#: What a GPU runs faster than real time many times over, and a small CPU does not.
GPU_DEFAULT, CPU_DEFAULT = "large-v3-turbo", "base"


def whisper_model(name: str) -> ModelSpec:
    """Return the model of that name or alias, which transcribes.

    Raises:
        ValueError: there is none; says which there are.
    """
    known = sorted(spec.name for spec in load_registry().values() if spec.kind == "whisper")
    try:
        spec = find_model(name)
    except ModelUnavailable:
        spec = None
    if spec is None or spec.kind != "whisper":
        msg = f"no model {name[:80]!r} that transcribes is known; known: {', '.join(known)}"
        raise ValueError(msg)
    return spec


def translating_model(name: str) -> ModelSpec:
    """Return the model of that name or alias, which translates.

    Raises:
        ValueError: there is none, or it can't.
    """
    spec = whisper_model(name)
    if not spec.can_translate:
        msg = f"model {spec.name!r} can't translate"
        raise ValueError(msg)
    return spec


def model_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return models that transcribe by canonical name, each once.

    Raises:
        ValueError: a name that is none of theirs.
    """
    return tuple(dict.fromkeys(whisper_model(name).name for name in names))


def language_map(models: Mapping[str, str]) -> dict[str, str]:
    """Return models by canonical language code, by canonical name.

    Raises:
        ValueError: an unknown language or model, a model that does not know the language, or two
            models for one language.
    """
    found: dict[str, str] = {}
    for code, name in models.items():
        try:
            language = normalize_language(code)
        except InvalidRequest as exc:
            raise ValueError(exc.detail) from exc
        spec = whisper_model(name)
        if language is None or language not in spec.languages:
            msg = f"model {spec.name!r} does not know language {code[:20]!r}"
            raise ValueError(msg)
        if found.get(language, spec.name) != spec.name:
            msg = f"two models for language {language!r}: {found[language]} and {spec.name}"
            raise ValueError(msg)
        found[language] = spec.name
    return found


def translator(policy: ModelPolicy, language: str | None) -> ModelSpec | None:
    """Return the first model that translates, from that language if one is named.

    The deployment's own comes first, then its default, then what comes with Tamlil, then any that
    the deployment has. It must detect the language unless it is named.
    """
    for spec in _candidates(policy):
        knows = spec.multilingual if language is None else language in spec.languages
        if spec.can_translate and knows and offers(policy, spec):
            return spec
    return None


def offers(policy: ModelPolicy, spec: ModelSpec) -> bool:
    """Whether a request may name this model: it transcribes, and the deployment has it."""
    return spec.kind == "whisper" and (
        policy.available is None or spec.name in offered_names(policy)
    )


def offered_names(policy: ModelPolicy) -> list[str]:
    """Return the names of what the deployment was told to have, and of what it takes by itself."""
    chosen = [policy.default, *(policy.by_language.values() if policy.pulled else ())]
    chosen += [] if policy.translate is None else [policy.translate]
    return sorted({find_model(name).name for name in (*chosen, *(policy.available or ()))})


def _candidates(policy: ModelPolicy) -> Iterator[ModelSpec]:
    if policy.translate is not None:
        yield find_model(policy.translate)
    yield find_model(policy.default)
    yield from (find_model(name) for name in DEFAULT_MODELS)
    yield from load_registry().values()


def chosen_for(policy: ModelPolicy, name: str) -> list[str]:
    """Return the codes of the languages for which the policy takes this model."""
    return sorted(code for code, chosen in policy.by_language.items() if chosen == name)
