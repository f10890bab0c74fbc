"""What a format is, and what a caller may ask of a rendering."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from shared.domain.errors import InvalidRequest, UnsupportedOption
from shared.domain.transcript import Transcript

#: Lowest and highest value of each limit.
LIMITS: Mapping[str, tuple[float, float]] = MappingProxyType({
    "max_line_width": (10, 200),
    "max_lines": (1, 10),
    "max_chars_per_second": (5, 100),
    "max_cue_seconds": (1, 60),
    "paragraph_pause": (0.1, 60),
    "max_paragraph_chars": (100, 20_000),
})  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """What is known of a recording beside its transcript; nothing that a caller chooses.

    `title` is the recording's file name without its extension, `task` what was done with it.
    """

    title: str | None = None
    task: str = "transcribe"


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderOptions:
    """How to lay out a rendering; None leaves the choice to the format.

    Of a cue: `max_line_width` (characters), `max_lines`, `max_chars_per_second` (a cue is held
    until it can be read, as far as the next one allows), `max_cue_seconds`.
    Of running text: `paragraphs` True for paragraphs, False for a line a segment;
    `paragraph_pause` is the silence in seconds that ends a paragraph, `max_paragraph_chars` what
    it holds at most.
    `speakers` None shows them when the transcript has any. `karaoke` marks the time of each word
    inside a cue. `directional_marks` None marks right-to-left text where the format can.

    Raises:
        InvalidRequest: a value is outside its limits; names the field and the limits. Or limits of
            paragraphs where there shall be none.
    """

    max_line_width: int | None = None
    max_lines: int | None = None
    max_chars_per_second: float | None = None
    max_cue_seconds: float | None = None
    paragraphs: bool | None = None
    paragraph_pause: float | None = None
    max_paragraph_chars: int | None = None
    speakers: bool | None = None
    karaoke: bool = False
    directional_marks: bool | None = None
    about: About = field(default_factory=About, compare=False)

    def __post_init__(self) -> None:
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not low <= value <= high):
                raise InvalidRequest(
                    f"{name} must be from {low} to {high}, not {value}", field=name
                )
        if self.paragraphs is False and self._limits_paragraphs:
            raise InvalidRequest(
                "paragraph_pause and max_paragraph_chars need paragraphs", field="paragraphs"
            )

    @property
    def _limits_paragraphs(self) -> bool:
        return self.paragraph_pause is not None or self.max_paragraph_chars is not None

    def wants_paragraphs(self, *, by_default: bool) -> bool:
        """Whether running text goes in paragraphs: a limit for them asks for them as well."""
        if self.paragraphs is not None:
            return self.paragraphs
        return self._limits_paragraphs or by_default


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """One rendering: its name in the API, its media type, its file extension without the dot.

    `render` gives text, or bytes where `binary`. `honours` names the fields of RenderOptions that
    it obeys; asking for another is refused. `requires` names a module that is not installed
    everywhere, `extra` the extra that brings it. `of_speakers` says that there is nothing to
    render where no speakers are told apart.
    """

    name: str
    media_type: str
    extension: str
    render: Callable[[Transcript, RenderOptions], str | bytes]
    honours: frozenset[str] = field(default_factory=frozenset)
    binary: bool = False
    requires: str | None = None
    extra: str | None = None
    of_speakers: bool = False

    def refuse_unhonoured(self, options: RenderOptions) -> None:
        """Refuse an option that this format would have to ignore.

        Raises:
            UnsupportedOption: names the first such option.
        """
        asked = {name: getattr(options, name) is not None for name in LIMITS} | {
            "paragraphs": options.paragraphs is not None,
            # A format that can't leave speakers out still honours a wish to show them, and one
            # that knows no marks the wish to have none.
            "speakers": options.speakers is False,
            "directional_marks": options.directional_marks is True,
            "karaoke": options.karaoke,
        }
        for name, is_asked in asked.items():
            if is_asked and name not in self.honours:
                msg = f"{name} can't be honoured by the format {self.name!r}"
                raise UnsupportedOption(msg, field=name)

    def refuse_missing(self) -> None:
        """Refuse to render where the library that it takes is not installed.

        Raises:
            UnsupportedOption: with the code ``format_unavailable``; says what to install.
        """
        if self.requires is None or importlib.util.find_spec(self.requires) is not None:
            return
        raise UnsupportedOption(
            f"the format {self.name!r} is not installed here; whoever runs this service can add it"
            f" with: pip install 'tamlil[{self.extra}]'. The API on AWS is too small for it: take"
            " another format there",
            code="format_unavailable",
            field="format",
        )


def shows_speakers(transcript: Transcript, options: RenderOptions) -> bool:
    """Say whether the rendering names speakers."""
    return options.speakers is not False and has_speakers(transcript)


def has_speakers(transcript: Transcript) -> bool:
    """Say whether anybody is named at all."""
    return any(
        segment.speakers or any(word.speaker for word in segment.words)
        for segment in transcript.segments
    )
