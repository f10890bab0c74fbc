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


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client for tests that leave nothing behind: one platform serves a whole module."""
    with open_api(tmp_path_factory.mktemp("data"), rate_burst=100_000) as opened:
        yield opened.client()
