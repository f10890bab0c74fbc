from __future__ import annotations

from pathlib import Path

import pytest

from iac.aws.bundles.__main__ import RUNTIME_VERSION
from tests.support.bundles import Bundles, target_here


def pytest_report_header() -> str:
    version = target_here().version
    lacking = "" if version == RUNTIME_VERSION else f"; there is no {RUNTIME_VERSION} here"
    return f"bundles: built and run for Python {version}{lacking}"


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Bundles:
    base = tmp_path_factory.getbasetemp()
    folder: Path = base if worker_id == "master" else base.parent
    return Bundles(folder=folder / "bundles", target=target_here())
