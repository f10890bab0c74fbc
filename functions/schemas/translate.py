"""From checked fields to what the services take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from functions.schemas.options import DiarizationArgs, OptionFields
from functions.schemas.submit import SUBSCRIBABLE, JobFields, WebhookFields
from shared.domain import options as domain
from shared.domain.errors import InvalidRequest, UnsupportedOption
from shared.domain.job import DEFAULT_WEBHOOK_EVENTS, PayloadMode, WebhookTarget


def same_in_both(
    first: Mapping[str, Any], second: Mapping[str, Any], *, where: str
) -> dict[str, Any]:
    """Both mappings as one.

    Raises:
        InvalidRequest: code ``contradiction``: a name is in both with different values.
    """
    for name in first.keys() & second.keys():
        if first[name] != second[name]:
            raise InvalidRequest(
                f"{name} is given twice with different values: beside and inside {where}",
                code="contradiction",
                field=name,
            )
    return {**first, **second}


def check_offered(fields: JobFields) -> None:
    """Refuse what this deployment does not offer yet.

    Raises:
        UnsupportedOption: `enhance` is asked for.
    """
    if fields.enhance is not None:
        raise UnsupportedOption("enhance is not available on this deployment", field="enhance")


def transcription_options(asked: OptionFields) -> domain.TranscriptionOptions:
    """What the engine is told.

    Raises:
        InvalidRequest: fields that contradict each other.
    """
    args = asked.diarization_args or DiarizationArgs()
    temperature = asked.temperature
    return domain.TranscriptionOptions(
        engine=asked.engine,
        model=asked.model,
        language=asked.language,
        multilingual=asked.multilingual,
        task=asked.task,
        diarize=asked.diarize,
        diarization_args=domain.DiarizationArgs(**args.model_dump()),
        output_options=domain.OutputOptions(
            word_timestamps=_output(asked, "word_timestamps"),
            extra_data=_output(asked, "extra_data"),
        ),
        initial_prompt=asked.initial_prompt,
        hotwords=asked.hotwords,
        beam_size=asked.beam_size,
        temperature=temperature[0] if len(temperature) == 1 else temperature,
        vad=asked.vad,
        channels=asked.channels,
        accuracy=asked.accuracy,
    )


def _output(asked: OptionFields, name: str) -> bool:
    """One of the two output options, given on top, nested, both alike, or not at all."""
    outer, inner = getattr(asked, name), getattr(asked.output_options, name, None)
    if outer is not None and inner is not None and outer != inner:
        raise InvalidRequest(
            f"{name} is {outer} on top and {inner} in output_options",
            code="contradiction",
            field=name,
        )
    chosen = inner if outer is None else outer
    return True if chosen is None else bool(chosen)


def webhook_target(fields: WebhookFields) -> WebhookTarget | None:
    """Return who is to hear of a job.

    Raises:
        InvalidRequest: events or a mode without a URL, or an event that is none.
    """
    if fields.webhook_url is None:
        for name in ("webhook_events", "webhook_mode"):
            if getattr(fields, name) is not None:
                raise InvalidRequest(f"{name} needs a webhook_url", field=name)
        return None
    events = tuple(dict.fromkeys(fields.webhook_events or DEFAULT_WEBHOOK_EVENTS))
    if not set(events) <= set(SUBSCRIBABLE):
        raise InvalidRequest(
            f"webhook_events may hold {', '.join(SUBSCRIBABLE)}", field="webhook_events"
        )
    return WebhookTarget(
        url=fields.webhook_url, events=events, mode=fields.webhook_mode or PayloadMode.STANDARD
    )
