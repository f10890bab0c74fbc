"""The templates held against AWS's own tools: the SAM command line, its translator, cfn-lint."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.aws.support.deploy import TEMPLATE, translate
from tests.aws.support.programs import ROOT, TRANSLATOR, machine_environment, need

SAM = TRANSLATOR.with_name("sam")
#: SAM reads the template only; nobody is asked for credentials.
QUIET = {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-west-1", "PYTHONWARNINGS": "ignore"}


def run(*command: str | Path, folder: Path = ROOT) -> tuple[int, str]:
    ended = subprocess.run(
        command, cwd=folder, env=machine_environment() | QUIET, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    return ended.returncode, ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def translated() -> dict[str, Any]:
    """What CloudFormation is given; where the code lies is made up."""
    names = ("Api", "Intake", "Dispatch", "Webhook", "Sweep")
    code = {f"{name}Function": {"Bucket": "code", "Key": "bundle.zip"} for name in names}
    return translate(TEMPLATE, code)


def test_sam_validate_finds_nothing() -> None:
    code, said = run(need(SAM), "validate", "--lint", "--template", TEMPLATE)
    assert code == 0, said
    assert "is a valid SAM Template" in said


def test_cfn_lint_finds_nothing_in_the_translated_template(
    translated: dict[str, Any], tmp_path: Path
) -> None:
    """What SAM makes of it is held to the services' own schemas."""
    shutil.copytree(ROOT / "iac", tmp_path / "iac")
    file = tmp_path / "translated.json"
    file.write_text(json.dumps(translated), encoding="utf-8")
    linter = Path(sys.executable).with_name("cfn-lint")
    # W3002: a nested template lies beside this one until `sam deploy` has put it into a bucket.
    code, said = run(
        linter, "--non-zero-exit-code", "informational", "--ignore-checks", "W3002", "--", file
    )
    assert (code, said) == (0, "")


def test_sam_adds_no_role_and_no_permission_to_what_is_written(translated: dict[str, Any]) -> None:
    """Its own roles would bring AWS's managed policies, which name no resource."""
    made = translated["Resources"]
    text = TEMPLATE.read_text(encoding="utf-8")
    added = {name for name in made if f"\n  {name}:\n" not in text}
    kinds = {made[name]["Type"] for name in added}
    assert kinds == {"AWS::Lambda::EventSourceMapping", "AWS::Lambda::EventInvokeConfig"}
    for resource in made.values():
        if resource["Type"] == "AWS::IAM::Role":
            assert "iam::aws:policy" not in json.dumps(
                resource["Properties"].get("ManagedPolicyArns", [])
            )
