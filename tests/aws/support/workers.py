"""Batch beside the stack: the fake, the job definition and role of iac/aws/batch.yaml in it.

A container's environment is what the template's job definition says, besides what stands for the
machine: where this cloud listens, the job role's credentials, the CPU in place of a GPU.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.settings import Settings
from tests.aws.support.deploy import Deployed, deploy
from tests.aws.support.ministack import Ministack
from tests.aws.support.programs import ROOT
from tests.support.cloudformation import Stack, load_template
from tests.support.fake_batch import FakeBatch
from tests.support.fake_batch_jobs import ACCOUNT, arn
from tests.support.fake_batch_requests import from_template

TEMPLATE = ROOT / "iac" / "aws" / "batch.yaml"
QUEUE, DEFINITION = "workers", "tamlil-test-workers"
#: What template.yaml is given in place of its own machines.
PARAMETERS = {
    "ExistingBatchQueue": arn("job-queue", QUEUE),
    "ExistingBatchDefinition": f"{DEFINITION}:1",
}
PROGRAM = (sys.executable, "-m", "gpu_job")
_IDLE_SECONDS = "5"


def template_parameters(deployed: Deployed) -> dict[str, str]:
    """What template.yaml gives to the nested template."""
    outputs, names = deployed.outputs, deployed.names
    queue = outputs["JobsQueueUrl"].rpartition("/")[2]
    return {
        "TableName": names["Table"],
        "BucketName": names["Bucket"],
        "JobsQueueUrl": outputs["JobsQueueUrl"],
        "JobsQueueArn": f"arn:aws:sqs:eu-west-1:{ACCOUNT}:{queue}",
        "DeadLetterQueueUrl": outputs["JobsDeadLetterQueueUrl"],
        "WebhookQueueUrl": outputs["WebhookQueueUrl"],
        "WebhookDeadLetterQueueUrl": outputs["WebhookDeadLetterQueueUrl"],
        "EventBusName": names["EventBus"],
        "Deployment": "tamlil-test",
        "SecretPrefix": "tamlil-test",
        "KmsKeyArn": outputs["KeyArn"],
        "DefaultModel": "base",
        "Diarizer": "embedded",
        "JobImage": "worker:test",
        "WorkerIdleSeconds": _IDLE_SECONDS,
    }


def make_role(cloud: Ministack, parameters: Mapping[str, str]) -> str:
    """Deploy the job role of the nested template; returns its ARN.

    Its trust asks that the call comes from ECS in this account, which ministack knows nothing of.
    """
    document = load_template(TEMPLATE)
    role = document["Resources"]["JobRole"]
    for statement in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
        statement.pop("Condition", None)
    kept = {name: document[name] for name in ("AWSTemplateFormatVersion", "Parameters")}
    conditions = {"Conditions": document["Conditions"]}
    made = deploy(
        cloud, kept | conditions | {"Resources": {"JobRole": role}}, parameters, name=DEFINITION
    )
    return f"arn:aws:iam::{ACCOUNT}:role/{made.names['JobRole']}"


def register(batch: FakeBatch, parameters: Mapping[str, str]) -> None:
    """Register the nested template's job definition with the fake."""
    template = load_template(TEMPLATE)
    physical = {"JobQueue": PARAMETERS["ExistingBatchQueue"]}
    stack = Stack(template=template, given=parameters, physical=physical)
    properties: dict[str, Any] = stack.properties("JobDefinition")
    batch.register(from_template(properties | {"JobDefinitionName": DEFINITION}))


def machine_variables(cloud: Ministack, role: str) -> dict[str, str]:
    """What the machine gives to each container."""
    return cloud.variables(cloud.assume(role)) | {
        "TAMLIL_DEVICE": "cpu",
        "TAMLIL_THREADS": "2",
        "TAMLIL_BATCH_SIZE": "1",  # a part is saved every half minute of audio
        "TAMLIL_MODELS_DIR": str(Settings().models_dir),
        "TAMLIL_MODELS_OFFLINE": "true",
        "TAMLIL_ALLOW_LOOPBACK_URLS": "true",
    }


def data_folder(folder: Path) -> Path:
    """What the job definition mounts at /data."""
    made = folder / "data"
    made.mkdir(parents=True, exist_ok=True)
    return made
