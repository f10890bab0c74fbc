"""`iac/aws/batch.yaml`: what it makes with which parameters, without a cloud."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.cloudformation import Stack, load_template

ROOT = Path(__file__).parents[3]
FILE = ROOT / "iac" / "aws" / "batch.yaml"
#: What template.yaml gives, as far as it has no default.
GIVEN = {
    "TableName": "tamlil-jobs",
    "BucketName": "tamlil-audio",
    "JobsQueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs",
    "JobsQueueArn": "arn:aws:sqs:eu-west-1:123456789012:jobs",
    "DeadLetterQueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/dead",
    "WebhookQueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/webhooks",
    "WebhookDeadLetterQueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/dead-hooks",
    "EventBusName": "tamlil-events",
}


def stack(**given: str) -> Stack:
    return Stack(template=load_template(FILE), given=GIVEN | given)


def statements(role: str, found: Stack) -> dict[str, Any]:
    """The statements of a role's own policy by their ids."""
    (policy,) = found.properties(role)["Policies"]
    return {
        statement.get("Sid", str(index)): statement
        for index, statement in enumerate(policy["PolicyDocument"]["Statement"])
    }


def test_cfn_lint_finds_nothing() -> None:
    linter = Path(sys.executable).with_name("cfn-lint")
    ended = subprocess.run(
        [linter, "--non-zero-exit-code", "informational", FILE],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (0, "")


def test_every_parameter_says_what_it_is_and_is_shown_in_a_group() -> None:
    template = load_template(FILE)
    parameters = template["Parameters"]
    assert [name for name, it in parameters.items() if not it.get("Description")] == []
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(parameters)


def test_only_names_of_the_deployments_parts_have_no_default() -> None:
    parameters = load_template(FILE)["Parameters"].items()
    assert {name for name, it in parameters if "Default" not in it} == set(GIVEN)


def test_nothing_runs_when_nothing_is_asked_for() -> None:
    found = stack()
    for name in ("SpotMachines", "OnDemandMachines"):
        resources = found.properties(name)["ComputeResources"]
        assert resources["MinvCpus"] == 0
        assert "DesiredvCpus" not in resources


def test_spot_comes_first_and_on_demand_takes_what_spot_can_not() -> None:
    order = stack().properties("JobQueue")["ComputeEnvironmentOrder"]
    assert [it["ComputeEnvironment"] for it in sorted(order, key=lambda it: it["Order"])] == [
        "<SpotMachines>",
        "<OnDemandMachines>",
    ]
    found = stack(UseSpot="false")
    assert "SpotMachines" not in found.made()
    (only,) = found.properties("JobQueue")["ComputeEnvironmentOrder"]
    assert only["ComputeEnvironment"] == "<OnDemandMachines>"


def test_a_network_is_made_unless_one_is_given() -> None:
    own = stack()
    assert {"Vpc", "SubnetA", "SubnetB", "SubnetC", "BucketEndpoint"} <= own.made()
    assert own.properties("SpotMachines")["ComputeResources"]["Subnets"] == [
        "<SubnetA>",
        "<SubnetB>",
        "<SubnetC>",
    ]
    assert "SubnetC" not in stack(ZoneCount="2").made()
    theirs = stack(VpcId="vpc-1", SubnetIds="subnet-1,subnet-2")
    made = {theirs.template["Resources"][name]["Type"] for name in theirs.made()}
    assert {kind for kind in made if kind.startswith("AWS::EC2")} == {
        "AWS::EC2::LaunchTemplate",
        "AWS::EC2::SecurityGroup",
    }
    resources = theirs.properties("OnDemandMachines")["ComputeResources"]
    assert resources["Subnets"] == ["subnet-1", "subnet-2"]
    assert theirs.properties("WorkerSecurityGroup")["VpcId"] == "vpc-1"


def test_a_vpc_and_its_subnets_go_together() -> None:
    both = {"VpcId": "vpc-1", "SubnetIds": "subnet-1"}
    assert stack().refusals() == stack(**both).refusals() == []
    for name, value in both.items():
        assert stack(**{name: value}).refusals()


def test_nothing_may_connect_to_a_worker() -> None:
    group = stack().properties("WorkerSecurityGroup")
    assert "SecurityGroupIngress" not in group
    kinds = {it["Type"] for it in load_template(FILE)["Resources"].values()}
    assert "AWS::EC2::SecurityGroupIngress" not in kinds


def test_the_machines_disk_is_encrypted_and_its_metadata_ask_for_a_token() -> None:
    data = stack().properties("Machine")["LaunchTemplateData"]
    assert data["MetadataOptions"]["HttpTokens"] == "required"
    assert data["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    assert data["MetadataOptions"]["HttpProtocolIpv6"] == "disabled", "the rule is of IPv4"
    (disk,) = data["BlockDeviceMappings"]
    assert disk["Ebs"]["Encrypted"] is True


def test_a_worker_may_do_what_it_does_and_no_more() -> None:
    found = statements("JobRole", stack())
    allowed = [it for it in found.values() if it["Effect"] == "Allow"]
    actions = {action for it in allowed for action in as_list(it["Action"])}
    assert actions == {
        "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query",
        "dynamodb:UpdateItem", "events:PutEvents", "s3:AbortMultipartUpload", "s3:DeleteObject",
        "s3:DeleteObjectVersion", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket",
        "s3:ListBucketMultipartUploads", "s3:ListBucketVersions", "s3:PutObject", "sqs:SendMessage",
    }  # fmt: skip
    for statement in found.values():
        for resource in as_list(statement["Resource"]):
            assert resource.startswith("arn:aws:")
            name = resource.split(":", 5)[-1].removeprefix("table/").removeprefix("event-bus/")
            assert name.startswith(("tamlil-", "jobs")), "a resource of this deployment"


def test_another_revision_has_batch_take_the_newest_machine_image() -> None:
    """Batch looks for it in an infrastructure update, as another launch template is one."""
    revisions = [stack(MachinesRevision=it).properties("Machine") for it in ("1", "2026-11-25")]
    assert revisions[0] != revisions[1]
    for name in ("SpotMachines", "OnDemandMachines"):
        resources = stack().properties(name)["ComputeResources"]
        assert resources["UpdateToLatestImageVersion"] is True
        assert resources["LaunchTemplate"]["Version"] == "<Machine.LatestVersionNumber>"


def test_other_buckets_may_be_read_only() -> None:
    other = statements("JobRole", stack(ReadBuckets="calls,archive"))["OtherBuckets"]
    assert other["Resource"] == ["arn:aws:s3:::calls/*", "arn:aws:s3:::archive/*"]
    assert other["Action"] == ["s3:GetObject", "s3:GetObjectVersion"]


def test_a_worker_can_not_change_the_weights_that_it_reads() -> None:
    found = statements("JobRole", stack(ModelsPrefix="models"))
    read = found["Weights"]
    assert (read["Effect"], read["Action"]) == ("Allow", "s3:GetObject")
    assert read["Resource"] == "arn:aws:s3:::tamlil-audio/models/*"
    assert found["Objects"]["Resource"] == "arn:aws:s3:::tamlil-audio/tenants/*"


def test_a_worker_uses_the_key_through_table_and_bucket_only() -> None:
    key = statements("JobRole", stack(KmsKeyArn="arn:aws:kms:eu-west-1:123456789012:key/1"))["Key"]
    services = key["Condition"]["StringEquals"]["kms:ViaService"]
    assert services == ["dynamodb.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com"]


@pytest.mark.parametrize("role", ["ExecutionRole", "JobRole"])
def test_only_this_accounts_tasks_take_the_workers_roles(role: str) -> None:
    (statement,) = stack().properties(role)["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_the_parent_learns_what_it_needs() -> None:
    physical = {"JobDefinition": "arn:aws:batch:eu-west-1:123456789012:job-definition/worker:3"}
    found = Stack(template=load_template(FILE), given=GIVEN, physical=physical).outputs()
    assert found["Definition"] == "worker:3"
    assert found["QueueArn"] == "<JobQueue>"
    assert found["RepositoryUri"] == "<Repository.RepositoryUri>"
