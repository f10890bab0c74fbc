from __future__ import annotations

from typing import Any

import pytest
import typer

from tamlil import console
from tamlil.commands_keys import seconds_of
from tamlil.demo import Line, lines_of
from tamlil.tracker import Display, Tracker


class ScriptedJobs:
    """Each job's documents, one a question, the last for ever."""

    def __init__(self, **documents: list[tuple[str, str, float]]) -> None:
        self.documents = documents
        self.asked = 0

    def get(self, path: str, **_: Any) -> Any:
        self.asked += 1
        script = self.documents[path.rsplit("/", 1)[-1]]
        status, stage, progress = script.pop(0) if len(script) > 1 else script[0]
        return {"status": status, "stage": stage, "progress": progress}


def test_every_job_s_end_is_told_once() -> None:
    done = ("completed", "done", 1.0)
    reader = ScriptedJobs(a=[("pending", "queued", 0.0), done], b=[("failed", "queued", 0.2)])
    ended: list[tuple[str, str]] = []
    with Display(quiet=True) as display:
        tracker = Tracker(reader, display, sleep=lambda _: None)
        tracker.follow(
            {"a": "a.mp3", "b": "b.mp3"}, lambda job_id, job: ended.append((job_id, job["status"]))
        )
    assert ended == [("b", "failed"), ("a", "completed")]


def test_a_server_without_news_is_asked_less_and_less_often() -> None:
    waiting = [("pending", "queued", 0.0)] * 20
    moving = [("processing", "transcribing", 0.5), ("completed", "done", 1.0)]
    waits: list[float] = []
    with Display(quiet=True) as display:
        tracker = Tracker(ScriptedJobs(a=[*waiting, *moving]), display, sleep=waits.append)
        tracker.follow({"a": "a.mp3"}, lambda _id, _job: None)
    assert waits[0] == 0.25
    assert waits[:20] == sorted(waits[:20])
    assert max(waits) == 3.0
    assert waits[-1] == 0.25  # it moves again


def test_a_log_gets_one_line_a_stage(capsys: pytest.CaptureFixture[str]) -> None:
    stages = [("processing", "transcribing", 0.1), ("processing", "transcribing", 0.2)]
    reader = ScriptedJobs(a=[("pending", "queued", 0.0), *stages, ("completed", "done", 1.0)])
    with Display() as display:
        Tracker(reader, display, sleep=lambda _: None).follow({"a": "x"}, lambda _id, _job: None)
    assert capsys.readouterr().err.split("\n")[:3] == [
        "x: queued",
        "x: transcribing",
        "x: completed",
    ]


def test_a_pipe_gets_rows_with_tabs_and_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_rows(("a", "b"), [("[bold]x[/bold]", "two\nlines"), ("y", "")], empty="none")
    assert capsys.readouterr().out == "[bold]x[/bold]\ttwo lines\ny\t\n"


def test_an_error_is_one_line_with_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught:
        console.fail("it broke [red]\nbadly", code="broken")
    assert caught.value.exit_code == 1
    assert capsys.readouterr() == ("", "error: it broke [red] badly (broken)\n")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90.0), ("1.5h", 5400.0), ("30d", 2_592_000.0), ("2W", 1_209_600.0), (None, None)],
)
def test_durations_are_read_with_their_unit(text: str | None, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-3d", "3 moons"])
def test_what_is_no_duration_is_a_usage_error(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        seconds_of(text)


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "unknown"), (512, "512 B"), (1 << 20, "1 MiB"), (3 << 30, "3.0 GiB")],
)
def test_sizes_are_told_in_the_unit_that_fits(count: int | None, text: str) -> None:
    assert console.size_text(count) == text


def test_times_of_long_recordings_have_hours() -> None:
    assert [console.clock_text(s) for s in (5.9, 65, 3661)] == ["0:05", "1:05", "1:01:01"]


def word(text: str, start: float, speaker: str | None) -> dict[str, Any]:
    return {"word": text, "start": start, "end": start + 0.5, "speaker": speaker}


def test_words_of_one_speaker_are_one_line_across_segments() -> None:
    first = [word(" Hello", 0.0, "A"), word(" there.", 1.0, None), word(" Hi", 2.0, "B")]
    segments = [
        {"speakers": ["A"], "words": first},
        {"speakers": ["B"], "words": [word(" again.", 3.0, "B")]},
    ]
    assert list(lines_of({"segments": segments})) == [
        Line(speaker="A", start=0.0, end=1.5, text="Hello there."),
        Line(speaker="B", start=2.0, end=3.5, text="Hi again."),
    ]
