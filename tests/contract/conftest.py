"""One fixture: the platform whose adapters a suite runs against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.aws_contracts import AwsAdapters
from tests.support.contracts import Adapters, LocalAdapters


@pytest.fixture(params=["local", "aws"])
def platform(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Adapters]:
    platforms: dict[str, Callable[[], Adapters]] = {
        "local": lambda: LocalAdapters(tmp_path / "data"),
        "aws": AwsAdapters,
    }
    opened = platforms[request.param]()
    yield opened
    opened.close()
