"""The adapters on moto, and DynamoDB's waits between tries, which a test counts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.adapters.aws import dynamo_table
from tests.support.aws_contracts import AwsAdapters


@pytest.fixture
def aws() -> Iterator[AwsAdapters]:
    adapters = AwsAdapters()
    yield adapters
    adapters.close()


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waits: list[float] = []
    monkeypatch.setattr(
        dynamo_table.DynamoTable.__init__, "__kwdefaults__", {"sleep": waits.append}
    )
    return waits
