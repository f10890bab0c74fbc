"""Calls that a role may or may not make, as data: each is tried with the role's own credentials.

Batch is the fake's, which knows no IAM: there the role's policies are evaluated by IAM's simulator,
but for conditions on a resource's tags: ministack's simulator is not told any.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from shared.adapters.aws.batch_launcher import DEPLOYMENT_TAG
from tests.aws.support.deploy import NAME
from tests.aws.support.ministack import Keys
from tests.aws.support.stack import Stack
from tests.aws.support.workers import DEFINITION, PARAMETERS
from tests.support.fake_batch_jobs import arn
from tests.support.stack import listed

_DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "AuthorizationError", "403", "Forbidden"}
)
_OBJECT = "tenants/acme/inbox/audio.flac"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """A role, by its ARN, with its credentials, and the deployment."""

    stack: Stack
    role: str
    keys: Keys

    def __call__(self, service: str) -> Any:
        return self.stack.cloud.client(service, self.keys)

    def name(self, logical_id: str) -> str:
        """A physical name."""
        return self.stack.deployed.names[logical_id]


def caller(stack: Stack, role: str) -> Caller:
    """A role by its ARN."""
    return Caller(stack=stack, role=role, keys=stack.cloud.assume(role))


def _item(call: Caller) -> dict[str, Any]:
    return {
        "TableName": call.name("Table"),
        "Key": {"pk": {"S": "attempt"}, "sk": {"S": "attempt"}},
    }


def _put_item(call: Caller) -> None:
    item = _item(call)
    call("dynamodb").put_item(TableName=item["TableName"], Item=item["Key"])


def _batch(call: Caller, action: str, *resources: str) -> None:
    for resource in resources:
        answer = call.stack.cloud.client("iam").simulate_principal_policy(
            PolicySourceArn=call.role, ActionNames=[f"batch:{action}"], ResourceArns=[resource]
        )
        (result,) = answer["EvaluationResults"]
        if result["EvalDecision"] != "allowed":
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": resource}}, action)


def _submit(call: Caller, definition: str) -> None:
    _batch(call, "SubmitJob", PARAMETERS["ExistingBatchQueue"], arn("job-definition", definition))


def _terminate(call: Caller, deployment: str) -> None:
    """Only jobs with a deployment's tag may be terminated: so says the statement that allows it."""
    iam, role = call.stack.cloud.client("iam"), call.role.rpartition("/")[2]
    documents = [
        iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    of_deployment = {"StringEquals": {f"aws:ResourceTag/{DEPLOYMENT_TAG}": deployment}}
    conditions = [
        statement.get("Condition")
        for document in documents
        for statement in document["Statement"]
        if "batch:TerminateJob" in listed(statement["Action"])
    ]
    if of_deployment not in conditions and None not in conditions:
        raise ClientError(
            {"Error": {"Code": "AccessDenied", "Message": deployment}}, "TerminateJob"
        )


def _publish(call: Caller, bus: str) -> None:
    entry = {"Source": "attempt", "DetailType": "attempt", "Detail": "{}", "EventBusName": bus}
    call("events").put_events(Entries=[entry])


def _secret(call: Caller, prefix: str) -> None:
    call("secretsmanager").get_secret_value(SecretId=f"{prefix}/webhooks/acme")


#: What is tried, by the name under which `MAY` in the test allows it.
ATTEMPTS: dict[str, Callable[[Caller], object]] = {
    "read audio": lambda call: call("s3").get_object(Bucket=call.name("Bucket"), Key=_OBJECT),
    "write objects": lambda call: call("s3").put_object(
        Bucket=call.name("Bucket"), Key="tenants/acme/attempt", Body=b""
    ),
    "delete objects": lambda call: call("s3").delete_object(
        Bucket=call.name("Bucket"), Key="tenants/acme/attempt"
    ),
    "write outside tenants": lambda call: call("s3").put_object(
        Bucket=call.name("Bucket"), Key="models/attempt", Body=b""
    ),
    "list the bucket": lambda call: call("s3").list_objects_v2(Bucket=call.name("Bucket")),
    "open the bucket": lambda call: call("s3").delete_bucket_policy(Bucket=call.name("Bucket")),
    "read records": lambda call: call("dynamodb").get_item(**_item(call)),
    "write records": _put_item,
    "delete records": lambda call: call("dynamodb").delete_item(**_item(call)),
    "read the whole table": lambda call: call("dynamodb").scan(TableName=call.name("Table")),
    "delete the table": lambda call: call("dynamodb").delete_table(TableName=call.name("Table")),
    "send jobs": lambda call: call("sqs").send_message(
        QueueUrl=call.name("JobsQueue"), MessageBody="{}"
    ),
    "submit workers": lambda call: _submit(call, PARAMETERS["ExistingBatchDefinition"]),
    "submit other containers": lambda call: _submit(call, f"{DEFINITION}-other:1"),
    "terminate workers": lambda call: _terminate(call, NAME),
    "terminate others' workers": lambda call: _terminate(call, "another"),
    "publish events": lambda call: _publish(call, call.name("EventBus")),
    "publish elsewhere": lambda call: _publish(call, "default"),
    "read secrets": lambda call: _secret(call, call.stack.variables()["TAMLIL_AWS_SECRET_PREFIX"]),
    "read other secrets": lambda call: _secret(call, "somebody-elses"),
    "read secrets of another stack of its name": lambda call: _secret(
        call, f"{call.stack.variables()['TAMLIL_AWS_DEPLOYMENT']}/another"
    ),
    "use the key directly": lambda call: call("kms").generate_data_key(
        KeyId=call.name("Key"), KeySpec="AES_256"
    ),
    "change roles": lambda call: call("iam").delete_role_policy(
        RoleName=call.name("ApiRole"), PolicyName="api"
    ),
    "call functions": lambda call: call("lambda").invoke(FunctionName=call.name("SweepFunction")),
}


def allowed(call: Caller, attempt: str) -> bool:
    """Whether the role may: anything but a denial is a yes, also that a thing is not there."""
    try:
        ATTEMPTS[attempt](call)
    except ClientError as exc:
        return exc.response["Error"]["Code"] not in _DENIED
    return True
