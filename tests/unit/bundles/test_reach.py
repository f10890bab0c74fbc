from __future__ import annotations

from pathlib import Path

import grimp
import pytest

from iac.aws.bundles.build import ROOT
from iac.aws.bundles.reach import ELSEWHERE, ELSEWHERE_MODULES, BundleError, reach

FILES = {
    "functions/__init__.py": "",
    "functions/api/__init__.py": "import json\nimport outside_of_package\n",
    "functions/api/app.py": (
        "from typing import TYPE_CHECKING\n"
        "from shared.domain import job\n"
        "from . import near\n"
        "if TYPE_CHECKING:\n"
        "    import only_for_types\n"
        "    from shared import types_only\n"
        "else:\n"
        "    import in_truth.deep\n"
        "def handler():\n"
        "    import lazily\n"
        "    from shared.wiring import local\n"
    ),
    "functions/api/near.py": "import importlib\nimportlib.import_module('named.by_text')\n",
    "functions/intake/app.py": "",
    "shared/__init__.py": "",
    "shared/domain/__init__.py": "",
    "shared/domain/job.py": "from shared.formats.registry import FORMATS\n",
    "shared/formats/__init__.py": "",
    "shared/formats/registry.py": (
        "import importlib\ndef find(name):\n    importlib.import_module(f'{__package__}.{name}')\n"
    ),
    "shared/formats/text_format.py": "import of_a_format\n",
    "shared/types_only.py": "",
    "shared/wiring/__init__.py": "",
    "shared/wiring/local.py": "import sqlite3\nimport of_another_platform\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_what_is_imported_is_found_lazily_or_not_and_nothing_else(root: Path) -> None:
    found = reach(root, "functions.api.app")
    assert set(found.files) == {
        "functions",
        "functions.api",
        "functions.api.app",
        "functions.api.near",
        "shared",
        "shared.domain",
        "shared.domain.job",
        "shared.formats",
        "shared.formats.registry",
        "shared.formats.text_format",
        "shared.wiring",
    }
    assert found.foreign == {
        "outside_of_package",
        "in_truth",
        "lazily",
        "named",
        "of_a_format",
    }


def test_an_entry_that_is_not_there_is_refused(root: Path) -> None:
    with pytest.raises(BundleError, match=r"functions\.sweep\.app"):
        reach(root, "functions.sweep.app")


def test_an_import_that_would_fail_on_lambda_fails_here(root: Path) -> None:
    (root / "functions/intake/app.py").write_text("from shared.gone import x\n", encoding="utf-8")
    with pytest.raises(BundleError, match=r"functions\.intake\.app imports shared\.gone"):
        reach(root, "functions.intake.app")


def test_what_a_package_reads_of_itself_comes_with_it(root: Path) -> None:
    for name in ("shared/domain/table.toml", "shared/types/table.toml", "shared/domain/py.typed"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("", encoding="utf-8")
    assert reach(root, "functions.api.app").data() == {root / "shared/domain/table.toml"}


ENTRIES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "functions").glob("*/app.py")
)
#: Modules that import by name whatever is in their package.
BY_NAME = ("functions.api.routes.sections", "shared.formats.registry")


@pytest.mark.parametrize("entry", ENTRIES)
def test_grimp_finds_the_same_modules(entry: str) -> None:
    """Import-linter's own library, which reads imports with a parser of its own."""
    graph = grimp.build_graph("functions", "shared", exclude_type_checking_imports=True)
    for name in graph.modules - {entry}:
        if name in ELSEWHERE_MODULES or name.startswith(ELSEWHERE):
            graph.remove_module(name)
    for importer in BY_NAME:  # what is imported by a computed name, no reader of imports can see
        package = importer.rpartition(".")[0]
        for name in graph.find_children(package) - {importer}:
            graph.add_import(importer=importer, imported=name)
    theirs = {entry, *graph.find_upstream_modules(entry)}
    ours = set(reach(ROOT, entry).files)
    beyond = ours - theirs
    assert theirs - ours == set()
    # Packages run before their modules, which the graph does not tell.
    assert all((ROOT / name.replace(".", "/") / "__init__.py").is_file() for name in beyond)
