"""The command line: ``tamlil``, or ``python -m tamlil``."""

from __future__ import annotations

import sys
from importlib.metadata import version


def main() -> None:
    """Run a command and end the process with its exit code."""
    try:
        from tamlil.cli import app
    except ModuleNotFoundError as exc:
        if exc.name not in ("typer", "rich", "fastapi"):
            raise
        sys.exit(
            f"tamlil {version('tamlil')}: the command line needs the extra api:"
            " pip install 'tamlil[api]'"
        )
    app()


if __name__ == "__main__":
    main()
