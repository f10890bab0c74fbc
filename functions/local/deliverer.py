"""Sends due webhooks, many at once, so that one slow receiver holds up no other."""

from __future__ import annotations

import logging
import threading
import time

import httpx

from functions.local.delivery_turns import DeliveryTurns, Lane, Shares, lane_of
from functions.webhook.handle import handle_delivery, webhook_client
from shared.domain.deliveries import Delivery
from shared.domain.errors import Stopped, TamlilError
from shared.ports.platform import Platform

_log = logging.getLogger(__name__)


class Deliverer:
    """A thread for each delivery in hand, begun by `step`, which a loop repeats.

    The threads are daemons of our own rather than a `ThreadPoolExecutor`: the interpreter would
    wait for the executor's threads at exit, for as long as a receiver keeps them waiting.
    """

    def __init__(
        self, platform: Platform, stopping: threading.Event, *, shares: Shares | None = None
    ) -> None:
        self._platform = platform
        self._stopping = stopping
        self._client = webhook_client(platform.webhooks)
        self._turns = DeliveryTurns(platform.deliveries, shares or Shares())
        self._busy: dict[str, Lane] = {}
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()

    def step(self) -> bool:
        """Begin what is due and whose turn it is, as far as there is room.

        Returns False always: a delivery stays due until its thread has locked it, so looking
        again at once would find the same.

        Raises:
            Unavailable: the store did not answer.
        """
        with self._lock:
            busy = dict(self._busy)
        for delivery in self._turns.choose(now=self._platform.clock.now(), busy=busy):
            self._begin(delivery)
        return False

    def close(self, timeout: float) -> bool:
        """Let the threads end, which the event has told them to; True when all did in time.

        An attempt that was cut short is not recorded: it comes again when its lock has run out.
        """
        deadline = time.monotonic() + timeout
        with self._lock:
            threads = set(self._threads)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        ended = not any(thread.is_alive() for thread in threads)
        if ended:
            self._client.close()
        return ended

    def _begin(self, delivery: Delivery) -> None:
        thread = threading.Thread(
            target=self._run, args=(delivery.id,), name="tamlil-sender", daemon=True
        )
        with self._lock:
            self._busy[delivery.id] = lane_of(delivery)
            self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:  # the system has no thread left; the delivery stays due
            self._end(delivery.id, thread)
            raise

    def _run(self, delivery_id: str) -> None:
        try:
            self._send(delivery_id, self._client)
        finally:
            self._end(delivery_id, threading.current_thread())

    def _end(self, delivery_id: str, thread: threading.Thread) -> None:
        with self._lock:
            self._busy.pop(delivery_id, None)
            self._threads.discard(thread)

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
