"""Kill -9 of real processes: nothing that was promised is lost, nothing is done twice."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from shared.domain.api_keys import Scope
from shared.ports.platform import Platform
from shared.services.manage_keys import create_key
from shared.settings import Settings, environment
from shared.wiring.local import open_local
from tamlil.receiver import WebhookReceiver
from tests.support.platform import RecordingLauncher, make_settings
from tests.support.scripted_server import ScriptedServer, response
from tests.support.waiting import wait_for


@dataclass
class ServerProcess:
    """``python -m functions.local`` over one data folder, started and killed at will."""

    settings: Settings
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "functions.local"],
            env={"PATH": os.environ["PATH"], **environment(self.settings)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(self._answers)

    def kill(self) -> None:
        """SIGKILL; its workers live on."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """SIGTERM, as a service manager does."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            assert self.process.wait(30) == 0

    def _answers(self) -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/health", timeout=5).status_code == 200
        return False


@contextmanager
def server_process(data_dir: Path) -> Iterator[tuple[ServerProcess, Platform, httpx.Client]]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = make_settings(
        data_dir,
        port=port,
        null_engine=True,
        allow_loopback_urls=True,
        lease_seconds=3,
        redispatch_seconds=1,
        outbox_retry_seconds=1,
        retry_backoff_seconds=0.1,
        rate_limit=100_000,
        rate_burst=100_000,
    )
    watcher = open_local(settings, launcher=RecordingLauncher())
    token = create_key(watcher.platform, tenant="acme", scopes=frozenset(Scope)).token
    server = ServerProcess(settings)
    try:
        server.start()
        headers = {"X-API-Key": token}
        with httpx.Client(base_url=server.url, headers=headers, timeout=10) as http:
            yield server, watcher.platform, http
    finally:
        server.end()
        watcher.close()


def all_finished(platform: Platform, ids: Iterable[str]) -> bool:
    return all(platform.jobs.get(job_id).finished for job_id in ids)


def test_a_server_killed_in_the_midst_of_submits_loses_no_promise(tmp_path: Path) -> None:
    accepted: list[str] = []
    refused = threading.Event()

    def submit(http: httpx.Client, url: str) -> None:
        while not refused.is_set():
            try:
                answer = http.post(
                    "/api/v1/transcribe", json={"blob": "YXVkaW8=", "webhook_url": url}
                )
            except httpx.TransportError:
                return  # no answer, no promise
            assert answer.status_code == 202
            accepted.append(answer.json()["job_id"])

    with WebhookReceiver() as receiver, server_process(tmp_path) as (server, platform, http):
        threads = [threading.Thread(target=submit, args=(http, receiver.url)) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(accepted) >= 25)
        server.kill()
        refused.set()
        for thread in threads:
            thread.join()
        server.start()
        wait_for(lambda: all_finished(platform, accepted), seconds=120)
        assert {platform.jobs.get(job_id).status for job_id in accepted} == {"completed"}
        told = Counter[str]()
        wait_for(lambda: _told(receiver, told, at_least=accepted), seconds=120)
        # Delivered at least once; one that was answered and not yet recorded may come again.
        again = [event for event, times in told.items() if times > 1]
        assert len(again) <= 8


def _told(receiver: WebhookReceiver, told: Counter[str], *, at_least: list[str]) -> bool:
    while (received := receiver.wait(0.01)) is not None:
        told[received.headers["webhook-id"]] += 1
    return {f"{job_id}_completed" for job_id in at_least} <= set(told)


def test_a_worker_killed_in_the_midst_of_a_file_costs_one_attempt(tmp_path: Path) -> None:
    asked = threading.Event()
    closing = threading.Event()

    def script(_: str) -> Iterable[bytes]:
        whole = response(b"the audio")
        yield whole[:-5]
        if not asked.is_set():
            asked.set()
            closing.wait(60)  # the first worker waits for the rest, until it is killed
        yield whole[-5:]

    with ScriptedServer(script).running() as audio, server_process(tmp_path) as found:
        server, platform, http = found
        body = {"url": audio.url("/a.wav")}
        job_id = http.post("/api/v1/transcribe", json=body).json()["job_id"]
        wait_for(asked.is_set)
        wait_for(lambda: platform.jobs.get(job_id).attempt == 1)
        assert server.process is not None
        for worker in psutil.Process(server.process.pid).children():
            os.kill(worker.pid, signal.SIGKILL)
        closing.set()
        wait_for(lambda: platform.jobs.get(job_id).finished)
        job = platform.jobs.get(job_id)
        assert (job.status, job.attempt, job.failures) == ("completed", 2, 1)


def test_a_server_that_was_killed_goes_on_with_the_workers_it_had(tmp_path: Path) -> None:
    release = threading.Event()

    def script(_: str) -> Iterable[bytes]:
        whole = response(b"the audio")
        yield whole[:-5]
        release.wait(60)
        yield whole[-5:]

    with ScriptedServer(script).running() as audio, server_process(tmp_path) as found:
        server, platform, http = found
        body = {"url": audio.url("/a.wav")}
        job_id = http.post("/api/v1/transcribe", json=body).json()["job_id"]
        wait_for(lambda: platform.jobs.get(job_id).stage == "fetching")
        server.kill()
        server.start()
        release.set()
        wait_for(lambda: platform.jobs.get(job_id).finished)
        job = platform.jobs.get(job_id)
        assert (job.status, job.attempt) == ("completed", 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with server_process(tmp_path) as (server, _, _http):
        assert server.process is not None
        server.process.send_signal(number)
        expected = 130 if number == signal.SIGINT else 0
        assert server.process.wait(30) == expected
