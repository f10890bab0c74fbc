from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from functions.observability.emit import MetricsLog
from functions.observability.logs import function_logger, in_hand
from functions.observability.metrics import DISPATCHES, JOBS, SWEPT
from tests.support.functions_aws import Emitted


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def lines(restored_logging: None) -> Callable[[], list[dict[str, Any]]]:
    stream = io.StringIO()
    logger = function_logger("dispatch", deployment="tamlil-test", level="INFO", stream=stream)
    logger.append_keys(aws_request_id="r-1", cold_start=True)

    def read() -> list[dict[str, Any]]:
        found = [json.loads(line) for line in stream.getvalue().splitlines()]
        stream.truncate(0)
        stream.seek(0)
        return found

    return read


def test_every_loggers_line_carries_the_invocation(
    lines: Callable[[], list[dict[str, Any]]],
) -> None:
    for name in (
        "shared.services.sweep",
        "functions.dispatch.batch",
        "tamlil.function",
        "botocore",
    ):
        logging.getLogger(name).warning("left behind", extra={"job_id": "job_1"})
    found = lines()
    assert len(found) == 4, "each line once"
    for line in found:
        assert line["function"] == "dispatch"
        assert line["deployment"] == "tamlil-test"
        assert line["aws_request_id"] == "r-1"
        assert line["job_id"] == "job_1"
        assert line["message"] == "left behind"


def test_the_format_is_that_of_all_tamlil_with_urls_cut(
    lines: Callable[[], list[dict[str, Any]]],
) -> None:
    logging.getLogger("shared").warning("got %s", "https://example.com/a?X-Amz-Signature=s")
    (line,) = lines()
    assert line["message"] == "got https://example.com/a?..."
    assert {"time", "level", "logger"} <= line.keys()


def test_what_is_in_hand_is_on_the_lines_of_its_own_thread_only(
    lines: Callable[[], list[dict[str, Any]]],
) -> None:
    inside = threading.Event()
    over = threading.Event()

    def other() -> None:
        with in_hand(event_id="evt_1", job_id="job_1"):
            logging.getLogger("shared").warning("inside")
            inside.set()
            over.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(10)
    logging.getLogger("shared").warning("beside")
    over.set()
    thread.join()
    logging.getLogger("shared").warning("after")
    first, *rest = lines()
    assert (first["event_id"], first["job_id"]) == ("evt_1", "job_1")
    assert all("event_id" not in line for line in rest)


def test_what_a_call_names_itself_wins(lines: Callable[[], list[dict[str, Any]]]) -> None:
    with in_hand(job_id="job_1"):
        logging.getLogger("shared").warning("w", extra={"job_id": "job_2"})
    assert lines()[0]["job_id"] == "job_2"


def test_a_second_set_up_replaces_the_first(lines: Callable[[], list[dict[str, Any]]]) -> None:
    stream = io.StringIO()
    again = function_logger("sweep", deployment="other", level="WARNING", stream=stream)
    again.append_keys(aws_request_id="r-2")
    again.info("not told at this level")
    again.warning("told")
    assert lines() == []
    (line,) = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (line["function"], line["aws_request_id"]) == ("sweep", "r-2")


def test_keys_come_and_go(restored_logging: None) -> None:
    logger = function_logger("api", deployment="d", level="INFO", stream=io.StringIO())
    logger.append_keys(aws_request_id="r-1")
    logger.thread_safe_append_keys(job_id="job_1")
    assert logger.thread_safe_get_current_keys() == {"job_id": "job_1"}
    logger.thread_safe_remove_keys(["job_id"])
    assert logger.thread_safe_get_current_keys() == {}
    logger.thread_safe_append_keys(job_id="job_1")
    logger.thread_safe_clear_keys()
    assert logger.thread_safe_get_current_keys() == {}
    assert logger.get_current_keys()["aws_request_id"] == "r-1"
    logger.remove_keys(["aws_request_id"])
    assert "aws_request_id" not in logger.get_current_keys()
    logger.append_keys(aws_request_id="r-1")
    logger.structure_logs()
    assert "function" in logger.get_current_keys()


def test_values_of_one_set_of_dimensions_go_into_one_line(
    metrics: MetricsLog, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics.add(SWEPT, 3.0)
    metrics.add(SWEPT, 4.0)
    metrics.add(JOBS, 1.0, {"status": "pending"})
    metrics.flush()
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["SweptRecords"] == [3.0, 4.0]
    assert first["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]
    assert second["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["status", "service"]]
    assert (second["service"], second["status"], second["Jobs"]) == ("tamlil", "pending", [1.0])


def test_what_was_written_is_not_written_again(
    metrics: MetricsLog, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics.add(SWEPT)
    metrics.flush()
    capsys.readouterr()
    metrics.flush()
    assert capsys.readouterr().out == ""


def test_more_values_than_a_line_may_hold_are_all_written(
    metrics: MetricsLog, emitted: Callable[[], Emitted]
) -> None:
    for _ in range(250):
        metrics.add(SWEPT)
    assert emitted().of("SweptRecords") == [1.0] * 250


@pytest.mark.parametrize(
    "dimensions", [None, {}, {"outcome": "exploded"}, {"outcome": "launched", "tenant": "acme"}]
)
def test_dimensions_that_no_dashboard_would_find_are_refused(
    metrics: MetricsLog, dimensions: dict[str, str] | None
) -> None:
    with pytest.raises(ValueError, match="Dispatches"):
        metrics.add(DISPATCHES, dimensions=dimensions)


def test_metrics_may_be_added_from_many_threads(
    metrics: MetricsLog, emitted: Callable[[], Emitted]
) -> None:
    def add() -> None:
        for _ in range(30):
            metrics.add(DISPATCHES, dimensions={"outcome": "launched"})

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(emitted().of("Dispatches", outcome="launched")) == 240
