"""Which model transcribes a job whose request names none.

A model tuned for one language hears that language in everything: its own detection has degraded.
So it is taken only where the caller has named the language, or a multilingual model has heard it.
Two models need not fit into memory together: the one that has detected goes before the tuned one
comes. Weights are fetched first, so that a failed download costs no loaded model.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from gpu_job.engines.ports import Region, Samples, ShouldStop, Transcriber
from gpu_job.stopwatch import Stopwatch
from shared.domain.errors import ModelUnavailable, UnsupportedOption
from shared.domain.model_policy import ModelPolicy
from shared.domain.options import Task, TranscriptionOptions
from shared.models.policy import translator

_log = logging.getLogger(__name__)

#: The map names a model for this language, and its weights could not be had.
LANGUAGE_MODEL_UNAVAILABLE = "language_model_unavailable"
#: Below even odds a tuned model would more often be wrong than right, and then of no use at all.
LIKELY = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """What transcribes a job: `options` name the model.

    `language` and `chunks` are what had to be found out for the choice, for
    `Transcriber.transcribe`; None when nothing had.
    """

    transcriber: Transcriber
    options: TranscriptionOptions
    language: tuple[str, float] | None = None
    chunks: tuple[Region, ...] | None = None
    warnings: tuple[str, ...] = ()

    @property
    def model(self) -> str:
        """The model's name."""
        return self.options.model or ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelChooser:
    """Chooses and loads, by a deployment's policy.

    `load` is asked with the names of a model and an engine. `fetch` brings a model's weights here,
    or only looks for them when told not to pull; it raises `ModelUnavailable`.
    """

    policy: ModelPolicy
    load: Callable[[str, str], Transcriber]
    fetch: Callable[[str, bool], object]

    def choose(
        self,
        options: TranscriptionOptions,
        audio: Samples,
        *,
        watch: Stopwatch,
        should_stop: ShouldStop,
        known: tuple[str, float] | None = None,
    ) -> Chosen:
        """Return the model for these options and this audio, loaded.

        `known` is the language and its probability where an earlier attempt has detected it.

        Raises:
            ModelUnavailable: there are no weights, not of the default model either.
            UnsupportedOption: no model can do what the options ask.
            WorkerError: the weights don't load, or detection failed.
            Stopped: `should_stop` turned true.
        """
        name = self._fixed(options)
        if name is not None:
            return self._loaded(name, options, watch, language=known)
        if options.language is not None:
            name, warnings = self._for_language(options.language)
            return self._loaded(name, options, watch, language=known, warnings=warnings)
        chunks = None
        if known is None:
            first = self._loaded(self.policy.default, options, watch)
            if not any(self._may_be_had(code) for code in self.policy.by_language):
                return first
            with watch.lap("detect_language"):
                chunks, known = _detect(first, audio, should_stop)
        code, probability = known
        if probability < LIKELY:
            name, warnings = self.policy.default, ()
        else:
            name, warnings = self._for_language(code)
        return self._loaded(name, options, watch, language=known, chunks=chunks, warnings=warnings)

    def first(self, options: TranscriptionOptions) -> str:
        """The model that `choose` will load first; its weights are here, or may be pulled.

        Raises:
            UnsupportedOption: no model can do what the options ask.
        """
        name = self._fixed(options)
        if name is not None:
            return name
        if options.language is not None:
            return self._for_language(options.language)[0]
        return self.policy.default

    def _fixed(self, options: TranscriptionOptions) -> str | None:
        """The model where no language decides: the caller's, or by the task."""
        if options.model is not None:
            return options.model
        if options.task is Task.TRANSLATE:
            spec = translator(self.policy, options.language)
            if spec is None:
                msg = "no model here can translate this"
                raise UnsupportedOption(msg, field="task")
            return spec.name
        return self.policy.default if options.multilingual else None

    def _may_be_had(self, code: str) -> bool:
        if self.policy.pulled:
            return True
        try:
            self.fetch(self.policy.by_language[code], False)
        except ModelUnavailable:
            return False
        return True

    def _for_language(self, code: str) -> tuple[str, tuple[str, ...]]:
        """The model for a language, its weights here, and warnings."""
        name = self.policy.by_language.get(code, self.policy.default)
        if name == self.policy.default:
            return name, ()
        try:
            self.fetch(name, self.policy.pulled)
        except ModelUnavailable as exc:
            if not self.policy.pulled:
                return self.policy.default, ()
            _log.warning(
                "no weights of a language's model", extra={"model": name, "error": exc.detail}
            )
            return self.policy.default, (LANGUAGE_MODEL_UNAVAILABLE,)
        return name, ()

    def _loaded(
        self,
        name: str,
        options: TranscriptionOptions,
        watch: Stopwatch,
        *,
        language: tuple[str, float] | None = None,
        chunks: tuple[Region, ...] | None = None,
        warnings: tuple[str, ...] = (),
    ) -> Chosen:
        with watch.lap("load"):
            transcriber = self.load(name, options.engine)
        return Chosen(
            transcriber=transcriber,
            options=replace(options, model=name),
            language=language,
            chunks=chunks,
            warnings=warnings,
        )


def _detect(
    first: Chosen, audio: Samples, should_stop: ShouldStop
) -> tuple[tuple[Region, ...], tuple[str, float]]:
    chunks = first.transcriber.plan(audio, first.options, should_stop=should_stop)
    return chunks, first.transcriber.detect_language(
        audio, first.options, chunks=chunks, should_stop=should_stop
    )
