"""A test on each platform: its records and objects; queues, bus and launcher are local ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from shared.ports.platform import Platform
from tests.support.aws_contracts import AwsAdapters
from tests.support.platform import make_deployment

PLATFORMS = ("local", "aws")


@contextmanager
def platform_on(name: str, folder: Path) -> Iterator[Platform]:
    """The platform of this name, empty; on AWS in a table and a bucket of its own (moto)."""
    with make_deployment(folder) as deployment:
        if name == "local":
            yield deployment.platform
            return
        aws = AwsAdapters()
        try:
            yield replace(
                deployment.platform,
                jobs=aws.job_store(),
                deliveries=aws.delivery_store(),
                keys=aws.key_store(),
                blobs=aws.blob_store(),
            )
        finally:
            aws.close()
