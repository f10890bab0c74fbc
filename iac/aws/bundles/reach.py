"""What an entry point can import: found by reading its imports, and theirs, without running any."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

#: Packages of ours that a bundle may take modules from.
OURS = ("functions", "shared")

#: Reached by a switch that never points there on Lambda.
ELSEWHERE = ("functions.local", "shared.adapters.gcp", "shared.adapters.local")
ELSEWHERE_MODULES = frozenset(
    {
        "shared.wiring.gcp",
        "shared.wiring.local",
        # Settings as the command line and the job program read them, with pydantic; functions
        # have `shared.function_settings`.
        "shared.settings",
        "shared.settings_aws",
        "shared.settings_problems",
        "shared.wiring.common",
    }
)


class BundleError(Exception):
    """A bundle can't be built; the message says what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """`files` by module name, and what else is imported, by the names that the imports have."""

    files: dict[str, Path]
    others: frozenset[str]

    def data(self) -> set[Path]:
        """Files that are no modules, beside those that are: what a package reads of itself."""
        folders = {path.parent for path in self.files.values()}
        beside = {path for folder in folders for path in folder.iterdir() if path.is_file()}
        return {path for path in beside if path.suffix != ".py" and path.name != "py.typed"}

    @property
    def foreign(self) -> frozenset[str]:
        """The first names of everybody else's modules."""
        return frozenset(name.split(".")[0] for name in self.others)


def reach(root: Path, entry: str) -> Reach:
    """Everything that may be imported from `entry` on, lazily or not.

    An import under ``if TYPE_CHECKING`` never happens. A module that imports by a computed name
    may import any module of its own package.

    Raises:
        BundleError: there is no such entry, or a module of ours that is imported is not there.
    """
    if _file(root, entry) is None:
        raise BundleError(f"there is no module {entry} under {root}")
    return _walk(root, [entry], OURS)


def reach_within(folder: Path, package: str, names: Iterable[str]) -> Reach:
    """The part of an installed package that may be imported when these names are."""
    return _walk(folder, [name for name in names if name.split(".")[0] == package], (package,))


def _walk(root: Path, waiting: list[str], packages: tuple[str, ...]) -> Reach:
    files: dict[str, Path] = {}
    others: set[str] = set()
    while waiting:
        module = waiting.pop()
        path = _file(root, module)
        if module in files or path is None or _is_elsewhere(module):
            if path is None and "." in module and packages != OURS:
                waiting.append(module.rpartition(".")[0])  # the name is one in a module
            continue
        files[module] = path
        for name in (*_parents(module), *_imports(root, module, path)):
            first = name.split(".")[0]
            if first in packages:
                waiting.append(name)
            elif first not in sys.stdlib_module_names:
                others.add(name)
    return Reach(files=dict(sorted(files.items())), others=frozenset(others))


def _is_elsewhere(module: str) -> bool:
    return module in ELSEWHERE_MODULES or any(
        module == name or module.startswith(f"{name}.") for name in ELSEWHERE
    )


def _file(root: Path, module: str) -> Path | None:
    base = root.joinpath(*module.split("."))
    found = (path for path in (base / "__init__.py", base.with_suffix(".py")) if path.is_file())
    return next(found, None)


def _parents(module: str) -> Iterator[str]:
    """``a``, ``a.b`` of ``a.b.c``: importing it runs them first."""
    parts = module.split(".")
    yield from (".".join(parts[:end]) for end in range(1, len(parts)))


def _imports(root: Path, module: str, path: Path) -> Iterator[str]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in _at_run_time(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = _source(package, node)
            if source.split(".")[0] in OURS and _file(root, source) is None:
                raise BundleError(f"{module} imports {source}, which is not there")
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and _imports_by_name(node):
            yield from _named(root, package, node)


def _at_run_time(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those below ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield other
                yield from _at_run_time(other)
        else:
            yield child
            yield from _at_run_time(child)


def _source(package: str, node: ast.ImportFrom) -> str:
    """The module of ``from x import y``, also of a relative one."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = ".".join(parts[: len(parts) - node.level + 1])
    return f"{base}.{node.module}" if node.module else base


def _imports_by_name(call: ast.Call) -> bool:
    called = getattr(call.func, "attr", getattr(call.func, "id", ""))
    return called in ("import_module", "__import__") and bool(call.args)


def _named(root: Path, package: str, call: ast.Call) -> Iterator[str]:
    name = call.args[0]
    if isinstance(name, ast.Constant) and isinstance(name.value, str):
        yield name.value
        return
    folder = root.joinpath(*package.split("."))
    yield from (f"{package}.{path.stem}" for path in sorted(folder.glob("[!_]*.py")))
