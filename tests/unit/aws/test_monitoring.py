"""Dashboard and alarms against the metrics that the code defines and that AWS publishes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations, product
from typing import Any

from functions.observability.metrics import METRICS, NAMESPACE, SERVICE
from iac.aws.monitoring.__main__ import FILE, text
from iac.aws.monitoring.alarms import ALARMS
from iac.aws.monitoring.dashboard import COLUMNS, ROWS, body
from iac.aws.monitoring.parts import JOB_EVENTS_RULE
from iac.aws.monitoring.series import AWS_METRICS, Series
from tests.support.cloudformation import Stack, load_template
from tests.support.stack import stack

#: What must wake somebody, and the alarms that do.
NEEDED = {
    "a dead-letter queue is not empty": {"JobsDeadLetters", "WebhookDeadLetters", "FailedEvents"},
    "messages grow old": {"JobsQueueAge", "WebhookQueueAge"},
    "a function fails": {
        "ApiErrors", "IntakeErrors", "DispatchErrors", "WebhookErrors", "SweepErrors",
    },
    "the API answers 5xx": {"Api5xx"},
    "a webhook is given up": {"WebhooksGivenUp"},
    "workers fail or do not start": {"GpuJobFailures", "WorkersDontStart", "JobsWaitLong"},
    "the sweep does not run, or in vain": {"SweepStopped", "SweepTrouble"},
    "something is throttled": {"FunctionThrottles", "TableThrottles"},
    "events are lost": {"EventsLost"},
}  # fmt: skip


def nested() -> Stack:
    return Stack(template=load_template(FILE), given=dict.fromkeys(parameters(), "x"))


def parameters() -> dict[str, Any]:
    found: dict[str, Any] = load_template(FILE)["Parameters"]
    return found


def dashboard() -> dict[str, Any]:
    """The body in the checked-in template, names not yet put in."""
    resource = load_template(FILE)["Resources"]["Dashboard"]
    found: dict[str, Any] = json.loads(resource["Properties"]["DashboardBody"]["Fn::Sub"])
    return found


def shown() -> Iterator[Series]:
    for _, graphs in ROWS:
        for graph in graphs:
            yield from (*graph.series, *graph.right)


def check(series: Series) -> None:
    """The metric is defined, with these dimensions and such values."""
    if series.namespace != NAMESPACE:
        sets = AWS_METRICS[series.namespace, series.name]
        assert frozenset(series.dimensions) in sets, series
        return
    metric = METRICS[series.name]
    assert set(series.dimensions) == {SERVICE, *metric.dimensions}, series
    for name, values in metric.dimensions.items():
        assert series.dimensions[name] in values, series


def test_the_file_is_what_make_monitoring_writes() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "run `make monitoring`"


def test_every_metric_on_the_dashboard_is_one_that_there_is() -> None:
    series = list(shown())
    assert series
    for it in series:
        check(it)


def test_every_metric_of_the_code_is_on_the_dashboard_with_every_value_of_its_dimensions() -> None:
    on_it = {
        (it.name, frozenset(it.dimensions.items()) - {(SERVICE, it.dimensions[SERVICE])})
        for it in shown()
        if it.namespace == NAMESPACE
    }
    defined = {
        (metric.name, frozenset(zip(metric.dimensions, values, strict=True)))
        for metric in METRICS.values()
        for values in product(*metric.dimensions.values())
    }
    assert on_it == defined


def test_every_alarm_watches_metrics_that_there_are() -> None:
    for alarm in ALARMS:
        assert alarm.series
        for series in alarm.series:
            check(series)


def test_there_is_an_alarm_for_whatever_must_wake_somebody() -> None:
    assert set().union(*NEEDED.values()) == {alarm.id for alarm in ALARMS}


def test_an_alarm_tells_what_is_wrong_and_reaches_the_topic() -> None:
    made = nested()
    for alarm in ALARMS:
        properties = made.properties(alarm.id)
        assert len(properties["AlarmDescription"]) > 40
        assert properties["AlarmActions"] == properties["OKActions"] == ["<AlarmTopic>"]
        assert (alarm.at_least is None) != (alarm.below is None)


def test_silence_is_an_alarm_only_where_something_must_happen() -> None:
    missing = {alarm.id: nested().properties(alarm.id)["TreatMissingData"] for alarm in ALARMS}
    assert missing.pop("SweepStopped") == "breaching"
    assert set(missing.values()) == {"notBreaching"}


def test_an_alarm_looks_back_a_day_at_most_as_cloudwatch_allows() -> None:
    for alarm in ALARMS:
        assert alarm.period % 60 == 0
        assert alarm.period <= 86_400


def test_the_dashboards_json_is_as_cloudwatch_documents_it() -> None:
    found = dashboard()
    assert set(found) <= {"start", "end", "periodOverride", "widgets"}
    assert re.fullmatch(r"-PT\d+H", found["start"])
    assert found["periodOverride"] in ("auto", "inherit")
    assert 0 < len(found["widgets"]) <= 500
    for widget in found["widgets"]:
        assert set(widget) == {"type", "x", "y", "width", "height", "properties"}
        assert 1 <= widget["width"] <= COLUMNS
        assert 1 <= widget["height"] <= 1000
        assert 0 <= widget["x"] <= COLUMNS - widget["width"]
        _CHECKS[widget["type"]](widget["properties"])


def _check_graph(properties: dict[str, Any]) -> None:
    assert set(properties) == {"title", "region", "view", "stacked", "period", "metrics", "yAxis"}
    assert properties["view"] == "timeSeries"
    assert properties["region"] == "${AWS::Region}"
    assert properties["period"] % 60 == 0
    assert set(properties["yAxis"]) <= {"left", "right"}
    assert 0 < len(properties["metrics"]) <= 500
    for namespace, name, *rest in properties["metrics"]:
        *dimensions, options = rest
        assert isinstance(namespace, str)
        assert isinstance(name, str)
        assert len(dimensions) % 2 == 0
        assert len(dimensions) <= 60, "30 dimensions"
        assert all(isinstance(it, str) and it for it in dimensions)
        assert set(options) == {"stat", "label", "yAxis"}
        assert re.fullmatch(r"Sum|Average|Maximum|Minimum|SampleCount|p\d{1,2}", options["stat"])
        assert options["yAxis"] in properties["yAxis"]


def _check_text(properties: dict[str, Any]) -> None:
    assert set(properties) == {"markdown"}


def _check_alarms(properties: dict[str, Any]) -> None:
    assert set(properties) == {"title", "alarms"}
    assert properties["alarms"] == [f"${{{alarm.id}.Arn}}" for alarm in ALARMS]
    assert len(properties["alarms"]) <= 100


_CHECKS = {"metric": _check_graph, "text": _check_text, "alarm": _check_alarms}


def test_no_widget_covers_another() -> None:
    cells = [
        {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        for widget in body()["widgets"]
    ]
    assert not any(one & other for one, other in combinations(cells, 2))


def test_every_name_in_the_dashboard_is_a_parameter_or_an_alarm() -> None:
    named = set(re.findall(r"\$\{([^}]+)\}", json.dumps(dashboard())))
    arns = {f"{alarm.id}.Arn" for alarm in ALARMS}
    assert named - {"AWS::Region"} <= set(parameters()) | arns
    properties = nested().properties("Dashboard")
    assert "${" not in properties["DashboardBody"], "all of them are put in"


def test_the_stack_gives_the_parts_that_their_names_say() -> None:
    given = stack().properties("Watch")["Parameters"]
    for name in ("Api", "Intake", "Dispatch", "Webhook", "Sweep"):
        assert given[f"{name}FunctionName"] == f"<{name}Function>"
    queues = ("Jobs", "Webhook", "JobsDeadLetter", "WebhookDeadLetter", "FailedEvents")
    for name in queues:
        assert given[f"{name}QueueName"] == f"<{name}Queue.QueueName>"
    assert given["Deployment"] == "tamlil-test", "the dimension that the functions write"
    assert stack().properties("JobEventsRule")["Name"] == JOB_EVENTS_RULE


def test_alarms_are_encrypted_on_their_way_when_the_stack_has_a_key_that_lets_them_be() -> None:
    topic = nested().properties("AlarmTopic")
    assert topic["KmsMasterKeyId"] == "x"
    plain = Stack(
        template=load_template(FILE), given=dict.fromkeys(parameters(), "x") | {"KmsKeyArn": ""}
    )
    assert "KmsMasterKeyId" not in plain.properties("AlarmTopic")
    statements = stack().properties("Key")["KeyPolicy"]["Statement"]
    services = [it["Principal"].get("Service") for it in statements]
    assert "cloudwatch.amazonaws.com" in services


def test_mail_is_sent_only_where_an_address_was_given() -> None:
    assert nested().properties("AlarmMail")["Protocol"] == "email"
    silent = Stack(
        template=load_template(FILE), given=dict.fromkeys(parameters(), "x") | {"AlarmEmail": ""}
    )
    assert "AlarmMail" not in silent.made()
