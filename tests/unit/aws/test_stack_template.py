"""`template.yaml`: what CloudFormation would say of it, and what it would not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.cloudformation import Stack, load_template
from tests.support.stack import FUNCTION, NESTED, TEMPLATE, functions, of_kind, stack, template


@pytest.mark.parametrize("file", [TEMPLATE, NESTED["Watch"]], ids=lambda file: file.name)
def test_cfn_lint_finds_nothing(file: Path) -> None:
    linter = Path(sys.executable).with_name("cfn-lint")
    ended = subprocess.run(
        [linter, "--non-zero-exit-code", "informational", file],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (0, "")


def test_every_parameter_is_described_checked_and_shown_in_a_group() -> None:
    parameters = template()["Parameters"]
    assert [name for name, it in parameters.items() if not it.get("Description")] == []
    groups = template()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    shown = [name for group in groups for name in group["Parameters"]]
    assert sorted(shown) == sorted(parameters)
    unexplained = [
        name
        for name, it in parameters.items()
        if "AllowedPattern" in it and "ConstraintDescription" not in it
    ]
    assert unexplained == []


def test_every_parameter_has_a_default_so_that_two_commands_deploy() -> None:
    assert [name for name, it in template()["Parameters"].items() if "Default" not in it] == []


@pytest.mark.parametrize("name", NESTED)
def test_a_nested_template_is_given_what_it_has_no_default_for_and_nothing_else(name: str) -> None:
    resource = template()["Resources"][name]
    assert TEMPLATE.parent / resource["Properties"]["TemplateURL"] == NESTED[name]
    parameters = load_template(NESTED[name])["Parameters"]
    needed = {key for key, it in parameters.items() if "Default" not in it}
    given = set(resource["Properties"]["Parameters"])
    assert needed <= given <= set(parameters)


@pytest.mark.parametrize("name", NESTED)
def test_what_is_read_of_a_nested_template_is_among_its_outputs(name: str) -> None:
    outputs = load_template(NESTED[name])["Outputs"]
    text = json.dumps(template())
    read = {
        part.partition('"')[0].partition("}")[0]
        for part in text.replace(f'["{name}", "', f"{name}.").split(f"{name}.Outputs.")[1:]
    }
    assert read, "the nested stack's results are used"
    assert read <= set(outputs)


def test_defaults_that_are_said_twice_are_the_same() -> None:
    """The nested template may be deployed by itself: it has defaults too."""
    mine = template()["Parameters"]
    nested = load_template(NESTED["Batch"])["Parameters"]
    for name, value in template()["Resources"]["Batch"]["Properties"]["Parameters"].items():
        if "Default" in nested[name] and isinstance(value, dict) and value.get("Ref") in mine:
            assert str(mine[value["Ref"]]["Default"]) == str(nested[name]["Default"]), name


def test_whoever_deploys_can_say_all_of_the_workers_but_what_the_image_is_made_for() -> None:
    edited = {"ImageType", "JobGpus", "VpcCidr"}  # in batch.yaml itself, by who knows why
    parameters = template()["Resources"]["Batch"]["Properties"]["Parameters"]
    assert set(load_template(NESTED["Batch"])["Parameters"]) - set(parameters) == edited
    asked = {"ZoneCount": "2", "JobVcpus": "8", "MachineImageId": "ami-0123456789abcdef0"}
    passed = stack(**asked).properties("Batch")["Parameters"]
    assert {name: passed[name] for name in asked} == asked


def test_a_stacks_name_may_be_as_long_as_cloudformation_takes() -> None:
    """What carries it takes 128 characters and more, unlike a schedule, which takes 64."""
    named = {
        name
        for name, resource in template()["Resources"].items()
        for key in ("Name", "LogGroupName", "QueueName", "TableName", "BucketName")
        if "AWS::StackName" in json.dumps(resource.get("Properties", {}).get(key))
    }
    kinds = {template()["Resources"][name]["Type"] for name in named}
    long = {"AWS::ApiGatewayV2::Api", "AWS::Events::EventBus", "AWS::Logs::LogGroup"}
    assert kinds == long


QUEUE = "arn:aws:batch:eu-west-1:123456789012:job-queue/mine"
PAIRS = [
    {"VpcId": "vpc-0a1b", "SubnetIds": "subnet-0a1b,subnet-2c3d"},
    {"ExistingBatchQueue": QUEUE, "ExistingBatchDefinition": "mine:3"},
]


@pytest.mark.parametrize("pair", PAIRS, ids=" ".join)
def test_parameters_that_go_together_are_refused_alone(pair: dict[str, str]) -> None:
    """Else the one that was given would silently count for nothing."""
    assert stack().refusals() == stack(**pair).refusals() == []
    for name, value in pair.items():
        (refusal,) = stack(**{name: value}).refusals()
        assert all(other in refusal for other in pair)


def test_workers_of_ones_own_replace_the_whole_batch_part() -> None:
    own = stack(ExistingBatchQueue=QUEUE, ExistingBatchDefinition="mine:3")
    assert stack().made() - own.made() == {"Batch"}
    assert own.outputs()["BatchQueueArn"] == QUEUE
    assert own.properties("BatchRule")["EventPattern"]["detail"]["jobQueue"] == [QUEUE]


def test_dashboard_and_alarms_can_be_left_out() -> None:
    assert stack().made() - stack(Monitoring="false").made() == {"Watch"}


def test_every_function_is_built_by_its_own_makefile_target() -> None:
    found = {
        name: resource["Metadata"]["BuildMethod"]
        for name, resource in template()["Resources"].items()
        if resource["Type"] == FUNCTION
    }
    assert found == dict.fromkeys(functions(), "makefile")


def test_functions_run_on_arm_and_the_newest_python_that_lambda_has() -> None:
    for properties in functions().values():
        assert (properties["Runtime"], properties["Architectures"]) == ("python3.13", ["arm64"])


def test_every_log_is_kept_for_the_days_that_were_asked_for() -> None:
    groups = of_kind("AWS::Logs::LogGroup")
    assert {it["RetentionInDays"]["Ref"] for it in groups.values()} == {"LogRetentionDays"}
    used = {it["LoggingConfig"]["LogGroup"]["Ref"] for it in functions().values()}
    assert used | {"AccessLogs"} == set(groups)
    assert len(used) == len(functions()), "each function has a log of its own"


def test_access_logs_are_json() -> None:
    settings = of_kind("AWS::ApiGatewayV2::Stage")["ApiStage"]["AccessLogSettings"]
    fields: dict[str, Any] = json.loads(settings["Format"])
    assert {"requestId", "ip", "method", "path", "status", "latencyMs", "error"} <= set(fields)
    assert all(value.startswith("$context.") for value in fields.values())


def test_the_api_is_throttled_and_waits_longer_than_its_function_runs() -> None:
    stage = Stack(template=template()).properties("ApiStage")
    limits = stage["DefaultRouteSettings"]
    assert int(limits["ThrottlingRateLimit"]) > 0
    assert int(limits["ThrottlingBurstLimit"]) > 0
    gateway = of_kind("AWS::ApiGatewayV2::Integration")["ApiIntegration"]["TimeoutInMillis"]
    assert functions()["ApiFunction"]["Timeout"] * 1000 < gateway <= 30_000


def test_nothing_is_reserved_in_a_new_account_which_may_run_ten_functions() -> None:
    for name in functions():
        assert "ReservedConcurrentExecutions" not in stack().properties(name)
    reserving = stack(ReserveConcurrency="true")
    reserved = [
        reserving.properties(name).get("ReservedConcurrentExecutions") for name in functions()
    ]
    assert any(reserved)
