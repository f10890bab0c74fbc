"""``microburst``, but a request keeps the host that it was signed for, and an answer its length.

Microburst names the upstream in the Host header, which the signature covers: ministack, which
checks signatures, would refuse every request. Its own remedy is to sign anew with credentials of
its own, and then every caller would be the same one to IAM. It also sends answers in chunks
without a length, which S3 never does. Run by microburst's own Python.
"""

from __future__ import annotations

from typing import Any

from microburst import cli, forward


def main() -> None:
    name_upstream = forward.Upstream._outbound_headers

    def keep_host(self: Any, request: Any) -> dict[str, str]:
        headers: dict[str, str] = name_upstream(self, request)
        return headers | {"host": request.headers["Host"]}

    forward.Upstream._outbound_headers = keep_host
    forward.HOP_BY_HOP = forward.HOP_BY_HOP - {"content-length"}
    cli.main()


if __name__ == "__main__":
    main()
