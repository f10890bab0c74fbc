"""template.yaml on ministack: translated by AWS's translator, its code the built bundles.

What differs from a deployment by `sam deploy`, and nothing else does: the functions' CPU is this
machine's, and Batch's queue and definition are given (to the fake), so that the nested stack of
machines is not made.
"""

from __future__ import annotations

import io
import json
import platform
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.aws.support.ministack import Ministack
from tests.aws.support.programs import ROOT, TRANSLATOR, machine_environment, need
from tests.support.fake_batch_jobs import REGION

TEMPLATE = ROOT / "template.yaml"
NAME = "tamlil-test"
_CODE_BUCKET = "code-of-functions"
_PATIENCE = {"Delay": 1, "MaxAttempts": 120}


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """What CloudFormation made: outputs, and physical names by logical id."""

    outputs: Mapping[str, str]
    names: Mapping[str, str]


def translate(template: Path, code: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The template as CloudFormation is given it, the functions' code lying where `code` says."""
    script = Path(__file__).with_name("translate.py")
    done = subprocess.run(
        [need(TRANSLATOR), script, template, REGION],
        input=json.dumps(code), capture_output=True, text=True, check=False, timeout=120,
        env=machine_environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def packed(folder: Path) -> bytes:
    """A bundle's folder as the zip that Lambda takes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return buffer.getvalue()


def upload_code(cloud: Ministack, bundles: Path) -> dict[str, dict[str, str]]:
    """Put every bundle into a bucket; returns where each function's lies."""
    region = {"LocationConstraint": REGION}
    cloud.client("s3").create_bucket(Bucket=_CODE_BUCKET, CreateBucketConfiguration=region)
    places = {}
    for folder in sorted(path for path in bundles.iterdir() if path.is_dir()):
        key = f"{folder.name}.zip"
        _upload(cloud, key, packed(folder))
        places[folder.name] = {"Bucket": _CODE_BUCKET, "Key": key}
    return places


def _upload(cloud: Ministack, key: str, body: bytes) -> str:
    cloud.client("s3").put_object(Bucket=_CODE_BUCKET, Key=key, Body=body)
    return f"{cloud.url}/{_CODE_BUCKET}/{key}"


def deploy(
    cloud: Ministack,
    document: dict[str, Any],
    parameters: Mapping[str, str],
    *,
    name: str = NAME,
) -> Deployed:
    """Create the stack and wait for it; fails with CloudFormation's own reasons."""
    _use_this_cpu(document)
    cloudformation = cloud.client("cloudformation")
    cloudformation.create_stack(
        StackName=name,
        TemplateURL=_upload(cloud, f"{name}.json", json.dumps(document).encode()),
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
        ],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    try:
        waiter = cloudformation.get_waiter("stack_create_complete")
        waiter.wait(StackName=name, WaiterConfig=_PATIENCE)
    except Exception as exc:
        raise AssertionError(_failures(cloudformation, name)) from exc
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    made = [it for page in pages for it in page["StackResourceSummaries"]]
    return Deployed(
        outputs={it["OutputKey"]: it["OutputValue"] for it in stack.get("Outputs", [])},
        names={it["LogicalResourceId"]: it["PhysicalResourceId"] for it in made},
    )


def _use_this_cpu(document: Mapping[str, Any]) -> None:
    for resource in document["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            arm = platform.machine() in ("aarch64", "arm64")
            resource["Properties"]["Architectures"] = ["arm64" if arm else "x86_64"]


def _failures(cloudformation: Any, name: str) -> str:
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    failed = [it for it in events if it["ResourceStatus"].endswith("FAILED")]
    return "\n".join(
        f"{it['LogicalResourceId']}: {it.get('ResourceStatusReason', '')}" for it in failed
    )
