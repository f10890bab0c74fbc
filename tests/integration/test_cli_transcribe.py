from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.command import Command, make_command
from tests.support.embedded import Running, running_server
from tests.support.scripted_server import ScriptedServer, response
from tests.support.waiting import wait_for


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return make_command(tmp_path / "own")


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    path = tmp_path / "call.wav"
    path.write_bytes(b"audio")
    return path


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with running_server(tmp_path / "server") as found:
        yield found


def at(running: Running) -> tuple[str, ...]:
    return ("--server", running.server.url, "--api-key", running.token)


@contextmanager
def held_audio() -> Iterator[ScriptedServer]:
    """Audio that begins to come and then waits for the end of the test."""
    release = threading.Event()

    def script(_: str) -> Iterable[bytes]:
        yield response(b"the audio")[:-5]
        release.wait(60)

    with ScriptedServer(script).running() as server:
        try:
            yield server
        finally:
            release.set()


def test_without_a_server_one_is_started_for_as_long_as_it_takes(
    command: Command, audio: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = command.run(
        "transcribe", audio, tmp_path / "missing.wav", "-f", "srt", "-o", f"{out}/"
    )
    assert result.exit_code == 1
    assert (out / "call.srt").exists()
    assert "missing.wav: No such file or directory (file_unreadable)" in result.stderr
    assert "error" not in result.stdout
    assert not (tmp_path / "own").exists()


def test_json_tells_of_every_source_in_order(
    command: Command, running: Running, audio: Path, tmp_path: Path
) -> None:
    missing = tmp_path / "missing.wav"
    result = command.run("transcribe", missing, audio, *at(running), "--json", "--quiet")
    assert result.exit_code == 1
    first, second = json.loads(result.stdout)
    assert (first["source"], first["error"]["code"]) == (str(missing), "file_unreadable")
    assert (second["status"], second["transcript"]["engine"]) == ("completed", "null")


def test_options_reach_the_job(command: Command, running: Running, audio: Path) -> None:
    options = ["--max-speakers", "3", "-l", "iw", "--prompt", "p", "--hotwords", "h"]
    result = command.run("transcribe", audio, *options, "--task", "translate", *at(running))
    assert result.exit_code == 0
    (job,) = running.http.get("/api/v1/jobs").json()["jobs"]
    asked = job["options"]
    assert (asked["diarize"], asked["diarization_args"]["max_speakers"]) == (True, 3)
    assert (asked["language"], asked["task"]) == ("he", "translate")
    assert (asked["initial_prompt"], asked["hotwords"]) == ("p", "h")
    assert job["source"]["filename"] == "call.wav"


def test_switches_of_language_are_asked_for_by_a_flag(
    command: Command, running: Running, audio: Path
) -> None:
    assert command.run("transcribe", audio, "--multilingual", *at(running)).exit_code == 0
    (job,) = running.http.get("/api/v1/jobs").json()["jobs"]
    assert job["options"]["multilingual"] is True
    both = command.run("transcribe", audio, "--multilingual", "-l", "he", *at(running))
    assert (both.exit_code, "contradiction" in both.stderr) == (1, True)


def test_several_formats_are_written_into_a_folder(
    command: Command, running: Running, audio: Path, tmp_path: Path
) -> None:
    formats = ("-f", "srt", "-f", "vtt", "-f", "json")
    result = command.run("transcribe", audio, *formats, "-o", tmp_path / "out", *at(running))
    assert result.exit_code == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["call.json", "call.srt", "call.vtt"]
    assert (tmp_path / "out/call.vtt").read_text().startswith("WEBVTT")


def test_layout_reaches_the_formats_that_honour_it(
    command: Command, running: Running, audio: Path, tmp_path: Path
) -> None:
    layout = ("--max-lines", "1", "--paragraph-pause", "3", "--no-directional-marks")
    formats = ("-f", "srt", "-f", "docx", "-f", "speakers", "-f", "text")
    out = tmp_path / "out"
    result = command.run("transcribe", audio, *formats, *layout, "-o", out, *at(running))
    assert result.exit_code == 0, result.stderr
    names = sorted(path.name for path in out.iterdir())
    assert names == ["call.docx", "call.speakers.txt", "call.srt", "call.txt"]
    assert (out / "call.docx").read_bytes().startswith(b"PK")


def test_a_format_that_can_not_be_had_does_not_spoil_the_others(
    command: Command,
    running: Running,
    audio: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "docx", None)
    formats = ("-f", "docx", "-f", "srt")
    result = command.run("transcribe", audio, *formats, "-o", tmp_path / "out", *at(running))
    assert result.exit_code == 1
    assert "(format_unavailable)" in result.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["call.srt"]


def test_a_format_that_is_not_installed_here_is_told_before_work_starts(
    command: Command, audio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "docx", None)
    result = command.run("transcribe", audio, "-f", "docx", "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "(format_unavailable)" in result.stderr


def test_speaker_turns_ask_for_speakers(command: Command, running: Running, audio: Path) -> None:
    result = command.run("transcribe", audio, "-f", "rttm", *at(running))
    (job,) = running.http.get("/api/v1/jobs").json()["jobs"]
    assert job["options"]["diarize"] is True
    assert result.exit_code == 0


def test_what_the_server_refuses_is_told_with_its_code(
    command: Command, running: Running, audio: Path
) -> None:
    result = command.run("transcribe", audio, "--language", "klingon", *at(running))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "(unsupported_language)" in result.stderr


def test_a_wrong_key_is_told(command: Command, running: Running, audio: Path) -> None:
    args = ("--server", running.server.url, "--api-key", "tml_wrong")
    result = command.run("transcribe", audio, *args)
    assert result.exit_code == 1
    assert "(unauthorized)" in result.stderr


def test_jobs_and_keys_of_a_server_can_be_managed(command: Command, running: Running) -> None:
    job_id = running.submit_bytes()
    running.finished(job_id)
    assert [job["job_id"] for job in command.json("jobs", "list", *at(running))] == [job_id]
    assert command.json("jobs", "show", job_id, *at(running))["status"] == "completed"
    cancelled = command.run("jobs", "cancel", job_id, *at(running))
    assert (cancelled.exit_code, "(job_finished)" in cancelled.stderr) == (1, True)
    assert command.run("jobs", "purge", job_id, "-y", *at(running)).exit_code == 0
    assert command.json("jobs", "list", *at(running)) == []
    made = command.json("keys", "create", "--scope", "jobs:read", *at(running))
    assert command.run("keys", "revoke", made["id"], *at(running)).exit_code == 0
    listed = {key["id"]: key for key in command.json("keys", "list", *at(running))}
    assert listed[made["id"]]["revoked_at"] is not None
    secret = running.http.get("/api/v1/webhooks/secret").json()
    assert command.json("webhooks", "secret", *at(running)) == secret


@pytest.fixture
def interrupts() -> Iterator[None]:
    """Programs begin with Ctrl-C as it is in a terminal: a shell in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_cancels_the_jobs(
    running: Running, command: Command, number: signal.Signals, status: int
) -> None:
    env = {name: value for name, value in command.env.items() if value is not None}
    with held_audio() as held, ExitStack() as stack:
        url = held.url("/a.wav")
        process = subprocess.Popen(
            [sys.executable, "-m", "tamlil", "transcribe", url, url, *at(running)],
            env=os.environ | env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(process.wait)
        stack.callback(process.kill)
        wait_for(lambda: len(held.heads) >= 1)
        wait_for(lambda: len(running.http.get("/api/v1/jobs").json()["jobs"]) == 2)
        process.send_signal(number)
        assert process.wait(30) == status
        jobs = running.http.get("/api/v1/jobs").json()["jobs"]
        assert [job["status"] for job in jobs] == ["cancelled", "cancelled"]


def test_serve_shows_a_key_the_first_time_only(tmp_path: Path) -> None:
    shown = [_served(tmp_path / "data") for _ in range(2)]
    assert "tml_" in shown[0]
    assert "tml_" not in shown[1]
    for text in shown:
        assert "http://127.0.0.1:" in text
        assert "/docs" in text
        assert "inbox" in text


def _served(data_dir: Path) -> str:
    """What `tamlil serve` prints until it is told to end."""
    with subprocess.Popen(
        [sys.executable, "-m", "tamlil", "serve", "--port", "0", "--data-dir", str(data_dir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        head = process.stdout.readline()
        process.terminate()
        rest = process.stdout.read()
        assert process.wait(30) == 0
    return head + rest


def test_watching_leaves_results_and_exit_codes_as_they_are(
    command: Command, running: Running, audio: Path, tmp_path: Path
) -> None:
    plain = command.run("transcribe", audio, *at(running), "-f", "json", "--quiet")
    watched = command.run("transcribe", audio, *at(running), "-f", "json", "--quiet", "--watch")
    assert (watched.exit_code, plain.exit_code) == (0, 0)
    assert json.loads(watched.stdout)["segments"] == json.loads(plain.stdout)["segments"]
    missing = command.run("transcribe", tmp_path / "missing.wav", *at(running), "--watch")
    assert missing.exit_code == 1
