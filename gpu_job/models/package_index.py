"""Finding an archive on the package index that this machine is configured with."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from gpu_job.models.download import DownloadFailed
from gpu_job.models.pip_config import PackageIndex

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 60.0


def index_finder(index: PackageIndex) -> Callable[[str, bool], str]:
    """Return a function from ``name==version`` (and "the source archive?") to its address.

    Raises:
        DownloadFailed: (by that function) the index does not answer or lacks that version.
    """

    def find(requirement: str, sdist: bool) -> str:  # noqa: FBT001 (a Callable has no keywords)
        import httpx2
        from unearth import PackageFinder
        from unearth.auth import MultiDomainBasicAuth
        from unearth.fetchers import PyPIClient

        with PyPIClient(
            trusted_hosts=index.trusted_hosts, verify=tls(index), follow_redirects=True
        ) as client:
            client.auth = MultiDomainBasicAuth(index_urls=index.index_urls, prompting=False)
            session: Any = client  # a Fetcher at run time; its stubs disagree with httpx2's
            finder = PackageFinder(
                session=session,
                index_urls=index.index_urls,
                find_links=index.find_links,
                ignore_compatibility=True,
                no_binary=[":all:"] if sdist else [],
                only_binary=[] if sdist else [":all:"],
            )
            try:
                best = finder.find_best_match(requirement, allow_yanked=True).best
            except (httpx2.HTTPError, OSError, ValueError) as exc:
                # The exception's own text may hold an address with credentials.
                msg = f"the package index did not answer for {requirement}: {type(exc).__name__}"
                raise DownloadFailed(msg) from exc
        if best is None:
            msg = f"the package index has no {requirement}"
            raise DownloadFailed(msg)
        return _with_credentials(best.link.url, index)

    return find


def http_client(index: PackageIndex) -> httpx.Client:
    """Build the client for downloads: the index's authorities, and a short connect timeout."""
    return httpx.Client(
        verify=tls(index),
        timeout=httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS),
        mounts={f"all://{host}": httpx.HTTPTransport(verify=False) for host in index.trusted_hosts},
    )


def tls(index: PackageIndex) -> ssl.SSLContext | bool:
    """Trust the authorities that pip is told to trust, or the usual ones."""
    return ssl.create_default_context(cafile=index.cert) if index.cert else True


def _with_credentials(url: str, index: PackageIndex) -> str:
    """Give a link on the index's own host the index's user and password."""
    link = urlsplit(url)
    for candidate in index.index_urls:
        parts = urlsplit(candidate)
        if parts.username and parts.hostname == link.hostname and not link.username:
            userinfo = parts.netloc.rpartition("@")[0]
            return urlunsplit(link._replace(netloc=f"{userinfo}@{link.netloc}"))
    return url
