"""One fixture: the platform whose adapters a suite runs against."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.contracts import Adapters, LocalAdapters


@pytest.fixture(params=["local"])
def platform(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Adapters]:
    platforms = {"local": lambda: LocalAdapters(tmp_path / "data")}
    opened = platforms[request.param]()
    yield opened
    opened.close()
