from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from iac.aws.bundles.__main__ import RUNTIME_VERSION
from tests.support.aws_stage import AwsStage, aws_stage
from tests.support.bundle_runs import Run
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


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsStage]:
    with aws_stage(tmp_path_factory.mktemp("stage")) as staged:
        yield staged


@pytest.fixture
def run(bundles: Bundles, stage: AwsStage, tmp_path: Path) -> Run:
    return Run(bundles, stage, tmp_path)
