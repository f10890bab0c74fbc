"""What the documents say is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from shared.formats import FORMATS, LIMITS
from shared.settings import Settings, WorkerSettings
from shared.settings_aws import AwsSettings
from tamlil.cli import app
from tests.support.api import open_api

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))]
#: Read by the command line, and told to a worker by its launcher.
OTHER_VARIABLES = {"TAMLIL_SERVER", "TAMLIL_API_KEY"}


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def variables(*classes: type[Settings | WorkerSettings]) -> set[str]:
    return {f"TAMLIL_{name.upper()}" for cls in classes for name in cls.model_fields}


def everywhere(pattern: str) -> set[str]:
    found: set[str] = set()
    for path in DOCUMENTS:
        found |= set(re.findall(pattern, path.read_text(encoding="utf-8")))
    return found


def test_every_variable_that_is_named_is_a_setting() -> None:
    named = everywhere(r"TAMLIL_[A-Z]+(?:_[A-Z]+)*")
    of_aws = {f"TAMLIL_AWS_{name.upper()}" for name in AwsSettings.model_fields}
    assert named - variables(Settings, WorkerSettings) - of_aws <= OTHER_VARIABLES


def rows(document: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("| \n").split("|")]
        for line in document.splitlines()
        if line.startswith("|")
    ]


def test_every_setting_is_in_the_table_with_its_default() -> None:
    told: dict[str, str] = {}
    for cells in rows(text_of("docs/operations.md")):
        names = re.findall(r"`(TAMLIL_\w+)`", cells[0])
        values = cells[1].split(", ")
        if len(names) == len(values):
            told |= dict(zip(names, values, strict=True))
        else:
            told |= dict.fromkeys(names, cells[1])
    assert set(told) == variables(Settings)
    for name, field in Settings.model_fields.items():
        shown = re.fullmatch(r"`(.*)`", told[f"TAMLIL_{name.upper()}"])
        if shown is not None:
            assert shown[1] == _plain(field.default), name


def _plain(default: object) -> str:
    """As a person would set the variable."""
    if isinstance(default, float):
        return f"{default:g}"
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_every_test_that_is_named_exists() -> None:
    named = everywhere(r"`(tests/[\w/.-]+)`")
    assert {name for name in named if not (ROOT / name).exists()} == set()
    assert len(named) > 10


def test_every_link_between_documents_leads_somewhere() -> None:
    broken = {
        f"{path.name}: {target}"
        for path in DOCUMENTS
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text(encoding="utf-8"))
        if not (path.parent / target).exists()
    }
    assert broken == set()


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), flags=re.MULTILINE))
    named = everywhere(r"(?m)(?:^|`)make(?: PYTHON=\S+)? ([a-z-]+)")
    assert named <= targets
    assert {"demo", "test", "check", "bench", "run"} <= targets


def test_every_command_that_is_named_exists() -> None:
    command = typer.main.get_command(app)
    groups = command.commands  # type: ignore[attr-defined]  # it is a group, which mypy can't see
    for words in everywhere(r"(?:`|bin/)tamlil ([a-z]+(?: [a-z]+)?)"):
        name, *rest = words.split()
        assert name in groups
        inner = getattr(groups[name], "commands", None)
        assert inner is None or set(rest) <= set(inner), words


def test_every_path_that_is_named_is_served(tmp_path: Path) -> None:
    named = everywhere(r"`(?:GET|POST|DELETE) (/[a-z0-9/{}_.-]+)")
    with open_api(tmp_path / "data") as api:
        paths = set(api.anonymous().get("/openapi.json").json()["paths"])
    served = {path.replace("{job_id}", "{id}") for path in paths} | {"/openapi.json"}
    assert named <= served
    assert len(named) > 5


@pytest.mark.parametrize("name", ["docs/api.md"])
def test_every_error_code_that_is_named_is_raised(name: str) -> None:
    table = text_of(name).split("## Errors")[1].split("## ")[0]
    codes = {
        code
        for cells in rows(table)
        for code in re.findall(r"`([a-z_]+)`", cells[1])
        if "_" in code
    }
    sources = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("shared", "functions")
        for path in (ROOT / folder).rglob("*.py")
    )
    assert {code for code in codes if f'"{code}"' not in sources} == set()
    assert len(codes) > 20


def test_every_format_is_in_the_table_with_what_it_honours() -> None:
    section = text_of("docs/api.md").split("### Formats")[1].split("## ")[0]
    first, second = section.split("| option |")
    table = {cells[0].strip("` "): cells for cells in rows(first) if cells[0].startswith("`")}
    found = {
        name: (set(re.findall(r"`([^`]+)`", cells[2])), set(re.findall(r"`([a-z_]+)`", cells[3])))
        for name, cells in table.items()
        if name != "format"
    }
    assert found == {
        form.name: ({form.media_type, f".{form.extension}"}, set(form.honours))
        for form in FORMATS.values()
    }
    ranges = {cells[0].strip("` "): cells[1] for cells in rows(second)}
    for name, (low, high) in LIMITS.items():
        assert ranges[name].startswith(f"{low} to {high}")
