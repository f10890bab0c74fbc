"""The command ``transcribe`` and its options."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Annotated, Any

import typer

from shared.domain.errors import InvalidRequest
from shared.domain.options import Accuracy, Task
from shared.formats import FORMATS, find_format
from shared.services.check_options import MOST_SPEAKERS
from tamlil import console, layout, parameters
from tamlil.client import ApiClient
from tamlil.outputs import Output, plan_output
from tamlil.session import embedded, remote
from tamlil.transcribe import Request, run


def transcribe(  # noqa: PLR0917 - one parameter an option; Typer passes them by name
    sources: Annotated[
        list[str], typer.Argument(metavar="FILE|URL...", help="Audio or video files, or URLs.")
    ],
    diarize: Annotated[
        bool, typer.Option("--diarize", help="Tell the speakers apart; rttm means it.")
    ] = False,
    num_speakers: Annotated[
        int | None,
        typer.Option(min=1, max=MOST_SPEAKERS, help="Exactly so many speakers; means --diarize."),
    ] = None,
    min_speakers: Annotated[
        int | None, typer.Option("--min-speakers", "--min", min=1, max=MOST_SPEAKERS)
    ] = None,
    max_speakers: Annotated[
        int | None, typer.Option("--max-speakers", "--max", min=1, max=MOST_SPEAKERS)
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", "-l", help="ISO 639-1 code; detected without it.")
    ] = None,
    multilingual: Annotated[
        bool, typer.Option("--multilingual", help="Keep each stretch of speech in its language.")
    ] = False,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="See: tamlil models list.")
    ] = None,
    task: Annotated[Task, typer.Option(help="`translate` renders any language into English.")] = (
        Task.TRANSCRIBE
    ),
    accuracy: Annotated[
        Accuracy, typer.Option(help="`best` carries context from window to window; slower.")
    ] = Accuracy.STANDARD,
    prompt: Annotated[
        str | None, typer.Option(help="Text that sets the style and the spelling of names.")
    ] = None,
    hotwords: Annotated[str | None, typer.Option(help="Words that are likely to be heard.")] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", "-f", help=f"{', '.join(sorted(FORMATS))}; may be repeated."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="A folder, a file, or - for stdout (the default)."),
    ] = None,
    max_line_width: layout.LineWidth = None,
    max_lines: layout.Lines = None,
    max_chars_per_second: layout.ReadingSpeed = None,
    max_cue_seconds: layout.CueSeconds = None,
    paragraphs: layout.Paragraphs = None,
    paragraph_pause: layout.ParagraphPause = None,
    max_paragraph_chars: layout.ParagraphChars = None,
    named: layout.Named = None,
    karaoke: layout.Karaoke = None,
    directional_marks: layout.Marks = None,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Show finished segments while the rest is at work: on stderr, or on stdout when"
            " transcripts go to files. With speakers once these are known.",
        ),
    ] = False,
    server: parameters.Server = None,
    api_key: parameters.Key = None,
    as_json: parameters.Json = False,
    quiet: parameters.Quiet = False,
) -> None:
    """Transcribe files and URLs, on this machine or by a server.

    Ends with 1 when one of them failed; the others are written all the same.
    """
    asked = _given(
        max_line_width=max_line_width,
        max_lines=max_lines,
        max_chars_per_second=max_chars_per_second,
        max_cue_seconds=max_cue_seconds,
        paragraphs=paragraphs,
        paragraph_pause=paragraph_pause,
        max_paragraph_chars=max_paragraph_chars,
        speakers=named,
        karaoke=karaoke,
        directional_marks=directional_marks,
    )
    counts = _given(num_speakers=num_speakers, min_speakers=min_speakers, max_speakers=max_speakers)
    with console.errors_told():
        planned, queries = _plan(output, formats or [], sources, asked, is_local=not server)
        fields = _given(
            model=model,
            language=language,
            multilingual=multilingual or None,
            task=str(task),
            accuracy=str(accuracy),
            diarize=diarize or bool(counts) or _is_about_speakers(planned),
            diarization_args=counts or None,
            initial_prompt=prompt,
            hotwords=hotwords,
        )
        request = Request(
            sources=tuple(sources),
            fields=fields,
            output=planned,
            layout=queries,
            as_json=as_json,
            quiet=quiet,
            watch=watch,
        )
        with _session(server, api_key, fields, quiet=quiet) as client:
            status = run(client, request)
    raise typer.Exit(status)


def _session(
    server: str | None, api_key: str | None, fields: dict[str, Any], *, quiet: bool
) -> AbstractContextManager[ApiClient]:
    if server:
        return remote(server, api_key)
    return embedded(model=fields.get("model"), diarize=fields["diarize"], quiet=quiet)


def _plan(
    target: str | None,
    formats: list[str],
    sources: list[str],
    asked: dict[str, Any],
    *,
    is_local: bool,
) -> tuple[Output, dict[str, dict[str, Any]]]:
    """Where to write what, and how it is laid out; what can't be done ends the command here."""
    try:
        planned = plan_output(target, formats, sources)
        queries = layout.share_layout(planned.formats, asked)
        for name in planned.formats:
            if is_local:  # of a server it is not known what it has installed
                find_format(name)
    except InvalidRequest as exc:
        console.fail(exc.detail, code=exc.code, status=console.USAGE)
    return planned, queries


def _is_about_speakers(planned: Output) -> bool:
    return any(FORMATS[name].of_speakers for name in planned.formats)


def _given(**values: Any) -> dict[str, Any]:
    """What was asked for; the rest is the server's to decide."""
    return {name: value for name, value in values.items() if value is not None}
