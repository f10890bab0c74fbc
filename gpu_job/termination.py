"""SIGTERM and SIGINT, heard even while the main thread is inside a native call.

Python runs a signal's handler in the main thread only, and only between byte codes: during minutes
of native work it would not run at all. The C part of the handler, however, writes the signal's
number to the wake-up descriptor at once, in whatever thread the signal arrives. A thread that
waits there acts on it.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType

from gpu_job.exit_codes import ExitCode

_CODES = {signal.SIGTERM: ExitCode.TERMINATED, signal.SIGINT: ExitCode.INTERRUPTED}


def listen(on_signal: Callable[[ExitCode], object]) -> None:
    """Have `on_signal` called, in a thread of its own, for the first signal; main thread only."""
    receiver, sender = socket.socketpair()
    sender.setblocking(False)

    def wait() -> None:
        while True:
            for number in receiver.recv(16):
                code = _CODES.get(signal.Signals(number))
                if code is not None:
                    on_signal(code)
                    return

    # The thread's frame keeps both ends alive for the life of the process.
    thread = threading.Thread(target=wait, name="signals", daemon=True)
    signal.set_wakeup_fd(sender.detach(), warn_on_full_buffer=False)
    for number in _CODES:
        signal.signal(number, _only_wake)
    thread.start()


def _only_wake(_number: int, _frame: FrameType | None) -> None:
    """Replace the default action; the thread at the other end of the descriptor acts."""
