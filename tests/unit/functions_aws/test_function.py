from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from functions.function import Function
from functions.observability.emit import MetricsLog
from functions.observability.logs import function_logger
from functions.observability.metrics import SWEPT
from shared.domain.errors import InvalidRequest
from tests.support.functions_aws import Emitted, FakeContext
from tests.support.world import World

_log = logging.getLogger("shared.services.anything")


@dataclass
class Opened:
    function: Function
    stream: io.StringIO

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def opened(world: World, metrics: MetricsLog) -> Iterator[Opened]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logger = function_logger("sweep", deployment="tamlil", level="INFO", stream=stream)
    function = Function(name="sweep", platform=world.platform, logger=logger, metrics=metrics)
    yield Opened(function=function, stream=stream)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_what_a_function_logs_names_the_invocation_and_the_cold_start(opened: Opened) -> None:
    handler = opened.function.entry(lambda event, _: _log.warning("got %s", event["n"]))
    handler({"n": 1}, FakeContext(aws_request_id="r-1"))
    handler({"n": 2}, FakeContext(aws_request_id="r-2"))
    first, second = opened.lines()
    assert (first["aws_request_id"], first["cold_start"]) == ("r-1", True)
    assert (second["aws_request_id"], second["cold_start"]) == ("r-2", False)


def test_metrics_are_written_when_it_ends_and_also_when_it_fails(
    opened: Opened, emitted: Callable[[], Emitted], capsys: pytest.CaptureFixture[str]
) -> None:
    def work(event: Any, _: Any) -> None:
        opened.function.metrics.add(SWEPT)
        if event["fail"]:
            raise InvalidRequest("not for this function", code="invalid_message")

    handler = opened.function.entry(work)
    handler({"fail": False}, FakeContext())
    assert json.loads(capsys.readouterr().out)["SweptRecords"] == [1.0]
    with pytest.raises(InvalidRequest):
        handler({"fail": True}, FakeContext())
    assert json.loads(capsys.readouterr().out)["SweptRecords"] == [1.0]
    assert opened.lines()[-1]["code"] == "invalid_message"


def test_time_left_is_told_in_seconds(opened: Opened) -> None:
    handler = opened.function.entry(lambda _, time_left: time_left())
    assert handler({}, FakeContext(milliseconds=1500)) == 1.5


def test_outside_of_lambda_a_traced_function_does_its_work_untraced(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`test_tracing.py` has what it sends on Lambda."""
    monkeypatch.delenv("LAMBDA_TASK_ROOT", raising=False)
    opened.function.trace = True
    handler = opened.function.entry(lambda event, _: 6 / event["n"])
    assert handler({"n": 3}, FakeContext()) == 2
    with pytest.raises(ZeroDivisionError):
        handler({"n": 0}, FakeContext())
