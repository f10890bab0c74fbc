"""What a caller may ask of a transcription. Units: seconds; lists are tuples."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from shared.domain.errors import InvalidRequest

#: What Whisper's multilingual models know (ISO 639-1 codes, and three-letter ones where none is).
LANGUAGES = frozenset(
    "af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he"
    " hi hr ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne"
    " nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk"
    " ur uz vi yi yo yue zh".split()
)

#: Codes that callers still send, and what they mean today.
LANGUAGE_ALIASES = {"iw": "he", "in": "id", "ji": "yi", "jv": "jw", "mo": "ro", "nb": "no"}


class Task(StrEnum):
    """`translate` renders any language into English."""

    TRANSCRIBE = "transcribe"
    TRANSLATE = "translate"


class Channels(StrEnum):
    """`mix` folds all channels into one; `separate` takes each as one speaker."""

    MIX = "mix"
    SEPARATE = "separate"


class Accuracy(StrEnum):
    """How a transcript is decoded.

    `standard` decodes many windows at once, each by itself. `best` decodes one after another and
    tells each what was said before, which keeps names and style alike and costs about twice.
    """

    STANDARD = "standard"
    BEST = "best"


@dataclass(frozen=True, kw_only=True, slots=True)
class DiarizationArgs:
    """How many speakers to look for; None leaves it to the diarizer."""

    num_speakers: int | None = None
    min_speakers: int | None = None
    max_speakers: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputOptions:
    """What the result carries beside the text."""

    word_timestamps: bool = True
    extra_data: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class TranscriptionOptions:
    """All that reaches the engine. `model` None means the deployment's default.

    `temperature` is one value, or the ladder to climb when a segment fails its checks.
    `multilingual` asks for the language of each stretch of speech by itself; it goes with neither
    a `language` nor a model that knows one only.
    """

    engine: str = "faster-whisper"
    model: str | None = None
    language: str | None = None
    multilingual: bool = False
    task: Task = Task.TRANSCRIBE
    diarize: bool = False
    diarization_args: DiarizationArgs = field(default_factory=DiarizationArgs)
    output_options: OutputOptions = field(default_factory=OutputOptions)
    initial_prompt: str | None = None
    hotwords: str | None = None
    beam_size: int = 5
    temperature: float | tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    vad: bool = True
    channels: Channels = Channels.MIX
    accuracy: Accuracy = Accuracy.STANDARD


def normalize_language(code: str | None) -> str | None:
    """Return the canonical lower-case code; None and ``auto`` mean "detect".

    Raises:
        InvalidRequest: Whisper has no such language.
    """
    if code is None or code.strip().lower() in ("", "auto"):
        return None
    short = code.strip().lower().replace("_", "-").split("-")[0]
    short = LANGUAGE_ALIASES.get(short, short)
    if short not in LANGUAGES:
        msg = f"language {code[:20]!r} is not supported; known: {', '.join(sorted(LANGUAGES))}"
        raise InvalidRequest(msg, code="unsupported_language", field="language")
    return short
