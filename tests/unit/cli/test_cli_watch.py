"""Segments on the screen while a job is at work."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.domain.options import TranscriptionOptions
from shared.services.cancel_job import cancel_job
from tamlil.client import ServerError
from tamlil.tracker import Display
from tamlil.watch import Watcher
from tests.support.command import Command, make_command
from tests.support.growing import finish, said, save_part
from tests.support.world import World, open_world

AT_WORK = {"status": "processing", "stage": "transcribing", "progress": 0.1}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return make_command(tmp_path / "data")


def later(seconds: float, act: Callable[[], object]) -> threading.Timer:
    timer = threading.Timer(seconds, act)
    timer.start()
    return timer


def page(*texts: str, cursor: str = "c", **changes: Any) -> dict[str, Any]:
    segments = [
        {"start": 61.0 * number, "text": text, "speakers": []} for number, text in enumerate(texts)
    ]
    state = {"replaces": False, "final": False, "complete": False}
    return {"segments": segments, "cursor": cursor} | state | changes


class Pages:
    """Answers each request with the next page; remembers the cursors."""

    def __init__(self, *pages: dict[str, Any] | Exception) -> None:
        self.pages = list(pages)
        self.asked: list[str | None] = []

    def __call__(self, _job_id: str, after: str | None, /) -> dict[str, Any]:
        self.asked.append(after)
        found = self.pages.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


def watched(
    *pages: dict[str, Any] | Exception, **options: Any
) -> tuple[list[str], list[str], Pages]:
    """What is shown and noted of one look, and what was asked for."""
    shown: list[str] = []
    noted: list[str] = []
    reader = Pages(*pages)
    watcher = Watcher(read=reader, show=shown.append, note=noted.append, **options)
    watcher.look("j", "a.wav", AT_WORK)
    watcher.look("j", "a.wav", AT_WORK)  # nothing has changed: nothing is asked
    return shown, noted, reader


def test_every_page_is_shown_with_times() -> None:
    shown, noted, reader = watched(page("one", "two", cursor="1"), page(cursor="2"))
    assert shown == ["[0:00] one", "[1:01] two"]
    assert noted == []
    assert reader.asked == [None, "1"]


def test_lines_of_several_jobs_bear_their_names() -> None:
    shown, _, _ = watched(page("one"), page(), several=True)
    assert shown == ["a.wav [0:00] one"]


def test_what_replaces_earlier_lines_says_so() -> None:
    _, noted, _ = watched(page("one", replaces=True), page())
    assert noted == ["a.wav: from the beginning, begun anew"]


def test_a_finished_transcript_is_left_to_whoever_prints_it() -> None:
    last = page("one", final=True, complete=True, replaces=True)
    assert watched(last, to_the_end=False)[:2] == ([], [])
    assert watched(last)[0] == ["[0:00] one"]


def test_segments_that_cant_be_had_are_noted_and_nothing_more() -> None:
    shown, noted, _ = watched(ServerError("nothing at this path"))
    assert shown == []
    assert noted == ["a.wav: its segments can't be shown: nothing at this path"]


def test_lines_go_to_stdout_when_asked_and_are_hidden_on_stderr_when_quiet(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for quiet in (False, True):
        with Display(quiet=quiet) as display:
            display.line("[red]out[/red]", to_stdout=True)
            display.line("[red]err[/red]")
        seen = capsys.readouterr()
        assert seen.out == "[red]out[/red]\n"
        assert seen.err == ("" if quiet else "[red]err[/red]\n")


def test_lines_stay_above_the_bars_of_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    with monkeypatch.context() as patched:
        patched.setattr(sys.stdout, "isatty", lambda: True)
        patched.setattr(sys.stderr, "isatty", lambda: True)
        with Display() as display:
            display.line("hello", to_stdout=True)
    seen = capsys.readouterr()
    assert "hello" not in seen.out
    assert "hello" in seen.err


def test_jobs_watch_prints_segments_before_the_job_is_over_and_then_its_speakers(
    world: World, command: Command
) -> None:
    job = world.processing(options=TranscriptionOptions(diarize=True))
    save_part(world, job, said(0))
    timer = later(1.0, lambda: finish(world, job, said(0, speakers=("SPEAKER_00",))))
    result = command.run("jobs", "watch", job.id, "--tenant", "acme")
    timer.join()
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["[0:00] segment 0", "[0:00] SPEAKER_00: segment 0"]
    assert "from the beginning, as it is now finished" in result.stderr
    assert f"{job.id}: completed" in result.stderr


def test_jobs_watch_ends_with_the_jobs_error(world: World, command: Command) -> None:
    job = world.processing()
    save_part(world, job, said(0))
    cancel_job(world.platform, tenant="acme", job_id=job.id)
    result = command.run("jobs", "watch", job.id, "--tenant", "acme", "--quiet")
    assert result.exit_code == 1
    assert result.stdout == "[0:00] segment 0\n"
    assert "the job was cancelled (cancelled)" in result.stderr


def test_jobs_watch_of_an_unknown_job_is_told(world: World, command: Command) -> None:
    del world
    result = command.run("jobs", "watch", "job_x")
    assert result.exit_code == 1
    assert "job_not_found" in result.stderr
