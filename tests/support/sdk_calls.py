"""Which operations of AWS's services the adapters call, as far as their source shows.

An operation counts as called when its SDK name stands in the source of an adapter of that service,
as an attribute (``….send_message(…)``) or as a text (``get_paginator("list_jobs")``). Who reaches
an adapter, and when, is not seen here; the tests of the deployed stack are for that.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from botocore import xform_name
from botocore.session import get_session

ADAPTERS = Path(__file__).parents[2] / "shared" / "adapters" / "aws"
#: How the files of a service's adapters begin.
FILES = {
    "batch": ("batch",),
    "dynamodb": ("dynamo", "index"),
    "events": ("event_bridge",),
    "s3": ("s3",),
    "secretsmanager": ("secrets_manager",),
    "sqs": ("sqs",),
}
#: Actions of operations that IAM does not call by their names.
_ACTIONS = {
    "batch:SubmitJob": ["SubmitJob", "TagResource"],  # with tags
    "dynamodb:TransactGetItems": ["GetItem"],
    # Without ConditionCheck, which none of the adapters' transactions holds.
    "dynamodb:TransactWriteItems": ["DeleteItem", "PutItem", "UpdateItem"],
    "s3:CompleteMultipartUpload": ["PutObject"],
    "s3:CreateMultipartUpload": ["PutObject"],
    "s3:DeleteObject": ["DeleteObject", "DeleteObjectVersion"],
    "s3:DeleteObjects": ["DeleteObject", "DeleteObjectVersion"],
    "s3:GetObject": ["GetObject", "GetObjectVersion"],
    "s3:HeadObject": ["GetObject", "ListBucket"],  # without the latter 403 for what is not there
    "s3:ListMultipartUploads": ["ListBucketMultipartUploads"],
    "s3:ListObjectVersions": ["ListBucketVersions"],
    "s3:ListObjectsV2": ["ListBucket"],
    "s3:UploadPart": ["PutObject"],
    "sqs:ChangeMessageVisibilityBatch": ["ChangeMessageVisibility"],
    "sqs:DeleteMessageBatch": ["DeleteMessage"],
    "sqs:SendMessageBatch": ["SendMessage"],
}


@cache
def called(service: str) -> frozenset[str]:
    """Operations of this service that its adapters name."""
    names = frozenset(
        name
        for path in sorted(ADAPTERS.glob("*.py"))
        if path.name.startswith(FILES[service])
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in _named(node)
    )
    model = get_session().get_service_model(service)
    return frozenset(name for name in model.operation_names if xform_name(name) in names)


def actions_needed(service: str) -> frozenset[str]:
    """The IAM actions of what is called."""
    return frozenset(
        f"{service}:{action}"
        for operation in called(service)
        for action in _ACTIONS.get(f"{service}:{operation}", [operation])
    )


def _named(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Attribute):
        return [node.attr]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    return []
