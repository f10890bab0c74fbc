"""How `python -m gpu_job` ends, for launchers, batch systems and people.

What became of a job stands in its record; the code tells about the worker. Only a worker that
served exactly one job also tells by its code that this job failed, because batch consoles show
nothing else.

====  ===================  =====================================================================
code  name                 meaning
====  ===================  =====================================================================
0     OK                   nothing waits any more, or the job is over (or was never to be had)
3     JOB_FAILED           the one job that it served has failed for good
64    BAD_CONFIGURATION    a ``TAMLIL_...`` variable has no valid value; nothing was claimed
69    PLATFORM_UNAVAILABLE the job store did not answer for too long
70    INTERNAL             a fault of the worker itself; see the log
75    JOB_RETRYING         the attempt at the one job that it served failed; another will be made
124   TIME_LIMIT           the job passed its time limit and the engine did not stop when asked
125   JOB_TAKEN_AWAY       cancelled, purged or lease lost, and the engine did not stop when asked
130   INTERRUPTED          SIGINT; the job in hand went back to the queue
143   TERMINATED           SIGTERM; the job in hand went back to the queue
====  ===================  =====================================================================

137 is the system's: SIGKILL, often for want of memory. The lease of the job in hand runs out, or
the launcher tells of the death, and the job is tried again. 64, 69, 70 and 75 are those of
``sysexits.h``; 124 and 125 those of ``timeout(1)``; 128 + n is the shell's for signal n.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """See the module's table."""

    OK = 0
    JOB_FAILED = 3
    BAD_CONFIGURATION = 64
    PLATFORM_UNAVAILABLE = 69
    INTERNAL = 70
    JOB_RETRYING = 75
    TIME_LIMIT = 124
    JOB_TAKEN_AWAY = 125
    INTERRUPTED = 130
    TERMINATED = 143
