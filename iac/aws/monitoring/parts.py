"""The parts of the deployment that are watched, as parameters of the template."""

from __future__ import annotations

from collections.abc import Mapping

#: Functions by what they are called on the dashboard.
FUNCTIONS: Mapping[str, str] = {
    "api": "${ApiFunctionName}",
    "intake": "${IntakeFunctionName}",
    "dispatch": "${DispatchFunctionName}",
    "webhook": "${WebhookFunctionName}",
    "sweep": "${SweepFunctionName}",
}

#: Queues that are worked on, and those where what failed waits for a person.
QUEUES: Mapping[str, str] = {
    "jobs": "${JobsQueueName}",
    "webhooks": "${WebhookQueueName}",
}
DEAD_LETTER_QUEUES: Mapping[str, str] = {
    "jobs": "${JobsDeadLetterQueueName}",
    "webhooks": "${WebhookDeadLetterQueueName}",
    "events": "${FailedEventsQueueName}",
}

#: Rules of the default bus; the rule of jobs is on a bus of our own.
RULES: Mapping[str, str] = {"objects": "${ObjectRuleName}", "Batch": "${BatchRuleName}"}
EVENT_BUS = "${EventBusName}"
#: Named in template.yaml: of a rule on such a bus, CloudFormation gives no plain name.
JOB_EVENTS_RULE = "webhooks"

API = "${ApiId}"
TABLE = "${TableName}"
BUCKET = "${BucketName}"

#: What each parameter of the template is; all of them come from template.yaml.
PARAMETERS: Mapping[str, str] = {
    "Deployment": "The stack's name, by which its metrics are told from another's.",
    "ApiId": "The HTTP API.",
    "TableName": "The table.",
    "BucketName": "The bucket.",
    "EventBusName": "The bus of jobs' events.",
    "ObjectRuleName": "The rule of objects in the bucket.",
    "BatchRuleName": "The rule of containers on Batch.",
    **{name.strip("${}"): f"The {what} function." for what, name in FUNCTIONS.items()},
    **{name.strip("${}"): f"The queue of {what}." for what, name in QUEUES.items()},
    **{
        name.strip("${}"): f"Where {what} lie that failed too often."
        for what, name in DEAD_LETTER_QUEUES.items()
    },
}
