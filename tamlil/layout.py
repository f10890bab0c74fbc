"""How renderings are laid out: the options of the command line, and what each format takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from shared.domain.errors import UnsupportedOption
from shared.formats import FORMATS, LIMITS, RenderOptions

_PANEL = "Layout"


def _limit(name: str, text: str) -> Any:
    low, high = LIMITS[name]
    return typer.Option(min=low, max=high, help=text, rich_help_panel=_PANEL)


def _switch(*names: str, text: str) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=_PANEL)


LineWidth = Annotated[int | None, _limit("max_line_width", "Characters in a line.")]
Lines = Annotated[int | None, _limit("max_lines", "Lines in a cue.")]
ReadingSpeed = Annotated[
    float | None, _limit("max_chars_per_second", "How fast a cue may have to be read.")
]
CueSeconds = Annotated[float | None, _limit("max_cue_seconds", "How long a cue stands at most.")]
Paragraphs = Annotated[
    bool | None,
    _switch("--paragraphs/--no-paragraphs", text="Paragraphs, or a line a segment."),
]
ParagraphPause = Annotated[
    float | None, _limit("paragraph_pause", "Seconds of silence that end a paragraph.")
]
ParagraphChars = Annotated[int | None, _limit("max_paragraph_chars", "Characters in a paragraph.")]
Named = Annotated[
    bool | None, _switch("--speakers/--no-speakers", text="Name the speakers, if there are any.")
]
Karaoke = Annotated[bool | None, _switch("--karaoke", text="Mark the time of each word (vtt).")]
Marks = Annotated[
    bool | None,
    _switch(
        "--directional-marks/--no-directional-marks",
        text="Mark right-to-left text for players that need it.",
    ),
]


def share_layout(formats: Sequence[str], layout: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Give each format the options that it honours; one that none honours is refused.

    Raises:
        InvalidRequest: a value is out of its range, or two contradict each other.
        UnsupportedOption: no format that is asked for honours an option.
    """
    RenderOptions(**layout)
    for name, value in layout.items():
        refusals = [_refusal(form, name, value) for form in formats]
        if all(refusals):
            raise UnsupportedOption(str(refusals[0]), field=name)
    return {
        form: {name: value for name, value in layout.items() if name in FORMATS[form].honours}
        for form in formats
    }


def _refusal(form: str, name: str, value: Any) -> str | None:
    try:
        FORMATS[form].refuse_unhonoured(RenderOptions(**{name: value}))
    except UnsupportedOption as exc:
        return exc.detail
    return None
