"""The composition root: the only place that chooses a platform and builds its adapters.

One module a platform, imported when it is chosen: a bundle holds the adapters of its own only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a function on AWS imports what is below without loading pydantic
    from shared.ports.platform import Platform
    from shared.settings import Settings


@contextmanager
def load(settings: Settings) -> Iterator[Platform]:
    """The platform that the settings name, closed at the end of the block.

    Raises:
        InvalidRequest: code ``invalid_settings``: a name that the platform needs is not set.
    """
    if settings.platform == "aws":
        from shared.wiring.aws import open_aws

        yield open_aws(settings)
        return
    from shared.wiring.local import open_local

    deployment = open_local(settings)
    try:
        yield deployment.platform
    finally:
        deployment.close()
