from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from standardwebhooks import Webhook

from functions.local.delivery_turns import Shares
from functions.local.server import EmbeddedServer, is_loopback
from shared.domain.errors import Unavailable
from shared.domain.job import Status, WebhookTarget
from shared.services.cancel_job import cancel_job
from shared.services.manage_webhooks import send_test
from shared.services.submission import Submission, UrlAudio
from shared.services.submit_job import submit_job
from shared.wiring.local import open_local
from tamlil.receiver import WebhookReceiver
from tests.support.embedded import Running, running_server
from tests.support.platform import RecordingLauncher, make_deployment, make_settings
from tests.support.scripted_server import ScriptedServer, response
from tests.support.waiting import wait_for


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with running_server(tmp_path / "data") as found:
        yield found


@contextmanager
def held_audio() -> Iterator[tuple[str, threading.Event]]:
    """A URL whose audio begins to come, and goes on only when the event is set."""
    release = threading.Event()

    def script(_: str) -> Iterable[bytes]:
        whole = response(b"the audio")
        yield whole[:-5]
        release.wait(60)
        yield whole[-5:]

    with ScriptedServer(script).running() as server:
        try:
            yield server.url("/a.wav"), release
        finally:
            release.set()


def test_a_job_goes_from_submit_to_a_signed_webhook(running: Running) -> None:
    secret = running.http.get("/api/v1/webhooks/secret").json()["secret"]
    with WebhookReceiver() as receiver:
        job_id = running.submit_bytes(webhook_url=receiver.url)
        assert running.finished(job_id)["status"] == "completed"
        received = receiver.wait(30)
        assert received is not None
        Webhook(secret).verify(received.body, received.headers)
        wait_for(lambda: running.deliveries()[0]["status"] == "delivered")
        assert receiver.wait(1) is None


@pytest.mark.parametrize("same_tenant", [False, True])
def test_one_slow_receiver_holds_up_no_other(running: Running, *, same_tenant: bool) -> None:
    """With far more hanging deliveries than there are senders."""
    release = threading.Event()
    platform = running.server.platform
    hanging = 3 * Shares().senders

    def script(_: str) -> Iterable[bytes]:
        release.wait(60)
        yield response(status="204 No Content")

    with ScriptedServer(script).running() as slow, WebhookReceiver() as quick:
        try:
            for _ in range(hanging):
                send_test(platform, tenant="acme" if same_tenant else "evil", url=slow.url())
            wait_for(lambda: len(slow.heads) == Shares().receiver)
            running.http.post("/api/v1/webhooks/test", json={"url": quick.url})
            assert quick.wait(10) is not None
            assert len(slow.heads) == Shares().receiver
        finally:
            release.set()


def test_many_tenants_slow_receivers_are_called_at_the_same_time(running: Running) -> None:
    """Neither the senders nor their connections wait for each other."""
    release = threading.Event()
    tenants = Shares().senders // Shares().receiver

    def script(_: str) -> Iterable[bytes]:
        release.wait(60)
        yield response(status="204 No Content")

    with ScriptedServer(script).running() as slow:
        try:
            for number in range(tenants * Shares().receiver):
                tenant = f"tenant-{number % tenants}"
                send_test(running.server.platform, tenant=tenant, url=slow.url())
            wait_for(lambda: len(slow.heads) == Shares().senders, seconds=12)
        finally:
            release.set()


def test_no_worker_waits_for_a_webhook(running: Running) -> None:
    """The one worker goes on to the next job while a receiver keeps the first one's webhook."""
    release = threading.Event()

    def script(_: str) -> Iterable[bytes]:
        release.wait(60)
        yield response(status="204 No Content")

    with ScriptedServer(script).running() as slow:
        try:
            told = running.submit_bytes(webhook_url=slow.url())
            wait_for(lambda: slow.heads)
            assert running.job(told)["status"] == "completed"
            assert running.finished(running.submit_bytes())["status"] == "completed"
            assert len(running.server.platform.launcher.active()) == 1
            assert running.deliveries()[0]["attempts"] == []
        finally:
            release.set()


def test_a_signed_upload_starts_its_job_when_the_bytes_are_there(running: Running) -> None:
    created = running.http.post("/api/v1/uploads", json={"size_bytes": 5, "transcribe": {}}).json()
    assert created["url"].startswith(f"{running.server.url}/blobs/")
    assert running.job(created["job_id"])["status"] == "awaiting_upload"
    assert httpx.put(created["url"], content=b"audio").status_code == 200
    assert running.finished(created["job_id"])["status"] == "completed"


def test_a_dropped_file_becomes_a_job_and_is_done(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", inbox=True) as running:
        folder = running.server.settings.watched_folder / "acme"
        folder.mkdir(parents=True)
        (folder / "call.wav").write_bytes(b"audio")
        jobs = wait_for(lambda: running.http.get("/api/v1/jobs").json()["jobs"])
        assert running.finished(jobs[0]["job_id"])["status"] == "completed"
        assert (folder / ".done" / f"{jobs[0]['job_id']}-call.wav").exists()
        assert len(running.http.get("/api/v1/jobs").json()["jobs"]) == 1


def test_a_message_that_nobody_can_read_is_buried_and_stops_nothing(running: Running) -> None:
    queue = running.server.platform.queue
    queue.send("not a message")
    queue.send('{"version":99,"job_id":"job_1"}')
    job_id = running.submit_bytes()
    assert running.finished(job_id)["status"] == "completed"
    wait_for(lambda: queue.depth().dead == 2)
    assert queue.depth().waiting == 0


def test_a_restart_tries_dead_letters_again(tmp_path: Path) -> None:
    """An event that was received in vain too often still becomes its webhook."""
    with WebhookReceiver() as receiver:
        with make_deployment(tmp_path / "data", allow_loopback_urls=True) as before:
            hook = WebhookTarget(url=receiver.url)
            audio = UrlAudio(url="https://example.com/a.wav")
            submission = Submission(tenant="acme", audio=audio, webhook=hook)
            job = submit_job(before.platform, submission).job
            cancel_job(before.platform, tenant="acme", job_id=job.id)
            while before.event_queue.depth().dead == 0:
                before.event_queue.receive(visibility_seconds=0.0)
        with running_server(tmp_path / "data") as running:
            received = receiver.wait(30)
            assert received is not None
            assert received.headers["webhook-id"] == f"{job.id}_cancelled"
            assert running.job(job.id)["status"] == "cancelled"


def test_stopping_gives_the_job_in_hand_back_and_ends_the_worker(tmp_path: Path) -> None:
    with held_audio() as (url, _):
        with running_server(tmp_path / "data") as running:
            job_id = running.submit_url(url)
            wait_for(lambda: running.job(job_id)["stage"] == "fetching")
            launcher = running.server.platform.launcher
        assert launcher.active() == frozenset()
    deployment = open_local(running.server.settings, launcher=RecordingLauncher())
    try:
        job = deployment.platform.jobs.get(job_id)
        assert (job.status, job.failures) == (Status.PENDING, 0)
    finally:
        deployment.close()


def test_an_idle_server_stops_quickly(tmp_path: Path) -> None:
    server = EmbeddedServer(make_settings(tmp_path, port=0), launcher=RecordingLauncher())
    server.start()
    started = time.monotonic()
    server.stop()
    assert time.monotonic() - started < 2.0


def test_a_cancelled_job_s_worker_is_stopped(running: Running) -> None:
    with held_audio() as (url, release):
        job_id = running.submit_url(url)
        wait_for(lambda: running.job(job_id)["stage"] == "fetching")
        running.http.delete(f"/api/v1/jobs/{job_id}")
        wait_for(lambda: not running.server.platform.launcher.active(), seconds=15)
        release.set()
        assert running.job(job_id)["status"] == "cancelled"


def test_two_servers_never_share_a_data_folder(running: Running) -> None:
    second = EmbeddedServer(running.server.settings, launcher=RecordingLauncher())
    with pytest.raises(Unavailable) as caught:
        second.start()
    assert caught.value.code == "data_dir_in_use"
    assert running.http.get("/health").status_code == 200


def test_a_port_in_use_is_told(running: Running, tmp_path: Path) -> None:
    port = httpx.URL(running.server.url).port
    second = EmbeddedServer(make_settings(tmp_path / "other", port=port))
    with pytest.raises(Unavailable) as caught:
        second.start()
    assert caught.value.code == "port_in_use"
    assert str(port) in caught.value.detail


def test_a_data_folder_is_free_again_after_a_failed_start(tmp_path: Path) -> None:
    (tmp_path / "tamlil.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(Unavailable):
        EmbeddedServer(make_settings(tmp_path, port=0)).start()
    (tmp_path / "tamlil.db").unlink()
    with EmbeddedServer(make_settings(tmp_path, port=0), launcher=RecordingLauncher()) as server:
        assert httpx.get(f"{server.url}/health/ready").status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_addresses_are_known_as_such(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "example.com", "::"])  # noqa: S104
def test_every_other_address_is_taken_as_exposed(host: str) -> None:
    assert not is_loopback(host)
