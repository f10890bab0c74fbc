"""What a format is, and what a caller may ask of a rendering."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from shared.domain.errors import InvalidRequest, UnsupportedOption
from shared.domain.transcript import Transcript

LINE_WIDTH_LIMITS = (10, 200)
LINE_COUNT_LIMITS = (1, 10)


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderOptions:
    """How to lay out a rendering; None leaves the choice to the format.

    `max_line_width` counts characters, `max_lines` lines in one cue. `speakers` None shows them
    when the transcript has any. `karaoke` marks the time of each word inside a cue.

    Raises:
        InvalidRequest: a value is outside its limits; names the field and the limits.
    """

    max_line_width: int | None = None
    max_lines: int | None = None
    speakers: bool | None = None
    karaoke: bool = False

    def __post_init__(self) -> None:
        _check_range("max_line_width", self.max_line_width, LINE_WIDTH_LIMITS)
        _check_range("max_lines", self.max_lines, LINE_COUNT_LIMITS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """One rendering: its name in the API, its media type, its file extension without the dot.

    `honours` names the fields of RenderOptions that `render` obeys; asking for another is refused.
    """

    name: str
    media_type: str
    extension: str
    render: Callable[[Transcript, RenderOptions], str]
    honours: frozenset[str] = field(default_factory=frozenset)

    def refuse_unhonoured(self, options: RenderOptions) -> None:
        """Refuse an option that this format would have to ignore.

        Raises:
            UnsupportedOption: names the first such option.
        """
        asked = {
            "max_line_width": options.max_line_width is not None,
            "max_lines": options.max_lines is not None,
            # A format that can't leave speakers out still honours a wish to show them.
            "speakers": options.speakers is False,
            "karaoke": options.karaoke,
        }
        for name, is_asked in asked.items():
            if is_asked and name not in self.honours:
                msg = f"{name} can't be honoured by the format {self.name!r}"
                raise UnsupportedOption(msg, field=name)


def shows_speakers(transcript: Transcript, options: RenderOptions) -> bool:
    """Say whether the rendering names speakers."""
    if options.speakers is False:
        return False
    return any(
        segment.speakers or any(word.speaker for word in segment.words)
        for segment in transcript.segments
    )


def _check_range(name: str, value: int | None, limits: tuple[int, int]) -> None:
    low, high = limits
    if value is not None and (isinstance(value, bool) or not low <= value <= high):
        msg = f"{name} must be from {low} to {high}, not {value}"
        raise InvalidRequest(msg, field=name)
