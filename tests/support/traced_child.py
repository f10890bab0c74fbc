"""``python -m tests.support.traced_child``: a traced function in a process of its own.

X-Ray's SDK decides when it is imported where it is, and patches botocore for good. The environment
is a Lambda function's. Each line on standard output is what one invocation came to.
"""

from __future__ import annotations

import json
import sys
from typing import Any, cast

import boto3
from botocore.exceptions import ClientError

from functions.function import Function
from functions.observability.emit import MetricsLog
from functions.observability.logs import function_logger
from shared.domain.errors import InvalidRequest
from shared.ports.platform import Platform
from tests.support.functions_aws import FakeContext

ANSWER, REFUSAL, FAULT = "an answer of somebody's", "a refusal of somebody's", "a fault of a caller"


def work(event: Any, _time_left: object) -> dict[str, str]:
    table = boto3.client("dynamodb")
    try:
        table.get_item(TableName="nowhere", Key={"pk": {"S": ANSWER}, "sk": {"S": ANSWER}})
    except ClientError as exc:
        sys.stderr.write(f"{exc}\n")
    if event["do"] == "refuse":
        raise InvalidRequest(REFUSAL)
    if event["do"] == "fail":
        raise ZeroDivisionError(FAULT)
    return {"answer": ANSWER}


def main() -> None:
    function = Function(
        name="sweep",
        platform=cast("Platform", None),  # not asked for anything
        logger=function_logger("sweep", deployment="tamlil", level="INFO"),
        metrics=MetricsLog("tamlil"),
        trace=True,
    )
    handler = function.entry(work)
    for do in ("answer", "refuse", "fail"):
        came: object
        try:
            came = handler({"do": do}, FakeContext())
        except (InvalidRequest, ZeroDivisionError) as exc:
            came = str(exc)
        sys.stdout.write(f"{json.dumps(came)}\n")


if __name__ == "__main__":
    main()
