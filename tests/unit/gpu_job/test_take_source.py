"""Fetching with the limits that a deployment's settings give, as the pipelines do it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from gpu_job.held_job import HeldJob
from gpu_job.steps.take_source import make_source_taker
from gpu_job.stopwatch import Stopwatch
from shared.domain.errors import SourceError
from shared.domain.job import Source, SourceKind
from tests.support.file_server import file_server
from tests.support.platform import make_deployment, make_settings
from tests.support.records import make_job


def take(folder: Path, url: str, **overrides: Any) -> Path:
    """Fetch `url` as a worker with these settings does."""
    data = folder / "data"
    job = make_job(source=Source(kind=SourceKind.URL, url=url))
    with make_deployment(data, **overrides) as deployment:
        held = HeldJob(platform=deployment.platform, job=job, held_since=time.monotonic())
        taker = make_source_taker(make_settings(data, **overrides), deployment.platform.blobs)
        return taker(held, folder, Stopwatch())


@contextmanager
def untouched() -> Iterator[int]:
    """A port of this machine to which nobody connects while the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::ffff:127.0.0.1]"])
def test_by_default_a_url_to_this_machine_is_refused_unasked(tmp_path: Path, host: str) -> None:
    with untouched() as port, pytest.raises(SourceError) as caught:
        take(tmp_path, f"http://{host}:{port}/a.wav", fetch_seconds=2.0)
    assert caught.value.code == "url_refused"


def test_by_default_a_url_to_a_private_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="private") as caught:
        take(tmp_path, "http://10.0.0.1/a.wav", fetch_seconds=2.0)
    assert caught.value.code == "url_refused"


def test_a_deployment_that_allows_it_fetches_from_this_machine(tmp_path: Path) -> None:
    with file_server() as server:
        server.files["/a.wav"] = b"audio"
        port = httpx.URL(server.url).port
        taken = take(tmp_path, f"http://localhost:{port}/a.wav", allow_loopback_urls=True)
        assert taken.read_bytes() == b"audio"


def test_the_size_that_the_settings_name_is_the_limit(tmp_path: Path) -> None:
    with file_server() as server:
        server.files["/a.wav"] = b"audio"
        with pytest.raises(SourceError) as caught:
            take(tmp_path, f"{server.url}/a.wav", allow_loopback_urls=True, max_source_bytes=4)
    assert caught.value.code == "source_too_large"
