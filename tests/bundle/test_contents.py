"""What is in the bundles, and what is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from iac.aws.bundles.build import ENTRIES, LIMITS, ROOT, build
from iac.aws.bundles.packages import RUNTIME
from iac.aws.bundles.reach import reach
from iac.aws.bundles.tidy import EPOCH, files, pack
from tests.support.bundles import Bundles

pytestmark = pytest.mark.slow

FUNCTIONS = sorted(ENTRIES)
#: Top-level modules that no function may carry: the runtime's, other clouds', engines, servers.
FORBIDDEN = frozenset(
    "boto3 botocore s3transfer jmespath dateutil urllib3 google grpc numpy scipy av onnx torch"
    " onnxruntime ctranslate2 faster_whisper gpu_job tamlil typer rich uvicorn uvloop".split()
)
AARCH64 = 0xB7


def names(bundle: Path) -> set[str]:
    return {path.relative_to(bundle).as_posix() for path in files(bundle)}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_bundle_is_no_larger_than_its_limit(
    function: str, bundles: Bundles, tmp_path: Path
) -> None:
    assert pack(bundles.function(function), tmp_path / "bundle.zip") <= LIMITS[function]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_bundle_holds_what_its_function_imports_and_nothing_else_of_ours(
    function: str, bundles: Bundles
) -> None:
    held = {
        name
        for name in names(bundles.function(function))
        if name.startswith(("functions/", "shared/")) and name.endswith(".py")
    }
    wanted = reach(ROOT, ENTRIES[function]).files.values()
    assert held == {path.relative_to(ROOT).as_posix() for path in wanted}
    assert not any("adapters/local" in name or "adapters/gcp" in name for name in held)
    assert [name for name in held if name.endswith("/app.py")] == [
        ENTRIES[function].replace(".", "/") + ".py"
    ]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_bundle_holds_nothing_that_the_runtime_has_or_no_function_needs(
    function: str, bundles: Bundles
) -> None:
    tops = {name.split("/")[0].removesuffix(".py") for name in names(bundles.function(function))}
    assert tops & FORBIDDEN == set()
    held = {top.rpartition("-")[0] for top in tops if top.endswith(".dist-info")}
    assert {name.replace("_", "-") for name in held} & RUNTIME == set()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_module_comes_with_its_byte_code(function: str, bundles: Bundles) -> None:
    tag = f"cpython-{bundles.target.version.replace('.', '')}"
    found = names(bundles.function(function))
    lacking = {
        name
        for name in found
        if name.endswith(".py")
        and f"{Path(name).parent.as_posix()}/__pycache__/{Path(name).stem}.{tag}.pyc" not in found
        and f"__pycache__/{Path(name).stem}.{tag}.pyc" not in found
    }
    assert lacking == set()


def test_only_the_api_has_a_web_framework(bundles: Bundles) -> None:
    with_fastapi = [
        function for function in FUNCTIONS if (bundles.function(function) / "fastapi").is_dir()
    ]
    assert with_fastapi == ["ApiFunction"]


def test_a_bundle_is_the_same_whenever_it_is_built(bundles: Bundles, tmp_path: Path) -> None:
    """The API's holds every package there is."""
    build("ApiFunction", tmp_path / "again", bundles.target)
    packed = []
    for folder in (bundles.function("ApiFunction"), tmp_path / "again"):
        pack(folder, tmp_path / "bundle.zip")
        packed.append((tmp_path / "bundle.zip").read_bytes())
    assert packed[0] == packed[1]
    assert {path.stat().st_mtime for path in files(tmp_path / "again")} == {EPOCH}


def test_a_bundle_for_another_cpu_holds_its_machine_code(bundles: Bundles, tmp_path: Path) -> None:
    """What is deployed is made for Lambda's arm64, wherever it is built."""
    build("ApiFunction", tmp_path / "arm", replace(bundles.target, architecture="arm64"))
    machines = {
        int.from_bytes(path.read_bytes()[18:20], "little")
        for path in files(tmp_path / "arm")
        if path.suffix == ".so"
    }
    assert machines == {AARCH64}
    assert pack(tmp_path / "arm", tmp_path / "bundle.zip") <= LIMITS["ApiFunction"]
