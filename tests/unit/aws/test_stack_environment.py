"""The environment of each function against the settings that its code reads from it."""

from __future__ import annotations

import json
import os
import shlex
from typing import Any

import pytest

from shared.function_settings import read_function_settings
from shared.settings import Settings
from shared.settings_aws import AwsSettings
from tests.support.cloudformation import PSEUDO, Stack, load_template
from tests.support.stack import NESTED, environment, functions, template

#: With every parameter that adds a variable.
EVERYTHING = {
    "CorsOrigins": "https://a.example,https://b.example",
    "CostPerHour": "0.5",
    "LanguageModels": '{"he": "ivrit-he-turbo"}',
    "Models": "base,tiny.en",
    "ReadBuckets": "calls,archive",
    "ReadPrefix": "recordings/{tenant}/",
    "RetentionSeconds": "86400",
    "TranslateModel": "base",
    "Tracing": "true",
}
CASES = {"as it comes": {}, "with everything": EVERYTHING}
given = pytest.mark.parametrize("given", CASES.values(), ids=CASES)
each = pytest.mark.parametrize("function", sorted(functions()))


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have this process's environment be these variables, as far as we name them."""

    def put(variables: dict[str, str]) -> None:
        for name in [name for name in os.environ if name.startswith("TAMLIL_")]:
            monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return put


def worker_environment(**parameters: str) -> dict[str, str]:
    """The variables of the job definition, as this template nests it."""
    mine = Stack(template=template(), given=parameters)
    passed = {name: str(value) for name, value in mine.properties("Batch")["Parameters"].items()}
    nested = Stack(template=load_template(NESTED["Batch"]), given=passed)
    variables = nested.properties("JobDefinition")["ContainerProperties"]["Environment"]
    return {variable["Name"]: str(variable["Value"]) for variable in variables}


@each
@given
def test_a_function_reads_its_settings_from_it(
    function: str, given: dict[str, str], only: Any
) -> None:
    variables = environment(function, **given)
    only(variables)
    settings, names = Settings(), AwsSettings()
    quick = read_function_settings(variables, models=True)
    assert settings.platform == "aws"
    assert quick.names == names.names()
    assert quick.limits.max_workers == settings.max_workers == 4
    assert quick.limits.models == settings.model_policy
    assert names.deployment == "tamlil-test"
    own_id = PSEUDO["AWS::StackId"].rpartition("/")[2]
    assert names.secret_prefix == f"tamlil-test/{own_id}", "another stack of this name has another"


@each
@given
def test_every_variable_is_a_setting(function: str, given: dict[str, str]) -> None:
    known = {f"TAMLIL_{name.upper()}" for name in Settings.model_fields}
    known |= {f"TAMLIL_AWS_{name.upper()}" for name in AwsSettings.model_fields}
    assert set(environment(function, **given)) <= known


def test_every_part_of_the_deployment_is_named_to_every_function() -> None:
    needed = {f"TAMLIL_AWS_{name.upper()}" for name in AwsSettings.model_fields}
    for function in functions():
        assert needed <= set(environment(function))
        assert environment(function) == environment("ApiFunction")


def test_parameters_reach_the_settings(only: Any) -> None:
    only(environment("ApiFunction", **EVERYTHING))
    settings, names = Settings(), AwsSettings()
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings.language_models == {"he": "ivrit-he-turbo"}
    assert settings.translate_model == "base"
    assert settings.models_available == ("base", "tiny.en")
    assert settings.retention_seconds == 86_400
    assert settings.cost_per_hour == 0.5
    assert names.trace
    assert names.read_buckets == ("calls", "archive")
    assert names.read_prefix == "recordings/{tenant}/"


def test_what_is_left_out_is_the_settings_default(only: Any) -> None:
    only(environment("ApiFunction"))
    settings, names = Settings(), AwsSettings()
    assert (settings.cors_origins, settings.language_models) == ((), None)
    assert settings.translate_model is None
    assert settings.models_available == ("large-v3-turbo", "base")
    assert (settings.retention_seconds, settings.cost_per_hour) == (None, None)
    assert not names.trace
    assert (names.read_buckets, names.read_prefix) == ((), "{tenant}/")
    assert "TAMLIL_MODELS_AVAILABLE" not in environment("ApiFunction", Models="")
    assert "TAMLIL_AWS_KMS_KEY" not in environment("ApiFunction", CustomerKey="false")


@given
def test_a_worker_and_the_functions_agree(given: dict[str, str], only: Any) -> None:
    """What is said to both is the same, but for the names of Batch's own, which Batch gives."""
    worker, function = worker_environment(**given), environment("ApiFunction", **given)
    both = set(worker) & set(function) - {"TAMLIL_AWS_BATCH_QUEUE", "TAMLIL_AWS_BATCH_DEFINITION"}
    assert {"TAMLIL_AWS_TABLE", "TAMLIL_DEFAULT_MODEL", "TAMLIL_DIARIZER"} <= both
    assert "TAMLIL_MODELS_AVAILABLE" in both
    assert ("TAMLIL_TRANSLATE_MODEL" in both) == ("TranslateModel" in given)
    assert {name: worker[name] for name in both} == {name: function[name] for name in both}
    only(function)
    timing = ("lease_seconds", "redispatch_seconds", "outbox_retry_seconds", "max_source_bytes")
    of_function = Settings().model_dump(include=set(timing))
    only(worker)
    assert Settings().model_dump(include=set(timing)) == of_function


def test_no_secret_is_in_an_environment() -> None:
    """Names of secrets' homes are; what lies there is read when it is needed."""
    for function in functions():
        text = json.dumps(environment(function, **EVERYTHING)).upper()
        assert not [word for word in ("WHSEC_", "TML_", "PASSWORD", "BYPASS") if word in text]


@given
def test_the_command_line_is_told_the_same_names_as_the_functions(given: dict[str, str]) -> None:
    parts = shlex.split(Stack(template=template(), given=given).outputs()["CommandLine"])
    assert parts[0] == "export"
    told = dict(part.split("=", 1) for part in parts[1:])
    assert told.pop("AWS_DEFAULT_REGION") == "eu-west-1"
    function = environment("ApiFunction", **given)
    assert told == {name: function[name] for name in told}
    named = {name for name in function if name.startswith("TAMLIL_AWS_")}
    of_jobs = {"TAMLIL_AWS_READ_BUCKETS", "TAMLIL_AWS_READ_PREFIX"}  # commands submit none there
    assert named - set(told) == {"TAMLIL_AWS_TRACE"} | of_jobs
