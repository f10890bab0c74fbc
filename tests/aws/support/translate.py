"""``python translate.py TEMPLATE REGION``: SAM's template as CloudFormation, on standard output.

Standard input holds, as JSON, where the code of each function lies: logical ids to
``{"Bucket": …, "Key": …}``; the translator wants it in a bucket, where `sam deploy` puts it. This
runs in an environment of its own: the translator asks for an older pydantic than the product's.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


class _NoManagedPolicies:
    """Our roles name no policy of AWS's; the translator would ask IAM for the list of them."""

    def load(self) -> dict[str, str]:
        return {}


def main() -> None:
    from samtranslator.translator.transform import transform
    from samtranslator.yaml_helper import yaml_parse

    template, region = sys.argv[1:]
    os.environ["AWS_DEFAULT_REGION"] = region  # it asks boto3 for the partition
    document: dict[str, Any] = yaml_parse(Path(template).read_text(encoding="utf-8"))
    code = json.load(sys.stdin)
    for name, place in code.items():
        document["Resources"][name]["Properties"]["CodeUri"] = place
    json.dump(transform(document, {}, _NoManagedPolicies()), sys.stdout)


if __name__ == "__main__":
    main()
