"""How long the threads of CTranslate2's OpenMP (libgomp) wait for each other awake.

By default it is some milliseconds, at each of the thousands of points a second where they meet. On
a machine that does nothing else that is quick. Beside other work, or within a container's share of
the CPU, a thread spins while the one that it waits for has no core: two busy programs on two cores
made a job of 18 seconds take more than three minutes, eight times the CPU seconds. With this limit
it took 43, and alone as long as before.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

#: Turns of the waiting loop, some tens of microseconds.
_SPINS = "10000"


def limit_spinning(environment: MutableMapping[str, str] = os.environ) -> None:
    """Wait awake for a moment only, unless the environment says how to wait.

    To be called before CTranslate2 is imported: libgomp reads its variables once.
    """
    if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & environment.keys():
        environment["GOMP_SPINCOUNT"] = _SPINS
