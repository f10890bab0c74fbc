"""Reading an object through whatever lies between S3 and us."""

from __future__ import annotations

import io
from typing import Any, cast

from shared.adapters.aws.s3_reading import ObjectReader


class S3BehindAProxy:
    """Passes the bytes on in pieces of its own, so that their length is not known beforehand."""

    def get_object(self, **_: Any) -> dict[str, Any]:
        return {"ETag": '"e"', "Body": io.BytesIO(b"transcript")}


def test_an_answer_without_a_length_is_read_to_its_end() -> None:
    reader = ObjectReader(cast("Any", S3BehindAProxy()), "bucket")
    assert list(reader.stream("a", chunk_bytes=4, version=None)) == [b"tran", b"scri", b"pt"]
