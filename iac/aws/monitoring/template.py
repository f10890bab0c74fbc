"""The nested template: parameters, topic, alarms, dashboard."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from iac.aws.monitoring.alarms import ALARMS, properties
from iac.aws.monitoring.dashboard import body
from iac.aws.monitoring.parts import PARAMETERS
from iac.aws.monitoring.texts import json_text

HEADER = """\
# Made by `make monitoring` from iac/aws/monitoring and functions/observability/metrics.py; a test
# holds them together. Nested in template.yaml.
"""
#: One parameter and nothing else.
_ALONE = re.compile(r"\$\{(\w+)\}")

_ALARM_EMAIL = "AlarmEmail"
_KEY = "KmsKeyArn"


def template() -> dict[str, Any]:
    """The CloudFormation document."""
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Tamlil's dashboard and alarms. Nested in template.yaml, which gives every"
        " parameter.",
        "Parameters": {
            name: {"Type": "String", "Description": text}
            for name, text in (
                *PARAMETERS.items(),
                (_ALARM_EMAIL, "Where alarms are sent; empty sends none."),
                (_KEY, "The key that encrypts alarms on their way; empty for none."),
            )
        },
        "Conditions": {
            "HasAlarmEmail": _given(_ALARM_EMAIL),
            "HasKey": _given(_KEY),
        },
        "Resources": {
            **_topic(),
            **{alarm.id: _alarm(properties(alarm)) for alarm in ALARMS},
            "Dashboard": {
                "Type": "AWS::CloudWatch::Dashboard",
                "Properties": {
                    "DashboardName": {"Ref": "Deployment"},
                    "DashboardBody": {"Fn::Sub": json_text(body())},
                },
            },
        },
        "Outputs": {
            "AlarmTopicArn": {
                "Description": "Where alarms are published; subscribe whatever else should hear.",
                "Value": {"Ref": "AlarmTopic"},
            },
            "DashboardName": {"Description": "The dashboard.", "Value": {"Ref": "Dashboard"}},
        },
    }


def _given(parameter: str) -> dict[str, Any]:
    return {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, ""]}]}


def _topic() -> dict[str, Any]:
    topic = {"Ref": "AlarmTopic"}
    return {
        "AlarmTopic": {
            "Type": "AWS::SNS::Topic",
            "Properties": {
                "DisplayName": {"Fn::Sub": "Tamlil (${Deployment})"},
                # The key that AWS manages for SNS would keep CloudWatch out.
                "KmsMasterKeyId": {"Fn::If": ["HasKey", {"Ref": _KEY}, {"Ref": "AWS::NoValue"}]},
            },
        },
        "AlarmTopicPolicy": {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {
                "Topics": [topic],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Sid": "AlarmsOfThisAccount",
                            "Effect": "Allow",
                            "Principal": {"Service": "cloudwatch.amazonaws.com"},
                            "Action": "sns:Publish",
                            "Resource": topic,
                            "Condition": {
                                "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
                            },
                        },
                        {
                            "Sid": "TlsOnly",
                            "Effect": "Deny",
                            "Principal": "*",
                            "Action": "sns:Publish",
                            "Resource": topic,
                            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                        },
                    ],
                },
            },
        },
        "AlarmMail": {
            "Type": "AWS::SNS::Subscription",
            "Condition": "HasAlarmEmail",
            "Properties": {
                "TopicArn": topic,
                "Protocol": "email",
                "Endpoint": {"Ref": _ALARM_EMAIL},
            },
        },
    }


def _alarm(found: Mapping[str, Any]) -> dict[str, Any]:
    topic = [{"Ref": "AlarmTopic"}]
    named = _with_references(found)
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {**named, "AlarmActions": topic, "OKActions": topic},
    }


def _with_references(value: Any) -> Any:
    """Parameters written as ``${Name}`` as references to them."""
    if isinstance(value, Mapping):
        return {name: _with_references(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_references(item) for item in value]
    alone = _ALONE.fullmatch(value) if isinstance(value, str) else None
    return {"Ref": alone[1]} if alone else value
