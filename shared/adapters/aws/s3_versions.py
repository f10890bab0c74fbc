"""Which version of an object is meant, in buckets that keep versions and in those that don't.

Where the bucket keeps them a version is ``id:<VersionId>`` and is read by that id, whatever came
over it since; elsewhere it is ``etag:<ETag>``, and reading is refused once the object has another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

#: How S3 calls the only version of an object in a bucket that keeps none.
NO_VERSION_ID = "null"


class Pin(TypedDict, total=False):
    """Parameters of GetObject that let it answer with this version or not at all."""

    VersionId: str
    IfMatch: str


def version_of(answer: Mapping[str, Any]) -> str:
    """The version in S3's answer about an object, whichever operation it was."""
    version_id = answer.get("VersionId")
    if version_id and version_id != NO_VERSION_ID:
        return f"id:{version_id}"
    return "etag:" + str(answer["ETag"]).strip('"')


def pin(version: str) -> Pin:
    """The parameters that name this version."""
    kind, _, value = version.partition(":")
    return {"VersionId": value} if kind == "id" else {"IfMatch": f'"{value}"'}
