"""Which variables are missing or wrong, in words that hold no value: that may be a secret."""

from __future__ import annotations

from pydantic import ValidationError


def problems_of(error: ValidationError) -> list[str]:
    """One sentence a variable, such as ``TAMLIL_AWS_TABLE: Field required``."""
    prefix = "TAMLIL_AWS_" if error.title == "AwsSettings" else "TAMLIL_"
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return [
        f"{prefix}{'_'.join(str(part) for part in one['loc']).upper()}: {one['msg']}"
        for one in found
    ]
