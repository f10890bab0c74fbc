"""`sam build` and `sam deploy`, as docs/deploy-aws.md has them, against the cloud on loopback."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.aws.support.ministack import OWNER, Ministack, run_ministack
from tests.aws.support.programs import ROOT, TRANSLATOR, machine_environment, need

#: ministack makes no machines of Batch's, and knows no alarms of metric math.
GIVEN = {
    "ExistingBatchQueue": "arn:aws:batch:eu-west-1:000000000000:job-queue/workers",
    "ExistingBatchDefinition": "worker:1",
    "Monitoring": "false",
}
NAME = "tamlil-two-commands"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ministack]:
    """Installed beside SAM's translator, without which ministack knows no SAM template."""
    folder, installed = tmp_path_factory.mktemp("cloud"), TRANSLATOR.with_name("ministack")
    with run_ministack(folder, {}, installed=installed) as found:
        yield found


def sam(*arguments: str | Path, env: Mapping[str, str]) -> str:
    ended = subprocess.run(
        [need(TRANSLATOR.with_name("sam")), *arguments], cwd=ROOT,
        env={**env, "SAM_CLI_TELEMETRY": "0"},
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said
    return said


def test_two_commands_deploy_and_once_more_upgrades(cloud: Ministack, tmp_path: Path) -> None:
    built = tmp_path / "build"
    sam("build", "--build-dir", built, env=os.environ)  # with this machine's package index
    assert {path.name for path in built.iterdir()} >= {"ApiFunction", "SweepFunction"}
    owner = machine_environment() | cloud.variables(OWNER)
    overrides = [f"{name}={value}" for name, value in GIVEN.items()]
    deploy: tuple[str | Path, ...] = (
        "deploy", "--config-file", ROOT / "samconfig.toml", "--stack-name", NAME,
        "--template-file", built / "template.yaml",
        "--no-confirm-changeset", "--parameter-overrides", *overrides,
    )  # fmt: skip
    said = sam(*deploy, env=owner)
    assert "Successfully created/updated stack" in said
    functions = cloud.client("lambda").list_functions()["Functions"]
    made = [it for it in functions if it["FunctionName"].startswith(NAME)]
    assert {(it["Runtime"], *it["Architectures"]) for it in made} == {("python3.13", "arm64")}
    assert len(made) == 5
    again = sam(*deploy, "LogLevel=DEBUG", env=owner)
    assert "Successfully created/updated stack" in again
    api = next(it["FunctionName"] for it in made if "ApiFunction" in it["FunctionName"])
    configuration = cloud.client("lambda").get_function_configuration(FunctionName=api)
    assert configuration["Environment"]["Variables"]["TAMLIL_LOG_LEVEL"] == "DEBUG"
