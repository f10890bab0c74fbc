from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from functions.observability.emit import MetricsLog
from tests.support.functions_aws import Emitted, open_aws_world, read_emitted
from tests.support.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_aws_world(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def metrics() -> MetricsLog:
    return MetricsLog("tamlil")


@pytest.fixture
def emitted(metrics: MetricsLog, capsys: pytest.CaptureFixture[str]) -> Callable[[], Emitted]:
    """What was emitted since the last time."""

    def flush() -> Emitted:
        metrics.flush()
        return read_emitted(capsys.readouterr().out)

    return flush


@pytest.fixture(autouse=True)
def not_in_the_persons_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POWERTOOLS_DEV", "POWERTOOLS_METRICS_DISABLED", "POWERTOOLS_SERVICE_NAME"):
        monkeypatch.delenv(name, raising=False)
