"""``python -m functions.local``: the embedded mode without the command line's comforts."""

from __future__ import annotations

import sys

from pydantic import ValidationError

from functions.local.run import serve
from functions.local.server import EmbeddedServer
from shared.domain.errors import TamlilError
from shared.logs import configure_logging
from shared.settings import Settings


def main() -> int:
    """Serve with the settings of the environment; returns the exit code."""
    try:
        settings = Settings()
    except ValidationError as exc:
        print(f"settings: {exc}", file=sys.stderr)
        return 2
    configure_logging(level=settings.log_level, as_json=settings.log_json)
    try:
        return serve(EmbeddedServer(settings), started=lambda server: print(server.url, flush=True))
    except TamlilError as exc:
        print(f"error: {exc.detail} ({exc.code})", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
