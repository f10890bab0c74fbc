"""Garbage collection waits until a function has answered once.

What is loaded until then stays for the life of the process; looking through it again and again,
the collector took an eighth of a cold start's CPU time. Importing this module turns it off, so
every entry point imports it before all else. `Function` turns it on again.
"""

from __future__ import annotations

import gc

gc.disable()
