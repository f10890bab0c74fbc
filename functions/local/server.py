"""The embedded server: HTTP in one thread, and a loop for each trigger that a cloud would have."""

from __future__ import annotations

import functools
import ipaddress
import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from starlette.types import ASGIApp, Receive, Scope, Send

from functions.api.factory import create_app
from functions.dispatch.handle import handle as dispatch
from functions.local.blob_routes import create_blob_app
from functions.local.data_lock import DataLock
from functions.local.deliverer import Deliverer
from functions.local.http_server import HttpServer, bind, url_of
from functions.local.inbox import Inbox
from functions.local.loop import Loop
from functions.local.queue_pump import QueuePump
from functions.local.worker_watch import WorkerWatch
from functions.sweep.handle import handle as sweep
from functions.webhook.handle import handle_event
from shared.domain.errors import Unavailable
from shared.ports.launcher import Launcher
from shared.ports.platform import Platform
from shared.settings import Settings
from shared.wiring.local import LocalDeployment, open_local

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.1
_SWEEP_SECONDS = 0.5
_INBOX_SECONDS = 0.5
_HTTP_STOP_SECONDS = 2.0
_LOOP_STOP_SECONDS = 2.0
_WORKER_STOP_SECONDS = 5.0
_WORKER_POLL_SECONDS = 0.02
_SWEEP_LIMIT = 100  # the service's own; a full round means that there is more


class EmbeddedServer:
    """Everything on one machine; start and stop it, or use it as a context manager.

    Stopping is orderly: no new work, the workers give their jobs back, the database is closed.
    Being killed costs nothing that was promised either: the next start goes on from the records.

    Raises (from `start`):
        Unavailable: the port or the data folder is in use, or can't be used.
    """

    def __init__(self, settings: Settings, *, launcher: Launcher | None = None) -> None:
        self.settings = settings
        self.url = ""
        self._launcher = launcher
        self._stopping = threading.Event()
        self._undo = ExitStack()
        self._deployment: LocalDeployment | None = None
        self._loops: list[Loop] = []

    @property
    def platform(self) -> Platform:
        """The ports that the server works on; only while it runs."""
        return self._running().platform

    def start(self) -> None:
        """Return when everything runs and the first request can be answered."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything, in the reverse order of the start; safe to call at any time, and again.

        No new work first, then the workers give their jobs back, then the database is closed.
        """
        self._stopping.set()
        self._undo.close()
        self._deployment = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _start(self) -> None:
        undo = self._undo.callback
        bound = bind(self.settings.host, self.settings.port)
        undo(bound.close)
        undo(DataLock(self.settings.data_dir).release)
        deployment = self._deployment = open_local(self.settings, launcher=self._launcher)
        undo(deployment.close)
        self.url = url_of(bound, self.settings.host)
        deployment.signer.base_url = self.settings.public_url or self.url
        _warn_if_exposed(self.settings.host)
        deliverer = Deliverer(deployment.platform, self._stopping)
        undo(deliverer.close, _LOOP_STOP_SECONDS)
        undo(_stop_workers, deployment.platform)
        undo(self._join_loops)
        self._start_loops(deployment, deliverer)
        api = create_app(deployment.platform, self.settings)
        blobs = create_blob_app(
            deployment.platform, deployment.signer, cors_origins=self.settings.cors_origins
        )
        http = HttpServer(_side_by_side(api, blobs), bound)
        undo(http.stop, _HTTP_STOP_SECONDS)
        undo(api.state.watchers.close)
        http.start()

    def _start_loops(self, deployment: LocalDeployment, deliverer: Deliverer) -> None:
        platform = deployment.platform
        for queue in (platform.queue, deployment.event_queue):
            # Deaths of the server used up receives too; a new version may do what one could not.
            if (count := queue.redrive()) > 0:
                _log.warning("%d dead letters are tried again", count)
        jobs = QueuePump(platform.queue, functools.partial(dispatch, platform))
        events = QueuePump(deployment.event_queue, functools.partial(handle_event, platform))
        self._add("dispatch", jobs.step, _POLL_SECONDS)
        self._add("events", events.step, _POLL_SECONDS)
        self._add("webhooks", deliverer.step, _POLL_SECONDS)
        self._add("sweep", functools.partial(_sweep_once, platform), _SWEEP_SECONDS)
        self._add("workers", WorkerWatch(platform).step, _POLL_SECONDS)
        if self.settings.inbox:
            inbox = Inbox(platform, self.settings.watched_folder)
            self._add("inbox", inbox.step, _INBOX_SECONDS)

    def _add(self, name: str, step: Callable[[], bool], poll_seconds: float) -> None:
        loop = Loop(name, step, poll_seconds=poll_seconds, stopping=self._stopping)
        self._loops.append(loop)
        loop.start()

    def _join_loops(self) -> None:
        for loop in self._loops:
            if not loop.join(_LOOP_STOP_SECONDS):
                _log.warning("the %s loop is still busy", loop.name)

    def _running(self) -> LocalDeployment:
        if self._deployment is None:
            raise Unavailable("the server is not running", retryable=False)
        return self._deployment


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server on that host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _stop_workers(platform: Platform) -> None:
    """Ask all to end, and wait until they have given their jobs back."""
    for execution in platform.launcher.active():
        platform.launcher.stop(execution)
    deadline = time.monotonic() + _WORKER_STOP_SECONDS
    while platform.launcher.active():
        if time.monotonic() > deadline:
            _log.warning("a worker has not ended; its job will go on when its lease runs out")
            return
        time.sleep(_WORKER_POLL_SECONDS)


def _side_by_side(api: ASGIApp, blobs: ASGIApp) -> ASGIApp:
    """Signed URLs go to the blob store, everything else to the API."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        signed = scope["type"] == "http" and scope["path"].startswith("/blobs/")
        await (blobs if signed else api)(scope, receive, send)

    return serve


def _sweep_once(platform: Platform) -> bool:
    """Go on at once while there is more to mend than one round takes."""
    report = sweep(platform)
    return report.seen >= _SWEEP_LIMIT and report.troubled == 0


def _warn_if_exposed(host: str) -> None:
    if not is_loopback(host):
        _log.warning(
            "listening on %s: other machines can reach this server, and nothing is encrypted;"
            " put a TLS proxy in front of it",
            host,
        )
