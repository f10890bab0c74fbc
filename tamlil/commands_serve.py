"""``tamlil serve``: the embedded mode, with all that a newcomer needs to know on the screen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gpu_job.models.cache import list_models
from shared.domain.api_keys import Scope
from shared.logs import configure_logging
from shared.ports.platform import Platform
from shared.services.manage_keys import create_key, list_keys
from shared.settings import Settings
from tamlil import console
from tamlil.needs import has_extra, models_for, require_extras

_TENANT = "default"


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; loopback only by default.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="0 takes any free port.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where jobs, audio and transcripts are kept.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes at most.")] = None,
) -> None:
    """Serve the API on this machine: jobs, workers, webhooks and the watched folder."""
    with console.errors_told():
        require_extras("api")
        from functions.local.run import serve as serve_until_signalled
        from functions.local.server import EmbeddedServer

        given = {"host": host, "port": port, "data_dir": data_dir, "max_workers": workers}
        overrides: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
        settings = Settings(**overrides)
        configure_logging(level=settings.log_level, as_json=settings.log_json)
        _warn_unready(settings)
        status = serve_until_signalled(
            EmbeddedServer(settings),
            started=lambda server: _greet(settings, server.url, server.platform),
        )
    raise typer.Exit(status)


def _warn_unready(settings: Settings) -> None:
    """Say beforehand what the first job would have to wait for."""
    if not has_extra("cpu"):
        console.note(
            "The extra cpu is not installed, so no worker can run: pip install 'tamlil[cpu]'"
        )
        return
    wanted = models_for(settings.default_model, diarize=True, settings=settings)
    here = {status.spec.name for status in list_models(settings.models_dir) if status.installed}
    absent = [name for name in wanted if name not in here]
    if absent and not settings.null_engine:
        console.note(
            f"Not on this machine yet: {', '.join(absent)}. The first job pulls what it needs;"
            " to do it now: tamlil models pull"
        )


def first_key(platform: Platform) -> str | None:
    """A key that may do everything, made when there is none at all; else None."""
    if list_keys(platform, tenant=None):
        return None
    every = frozenset(Scope)
    return create_key(platform, tenant=_TENANT, scopes=every, name="first key").token


def _greet(settings: Settings, url: str, platform: Platform) -> None:
    lines = [
        ("Tamlil", url),
        ("docs", f"{url}/docs"),
        ("data", str(settings.data_dir)),
    ]
    if settings.inbox:
        lines.append(("inbox", f"{settings.watched_folder}/{_TENANT}/  (drop audio here)"))
    lines.append(("webhooks", "signed; see the secret with: tamlil webhooks secret"))
    token = first_key(platform)
    if token is not None:
        lines.append(("API key", f"{token}  (shown once; for the tenant {_TENANT!r})"))
    console.print_fields(lines)
    console.flush()
