"""The generic cell rate algorithm in DynamoDB, without reading first.

Per key one number is kept: the theoretical arrival time (ITU-T I.371, annex A), at which the whole
burst would be there again, in whole microseconds. A key that has rested is set anew, one that has
not gets the interval added, each on condition that this is still right: one call, mostly, two in
a burst, and racing callers don't undo each other's. Unix time as a float is good to a quarter of a
microsecond, so a request is let in up to one microsecond early: a client that waits for exactly
`retry_after` seconds is never sent away again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from shared.adapters.aws.clients import AwsClients
from shared.adapters.aws.dynamo_table import ConditionFailed, DynamoTable, Item
from shared.adapters.aws.sort_keys import fitting
from shared.adapters.aws.table_schema import EXPIRES
from shared.domain.errors import Unavailable
from shared.ports.rate_limiter import RateDecision, RateRule

_MICROSECONDS = 1_000_000
_EARLY_MICROSECONDS = 1
#: An item that is gone means that the burst is whole; clocks of several machines differ by less.
_KEPT_SECONDS = 3600
_TRIES = 10
_NAMES = {"#arrival": "arrival", "#expires": EXPIRES}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Hit:
    """One request in whole microseconds."""

    partition: str
    now: int
    interval: int
    capacity: int

    @property
    def latest(self) -> int:
        """A stored arrival time up to which the request is let in."""
        return self.now + self.capacity - self.interval + _EARLY_MICROSECONDS


class DynamoRateLimiter:
    """`RateLimiter` on DynamoDB. An answer lost on the way may count a request twice."""

    def __init__(self, clients: AwsClients, *, table: str) -> None:
        self._table = DynamoTable(clients, table)

    def hit(self, key: str, rule: RateRule, *, now: float) -> RateDecision:
        """Count one request; a refused one changes nothing."""
        interval = max(1, round(rule.window_seconds * _MICROSECONDS / rule.limit))
        hit = _Hit(
            partition=f"rate#{fitting(key)}",
            now=round(now * _MICROSECONDS),
            interval=interval,
            capacity=interval * rule.burst,
        )
        stored = hit.now
        for _ in range(_TRIES):
            if stored > hit.latest:
                return _refused(hit, stored)
            try:
                return _allowed(hit, self._count(hit, rested=stored <= hit.now))
            except ConditionFailed as failed:
                stored = _arrival(failed.item) if failed.item else hit.now
        raise Unavailable("the rate of this key changes too fast to be counted")

    def _count(self, hit: _Hit, *, rested: bool) -> int:
        """Write the new arrival time and return it.

        Raises:
            ConditionFailed: the key has not rested, or has, or is over the limit.
        """
        values = {":now": hit.now, ":expires": _expiry(hit)}
        if rested:
            change = "SET #arrival = :fresh, #expires = :expires"
            condition = "attribute_not_exists(#arrival) OR #arrival <= :now"
            values |= {":fresh": hit.now + hit.interval}
        else:
            change = "SET #arrival = #arrival + :interval, #expires = :expires"
            condition = "#arrival > :now AND #arrival <= :latest"
            values |= {":interval": hit.interval, ":latest": hit.latest}
        written = self._table.update(
            hit.partition,
            "rate",
            UpdateExpression=change,
            ConditionExpression=condition,
            ExpressionAttributeNames=_NAMES,
            ExpressionAttributeValues={name: {"N": str(n)} for name, n in values.items()},
            ReturnValues="UPDATED_NEW",
        )
        return _arrival(written)


def _arrival(item: Item) -> int:
    return int(item["arrival"]["N"])


def _expiry(hit: _Hit) -> int:
    """Unix seconds at which the burst is whole for sure, and some time after."""
    return math.ceil((hit.now + hit.capacity) / _MICROSECONDS) + _KEPT_SECONDS


def _allowed(hit: _Hit, arrival: int) -> RateDecision:
    used = arrival - hit.now
    return RateDecision(
        allowed=True,
        remaining=max(0, hit.capacity - used) // hit.interval,
        retry_after=0.0,
        reset_after=used / _MICROSECONDS,
    )


def _refused(hit: _Hit, arrival: int) -> RateDecision:
    return RateDecision(
        allowed=False,
        remaining=0,
        retry_after=(arrival + hit.interval - hit.capacity - hit.now) / _MICROSECONDS,
        reset_after=(arrival - hit.now) / _MICROSECONDS,
    )
