"""The handlers that `template.yaml` names are there, and are what the bundles are made around."""

from __future__ import annotations

import ast

import pytest

from iac.aws.bundles.build import ENTRIES
from tests.support.stack import ROOT, functions

HANDLERS = {name: str(it["Handler"]) for name, it in functions().items()}


def bound(tree: ast.Module) -> set[str]:
    """Names that a module gives a value at its top, without running it."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


@pytest.mark.parametrize("function", sorted(HANDLERS))
def test_a_handler_is_in_the_checkout(function: str) -> None:
    module, _, name = HANDLERS[function].rpartition(".")
    file = ROOT / (module.replace(".", "/") + ".py")
    assert name in bound(ast.parse(file.read_text(encoding="utf-8")))


def test_bundles_are_made_around_the_modules_that_are_named() -> None:
    assert {name: f"{module}.handler" for name, module in ENTRIES.items()} == HANDLERS
