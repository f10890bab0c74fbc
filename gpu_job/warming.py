"""Loading models while the audio is still being fetched and decoded.

A cold GPU container reads gigabytes of weights, and a long recording takes as long to come: neither
has to wait for the other. What is loaded too early is only warm; whoever needs it asks for it again
and then hears of what went wrong.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from shared.domain.errors import TamlilError

_log = logging.getLogger(__name__)


def in_background(loads: Sequence[Callable[[], object]]) -> threading.Thread:
    """Run these one after the other on a thread that holds up no process's end; returns it."""
    thread = threading.Thread(target=_run, args=(loads,), name="warming", daemon=True)
    thread.start()
    return thread


def _run(loads: Sequence[Callable[[], object]]) -> None:
    for load in loads:
        try:
            load()
        except TamlilError as exc:
            _log.info("a model could not be loaded ahead", extra={"error": exc.detail})
            return
        except Exception:  # noqa: BLE001 - told in full; the job's own load decides
            _log.exception("a model could not be loaded ahead")
            return
