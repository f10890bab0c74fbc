"""The default event bus for what only AWS itself may put there.

PutEvents refuses the sources of AWS's own services, and so does ministack. So the deployed rules
are asked, by the bus's own TestEventPattern, which of them an event concerns, and their functions
are called as the bus calls them: asynchronously, with the event.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.aws.support.ministack import Ministack

#: Times that ministack's TestEventPattern wants in an event besides what Batch's fake writes.
_ENVELOPE = ("id", "detail-type", "source", "account", "time", "region", "resources", "detail")


def put_aws_event(cloud: Ministack, event: Mapping[str, Any]) -> list[str]:
    """Deliver an event of an AWS service; returns the functions that were called."""
    events, called = cloud.client("events"), []
    whole = {"version": "0"} | {name: event[name] for name in _ENVELOPE}
    for rule in events.list_rules()["Rules"]:
        pattern = rule.get("EventPattern")
        if not pattern or rule["State"] != "ENABLED":
            continue
        asked = events.test_event_pattern(EventPattern=pattern, Event=json.dumps(whole))
        if asked["Result"]:
            called += _call_targets(cloud, rule["Name"], whole)
    return called


def _call_targets(cloud: Ministack, rule: str, event: Mapping[str, Any]) -> list[str]:
    targets = cloud.client("events").list_targets_by_rule(Rule=rule)["Targets"]
    functions = [it["Arn"] for it in targets if it["Arn"].startswith("arn:aws:lambda:")]
    for function in functions:
        cloud.client("lambda").invoke(
            FunctionName=function, InvocationType="Event", Payload=json.dumps(event)
        )
    return functions
