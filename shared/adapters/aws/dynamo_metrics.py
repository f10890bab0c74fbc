"""Counters in DynamoDB: one update adds to all, in one of several items drawn by lot."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from decimal import Decimal
from itertools import islice

from shared.adapters.aws.clients import AwsClients
from shared.adapters.aws.dynamo_table import DynamoTable
from shared.adapters.aws.index_reader import batch_get
from shared.adapters.aws.table_schema import PARTITION, SHARDS, SORT
from shared.domain.errors import InvalidRequest

_KEYS = tuple((f"metric#{shard}", "metric") for shard in range(SHARDS))
#: An expression holds 4 KB and 300 operators.
_MOST_AT_ONCE = 100


class DynamoMetricsStore:
    """`MetricsStore` on DynamoDB. An answer lost on the way may count an increment twice.

    DynamoDB adds decimal numbers of 38 digits, so sums are as exact as what goes in.
    """

    def __init__(self, clients: AwsClients, *, table: str) -> None:
        self._table = DynamoTable(clients, table)

    def add(self, increments: Mapping[str, float]) -> None:
        """Add to all of these counters.

        Raises:
            InvalidRequest: an increment is negative or not finite; a counter never falls.
        """
        wrong = [name for name, by in increments.items() if not (by >= 0.0 and math.isfinite(by))]
        if wrong:
            raise InvalidRequest(f"counters never fall: {', '.join(wrong)}", field="increments")
        rest = iter(increments.items())
        while some := list(islice(rest, _MOST_AT_ONCE)):
            self._add(dict(some))

    def read(self) -> dict[str, float]:
        """All counters, summed over the items."""
        sums: dict[str, Decimal] = {}
        for item in batch_get(self._table, _KEYS).values():
            for name, value in item.items():
                if name not in (PARTITION, SORT):
                    sums[name] = sums.get(name, Decimal(0)) + Decimal(value["N"])
        return {name: float(total) for name, total in sums.items()}

    def _add(self, increments: Mapping[str, float]) -> None:
        numbered = list(enumerate(increments.items()))
        self._table.update(
            *random.choice(_KEYS),  # noqa: S311 - no secret
            UpdateExpression="ADD " + ", ".join(f"#n{place} :v{place}" for place, _ in numbered),
            ExpressionAttributeNames={f"#n{place}": name for place, (name, _) in numbered},
            ExpressionAttributeValues={
                f":v{place}": {"N": str(Decimal(repr(float(by))))} for place, (_, by) in numbered
            },
        )
