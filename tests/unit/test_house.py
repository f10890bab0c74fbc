"""The house style, as far as a linter does not know it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("functions", "gpu_job", "shared", "tamlil")
ENGINE_LIBRARIES = frozenset(
    {"torch", "torchaudio", "pyannote", "faster_whisper", "ctranslate2", "onnxruntime"}
)
CLOUD_LIBRARIES = frozenset({"boto3", "botocore", "google"})
MOST_LINES = 400
GOOD_LINES = 200
MOST_FUNCTION_LINES = 40

#: Reading the environment elsewhere than in shared/settings.py, and why it may be.
MAY_READ_ENVIRONMENT = {
    "shared/settings.py": "the one place",
    "gpu_job/threads.py": "variables of OpenMP are not ours to name",
    "gpu_job/memory.py": "variables of the C library are not ours to name",
    "gpu_job/engines/pyannote_loading.py": "pyannote's telemetry is switched off by its variable",
    "gpu_job/models/pull.py": "variables of pip and of the hub are not ours to name",
    "shared/function_settings.py": "the same variables, for functions that start without pydantic",
}

#: Where a person's or a build machine's folder would show.
MACHINE_PATH = re.compile(r"(?<![\w.{}$*-])/(?:root|work|Users|home/[a-z]+|mnt|workspace)/[\w.-]+")
TEXTS = (".md", ".py", ".toml", ".yml", ".yaml", ".txt", ".json")


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imported(path: Path) -> Iterator[str]:
    """Top-level names of everything that a module imports, lazily or not."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.Call) and _imports_by_name(node):
            argument = node.args[0]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.value.split(".")[0]


def _imports_by_name(call: ast.Call) -> bool:
    called = getattr(call.func, "attr", getattr(call.func, "id", ""))
    return called in ("import_module", "__import__", "find_spec") and bool(call.args)


def length(path: Path, function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring, which may explain.

    Where a parameter is an option of a command or an input of an endpoint, the list of them is
    not counted either.
    """
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    lines = (function.end_lineno or 0) - body[0].lineno + 1 if body else 0
    if name(path).startswith(("tamlil/", "functions/api/")):
        return lines
    return lines + function.body[0].lineno - function.lineno


def test_no_file_is_over_the_limit() -> None:
    lengths = {
        name(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in sources(*PRODUCT, "tests", "bench")
    }
    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES} == {}


def test_few_files_pass_the_good_length() -> None:
    """One may where that reads better; when many do, the habit is gone."""
    files = sources(*PRODUCT)
    long = [f for f in files if len(f.read_text(encoding="utf-8").splitlines()) > GOOD_LINES]
    assert len(long) <= len(files) * 0.1, [name(path) for path in long]


def test_no_function_is_over_the_limit() -> None:
    long = {
        f"{name(path)}:{node.name}": length(path, node)
        for path in sources(*PRODUCT)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and length(path, node) > MOST_FUNCTION_LINES
    }
    assert long == {}


def test_engine_libraries_are_imported_in_the_engines_only() -> None:
    found = {
        f"{name(path)}: {library}"
        for path in sources(*PRODUCT)
        if not name(path).startswith("gpu_job/engines/")
        for library in imported(path)
        if library in ENGINE_LIBRARIES
    }
    assert found == set()


def test_torch_is_not_on_the_default_path() -> None:
    """Only engines for a GPU may import it, and no engine of the `cpu` extra does."""
    found = {name(path) for path in sources(*PRODUCT) if "torch" in set(imported(path))}
    assert {path for path in found if "pyannote" not in path} == set()


def test_cloud_libraries_are_imported_in_their_adapters_only() -> None:
    allowed = ("shared/adapters/aws/", "shared/adapters/gcp/")
    found = {
        f"{name(path)}: {library}"
        for path in sources(*PRODUCT)
        if not name(path).startswith(allowed) and path.name != "app.py"
        for library in imported(path)
        if library in CLOUD_LIBRARIES
    }
    assert found == set()


def test_the_domain_imports_the_standard_library_and_itself_only() -> None:
    found = {
        f"{name(path)}: {module}"
        for path in sources("shared/domain")
        for node in ast.walk(tree(path))
        for module in _modules(node)
        if module.split(".")[0] not in sys.stdlib_module_names
        and not module.startswith("shared.domain")
    }
    assert found == set()


def test_programs_are_imported_by_nobody() -> None:
    found = {
        f"{name(path)}: {module}"
        for path in sources(*PRODUCT)
        for node in ast.walk(tree(path))
        for module in _modules(node)
        if module.split(".")[-1] in ("__main__", "app") and module.startswith(PRODUCT)
    }
    assert found == set()


def _modules(node: ast.AST) -> list[str]:
    """The modules that a statement imports, or imports from."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module]
    return []


def modules() -> list[str]:
    """Every module of the product that may be imported; programs would run."""
    dotted = [name(path).removesuffix(".py").replace("/", ".") for path in sources(*PRODUCT)]
    programs = ("__main__", ".app")
    return [m.removesuffix(".__init__") for m in dotted if not m.endswith(programs)]


def test_importing_every_module_loads_no_engine_library() -> None:
    """No import-time effects: a heavy library is loaded where it is used."""
    code = (
        "import importlib, sys\n"
        f"for module in {modules()!r}: importlib.import_module(module)\n"
        f"print(sorted({set(ENGINE_LIBRARIES)!r} & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout.strip()) == (0, "[]"), ended.stderr


def reads_environment(path: Path) -> bool:
    return any(
        (isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv"))
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and any(alias.name in ("environ", "getenv") for alias in node.names)
        )
        for node in ast.walk(tree(path))
    )


def test_the_environment_is_read_in_one_place() -> None:
    found = {name(path) for path in sources(*PRODUCT) if reads_environment(path)}
    assert found <= set(MAY_READ_ENVIRONMENT), found - set(MAY_READ_ENVIRONMENT)
    assert set(MAY_READ_ENVIRONMENT) <= found, "an exception that nobody needs any more"


def test_every_module_says_what_it_is() -> None:
    silent = [name(path) for path in sources(*PRODUCT) if not ast.get_docstring(tree(path))]
    assert silent == []


def texts() -> list[Path]:
    here = [path for path in ROOT.iterdir() if path.is_file() and path.suffix in TEXTS]
    below = [
        path
        for folder in (*PRODUCT, "tests", "docs", "bench", ".ci", "samples")
        if (ROOT / folder).is_dir()
        for path in sorted((ROOT / folder).rglob("*"))
        if path.is_file() and (path.suffix in TEXTS or folder == ".ci")
    ]
    return [path for path in (*here, *below) if path != Path(__file__)]


def test_no_text_names_a_folder_of_one_machine() -> None:
    found = {
        f"{name(path)}: {match[0]}"
        for path in texts()
        for match in MACHINE_PATH.finditer(path.read_text(encoding="utf-8"))
    }
    assert found == set()


@pytest.mark.parametrize("extra", ["api", "cpu"])
def test_the_extras_of_the_default_path_name_no_torch(extra: str) -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"][extra]]
    assert [item for item in wanted if re.match(r"torch|pyannote", item)] == []
