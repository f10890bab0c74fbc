"""What a person sees while a job runs."""

from __future__ import annotations

import io
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tamlil.tracker import Display


class Terminal(io.StringIO):
    """A screen that keeps everything that was drawn on it."""

    def isatty(self) -> bool:
        return True


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """In the block; not as a fixture, because the runner takes stderr back after those."""
    shown = Terminal()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", shown)
        patched.setenv("TERM", "xterm-256color")
        patched.setenv("COLUMNS", "120")
        yield shown


def at_work(stage: str, progress: float) -> dict[str, Any]:
    return {"status": "processing", "stage": stage, "progress": progress}


def drawn(screen: Terminal) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())


def test_a_terminal_shows_name_stage_and_the_time_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with terminal(monkeypatch) as screen, Display() as display:
        for step in range(1, 5):
            display.show("call.mp3", at_work("transcribing", step / 10))
            time.sleep(0.15)
    lines = [line for line in re.split(r"[\r\n]+", drawn(screen)) if "call.mp3" in line]
    assert re.search(r"call\.mp3 .*━.* 40% transcribing 0:00:0\d left 00:0\d", lines[-1])


def test_each_job_has_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as screen, Display() as display:
        display.show("[a].mp3", at_work("diarizing", 0.5))
        display.show("b.mp3", {"status": "failed", "stage": "starting", "progress": 0.0})
    shown = drawn(screen)
    assert re.search(r"\[a\]\.mp3 .* 50% diarizing", shown)
    assert re.search(r"b\.mp3 .* 0% failed", shown)


def test_quiet_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as screen, Display(quiet=True) as display:
        display.show("call.mp3", at_work("transcribing", 0.5))
    assert screen.getvalue() == ""
