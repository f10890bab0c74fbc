"""What a policy's statements allow, and which permissions the SDK's calls ask for.

As much of IAM as our policies use: actions and resources with ``*``, Deny before Allow, and
conditions on DynamoDB's leading keys. Other conditions are taken as met.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from shared.adapters.aws.clients import AwsClients

_WRITES = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}


@dataclass(frozen=True, kw_only=True)
class Need:
    """A permission that a call asks for; `keys` are the partitions of DynamoDB that it touches."""

    action: str
    resource: str
    keys: tuple[str, ...] = ()


@dataclass
class Recorder:
    """Remembers every call that the clients make from now on."""

    clients: AwsClients
    account: str
    region: str
    needs: set[Need] = field(default_factory=set)

    def __post_init__(self) -> None:
        for client in (
            self.clients.dynamodb,
            self.clients.s3,
            self.clients.sqs,
            self.clients.events,
        ):
            client.meta.events.register("provide-client-params", self._note)

    def _note(self, params: Mapping[str, Any], model: Any, **_: object) -> None:
        service = model.service_model.service_name
        self.needs |= set(_SERVICES[service](self, model.name, params))

    def arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{rest}"


def allows(statements: Iterable[Mapping[str, Any]], need: Need) -> bool:
    """Whether these statements together allow it."""
    effects = {it["Effect"] for it in statements if _applies(it, need)}
    return effects == {"Allow"}


def _applies(statement: Mapping[str, Any], need: Need) -> bool:
    return (
        _any(statement["Action"], need.action)
        and _any(statement["Resource"], need.resource)
        and _leads(statement, "ForAllValues", all, need)
        and _leads(statement, "ForAnyValue", any, need)
    )


def _leads(
    statement: Mapping[str, Any],
    kind: str,
    combine: Callable[[Iterable[bool]], bool],
    need: Need,
) -> bool:
    """Whether the condition on the leading keys is met; so it is where there is none."""
    condition = statement.get("Condition", {}).get(f"{kind}:StringLike", {})
    patterns = condition.get("dynamodb:LeadingKeys")
    return patterns is None or combine(_any(patterns, key) for key in need.keys)


def _any(patterns: str | Sequence[str], value: str) -> bool:
    several = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatchcase(value, pattern) for pattern in several)


def _dynamodb(to: Recorder, operation: str, params: Mapping[str, Any]) -> Iterator[Need]:
    if operation == "TransactWriteItems":
        for write in params["TransactItems"]:
            ((kind, request),) = write.items()
            keys = (request.get("Key") or request["Item"])["pk"]["S"]
            table = to.arn("dynamodb", f"table/{request['TableName']}")
            yield Need(action=f"dynamodb:{_WRITES[kind]}", resource=table, keys=(keys,))
        return
    action = f"dynamodb:{operation}"
    if operation == "BatchGetItem":
        for name, request in params["RequestItems"].items():
            found = tuple(sorted({key["pk"]["S"] for key in request["Keys"]}))
            yield Need(action=action, resource=to.arn("dynamodb", f"table/{name}"), keys=found)
        return
    index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
    if operation == "Query":
        key = params["ExpressionAttributeValues"][":p"]["S"]
    else:
        key = (params.get("Key") or params["Item"])["pk"]["S"]
    table = to.arn("dynamodb", f"table/{params['TableName']}{index}")
    yield Need(action=action, resource=table, keys=(key,))


#: Operations whose permission has another name; those of a bucket's list apply to the bucket.
_S3 = {
    "HeadObject": "GetObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
}
_S3_LISTS = {
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads",
}


def _s3(_to: Recorder, operation: str, params: Mapping[str, Any]) -> Iterator[Need]:
    bucket = f"arn:aws:s3:::{params['Bucket']}"
    if operation in _S3_LISTS:
        yield Need(action=f"s3:{_S3_LISTS[operation]}", resource=bucket)
        return
    objects = [params]
    if operation == "DeleteObjects":
        operation, objects = "DeleteObject", params["Delete"]["Objects"]
    for one in objects:
        versioned = "VersionId" in one and operation in ("GetObject", "HeadObject", "DeleteObject")
        name = _S3.get(operation, operation) + ("Version" if versioned else "")
        yield Need(action=f"s3:{name}", resource=f"{bucket}/{one['Key']}")


def _sqs(to: Recorder, operation: str, params: Mapping[str, Any]) -> Iterator[Need]:
    queue = params["QueueUrl"].rpartition("/")[2]
    yield Need(action=f"sqs:{operation}", resource=to.arn("sqs", queue))


def _events(to: Recorder, operation: str, params: Mapping[str, Any]) -> Iterator[Need]:
    for entry in params["Entries"]:
        bus = to.arn("events", f"event-bus/{entry['EventBusName']}")
        yield Need(action=f"events:{operation}", resource=bus)


_SERVICES: dict[str, Callable[[Recorder, str, Mapping[str, Any]], Iterator[Need]]] = {
    "dynamodb": _dynamodb,
    "s3": _s3,
    "sqs": _sqs,
    "events": _events,
}
