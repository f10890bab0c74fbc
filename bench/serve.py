"""The embedded server in a process of its own, as the benchmarks want it.

``--no-workers``: the launcher starts nothing; jobs stay queued. The settings come from the
environment, as ever. Says ``{"url": …, "token": …}`` when it answers.
"""

from __future__ import annotations

import sys

from bench.child_side import tell, wait_for_the_end
from bench.launchers import BusyLauncher
from functions.local.server import EmbeddedServer
from shared.logs import configure_logging
from shared.services.manage_keys import create_key
from shared.settings import Settings


def main() -> int:
    """Serve until the benchmark closes the pipe."""
    settings = Settings()
    configure_logging(level=settings.log_level, as_json=settings.log_json)
    launcher = BusyLauncher() if "--no-workers" in sys.argv[1:] else None
    with EmbeddedServer(settings, launcher=launcher) as server:
        key = create_key(server.platform, tenant="bench")
        tell({"url": server.url, "token": key.token})
        wait_for_the_end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
