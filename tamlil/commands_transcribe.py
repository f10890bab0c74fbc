"""The command ``transcribe`` and its options."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shared.domain.errors import InvalidRequest
from shared.domain.options import Task
from shared.services.check_options import MOST_SPEAKERS
from tamlil import console, parameters
from tamlil.outputs import plan_output
from tamlil.session import embedded, remote
from tamlil.transcribe import Request, run


def transcribe(  # noqa: PLR0917 - one parameter an option; Typer passes them by name
    sources: Annotated[
        list[str], typer.Argument(metavar="FILE|URL...", help="Audio or video files, or URLs.")
    ],
    diarize: Annotated[bool, typer.Option("--diarize", help="Tell the speakers apart.")] = False,
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
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="See: tamlil models list.")
    ] = None,
    task: Annotated[Task, typer.Option(help="`translate` renders any language into English.")] = (
        Task.TRANSCRIBE
    ),
    prompt: Annotated[
        str | None, typer.Option(help="Text that sets the style and the spelling of names.")
    ] = None,
    hotwords: Annotated[str | None, typer.Option(help="Words that are likely to be heard.")] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", "-f", help="text, srt, vtt, tsv or json; may be repeated."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="A folder, a file, or - for stdout (the default)."),
    ] = None,
    server: parameters.Server = None,
    api_key: parameters.Key = None,
    as_json: parameters.Json = False,
    quiet: parameters.Quiet = False,
) -> None:
    """Transcribe files and URLs, on this machine or by a server.

    Ends with 1 when one of them failed; the others are written all the same.
    """
    with console.errors_told():
        try:
            planned = plan_output(output, formats or [], sources)
        except InvalidRequest as exc:
            console.fail(exc.detail, code=exc.code, status=console.USAGE)
        speakers = _given(
            num_speakers=num_speakers, min_speakers=min_speakers, max_speakers=max_speakers
        )
        fields = _given(
            model=model,
            language=language,
            task=str(task),
            diarize=diarize or bool(speakers),
            diarization_args=speakers or None,
            initial_prompt=prompt,
            hotwords=hotwords,
        )
        request = Request(
            sources=tuple(sources),
            fields=fields,
            output=planned,
            as_json=as_json,
            quiet=quiet,
        )
        session = (
            remote(server, api_key)
            if server
            else embedded(model=model, diarize=fields["diarize"], quiet=quiet)
        )
        with session as client:
            status = run(client, request)
    raise typer.Exit(status)


def _given(**values: Any) -> dict[str, Any]:
    """What was asked for; the rest is the server's to decide."""
    return {name: value for name, value in values.items() if value is not None}
