"""What a caller may ask of a transcription, on whichever door."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic.json_schema import WithJsonSchema

from functions.schemas.base import Flag, Line80, Line200, Model, Text2000, Whole
from shared.domain.options import Accuracy, Channels, Task
from shared.services.check_options import MOST_BEAMS, MOST_SPEAKERS

_MOST_TEMPERATURES = 10
_TEMPERATURE = {"type": "number", "minimum": 0, "maximum": 1}


def _temperature(value: Any) -> tuple[float, ...]:
    ladder = value if isinstance(value, list) else [value]
    numbers = [one for one in ladder if isinstance(one, int | float) and not isinstance(one, bool)]
    right = len(numbers) == len(ladder) and all(0 <= number <= 1 for number in numbers)
    if not right or not 1 <= len(ladder) <= _MOST_TEMPERATURES:
        msg = f"must be a number from 0 to 1, or a list of 1 to {_MOST_TEMPERATURES} of them"
        raise ValueError(msg)
    return tuple(float(number) for number in numbers)


#: One temperature, or the ladder to climb when a segment fails its checks.
Temperature = Annotated[
    tuple[float, ...],
    BeforeValidator(_temperature),
    WithJsonSchema(
        {
            "anyOf": [
                _TEMPERATURE,
                {
                    "type": "array",
                    "items": _TEMPERATURE,
                    "minItems": 1,
                    "maxItems": _MOST_TEMPERATURES,
                },
            ]
        }
    ),
]


class DiarizationArgs(Model):
    """How many speakers to look for; needs ``diarize: true``."""

    num_speakers: Whole | None = Field(
        default=None, ge=1, le=MOST_SPEAKERS, description="Exactly so many."
    )
    min_speakers: Whole | None = Field(
        default=None, ge=1, le=MOST_SPEAKERS, description="At least so many."
    )
    max_speakers: Whole | None = Field(
        default=None, ge=1, le=MOST_SPEAKERS, description="At most so many."
    )


class OutputOptions(Model):
    """What the result carries beside the text."""

    word_timestamps: Flag | None = Field(default=None, description="Times of single words.")
    extra_data: Flag | None = Field(default=None, description="The decoder's measures.")


class OptionFields(Model):
    """Fields that reach the engine."""

    engine: Line80 = Field(
        default="faster-whisper",
        description="`faster-whisper`; `stable-whisper` is an alias for word-exact timestamps.",
        examples=["faster-whisper"],
    )
    model: Line80 | None = Field(
        default=None,
        description="A name of GET /api/v1/models; null leaves it to the deployment, by language.",
        examples=["base"],
    )
    language: Line80 | None = Field(
        default=None,
        description="ISO 639-1 code; null or `auto` detects it. `iw` is read as `he`.",
        examples=["he"],
    )
    multilingual: Flag = Field(
        default=False,
        description="Take each stretch of speech in its own language, for recordings that switch.",
    )
    task: Task = Field(
        default=Task.TRANSCRIBE, description="`translate` renders any language into English."
    )
    diarize: Flag = Field(default=False, description="Tell the speakers apart.")
    diarization_args: DiarizationArgs | None = Field(default=None)
    word_timestamps: Flag | None = Field(
        default=None, description="Times of single words; on unless switched off."
    )
    extra_data: Flag | None = Field(
        default=None, description="The decoder's measures per segment; on unless switched off."
    )
    output_options: OutputOptions | None = Field(
        default=None, description="The two above as an object; a contradiction is refused."
    )
    initial_prompt: Text2000 | None = Field(
        default=None, description="Text that sets the style and the spelling of names."
    )
    hotwords: Line200 | None = Field(default=None, description="Words that are likely to be heard.")
    beam_size: Whole = Field(
        default=5, ge=1, le=MOST_BEAMS, description="Width of the beam search."
    )
    temperature: Temperature = Field(
        default=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
        description="One value, or the ladder to climb when a segment fails its checks.",
    )
    vad: Flag = Field(default=True, description="Skip what is not speech.")
    channels: Channels = Field(
        default=Channels.MIX,
        description="`mix` folds all channels into one; `separate` takes each as one speaker.",
    )
    accuracy: Accuracy = Field(
        default=Accuracy.STANDARD,
        description="`best` decodes in sequence and carries the context along; slower.",
    )
