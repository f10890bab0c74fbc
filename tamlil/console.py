"""What the commands print, and how: results to stdout, everything else to stderr.

On a terminal people get tables and colours; into a pipe go plain lines, fields parted by tabs; with
``--json`` one JSON document.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from shared.domain.errors import TamlilError
from shared.settings_problems import problems_of

FAILURE = 1
USAGE = 2
INTERRUPTED = 130


def out() -> Console:
    """Stdout as it is now; a test or a pipe may have replaced it."""
    return Console(highlight=False, soft_wrap=True)


def err() -> Console:
    """Stderr as it is now."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def fail(detail: str, *, code: str | None = None, status: int = FAILURE) -> NoReturn:
    """Say in one line what is wrong, and end the command."""
    tell_error(detail, code=code)
    raise typer.Exit(status)


def tell_error(detail: str, *, code: str | None = None) -> None:
    """Say in one line what is wrong."""
    suffix = f" [dim]({escape(code)})[/dim]" if code else ""
    err().print(f"[bold red]error:[/bold red] {escape(' '.join(detail.split()))}{suffix}")


def note(text: str) -> None:
    """Say something beside the result."""
    err().print(escape(text))


@contextmanager
def errors_told() -> Iterator[None]:
    """Turn an error of ours into one line on stderr and exit code 1, bad settings into 2."""
    try:
        yield
    except TamlilError as exc:
        fail(exc.detail, code=exc.code)
    except ValidationError as exc:
        # Settings are what is validated here; the value is left out, for it may be a secret.
        fail(problems_of(exc)[0], code="bad_configuration", status=USAGE)


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def print_text(text: str) -> None:
    """Text as it is: no markup, no wrapping, one newline at the end."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def flush() -> None:
    """Let a pipe see at once what was printed."""
    sys.stdout.flush()


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """A table for people; tab-separated lines without a head for programs."""
    if not sys.stdout.isatty():
        for row in rows:
            print_text("\t".join(_one_line(cell) for cell in row))
        return
    if not rows:
        note(empty)
        return
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    Console(highlight=False).print(table)


def print_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Name and value, one a line."""
    width = max((len(name) for name, _ in fields), default=0)
    for name, value in fields:
        plain = sys.stdout.isatty()
        print_text(f"{name.ljust(width)}  {value}" if plain else f"{name}\t{_one_line(value)}")


def size_text(count: int | None) -> str:
    """Bytes in the unit that fits."""
    if count is None:
        return "unknown"
    value = float(count)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:  # noqa: PLR2004 - the step between the units
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def clock_text(seconds: float) -> str:
    """Seconds as ``m:ss``, or ``h:mm:ss`` from an hour on."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
