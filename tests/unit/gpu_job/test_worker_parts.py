from __future__ import annotations

import errno
import io
import json
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpu_job import exit_codes
from gpu_job.exit_codes import ExitCode
from gpu_job.job_errors import job_error, time_limit_error
from gpu_job.scratch import erase_leftovers, job_folder
from gpu_job.steps.store import persist
from gpu_job.stop import StopFlag, StopReason
from shared.domain.errors import (
    ModelUnavailable,
    SourceError,
    StaleAttempt,
    Stopped,
    Unavailable,
    UrlRefused,
    WorkerError,
)
from shared.logs import LogContext, configure_logging


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (SourceError("x", code="no_audio_stream"), "no_audio_stream", False),
        (UrlRefused("x"), "url_refused", False),
        (WorkerError("x", code="url_unreachable"), "url_unreachable", True),
        (Unavailable("x"), "unavailable", True),
        (ModelUnavailable("x"), "model_unavailable", False),
        (OSError(errno.ENOSPC, "no room"), "disk_full", True),
        (MemoryError(), "out_of_memory", True),
        (ZeroDivisionError("secret"), "internal_error", True),
        (Stopped("nobody asked"), "internal_error", True),
    ],
)
def test_errors_are_classified(error: Exception, code: str, retryable: bool) -> None:  # noqa: FBT001 - a parameter
    found = job_error(error)
    assert (found.code, found.retryable) == (code, retryable)


def test_an_unexpected_fault_keeps_its_text_out_of_the_record() -> None:
    assert "hunter2" not in job_error(RuntimeError("password hunter2")).detail


def test_a_time_limit_is_named_and_not_tried_again() -> None:
    error = time_limit_error(90)
    assert (error.code, error.retryable) == ("time_limit", False)
    assert "90 seconds" in error.detail


def test_the_first_reason_to_stop_stays() -> None:
    stop = StopFlag()
    stop.check()
    assert stop.request(StopReason.TIME_LIMIT)
    assert not stop.request(StopReason.TERMINATED)
    assert stop.reason is StopReason.TIME_LIMIT
    with pytest.raises(Stopped):
        stop.check()


def test_every_exit_code_is_documented() -> None:
    table = exit_codes.__doc__ or ""
    for code in ExitCode:
        assert f"\n{code.value:<4}  {code.name}" in table


def test_json_lines_name_job_and_attempt_and_hide_queries(root_logger: logging.Logger) -> None:
    stream, context = io.StringIO(), LogContext()
    configure_logging(level="INFO", as_json=True, context=context, stream=stream)
    context.job_id, context.attempt = "job_1", 2
    logging.getLogger("other").info("fetch %s", "https://h/a.wav?sig=hunter2", extra={"n": 1})
    try:
        raise ValueError("https://h/b.wav?token=hunter2")
    except ValueError:
        logging.getLogger("other").exception("broken")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first["message"] == "fetch https://h/a.wav?..."
    assert (first["job_id"], first["attempt"], first["n"]) == ("job_1", 2, 1)
    assert "ValueError" in second["trace"]
    assert "hunter2" not in stream.getvalue()


def test_text_lines_carry_the_same(root_logger: logging.Logger) -> None:
    stream, context = io.StringIO(), LogContext(job_id="job_1", attempt=2)
    configure_logging(level="WARNING", as_json=False, context=context, stream=stream)
    logging.getLogger("other").info("not this")
    logging.getLogger("other").warning("https://h/a?sig=hunter2", extra={"job_id": "job_9"})
    line = stream.getvalue()
    assert "https://h/a?..." in line
    assert "job_id=job_9" in line
    assert "attempt=2" in line
    assert "not this" not in line


def test_request_lines_of_the_http_client_are_not_logged(root_logger: logging.Logger) -> None:
    configure_logging(level="INFO", as_json=False, context=LogContext(), stream=io.StringIO())
    assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)


def test_a_job_folder_is_private_and_goes_with_its_block(temporary: Path) -> None:
    with job_folder() as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "audio").write_bytes(b"x")
    assert list(temporary.iterdir()) == []


def test_only_folders_that_nobody_owns_are_erased(temporary: Path) -> None:
    orphan = Path(tempfile.mkdtemp(prefix="tamlil-job-"))
    (orphan / ".owned").touch()
    unlocked = Path(tempfile.mkdtemp(prefix="tamlil-job-"))
    young = Path(tempfile.mkdtemp(prefix="tamlil-job-"))
    other = Path(tempfile.mkdtemp(prefix="other-"))
    with job_folder() as owned:
        for folder in (orphan, unlocked, owned, other):
            os.utime(folder, (1, 1))
        assert erase_leftovers() == 2
        assert set(temporary.iterdir()) == {owned, young, other}


def test_persisting_outlives_a_silent_store() -> None:
    answers: list[Exception] = [Unavailable("?"), Unavailable("?")]

    def write() -> str:
        if answers:
            raise answers.pop()
        return "written"

    assert persist(write, patience_seconds=5) == "written"


def test_persisting_ends_with_its_patience() -> None:
    def write() -> None:
        raise Unavailable("?")

    with pytest.raises(Unavailable):
        persist(write, patience_seconds=0.2)
    with pytest.raises(Unavailable):
        persist(write, patience_seconds=60, give_up=lambda: True)


def test_persisting_does_not_argue_with_a_refusal() -> None:
    calls: list[int] = []

    def write() -> None:
        calls.append(1)
        raise StaleAttempt("no")

    with pytest.raises(StaleAttempt):
        persist(write, patience_seconds=60)
    assert calls == [1]


def test_a_stranger_s_text_makes_no_line_of_its_own(root_logger: logging.Logger) -> None:
    stream = io.StringIO()
    configure_logging(level="INFO", as_json=False, context=LogContext(), stream=stream)
    logging.getLogger("tamlil.test").info(
        "took %s", "a\n2026 ERROR forged", extra={"x": "\x1b[2J\r"}
    )
    (line,) = stream.getvalue().splitlines()
    assert "a\\n2026 ERROR forged" in line
    assert "\x1b" not in line
