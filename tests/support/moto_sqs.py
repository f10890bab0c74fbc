"""Two things that moto's SQS does unlike SQS, set right in this process.

- A receipt is good until the message is received again; moto takes every receipt that the message
  ever had, so that a slow consumer would delete what another one is working on.
- Its clock can be advanced: the suites wait for delays and visibility timeouts of some seconds.

What it still does not model: SQS asks some of its servers only, counts approximately, and may give
a message twice or out of order.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moto.sqs.models import Message


class SqsClock:
    """`seconds` ahead of the machine's clock."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def unix_time(self) -> float:
        from moto.core.utils import unix_time

        return unix_time() + self.seconds

    def unix_time_millis(self) -> float:
        from moto.core.utils import unix_time_millis

        return unix_time_millis() + self.seconds * 1000


@cache
def sqs_clock() -> SqsClock:
    """The one that moto's SQS reads from now on."""
    # Here, because a process that races only talks to moto: loading it takes longer than the race.
    from moto.sqs import models

    clock = SqsClock()
    # The module's own names: nothing else of moto sees another time.
    replaced: Any = models
    replaced.unix_time = clock.unix_time
    replaced.unix_time_millis = clock.unix_time_millis
    replaced.Message.had_receipt_handle = _has_receipt_handle
    return clock


def _has_receipt_handle(message: Message, receipt_handle: str) -> bool:
    return receipt_handle == message.receipt_handle
