"""docs/deploy-aws.md against the template, and its sums against its own formulas."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from functions.observability import metrics as m
from iac.aws.monitoring.alarms import ALARMS
from iac.aws.monitoring.series import ours
from shared.domain.events import EventType
from shared.domain.messages import DeliveryDue, JobEvent, JobQueued, encode
from tests.support.cloudformation import load_template
from tests.support.stack import NESTED, ROOT, functions, template

GUIDE = (ROOT / "docs" / "deploy-aws.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
#: Written by each round of the sweep, whether or not there is work.
AT_REST = (
    m.JOBS, m.NEXT_JOB_WAIT, m.ACTIVE_WORKERS, m.QUEUE_DEPTH, m.QUEUE_IN_FLIGHT, m.DEAD_LETTERS,
    m.SWEPT, m.SWEEP_TROUBLE,
)  # fmt: skip


def rows(heading: str) -> list[list[str]]:
    """Cells of the first table behind a line."""
    found: list[list[str]] = []
    for line in GUIDE.split(heading, 1)[1].splitlines():
        if line.startswith("|"):
            found.append([cell.strip(" *`") for cell in line.strip("|").split("|")])
        elif found:
            break
    return found[2:]


def commands() -> list[str]:
    """Blocks for a shell: all but formulas and queries of logs."""
    return [block for block in BLOCKS if not block.startswith(("fields ", "cost = "))]


@pytest.mark.parametrize("block", commands())
def test_every_command_is_one_that_a_shell_can_read(block: str) -> None:
    ended = subprocess.run(
        ["bash", "-n"], input=block, capture_output=True, text=True, check=False, timeout=20
    )
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.stem)
def test_no_command_changes_a_parameter_that_the_next_deployment_changes_back(page: Path) -> None:
    """`sam deploy` takes all of them from samconfig.toml, where ``--guided`` has written them."""
    blocks = re.findall(r"^```\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert [block for block in blocks if "--parameter-overrides" in block] == []


def test_every_output_that_is_read_is_one_of_the_stack() -> None:
    read = set(re.findall(r"\bout ([A-Z]\w+)", GUIDE))
    assert read <= set(template()["Outputs"])
    assert {"ApiUrl", "BucketName", "CommandLine", "DashboardUrl", "ImageRepository"} <= read


def test_every_parameter_that_is_named_has_the_default_that_is_told() -> None:
    parameters = template()["Parameters"]
    told = rows("The parameters that matter most")
    for names, defaults, _ in told:
        for name in re.findall(r"\w+", names.replace("`", "")):
            default = str(parameters[name]["Default"])
            words = defaults.replace("`", "")
            if default == "":
                assert "none" in words, name
            elif name == "InstanceTypes":
                assert all(kind.split(".")[0] in words for kind in default.split(","))
            else:
                assert default in words, name
    assert len(told) > 8
    for word in re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)(?:=\w+)?`", GUIDE):
        known = {*parameters, *template()["Outputs"], *m.METRICS, *(alarm.id for alarm in ALARMS)}
        assert word in known | {"CannotPullContainerError", "OutOfMemory"}, word


def test_every_parameter_is_told_once() -> None:
    cells = [names for names, _, _ in rows("The parameters that matter most")]
    names = [name for cell in cells for name in re.findall(r"\w+", cell)]
    assert len(names) == len(set(names))


def limits() -> dict[str, str]:
    """What each limit's row says, by its cell."""
    return {cells[0]: cells[1] for cells in rows("## Limits")}


def test_the_time_that_each_function_has_is_what_the_template_gives() -> None:
    (told,) = (text for limit, text in limits().items() if limit.startswith("Lambda: 15 minutes"))
    for name, properties in functions().items():
        word = name.removesuffix("Function").lower()
        assert f"{word} {properties['Timeout']} s" in told.lower()
        assert properties["Timeout"] < 15 * 60


def test_each_service_s_limits_have_a_row() -> None:
    told = " ".join(limits())
    for words in (
        "6 MB", "10 MB", "30 s", "400 KB", "1 MB a message", "256 KB", "15 minutes of delay",
        "Lambda: 15 minutes", "presigned URL",
    ):  # fmt: skip
        assert words in told


def test_the_largest_message_is_as_small_as_is_told() -> None:
    """With the longest names that there can be."""
    identifier = f"job_{'0' * 26}"
    messages = (
        JobEvent(
            event_id=f"{identifier}_{EventType.TRANSCRIPTION_COMPLETED}",
            type=EventType.TRANSCRIPTION_COMPLETED,
            job_id=identifier,
            tenant="t" * 63,
            occurred_at=1_800_000_000.123456,
        ),
        JobQueued(job_id=identifier),
        DeliveryDue(delivery_id=f"{identifier}_{EventType.TRANSCRIPTION_COMPLETED}"),
    )
    assert max(len(encode(message).encode()) for message in messages) < 1000


def test_the_costs_at_rest_add_up() -> None:
    *parts, total = rows("At rest, a month")
    amounts = {cells[0]: float(cells[3]) for cells in parts}
    assert sum(amounts.values()) == pytest.approx(float(total[3]), abs=0.005)
    least = sum(
        amount
        for what, amount in amounts.items()
        if "Monitoring" not in what and "CustomerKey" not in what
    )
    assert f"brings the sum to {least:.2f}" in GUIDE
    for what, quantity, price, amount in parts:
        counted = re.search(r"[\d,.]+", quantity.split(", about ")[-1])
        assert counted, what
        if "queues" not in what:  # told in millions
            number = float(counted[0].replace(",", ""))
            assert number * float(price) == pytest.approx(float(amount), abs=0.005), what


def test_the_costs_at_rest_count_what_the_stack_makes() -> None:
    quantities = {cells[0]: cells[1] for cells in rows("At rest, a month")}
    watched = sum(len(alarm.series) for alarm in ALARMS)
    assert quantities["alarms (`Monitoring`)"] == f"{watched} metrics that alarms watch"
    written = sum(len(ours(metric)) for metric in AT_REST)
    assert quantities["metrics that the sweep writes each minute"] == str(written)
    others = sum(len(ours(metric)) for metric in m.METRICS.values()) - written
    assert f"up to {others} more at 0.30" in GUIDE


def test_the_cost_of_an_hour_of_audio_is_what_its_formula_gives() -> None:
    given = {cells[0]: float(cells[2]) for cells in rows("An hour of audio:")}

    def cost(hours: float) -> float:
        paid = given["G"] + given["D"] + given["A"]
        return paid * (given["R"] + (given["B"] + given["I"]) / 3600 / hours)

    assert f"= {cost(given['H']):.3f} $ for an hour of audio" in GUIDE
    assert f"and {cost(1):.3f} if each worker gets one hour" in GUIDE


def test_the_quota_that_is_asked_for_is_what_the_workers_take() -> None:
    parameters = template()["Parameters"]
    workers = int(parameters["MaxWorkers"]["Default"])
    each = int(load_template(NESTED["Batch"])["Parameters"]["JobVcpus"]["Default"])
    assert int(parameters["MaxVcpus"]["Default"]) >= workers * each
    assert f"--desired-value {workers * each}" in GUIDE
