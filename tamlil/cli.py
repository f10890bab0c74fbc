"""All commands together."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from tamlil import (
    commands_demo,
    commands_doctor,
    commands_jobs,
    commands_keys,
    commands_models,
    commands_serve,
    commands_transcribe,
    commands_webhooks,
)

app = typer.Typer(
    name="tamlil",
    help="Self-hosted transcription: Whisper, speakers, signed webhooks.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,  # a fault of ours is a plain trace, without local variables
)
app.command()(commands_transcribe.transcribe)
app.command()(commands_serve.serve)
app.add_typer(commands_jobs.app, name="jobs")
app.add_typer(commands_keys.app, name="keys")
app.add_typer(commands_webhooks.app, name="webhooks")
app.add_typer(commands_models.app, name="models")
app.command()(commands_doctor.doctor)
app.command()(commands_demo.demo)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tamlil {version('tamlil')}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Self-hosted transcription: Whisper, speakers, signed webhooks."""
