"""How fast a stream of events is told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """Seconds.

    - look: between looks at the record
    - keepalive: of silence after which a comment keeps proxies from closing the connection
    - longest: after which the stream ends, so that the key is checked anew when the client returns
    - retry: after which a client should come back
    """

    look: float = 0.3
    keepalive: float = 15.0
    longest: float = 900.0
    retry: float = 2.0
