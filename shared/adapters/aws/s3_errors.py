"""What S3's error codes mean for the blob store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from shared.adapters.aws.clients import error_code, translated
from shared.domain.errors import NotFound, VersionConflict

#: A HEAD's answer has no body, so that its code is the bare status.
_ABSENT = frozenset({"404", "NoSuchKey"})
_OTHER_VERSION = frozenset({"412", "PreconditionFailed", "NoSuchVersion"})

#: A conditional write met an object that is there.
PRESENT = frozenset({"412", "PreconditionFailed"})
#: A conditional write met another one that is under way.
WRITTEN_MEANWHILE = frozenset({"409", "ConditionalRequestConflict"})


@contextmanager
def reading(key: str) -> Iterator[None]:
    """Turn what S3 says about one object into the port's errors.

    Raises:
        NotFound: there is none.
        VersionConflict: it is of another version than was asked for.
        Unavailable: anything else.
    """
    from botocore.exceptions import ClientError

    with translated("the bucket"):
        try:
            yield
        except ClientError as exc:
            if error_code(exc) in _ABSENT:
                raise NotFound(f"no object {key!r}") from exc
            if error_code(exc) in _OTHER_VERSION:
                raise VersionConflict(
                    f"object {key!r} is no longer of the version that was named"
                ) from exc
            raise
