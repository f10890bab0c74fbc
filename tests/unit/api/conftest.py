from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.api import Api, open_api


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with open_api(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def acme(api: Api) -> httpx.Client:
    """A client of tenant ``acme`` with the default scopes."""
    return api.client()
