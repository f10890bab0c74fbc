"""Who may do what: actions that exist, on resources that are named, and no more than is called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from shared.adapters.aws.batch_launcher import DEPLOYMENT_TAG
from tests.support.cloudformation import PSEUDO, Stack, load_template
from tests.support.iam import knows_resources, matching
from tests.support.sdk_calls import FILES, actions_needed, called
from tests.support.stack import (
    NESTED,
    environment,
    functions,
    listed,
    of_kind,
    stack,
    statements,
)

#: Each template with parameters that leave nothing out.
EVERYTHING = {"ReadBuckets": "archive", "Tracing": "true"}
ROLES = {name: f"{name.removesuffix('Function')}Role" for name in functions()}
BATCH_GIVEN = {
    name: "x"
    for name, parameter in load_template(NESTED["Batch"])["Parameters"].items()
    if "Default" not in parameter
} | {"ReadBuckets": "archive", "ModelsPrefix": "models", "KmsKeyArn": "key"}
WATCH_GIVEN = dict.fromkeys(load_template(NESTED["Watch"])["Parameters"], "x")

STACKS = {
    "template.yaml": stack(**EVERYTHING),
    "batch.yaml": Stack(template=load_template(NESTED["Batch"]), given=BATCH_GIVEN),
    "monitoring.yaml": Stack(template=load_template(NESTED["Watch"]), given=WATCH_GIVEN),
}

#: What each function may do, with what its statements name. Tables, the key, logs and traces are in
#: `COMMON`; a change here is a change of what a break-in can do, and wants a reason.
MAY: dict[str, dict[str, set[str]]] = {
    "ApiFunction": {
        "dynamodb:DeleteItem": {"Table"},
        "s3:AbortMultipartUpload": {"tenants"},
        "s3:DeleteObject": {"tenants"},
        "s3:DeleteObjectVersion": {"tenants"},
        "s3:GetObject": {"tenants", "readiness", "other buckets"},
        "s3:GetObjectVersion": {"tenants"},
        "s3:PutObject": {"tenants"},
        "s3:ListBucket": {"bucket"},
        "s3:ListBucketMultipartUploads": {"bucket"},
        "s3:ListBucketVersions": {"bucket"},
        "sqs:SendMessage": {"JobsQueue", "WebhookQueue"},
        "sqs:GetQueueAttributes": {"JobsQueue", "JobsDeadLetterQueue"},
        "events:PutEvents": {"EventBus"},
        "batch:TerminateJob": {"Batch jobs"},
        "batch:DescribeJobs": {"*"},
        "batch:ListJobs": {"*"},
        "secretsmanager:CreateSecret": {"secrets"},
        "secretsmanager:GetSecretValue": {"secrets"},
        "secretsmanager:PutSecretValue": {"secrets"},
        "secretsmanager:UpdateSecretVersionStage": {"secrets"},
    },
    "IntakeFunction": {
        "s3:AbortMultipartUpload": {"uploads", "marks"},
        "s3:DeleteObject": {"uploads", "marks"},
        "s3:DeleteObjectVersion": {"uploads", "marks"},
        "s3:GetObject": {"tenants"},
        "s3:GetObjectVersion": {"tenants"},
        "s3:ListBucket": {"bucket"},
        "s3:ListBucketMultipartUploads": {"bucket"},
        "s3:ListBucketVersions": {"bucket"},
        "s3:PutObject": {"uploads", "marks"},
        "sqs:SendMessage": {"JobsQueue", "FailedEventsQueue"},
        "events:PutEvents": {"EventBus"},
    },
    "DispatchFunction": {
        "sqs:ReceiveMessage": {"JobsQueue"},
        "sqs:DeleteMessage": {"JobsQueue"},
        "sqs:GetQueueAttributes": {"JobsQueue"},
        "batch:SubmitJob": {"Batch queue", "Batch definition"},
        "batch:TagResource": {"Batch jobs"},
        "batch:DescribeJobs": {"*"},
        "batch:ListJobs": {"*"},
        "events:PutEvents": {"EventBus"},
    },
    "WebhookFunction": {
        "dynamodb:DeleteItem": {"Table"},
        "sqs:ReceiveMessage": {"WebhookQueue"},
        "sqs:DeleteMessage": {"WebhookQueue"},
        "sqs:GetQueueAttributes": {"WebhookQueue"},
        "sqs:SendMessage": {"WebhookQueue"},
        "s3:GetObject": {"tenants"},
        "s3:ListBucket": {"bucket"},
        "secretsmanager:CreateSecret": {"secrets"},
        "secretsmanager:GetSecretValue": {"secrets"},
    },
    "SweepFunction": {
        "dynamodb:DeleteItem": {"Table"},
        "s3:AbortMultipartUpload": {"tenants"},
        "s3:DeleteObject": {"tenants"},
        "s3:DeleteObjectVersion": {"tenants"},
        "s3:GetObject": {"tenants"},
        "s3:GetObjectVersion": {"tenants"},
        "s3:PutObject": {"tenants"},
        "s3:ListBucket": {"bucket"},
        "s3:ListBucketMultipartUploads": {"bucket"},
        "s3:ListBucketVersions": {"bucket"},
        "sqs:SendMessage": {"JobsQueue", "WebhookQueue", "FailedEventsQueue"},
        "sqs:GetQueueAttributes": {
            "JobsQueue", "JobsDeadLetterQueue", "WebhookQueue", "WebhookDeadLetterQueue",
        },
        "events:PutEvents": {"EventBus"},
        "batch:TerminateJob": {"Batch jobs"},
        "batch:DescribeJobs": {"*"},
        "batch:ListJobs": {"*"},
    },
}  # fmt: skip

#: Called by the command line and by the embedded mode's loops, and by no function or worker.
OPERATORS = {"sqs:ChangeMessageVisibility"}

#: What all of them may do. The key can be used through the services that store data only.
COMMON = {
    "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem",
    "dynamodb:Query", "dynamodb:UpdateItem", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt",
    "kms:GenerateDataKey*", "kms:ReEncrypt*", "logs:CreateLogStream", "logs:PutLogEvents",
    "xray:PutTelemetryRecords", "xray:PutTraceSegments",
}  # fmt: skip

_NAMES = {
    "<Bucket.Arn>": "bucket",
    "<Bucket.Arn>/tenants/*": "tenants",
    "<Bucket.Arn>/tenants/*/uploads/*": "uploads",
    "<Bucket.Arn>/tenants/*/erased/*": "marks",
    "<Bucket.Arn>/health/ready": "readiness",
    "arn:aws:s3:::archive/*": "other buckets",
    "<Batch.Outputs.QueueArn>": "Batch queue",
    "arn:aws:batch:eu-west-1:123456789012:job/*": "Batch jobs",
    "arn:aws:batch:eu-west-1:123456789012:job-definition/<Batch.Outputs.DefinitionName>:*": (
        "Batch definition"
    ),
    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:tamlil-test/"
    f"{PSEUDO['AWS::StackId'].rpartition('/')[2]}/*": "secrets",
}


def identity_statements(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of a template that gives a role something, with the role's logical id."""
    made = STACKS[name]
    for logical_id in sorted(made.made()):
        kind = made.template["Resources"][logical_id]["Type"]
        if kind == "AWS::IAM::Role":
            for policy in made.properties(logical_id).get("Policies", []):
                for statement in policy["PolicyDocument"]["Statement"]:
                    yield logical_id, statement
        elif kind == "AWS::IAM::ManagedPolicy":
            for statement in made.properties(logical_id)["PolicyDocument"]["Statement"]:
                yield logical_id, statement


def resource_statements(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of a resource's own policy: key, bucket, queue, topic; and roles' trust."""
    made = STACKS[name]
    keys = ("PolicyDocument", "KeyPolicy", "AssumeRolePolicyDocument")
    for logical_id in sorted(made.made()):
        resource = made.template["Resources"][logical_id]
        if resource["Type"] == "AWS::IAM::ManagedPolicy" or "Properties" not in resource:
            continue
        properties = made.properties(logical_id)
        for key in keys:
            for statement in properties.get(key, {}).get("Statement", []):
                yield logical_id, statement


def allowed(function: str) -> list[dict[str, Any]]:
    """What a function's role allows; what it denies is looked at by itself."""
    found = statements(ROLES[function], **EVERYTHING)
    return [statement for statement in found if statement["Effect"] == "Allow"]


@pytest.mark.parametrize("name", STACKS)
def test_every_action_exists(name: str) -> None:
    for _, statement in [*identity_statements(name), *resource_statements(name)]:
        for action in listed(statement["Action"]):
            if action != "sts:AssumeRole":  # no service of its own in the list
                assert matching(action), action


@pytest.mark.parametrize("name", STACKS)
def test_a_resource_is_named_wherever_one_can_be(name: str) -> None:
    for role, statement in identity_statements(name):
        if statement["Effect"] == "Allow" and "*" in listed(statement["Resource"]):
            could = [it for it in listed(statement["Action"]) if knows_resources(it)]
            assert could == [], role


@pytest.mark.parametrize("name", STACKS)
def test_no_role_is_given_all_of_a_service(name: str) -> None:
    wide = {
        action
        for _, statement in identity_statements(name)
        for action in listed(statement["Action"])
        if "*" in action and statement["Effect"] == "Allow"
    }
    assert wide <= {"kms:GenerateDataKey*", "kms:ReEncrypt*"}


@pytest.mark.parametrize("name", STACKS)
def test_nothing_is_allowed_to_everybody(name: str) -> None:
    for logical_id, statement in resource_statements(name):
        principal = statement["Principal"]
        everybody = principal == "*" or "*" in listed(
            principal.get("AWS", []) if isinstance(principal, dict) else principal
        )
        assert not (everybody and statement["Effect"] == "Allow"), logical_id


@pytest.mark.parametrize("name", STACKS)
def test_a_service_acts_for_this_deployment_only(name: str) -> None:
    """Else another account could have the service do it (the confused deputy)."""
    for logical_id, statement in resource_statements(name):
        service = statement["Principal"]
        if not isinstance(service, dict) or "Service" not in service:
            continue
        # Lambda and EC2 take roles of their own account only.
        if service["Service"] in ("lambda.amazonaws.com", "ec2.amazonaws.com"):
            continue
        condition = statement.get("Condition", {})
        bound = {key for test in condition.values() for key in test}
        assert bound & {"aws:SourceArn", "aws:SourceAccount"}, logical_id


def test_each_function_has_a_role_of_its_own() -> None:
    roles = {name: it["Role"]["Fn::GetAtt"][0] for name, it in functions().items()}
    assert roles == ROLES
    for role in roles.values():
        trust = stack().properties(role)["AssumeRolePolicyDocument"]["Statement"]
        assert [it["Principal"] for it in trust] == [{"Service": "lambda.amazonaws.com"}]


@pytest.mark.parametrize("function", sorted(MAY))
def test_a_function_may_do_what_is_written_here_and_no_more(function: str) -> None:
    found: dict[str, set[str]] = {}
    for statement in allowed(function):
        for action in listed(statement["Action"]):
            if action not in COMMON:
                named = {_name(it) for it in listed(statement["Resource"])}
                found.setdefault(action, set()).update(named)
    assert found == MAY[function]


@pytest.mark.parametrize(
    ("function", "action", "key"),
    [
        ("ApiFunction", "batch:TerminateJob", f"aws:ResourceTag/{DEPLOYMENT_TAG}"),
        ("SweepFunction", "batch:TerminateJob", f"aws:ResourceTag/{DEPLOYMENT_TAG}"),
        ("DispatchFunction", "batch:TagResource", f"aws:RequestTag/{DEPLOYMENT_TAG}"),
    ],
)
def test_only_this_deployments_workers_can_be_stopped(function: str, action: str, key: str) -> None:
    """By the tag that the launcher gives them, which is the name that functions are told."""
    (given,) = [it for it in allowed(function) if action in listed(it["Action"])]
    told = environment("DispatchFunction", **EVERYTHING)["TAMLIL_AWS_DEPLOYMENT"]
    assert given["Condition"]["StringEquals"] == {key: told}


@pytest.mark.parametrize("function", sorted(MAY))
def test_what_all_may_do_is_bound_to_this_deployments_parts(function: str) -> None:
    log = f"<{function.removesuffix('Function')}Logs.Arn>"
    parts = {
        "dynamodb": {"<Table.Arn>", "<Table.Arn>/index/*"},
        "kms": {"<Key.Arn>"},
        "logs": {log},
        "xray": {"*"},
    }
    found: set[str] = set()
    for statement in allowed(function):
        for action in set(listed(statement["Action"])) & COMMON:
            found.add(action)
            service = action.partition(":")[0]
            assert set(listed(statement["Resource"])) == parts[service], action
            if service == "kms":
                (through,) = statement["Condition"]["StringEquals"].items()
                assert through[0] == "kms:ViaService"
    assert found == COMMON


def test_what_a_key_that_was_given_up_has_encrypted_can_still_be_read() -> None:
    """With a new deployment's word for it: the key outlives `CustomerKey`, its ARN does not."""
    former = "arn:aws:kms:eu-west-1:123456789012:key/1"
    given = {"CustomerKey": "false", "FormerKeyArn": former}
    worker = Stack(
        template=load_template(NESTED["Batch"]),
        given=BATCH_GIVEN | {"KmsKeyArn": "", "FormerKeyArn": former},
    ).properties("JobRole")["Policies"][0]["PolicyDocument"]["Statement"]
    assert stack(**given).properties("Batch")["Parameters"]["FormerKeyArn"] == former
    for found in (worker, *(statements(role, **given) for role in ROLES.values())):
        (use,) = [it for it in found if listed(it["Resource"]) == [former]]
        assert use["Action"] == ["kms:Decrypt", "kms:DescribeKey"], "nothing is encrypted with it"
        assert list(use["Condition"]["StringEquals"]) == ["kms:ViaService"]
    assert "UseKey" not in stack(CustomerKey="false").made()


@pytest.mark.parametrize("service", FILES)
def test_the_functions_and_the_worker_may_do_what_the_adapters_call_and_no_more(
    service: str,
) -> None:
    assert called(service), f"an adapter of {service} was looked for under another name"
    granted = {
        action
        for name in ("template.yaml", "batch.yaml")
        for role, statement in identity_statements(name)
        if role in {*ROLES.values(), "UseTable", "JobRole"}
        for action in listed(statement["Action"])
        if action.startswith(f"{service}:") and statement["Effect"] == "Allow"
    }
    assert granted == actions_needed(service) - OPERATORS


def test_api_keys_are_the_apis_alone() -> None:
    """Every other role, the worker's too, is denied the items of keys, in table and indexes."""
    keys = {"ForAnyValue:StringLike": {"dynamodb:LeadingKeys": ["key", "key#*"]}}
    for function, role in ROLES.items():
        denied = [it for it in statements(role, **EVERYTHING) if it["Effect"] == "Deny"]
        assert [it["Condition"] for it in denied] == ([] if function == "ApiFunction" else [keys])
        assert all(it["Action"] == "dynamodb:*" for it in denied)
        assert all(it["Resource"] == ["<Table.Arn>", "<Table.Arn>/index/*"] for it in denied)
    worker = [it for role, it in identity_statements("batch.yaml") if role == "JobRole"]
    assert keys in [it["Condition"] for it in worker if it["Effect"] == "Deny"]


def test_a_function_may_not_be_run_by_others_than_its_sources() -> None:
    for name, permission in of_kind("AWS::Lambda::Permission").items():
        assert permission["SourceArn"], name
        assert permission["Principal"] in ("events.amazonaws.com", "apigateway.amazonaws.com")


def _name(resource: str) -> str:
    """A short word for an ARN, as the table above has it."""
    return _NAMES.get(resource, resource.removeprefix("<").removesuffix(".Arn>"))
