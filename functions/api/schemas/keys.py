"""API keys as they are made and listed."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from functions.schemas.base import TEN_YEARS, Model, Number, Timestamp
from shared.domain.api_keys import DEFAULT_SCOPES, Scope

_Name = Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]

#: Tenant names, as `shared.domain.api_keys.check_tenant` has them.
TenantName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


class KeyRequest(Model, defer_build=False):
    """Make a key."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "uploader", "scopes": ["jobs:write", "jobs:read"]}]
        }
    )

    tenant: TenantName | None = Field(
        default=None, description="Null is your own; another's only by a key of the operator."
    )
    scopes: list[Scope] = Field(default=sorted(DEFAULT_SCOPES), min_length=1, max_length=len(Scope))
    name: _Name | None = Field(default=None, description="For people.")
    expires_in: Number | None = Field(
        default=None, gt=0, le=TEN_YEARS, description="Seconds from now; null is never."
    )


class KeyOut(Model):
    """A key without its secret, which nobody knows but its holder."""

    id: str = Field(examples=["ab12cd34ef56"])
    tenant: str
    scopes: list[Scope]
    name: str | None
    created_at: Timestamp
    expires_at: Timestamp | None
    revoked_at: Timestamp | None


class KeyCreated(KeyOut):
    """The only time that the whole key is shown."""

    token: str = Field(
        description="Keep it: only a hash of it is stored.",
        examples=["tml_ab12cd34ef56_<43 letters and digits>"],
    )


class KeyList(Model):
    """Oldest first, revoked ones included."""

    keys: list[KeyOut]
