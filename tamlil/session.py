"""The server that a command talks to: somebody's, or an embedded one for as long as it takes."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shared.domain.api_keys import Scope
from shared.domain.errors import Unauthorized
from shared.services.manage_keys import create_key
from shared.settings import Settings
from tamlil.client import ApiClient
from tamlil.needs import models_for, pull_models, require_extras

_TENANT = "default"
#: An embedded server's only caller is this process: a limit would only slow it down.
_NO_RATE = 1_000_000


@contextmanager
def remote(server: str, api_key: str | None) -> Iterator[ApiClient]:
    """A client of somebody's server.

    Raises:
        Unauthorized: there is no key to show.
    """
    if not api_key:
        raise Unauthorized("a server needs an API key: --api-key, or TAMLIL_API_KEY")
    with ApiClient(server, api_key) as client:
        yield client


@contextmanager
def embedded(
    *,
    model: str | None,
    diarize: bool,
    quiet: bool,
    overrides: Mapping[str, Any] | None = None,
) -> Iterator[ApiClient]:
    """A client of a server that this process starts on loopback, and ends.

    Audio and transcripts lie in a temporary folder, which is erased at the end. `overrides` replace
    settings of that server; its key may do everything.

    Raises:
        MissingExtra: a part of Tamlil is not installed.
        ModelUnavailable: a model is neither here nor to be had.
        Unavailable: the server could not start.
    """
    require_extras("api", "cpu")
    from functions.local.server import EmbeddedServer

    settings = Settings()
    if not settings.null_engine:
        wanted = models_for(model or settings.default_model, diarize=diarize, settings=settings)
        pull_models(wanted, settings.models_dir, quiet=quiet, hf_token=settings.hf_token)
    with _quiet_log(), tempfile.TemporaryDirectory(prefix="tamlil-") as folder:
        own = settings.model_copy(update={**_own(Path(folder)), **(overrides or {})})
        with EmbeddedServer(own) as server:
            token = create_key(server.platform, tenant=_TENANT, scopes=frozenset(Scope)).token
            with ApiClient(server.url, token) as client:
                yield client


@contextmanager
def _quiet_log() -> Iterator[None]:
    """The server's everyday log lines have no place between a command's results."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(before)


def _own(folder: Path) -> dict[str, object]:
    return {
        "data_dir": folder,
        "host": "127.0.0.1",
        "port": 0,
        "public_url": None,
        "inbox": False,
        "rate_limit": _NO_RATE,
        "rate_burst": _NO_RATE,
        "retention_seconds": None,
    }
