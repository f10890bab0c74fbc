"""Every transcription option as an argument of faster-whisper, and none of them swallowed.

What faster-whisper 1.2.1's batched pipeline does with its arguments, read in its source:

- `temperature`: the list is cut to its first value, and even that has no effect, because it
  decodes with the single best candidate. Hence a batched call is made only for temperature 0, and
  every other temperature goes to the sequential decoder.
- `compression_ratio_threshold`, `log_prob_threshold`, `no_speech_threshold`: unused. The engine
  applies them to each chunk itself.
- `condition_on_previous_text`: unused; chunks are independent. The sequential decoder is told the
  same when it looks at a chunk again, so that the text is of the same kind; with `accuracy` best it
  carries the context, within the window and, as a prompt, from the windows before.
- `vad_filter`: we hand in the chunks, from a VAD or without one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.domain.options import TranscriptionOptions

#: Whisper's own thresholds (Radford et al. 2022, section 4.5, https://arxiv.org/abs/2212.04356).
COMPRESSION_RATIO_THRESHOLD = 2.4
LOG_PROB_THRESHOLD = -1.0
NO_SPEECH_THRESHOLD = 0.6


def temperature_ladder(options: TranscriptionOptions) -> tuple[float, ...]:
    """Return the temperatures to try, in order; at least one."""
    value = options.temperature
    ladder = tuple(value) if isinstance(value, tuple) else (value,)
    return ladder or (0.0,)


def engine_arguments(options: TranscriptionOptions, language: str) -> Mapping[str, Any]:
    """Arguments that both decoders honour."""
    # Speakers are assigned word by word, so diarization needs words whatever the output shows.
    words = options.output_options.word_timestamps or options.diarize
    return {
        "language": language,
        "task": options.task.value,
        "beam_size": options.beam_size,
        "initial_prompt": options.initial_prompt,
        "hotwords": options.hotwords,
        "word_timestamps": words,
        # Words carry better times than timestamp tokens; without words the tokens are all we have.
        "without_timestamps": words,
        "vad_filter": False,
    }


def batched_arguments(options: TranscriptionOptions, language: str) -> Mapping[str, Any]:
    """Arguments of the batched pipeline; only right when the first temperature is 0."""
    return {**engine_arguments(options, language), "temperature": 0.0}


def sequential_arguments(
    options: TranscriptionOptions, language: str, ladder: tuple[float, ...]
) -> Mapping[str, Any]:
    """Arguments of the sequential decoder, which climbs the ladder by itself."""
    return {
        **engine_arguments(options, language),
        "temperature": list(ladder),
        "condition_on_previous_text": False,
        "compression_ratio_threshold": COMPRESSION_RATIO_THRESHOLD,
        "log_prob_threshold": LOG_PROB_THRESHOLD,
        "no_speech_threshold": NO_SPEECH_THRESHOLD,
    }


def context_arguments(
    options: TranscriptionOptions, language: str, before: str, ladder: tuple[float, ...]
) -> Mapping[str, Any]:
    """Arguments of the sequential decoder when it carries the context, with the text before.

    Whisper keeps the last 223 tokens; a caller's prompt stands first and so is the first to go.
    """
    prompt = " ".join(
        part.strip() for part in (options.initial_prompt or "", before) if part.strip()
    )
    return {
        **sequential_arguments(options, language, ladder),
        "initial_prompt": prompt or None,
        "condition_on_previous_text": True,
    }
