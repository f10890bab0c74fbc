"""``tamlil webhooks``: what webhooks are signed with, and the headers of a whole deployment."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from shared.domain.api_keys import check_tenant
from shared.services.manage_webhooks import rotate_secret, signing_secrets
from shared.services.webhook_headers import (
    DeploymentHeader,
    header_is_set,
    remove_header,
    set_header,
)
from shared.settings import Settings
from shared.wiring import load
from tamlil import console, parameters
from tamlil.session import remote

app = typer.Typer(
    no_args_is_help=True, help="Webhooks: the secrets they are signed with, and two headers."
)


@app.command()
def secret(
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Make a new one; the one before signs along.")
    ] = False,
    tenant: parameters.Tenant = "default",
    server: parameters.Server = None,
    api_key: parameters.Key = None,
    as_json: parameters.Json = False,
) -> None:
    """Show the secret with which a tenant's webhooks are signed (Standard Webhooks)."""
    with console.errors_told():
        if server:
            with remote(server, api_key) as client:
                path = "/api/v1/webhooks/secret"
                found = client.post(f"{path}/rotate") if rotate else client.get(path)
        else:
            found = _local_secret(tenant, rotate=rotate)
    if as_json:
        console.print_json(found)
    else:
        console.print_text(found["secret"])


def _local_secret(tenant: str, *, rotate: bool) -> dict[str, Any]:
    with load(Settings()) as platform:
        check_tenant(tenant)
        if rotate:
            rotate_secret(platform, tenant)
        newest, *previous = signing_secrets(platform, tenant)
    return {"secret": newest, "previous": previous}


@app.command()
def header(
    name: Annotated[DeploymentHeader, typer.Argument(help="Which header.")],
    new: Annotated[
        bool, typer.Option("--set", help="Ask for its secret, or read it from a pipe; keep it.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Send it no longer.")] = False,
) -> None:
    """Set a header that every webhook of this deployment carries, or tell whether it is set.

    legacy-signature: X-Webhook-Signature, the HMAC-SHA256 of the body under the secret.
    vercel-bypass: x-vercel-protection-bypass, the secret itself. Each is one for all tenants.
    """
    if new and remove:
        console.fail("give --set or --remove, not both", status=console.USAGE)
    with console.errors_told(), load(Settings()) as platform:
        if new:
            set_header(platform, name, _asked_secret())
        elif remove:
            remove_header(platform, name)
        where = header_is_set(platform, name)
    console.print_text("not set" if where is None else f"set in the {where}")
    if where == "environment" and (new or remove):
        console.note("The variable in the environment comes first; take it away there.")
    elif new or remove:
        console.note("Running servers and functions take it up within a minute.")


def _asked_secret() -> str:
    """From a person without showing it, or from a pipe; never from the command line."""
    if sys.stdin.isatty():
        return str(typer.prompt("Secret", hide_input=True))
    return sys.stdin.readline().rstrip("\r\n")
