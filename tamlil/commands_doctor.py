"""``tamlil doctor``: is this machine ready, and if not, what to do."""

from __future__ import annotations

import sys
from dataclasses import asdict

import typer
from rich.markup import escape

from shared.settings import Settings
from tamlil import console, parameters
from tamlil.checks import run_checks
from tamlil.findings import Check, State

_STYLES = {State.OK: "green", State.WARN: "yellow", State.FAIL: "bold red"}


def doctor(as_json: parameters.Json = False) -> None:
    """Check that this machine can transcribe; ends with 1 when something must be mended."""
    with console.errors_told():
        checks = run_checks(Settings())
    if as_json:
        console.print_json([asdict(check) for check in checks])
    elif sys.stdout.isatty():
        _print_for_people(checks)
    else:
        rows = [(check.state, check.name, check.found, check.advice) for check in checks]
        console.print_rows((), rows, empty="")
    if any(check.state is State.FAIL for check in checks):
        raise typer.Exit(console.FAILURE)


def _print_for_people(checks: list[Check]) -> None:
    out = console.out()
    for check in checks:
        style = _STYLES[check.state]
        out.print(f"[{style}]{check.state:4}[/{style}]  {check.name:9} {escape(check.found)}")
        if check.advice:
            out.print(f"                {escape(check.advice)}", style="dim")
