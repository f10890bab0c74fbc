"""``tamlil demo``: shows on this machine what Tamlil does, and fails if it does not."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from tamlil import console
from tamlil.demo import DemoFailed, Shown, require_verifier, run_demo
from tamlil.samples import sample_path
from tamlil.session import embedded

_COLOURS = ("cyan", "magenta", "yellow", "green")
_NEXT = (
    ("transcribe YOUR.mp3 --diarize", "your own recording"),
    ("transcribe *.wav -f srt -o subs/", "subtitles of many"),
    ("serve", "the HTTP API, with its documentation under /docs"),
    ("doctor", "is this machine ready?"),
)


def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the transcripts.")
    ] = Path("build/demo"),
) -> None:
    """Transcribe a real recording of two voices: speakers, subtitles, a signed webhook."""
    started = time.monotonic()
    with console.errors_told():
        require_verifier()
        sample = sample_path()
        console.print_text("Tamlil demo: a recording of two voices, from submit to signed webhook.")
        overrides = {"allow_loopback_urls": True}
        with embedded(model=None, diarize=True, quiet=False, overrides=overrides) as client:
            console.print_text(f"1. The embedded server runs on {client.url}")
            console.print_text(f"2. Submitting {sample.name} with diarize and a webhook")
            console.flush()
            try:
                shown = run_demo(client, sample, output)
            except OSError as exc:
                raise DemoFailed(f"can't write to {output}: {exc.strerror}") from exc
        _tell(shown, time.monotonic() - started)


def _tell(shown: Shown, seconds: float) -> None:
    audio = shown.job["audio_seconds"]
    console.print_text(f"3. {audio:.0f} seconds of audio, language: {shown.job['language']}\n")
    _print_lines(shown)
    console.print_text("\n4. Wrote " + ", ".join(str(path) for path in shown.files))
    console.print_text(
        f"5. Webhook {shown.webhook_id} came, and the package standardwebhooks verified it"
    )
    console.print_text(f"6. Everything is stopped again, after {seconds:.1f} seconds.\n")
    console.print_text("What to try next:")
    command = _command()
    for words, meaning in _NEXT:
        console.print_text(f"  {command} {words:<33} {meaning}")


def _command() -> str:
    """How this very program is called from here: by its name only if the shell would find it."""
    found = shutil.which("tamlil")
    program = Path(sys.argv[0]).absolute()
    if program.name != "tamlil" or (found and Path(found).absolute() == program):
        return "tamlil"
    here = Path.cwd()
    return str(program.relative_to(here) if program.is_relative_to(here) else program)


def _print_lines(shown: Shown) -> None:
    speakers = list(dict.fromkeys(line.speaker for line in shown.lines))
    for line in shown.lines:
        head = f"[{console.clock_text(line.start)}-{console.clock_text(line.end)}] {line.speaker}:"
        if sys.stdout.isatty():
            colour = _COLOURS[speakers.index(line.speaker) % len(_COLOURS)]
            console.out().print(f"[{colour}]{escape(head)}[/{colour}] {escape(line.text)}")
        else:
            console.print_text(f"{head} {line.text}")
