"""Signed URLs of the embedded blob store, as S3 and Google Cloud Storage have them.

Everything that the holder of a URL may do is in its query and covered by one HMAC-SHA256 over
``[version, method, key, expires, max_bytes, content_type, filename]`` as JSON, so that no two
grants share a text. The HTTP route that serves ``/blobs/<key>`` calls `verify_download` or
`verify_upload` before it touches the store, and must hold an upload to `max_bytes` while reading.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from shared.domain.errors import Forbidden
from shared.ports.blob_store import SignedUpload
from shared.ports.clock import Clock

DOWNLOAD_METHOD = "GET"
UPLOAD_METHOD = "PUT"
_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class DownloadGrant:
    """The holder may read `key`; `filename` is what a browser should save it as."""

    key: str
    expires_at: float
    filename: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadGrant:
    """The holder may store at most `max_bytes` under `key`, as `content_type` if it is given."""

    key: str
    expires_at: float
    max_bytes: int
    content_type: str | None = None


class UrlSigner:
    """Makes and checks URLs of the form ``<base_url>/blobs/<key>?expires=…&signature=…``.

    `base_url` may be a function, or be set later, for a server that learns its port at start.
    """

    def __init__(self, secret: bytes, base_url: str | Callable[[], str], clock: Clock) -> None:
        self.base_url = base_url
        self._secret = secret
        self._clock = clock

    def sign_download(self, key: str, *, expires_in: float, filename: str | None = None) -> str:
        """A URL that reads this object for `expires_in` seconds."""
        fields = {"expires": self._expires(expires_in)}
        if filename is not None:
            fields["filename"] = filename
        return self._url(DOWNLOAD_METHOD, key, fields)

    def sign_upload(
        self, key: str, *, expires_in: float, max_bytes: int, content_type: str | None = None
    ) -> SignedUpload:
        """A PUT request that stores at most `max_bytes`; the headers are part of the grant."""
        fields = {"expires": self._expires(expires_in), "max_bytes": str(max_bytes)}
        headers = {}
        if content_type is not None:
            fields["content_type"] = content_type
            headers["Content-Type"] = content_type
        return SignedUpload(
            url=self._url(UPLOAD_METHOD, key, fields),
            method=UPLOAD_METHOD,
            expires_at=float(fields["expires"]),
            max_bytes=max_bytes,
            headers=headers,
        )

    def verify_download(self, key: str, query: Mapping[str, str]) -> DownloadGrant:
        """What the query of a download URL grants.

        Raises:
            Forbidden: code ``signature_invalid`` or ``signature_expired``.
        """
        expires_at = self._verify(DOWNLOAD_METHOD, key, query)
        return DownloadGrant(key=key, expires_at=expires_at, filename=query.get("filename"))

    def verify_upload(self, key: str, query: Mapping[str, str]) -> UploadGrant:
        """What the query of an upload URL grants.

        Raises:
            Forbidden: code ``signature_invalid`` or ``signature_expired``.
        """
        expires_at = self._verify(UPLOAD_METHOD, key, query)
        return UploadGrant(
            key=key,
            expires_at=expires_at,
            max_bytes=int(query["max_bytes"]),  # signed, so it is what sign_upload wrote
            content_type=query.get("content_type"),
        )

    def _expires(self, expires_in: float) -> str:
        return f"{self._clock.now() + expires_in:.3f}"

    def _url(self, method: str, key: str, fields: Mapping[str, str]) -> str:
        base = self.base_url if isinstance(self.base_url, str) else self.base_url()
        query = urlencode({**fields, "signature": self._signature(method, key, fields)})
        return f"{base.rstrip('/')}/blobs/{quote(key)}?{query}"

    def _signature(self, method: str, key: str, fields: Mapping[str, str]) -> str:
        names = ("expires", "max_bytes", "content_type", "filename")
        signed = [_VERSION, method, key, *(fields.get(name) for name in names)]
        return hmac.new(self._secret, json.dumps(signed).encode(), hashlib.sha256).hexdigest()

    def _verify(self, method: str, key: str, query: Mapping[str, str]) -> float:
        expected = self._signature(method, key, query)
        # As bytes: compare_digest refuses text that is not ASCII, and this one is a stranger's.
        given = query.get("signature", "").encode(errors="replace")
        if not hmac.compare_digest(expected.encode(), given):
            raise Forbidden("the URL's signature is not right", code="signature_invalid")
        expires_at = float(query["expires"])
        if self._clock.now() >= expires_at:
            raise Forbidden("the URL has expired", code="signature_expired")
        return expires_at
