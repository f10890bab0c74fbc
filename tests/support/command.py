"""The command line, run in this process with an environment of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from tamlil.cli import app


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """Runs ``tamlil …`` over one data folder; nothing of the caller's settings gets through."""

    env: dict[str, str | None]

    def run(self, *args: str | Path, stdin: str | None = None) -> Result:
        """Run; a fault that is no exit code is raised here."""
        return CliRunner().invoke(
            app, [str(arg) for arg in args], env=self.env, input=stdin, catch_exceptions=False
        )

    def json(self, *args: str | Path) -> Any:
        """Run, expect success, and read stdout as JSON."""
        result = self.run(*args, "--json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)


def make_command(data_dir: Path, **settings: str) -> Command:
    """A command line whose settings are the defaults, a null engine and these."""
    own = {"DATA_DIR": str(data_dir), "NULL_ENGINE": "1", "ALLOW_LOOPBACK_URLS": "1"} | settings
    return Command(env={f"TAMLIL_{name}": value for name, value in own.items()})
