"""Sends due webhooks, several at once, so that one slow receiver holds up no other."""

from __future__ import annotations

import logging
import queue
import threading
import time

import httpx

from functions.webhook.handle import handle_delivery, webhook_client
from shared.domain.errors import Stopped, TamlilError
from shared.ports.platform import Platform

_log = logging.getLogger(__name__)

_SENDERS = 8


class Deliverer:
    """A few sender threads fed by `step`, which a loop repeats.

    The threads are daemons of our own rather than a `ThreadPoolExecutor`: the interpreter would
    wait for the executor's threads at exit, for as long as a receiver keeps them waiting.
    """

    def __init__(
        self, platform: Platform, stopping: threading.Event, *, senders: int = _SENDERS
    ) -> None:
        self._platform = platform
        self._stopping = stopping
        self._client = webhook_client(platform.webhooks)
        self._todo: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._taken: set[str] = set()
        self._lock = threading.Lock()
        self._room = senders
        self._threads = [
            threading.Thread(target=self._run, name=f"tamlil-sender-{index}", daemon=True)
            for index in range(senders)
        ]

    def start(self) -> None:
        """Begin to wait for work."""
        for thread in self._threads:
            thread.start()

    def step(self) -> bool:
        """Hand out what is due and not yet taken, as far as senders are free.

        Returns False always: a delivery stays due until its sender has locked it, so looking
        again at once would find the same.

        Raises:
            Unavailable: the store did not answer.
        """
        with self._lock:
            room = self._room - len(self._taken)
            taken = set(self._taken)
        if room <= 0:
            return False
        due = self._platform.deliveries.due(now=self._platform.clock.now(), limit=room + len(taken))
        fresh = [delivery.id for delivery in due if delivery.id not in taken][:room]
        with self._lock:
            self._taken.update(fresh)
        for delivery_id in fresh:
            self._todo.put(delivery_id)
        return False

    def close(self, timeout: float) -> bool:
        """Let the senders end, which the event has told them to; True when all did in time.

        An attempt that was cut short is not recorded: it comes again when its lock has run out.
        """
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        ended = not any(thread.is_alive() for thread in self._threads)
        if ended:
            self._client.close()
        return ended

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                delivery_id = self._todo.get(timeout=0.2)
            except queue.Empty:
                continue
            try:
                self._send(delivery_id, self._client)
            finally:
                with self._lock:
                    self._taken.discard(delivery_id)

    def _send(self, delivery_id: str, client: httpx.Client) -> None:
        extra = {"delivery_id": delivery_id}
        try:
            handle_delivery(
                self._platform, delivery_id, client=client, should_stop=self._stopping.is_set
            )
        except Stopped:
            _log.info("stopped while sending a webhook; it will be sent again", extra=extra)
        except TamlilError as exc:
            _log.warning("webhook not sent: %s", exc.detail, extra=extra | {"code": exc.code})
        except Exception:  # noqa: BLE001 - a fault of ours, told in full; the others go on
            _log.exception("webhook not sent", extra=extra)
