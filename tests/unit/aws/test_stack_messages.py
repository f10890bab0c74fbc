"""Queues, events and stores: nothing is lost on the way, and nothing lies open."""

from __future__ import annotations

import json
from typing import Any

from shared.domain.events import EventType
from shared.domain.messages import JobEvent, encode
from tests.support.stack import functions, listed, of_kind, stack, template

DEFAULT = stack()


def queues() -> dict[str, dict[str, Any]]:
    return {name: DEFAULT.properties(name) for name in of_kind("AWS::SQS::Queue")}


def sources() -> dict[str, dict[str, Any]]:
    """Functions to the queue events that start them."""
    return {
        name: event["Properties"]
        for name, properties in functions().items()
        for event in properties.get("Events", {}).values()
        if event["Type"] == "SQS"
    }


def dead_letter_queues() -> dict[str, str]:
    """Queues to where their dead letters go."""
    return {
        name: it["RedrivePolicy"]["deadLetterTargetArn"].strip("<>").partition(".")[0]
        for name, it in queues().items()
        if "RedrivePolicy" in it
    }


def policy_statements(kind: str, key: str, resource: str) -> list[dict[str, Any]]:
    """Statements of the policies of `kind` that belong to a resource."""
    return [
        statement
        for name in of_kind(kind)
        for properties in [DEFAULT.properties(name)]
        if f"<{resource}>" in listed(properties[key])
        for statement in properties["PolicyDocument"]["Statement"]
    ]


def is_tls_only(statement: dict[str, Any]) -> bool:
    return (
        statement["Effect"] == "Deny"
        and statement["Principal"] == "*"
        and statement["Action"] in ("sqs:*", "s3:*")
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    )


def test_a_message_is_hidden_for_six_times_as_long_as_its_function_may_run() -> None:
    assert set(sources()) == {"DispatchFunction", "WebhookFunction"}
    for name, source in sources().items():
        queue = source["Queue"]["Fn::GetAtt"][0]
        window = source.get("MaximumBatchingWindowInSeconds", 0)
        assert queues()[queue]["VisibilityTimeout"] >= 6 * functions()[name]["Timeout"] + window


def test_only_what_failed_of_a_batch_comes_again() -> None:
    for source in sources().values():
        assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    at_once = [source["ScalingConfig"]["MaximumConcurrency"] for source in sources().values()]
    assert min(at_once) >= 2, "Lambda takes no less"
    assert sum(at_once) <= 6, "the API keeps some of the 10 that a new account may run"


def test_a_message_that_always_fails_ends_in_a_dead_letter_queue() -> None:
    dead = dead_letter_queues()
    workers = {source["Queue"]["Fn::GetAtt"][0] for source in sources().values()}
    assert set(dead) == workers
    for name, target in dead.items():
        assert queues()[name]["RedrivePolicy"]["maxReceiveCount"] >= 5, "throttling counts too"
        kept = queues()[target]["MessageRetentionPeriod"]
        assert kept == 1_209_600, "14 days from when it was sent, the most there is"
        assert kept > queues()[name]["MessageRetentionPeriod"]
    assert set(queues()) == workers | set(dead.values()) | {"FailedEventsQueue"}


def test_every_queue_is_encrypted_and_takes_tls_only() -> None:
    for name, properties in queues().items():
        assert properties["SqsManagedSseEnabled"] is True
        assert any(map(is_tls_only, policy_statements("AWS::SQS::QueuePolicy", "Queues", name)))


def test_a_queue_has_one_policy_for_the_last_one_written_wins() -> None:
    named = [
        queue["Ref"] for it in of_kind("AWS::SQS::QueuePolicy").values() for queue in it["Queues"]
    ]
    assert sorted(named) == sorted(queues())


def test_an_event_that_no_target_takes_is_set_aside() -> None:
    allowed = {
        arn
        for statement in policy_statements("AWS::SQS::QueuePolicy", "Queues", "FailedEventsQueue")
        if statement["Effect"] == "Allow"
        for arn in listed(statement["Condition"]["ArnEquals"]["aws:SourceArn"])
    }
    rules = of_kind("AWS::Events::Rule")
    assert allowed == {f"<{name}.Arn>" for name in rules}
    for name in rules:
        for target in DEFAULT.properties(name)["Targets"]:
            assert target["DeadLetterConfig"] == {"Arn": "<FailedEventsQueue.Arn>"}
            assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0


def test_an_event_that_a_function_fails_on_is_set_aside() -> None:
    """Functions that are started without an answer being waited for: by rules and the schedule."""
    started = {
        target["Arn"].strip("<>").partition(".")[0]
        for name in of_kind("AWS::Events::Rule")
        for target in DEFAULT.properties(name)["Targets"]
    } & set(functions())
    assert started == {"IntakeFunction", "SweepFunction"}
    for name in started:
        config = DEFAULT.resolve(functions()[name]["EventInvokeConfig"])
        assert config["MaximumRetryAttempts"] == 2
        assert config["DestinationConfig"]["OnFailure"] == {
            "Type": "SQS",
            "Destination": "<FailedEventsQueue.Arn>",
        }


def test_an_event_s_tenant_is_its_group_in_the_webhook_queue_which_is_a_fair_one() -> None:
    """A standard queue with groups: of a FIFO queue a group's messages come one by one."""
    (target,) = DEFAULT.properties("JobEventsRule")["Targets"]
    assert target["SqsParameters"] == {"MessageGroupId": "$.detail.tenant"}
    event = JobEvent(
        event_id="evt_1",
        type=EventType.TRANSCRIPTION_COMPLETED,
        job_id="job_1",
        tenant="acme",
        occurred_at=1.0,
    )
    assert json.loads(encode(event))["tenant"] == "acme"
    assert "FifoQueue" not in queues()["WebhookQueue"]


def test_only_the_rule_of_jobs_may_put_events_into_the_webhook_queue() -> None:
    allowed = [
        statement
        for statement in policy_statements("AWS::SQS::QueuePolicy", "Queues", "WebhookQueue")
        if statement["Effect"] == "Allow"
    ]
    assert [it["Action"] for it in allowed] == ["sqs:SendMessage"]
    assert allowed[0]["Condition"] == {"ArnEquals": {"aws:SourceArn": "<JobEventsRule.Arn>"}}


def test_the_sweep_is_started_each_minute_and_a_missed_round_is_left_to_the_next() -> None:
    schedule = DEFAULT.properties("SweepSchedule")
    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert schedule["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"] == 60
    assert "Input" not in schedule["Target"], "the function reads Scheduler's own envelope"
    assert functions()["SweepFunction"]["Timeout"] <= 60


def test_the_bucket_is_private_encrypted_keeps_versions_and_takes_tls_only() -> None:
    bucket = DEFAULT.properties("Bucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "<Key.Arn>",
    }  # fmt: skip
    assert rule["BucketKeyEnabled"] is True
    assert any(map(is_tls_only, policy_statements("AWS::S3::BucketPolicy", "Bucket", "Bucket")))


def test_without_a_key_of_ones_own_everything_is_encrypted_all_the_same() -> None:
    plain = stack(CustomerKey="false")
    assert {"Key", "UseKey"} == stack().made() - plain.made()
    (rule,) = plain.properties("Bucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    # DynamoDB has no "off": false is a key that AWS owns.
    assert plain.properties("Table")["SSESpecification"] == {"SSEEnabled": False}


def test_what_was_given_up_or_written_over_leaves_the_bucket() -> None:
    rules = {
        rule["Id"]: rule for rule in DEFAULT.properties("Bucket")["LifecycleConfiguration"]["Rules"]
    }
    assert all(rule["Status"] == "Enabled" for rule in rules.values())
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules.values())
    assert any("NoncurrentVersionExpiration" in rule for rule in rules.values())
    assert not any("ExpirationInDays" in rule for rule in rules.values()), "jobs' retention decides"


def test_pages_may_upload_only_from_the_origins_that_were_named() -> None:
    assert "CorsConfiguration" not in DEFAULT.properties("Bucket")
    asked = stack(CorsOrigins="https://a.example,https://b.example").properties("Bucket")
    (rule,) = asked["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedOrigins"] == ["https://a.example", "https://b.example"]
    assert {"POST", "PUT"} <= set(rule["AllowedMethods"])
    assert "ETag" in rule["ExposedHeaders"], "an upload in parts sends the parts' tags back"


def test_the_table_is_backed_up_and_encrypted_and_costs_nothing_at_rest_but_its_bytes() -> None:
    table = DEFAULT.properties("Table")
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"]["KMSMasterKeyId"] == "<Key.Arn>"


def test_what_holds_data_outlives_the_stack_and_the_key_with_it() -> None:
    kept = {
        name
        for name, resource in template()["Resources"].items()
        if resource.get("DeletionPolicy") == "RetainExceptOnCreate"
        and resource.get("UpdateReplacePolicy") == "Retain"
    }
    assert kept == {"Bucket", "Table", "Key"}


def test_only_uploads_and_dropped_files_start_the_intake_function() -> None:
    """What workers store, a part every minute or so, does not."""
    detail = DEFAULT.properties("ObjectRule")["EventPattern"]["detail"]
    assert detail["bucket"] == {"name": ["<Bucket>"]}
    wildcards = [it["wildcard"] for it in detail["object"]["key"]]
    assert wildcards == ["tenants/*/uploads/*", "tenants/*/inbox/*"]
