"""A webhook's receiver, played behind `httpx.MockTransport`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx


@dataclass
class ModelReceiver:
    """Remembers every request; gives `faults`, then `answers`, then 200.

    `during` runs while the sender waits for the answer.
    """

    answers: list[int] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)
    headers: Mapping[str, str | bytes] = field(default_factory=dict)
    during: Callable[[], object] | None = None
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        if self.during is not None:
            self.during()
        if self.faults:
            raise self.faults.pop(0)
        status = self.answers.pop(0) if self.answers else 200
        raw = {
            name: value if isinstance(value, bytes) else value.encode()
            for name, value in self.headers.items()
        }
        headers = [(name.encode(), value) for name, value in raw.items()]
        return httpx.Response(status, headers=headers)

    def ids(self) -> Counter[str]:
        """How often each event came."""
        return Counter(request.headers["webhook-id"] for request in self.requests)
