"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Server = Annotated[
    str | None,
    typer.Option(
        envvar="TAMLIL_SERVER",
        help="URL of a Tamlil server; without it, this machine.",
        metavar="URL",
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--api-key",
        envvar="TAMLIL_API_KEY",
        show_envvar=True,
        help="API key for --server. Prefer the variable: others can read command lines.",
        metavar="KEY",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no notes.")]
Tenant = Annotated[
    str, typer.Option(help="Whose, when working on this machine's data.", metavar="NAME")
]
