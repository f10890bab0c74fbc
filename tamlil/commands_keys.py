"""``tamlil keys``: API keys of tenants, on this machine or on a server."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from functions.api.present import key_fields
from shared.domain.api_keys import DEFAULT_SCOPES, Scope
from shared.services.manage_keys import create_key, list_keys, revoke_key
from shared.settings import Settings
from shared.wiring import load
from tamlil import console, parameters
from tamlil.session import remote

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys.")

_COLUMNS = ("id", "tenant", "scopes", "name", "created", "expires", "state")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdwy]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}


def seconds_of(text: str | None) -> float | None:
    """``90``, ``12h``, ``30d`` as seconds.

    Raises:
        typer.BadParameter: not a duration.
    """
    if text is None:
        return None
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        raise typer.BadParameter("a duration such as 12h, 30d or 1y")
    return float(match[1]) * _SECONDS[match[2]]


@app.command()
def create(
    tenant: Annotated[
        str | None, typer.Option(help="Whose key; default: 'default', on a server your own.")
    ] = None,
    scopes: Annotated[
        list[Scope] | None,
        typer.Option("--scope", help="May be repeated; default: jobs:write, jobs:read, webhooks."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="A name for people.")] = None,
    expires: Annotated[str | None, typer.Option(help="Such as 12h, 30d or 1y.")] = None,
    server: parameters.Server = None,
    api_key: parameters.Key = None,
    as_json: parameters.Json = False,
) -> None:
    """Make a key. It is shown once: only a hash of it is stored."""
    expires_in = seconds_of(expires)
    chosen = frozenset(scopes) if scopes else DEFAULT_SCOPES
    with console.errors_told():
        if server:
            asked = {"tenant": tenant, "scopes": sorted(chosen), "name": name}
            with remote(server, api_key) as client:
                made = client.post("/api/v1/keys", asked | {"expires_in": expires_in})
        else:
            with load(Settings()) as platform:
                new = create_key(
                    platform,
                    tenant=tenant or "default",
                    scopes=chosen,
                    name=name,
                    expires_in=expires_in,
                )
            made = key_fields(new.key) | {"token": new.token}
    if as_json:
        console.print_json(made)
        return
    console.print_text(made["token"])
    console.note("Keep it: it is not shown again.")


@app.command("list")
def list_command(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    server: parameters.Server = None,
    api_key: parameters.Key = None,
    as_json: parameters.Json = False,
) -> None:
    """List keys, revoked ones included. Their secrets are not known to anybody."""
    with console.errors_told():
        if server:
            with remote(server, api_key) as client:
                found = client.get("/api/v1/keys", tenant=tenant)["keys"]
        else:
            with load(Settings()) as platform:
                found = [key_fields(key) for key in list_keys(platform, tenant=tenant)]
    if as_json:
        console.print_json(found)
        return
    rows = [_row(key) for key in found]
    console.print_rows(_COLUMNS, rows, empty="No keys. Make one: tamlil keys create")


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="The part behind tml_.")],
    server: parameters.Server = None,
    api_key: parameters.Key = None,
) -> None:
    """Revoke a key: it opens nothing from now on."""
    with console.errors_told():
        if server:
            with remote(server, api_key) as client:
                client.delete(f"/api/v1/keys/{key_id}")
        else:
            with load(Settings()) as platform:
                revoke_key(platform, key_id)
    console.note(f"revoked {key_id}")


def _row(key: dict[str, Any]) -> tuple[str, ...]:
    return (
        key["id"],
        key["tenant"],
        " ".join(key["scopes"]),
        key["name"] or "",
        key["created_at"],
        key["expires_at"] or "never",
        "revoked" if key["revoked_at"] else "active",
    )
