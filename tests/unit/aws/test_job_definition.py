"""The job definition against the image and the settings that the program in it reads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gpu_job.exit_codes import ExitCode
from shared.settings import Settings, WorkerSettings
from shared.settings_aws import AwsSettings
from tests.unit.aws.test_batch_template import FILE, GIVEN, ROOT, stack

DOCKERFILE = (ROOT / "gpu_job" / "Dockerfile").read_text(encoding="utf-8")
#: What the container gets that is not ours to name.
NOT_OURS = {"AWS_DEFAULT_REGION", "HOME", "TMPDIR"}


def definition(**given: str) -> dict[str, Any]:
    return stack(**given).properties("JobDefinition")


def environment(**given: str) -> dict[str, str]:
    variables = definition(**given)["ContainerProperties"]["Environment"]
    named = {variable["Name"]: variable["Value"] for variable in variables}
    assert len(named) == len(variables), "no variable twice"
    return named


@pytest.fixture
def container(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have this process's settings come from the definition alone."""
    import os

    for name in list(os.environ):
        if name.startswith(("TAMLIL_", "AWS_")):
            monkeypatch.delenv(name)

    def start(**given: str) -> None:
        for name, value in environment(**given).items():
            monkeypatch.setenv(name, value)

    return start


def test_every_variable_is_a_setting() -> None:
    ours = {f"TAMLIL_{name.upper()}" for name in Settings.model_fields}
    aws = {f"TAMLIL_AWS_{name.upper()}" for name in AwsSettings.model_fields}
    given = environment(
        KmsKeyArn="arn:aws:kms:eu-west-1:123456789012:key/1", LanguageModels="{}",
        ModelsPrefix="models",
    )  # fmt: skip
    assert set(given) - NOT_OURS <= ours | aws
    assert aws - {"TAMLIL_AWS_TRACE"} <= set(given), "every part of the deployment is named"


def test_the_worker_reads_its_settings_from_it(container: Any) -> None:
    container(
        ReadBuckets="calls,archive", KmsKeyArn="arn:aws:kms:eu-west-1:123456789012:key/1",
        LanguageModels='{"he": "ivrit-he-turbo"}', JobSeconds="3600",
    )  # fmt: skip
    aws, settings = AwsSettings(), Settings()
    assert (aws.table, aws.bucket) == (GIVEN["TableName"], GIVEN["BucketName"])
    assert (aws.queue_url, aws.event_bus) == (GIVEN["JobsQueueUrl"], GIVEN["EventBusName"])
    assert aws.read_buckets == ("calls", "archive")
    assert aws.kms_key == "arn:aws:kms:eu-west-1:123456789012:key/1"
    assert (aws.batch_queue, aws.batch_definition) == ("<JobQueue>", "tamlil-test")
    assert settings.job_seconds == 3600
    assert settings.log_json
    assert settings.language_models == {"he": "ivrit-he-turbo"}


def test_it_reads_them_without_what_may_be_left_out(container: Any) -> None:
    container()
    aws, settings = AwsSettings(), Settings()
    assert (aws.read_buckets, aws.kms_key) == ((), None)
    assert settings.language_models is None
    assert settings.worker_idle_seconds == 60
    assert settings.platform == "aws"
    assert settings.lease_seconds >= 60, "the timings are those of the functions' defaults"
    assert settings.job_seconds < float(definition()["Timeout"]["AttemptDurationSeconds"])
    assert WorkerSettings().job_id is None, "each worker is told its own when it is asked for"


def test_weights_come_from_the_bucket_only_where_it_has_some(container: Any) -> None:
    container()
    assert (Settings().models_prefix, Settings().models_cache_dir) == (None, None)
    container(ModelsPrefix="weights/v1")
    assert Settings().models_prefix == "weights/v1"
    mount = definition()["ContainerProperties"]["MountPoints"][0]["ContainerPath"]
    assert Settings().models_cache_dir == Path(mount) / "models", "kept for the machine's next"


def test_no_variable_looks_like_a_secret() -> None:
    assert [name for name in environment() if re.search("TOKEN|PASSWORD|_KEY$", name)] == []


def test_it_runs_as_the_images_user_and_gives_that_user_its_folder() -> None:
    user = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    container = definition()["ContainerProperties"]
    assert [container["User"]] == user
    script = stack().properties("Machine")["LaunchTemplateData"]["UserData"]
    (volume,) = container["Volumes"]
    owner, group = container["User"].split(":")
    path = volume["Host"]["SourcePath"]
    assert f"install -d -m 0700 -o {owner} -g {group} {path}\n" in script


def test_all_that_a_worker_writes_lies_on_the_machines_disk() -> None:
    container = definition()["ContainerProperties"]
    (mount,) = container["MountPoints"]
    assert container["ReadonlyRootFilesystem"] is True
    assert mount["ContainerPath"] == "/data"
    assert mount["SourceVolume"] == container["Volumes"][0]["Name"]
    given = environment()
    assert (given["HOME"], given["TMPDIR"]) == ("/data", "/data")
    assert "TAMLIL_DATA_DIR=/data" in DOCKERFILE


def test_it_takes_the_images_own_command_and_one_gpu() -> None:
    container = definition()["ContainerProperties"]
    assert "Command" not in container
    needs = {it["Type"]: it["Value"] for it in container["ResourceRequirements"]}
    assert needs == {"VCPU": "4", "MEMORY": "14000", "GPU": "1"}


def test_its_image_is_in_the_stacks_repository_unless_another_is_named() -> None:
    assert definition()["ContainerProperties"]["Image"] == "<Repository.RepositoryUri>:latest"
    named = definition(JobImage="ghcr.io/acme/tamlil@sha256:1")["ContainerProperties"]
    assert named["Image"] == "ghcr.io/acme/tamlil@sha256:1"
    assert "Repository" not in stack(JobImage="ghcr.io/acme/tamlil").made()


def test_only_a_lost_host_has_batch_start_a_container_again() -> None:
    """Whatever else ends a worker, its job waits in the table and is dispatched from there."""
    strategy = definition()["RetryStrategy"]
    rules = strategy["EvaluateOnExit"]
    assert len(rules) <= 5, "Batch takes no more"
    assert [rule for rule in rules if rule["Action"] == "RETRY"] == [
        {"Action": "RETRY", "OnStatusReason": "Host EC2*"}
    ]
    assert rules.index({"Action": "RETRY", "OnStatusReason": "Host EC2*"}) == 0
    # Without a rule that matches Batch tries again: so each of the three has one that ends it.
    ended = {name for rule in rules[1:] for name, value in rule.items() if value == "*"}
    assert ended == {"OnStatusReason", "OnReason", "OnExitCode"}
    assert {int(code) for code in ExitCode if code} <= set(range(1, 256))


def test_the_log_is_kept_as_long_as_asked() -> None:
    log = definition()["ContainerProperties"]["LogConfiguration"]
    assert (log["LogDriver"], log["Options"]["awslogs-group"]) == ("awslogs", "<WorkerLog>")
    assert stack(LogRetentionDays="7").properties("WorkerLog")["RetentionInDays"] == "7"


def test_the_template_is_no_larger_than_cloudformation_takes() -> None:
    assert len(FILE.read_bytes()) < 51_200
    assert json.dumps(definition())
