"""What can be known of the image without building it."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from shared.models.policy import translator
from shared.models.registry import DEFAULT_MODELS, PYANNOTE_MODEL, find_model
from shared.settings import Settings, WorkerSettings
from tests.support.cloudformation import load_template

ROOT = Path(__file__).parents[2]
FILE = ROOT / "gpu_job" / "Dockerfile"
#: Variables of programs in the image that are not settings of ours.
NOT_OURS = {
    "HF_HUB_OFFLINE", "HOME", "LD_LIBRARY_PATH", "NVIDIA_DRIVER_CAPABILITIES",
    "NVIDIA_VISIBLE_DEVICES", "PATH", "PYANNOTE_METRICS_ENABLED", "PYTHONDONTWRITEBYTECODE",
    "PYTHONUNBUFFERED", "UV_CACHE_DIR", "UV_COMPILE_BYTECODE", "UV_LINK_MODE", "UV_PYTHON",
    "UV_PYTHON_DOWNLOADS",
}  # fmt: skip


def instructions() -> list[tuple[str, str]]:
    """Each instruction and what it is given, comments gone and lines joined."""
    lines = [line for line in FILE.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [
        (line.split(maxsplit=1)[0], line.split(maxsplit=1)[1])
        for line in joined.splitlines()
        if line
    ]


def given(word: str) -> list[str]:
    return [text for name, text in instructions() if name == word]


def arguments() -> dict[str, str]:
    """Build arguments with their defaults."""
    pairs = [text.partition("=") for text in given("ARG")]
    return {name: value.strip('"') for name, _, value in pairs if value}


def variables() -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given("ENV"):
        found |= dict(re.findall(r"(\w+)=(\S+)", text))
    return found


def copied() -> Iterator[str]:
    """Sources that are copied or mounted from the build's context."""
    for text in given("COPY"):
        if not text.startswith("--from"):
            yield from text.split()[:-1]
    for text in given("RUN"):
        for mount in re.findall(r"--mount=(\S+)", text):
            keys = dict(part.partition("=")[::2] for part in mount.split(","))
            if keys.get("type") == "bind" and "source" in keys and "from" not in keys:
                yield keys["source"]


def project() -> Any:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_hadolint_finds_nothing() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    ended = subprocess.run([linter, FILE], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (0, "")


def test_hadolint_would_find_something(tmp_path: Path) -> None:
    worse = tmp_path / "Dockerfile"
    worse.write_text(FILE.read_text().replace('["python", "-m", "gpu_job"]', "python -m gpu_job"))
    linter = Path(sys.executable).with_name("hadolint")
    ended = subprocess.run([linter, worse], capture_output=True, text=True, timeout=60, check=False)
    assert "DL3025" in ended.stdout


def ignored(path: str) -> bool:
    """As Docker reads .dockerignore: the last pattern that matches decides."""
    out = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        keep, pattern = line.startswith("!"), line.lstrip("!").removeprefix("**/")
        parts = path.rstrip("/").split("/")
        tails = ["/".join(parts[: end + 1]) for end in range(len(parts))]
        if any(fnmatch(tail, pattern) for tail in (*tails, parts[-1])):
            out = not keep
    return out


def test_every_source_that_is_copied_exists_and_reaches_the_build() -> None:
    sources = list(copied())
    assert {"shared/models/", "gpu_job/models/", "pyproject.toml", "uv.lock"} <= set(sources)
    assert [path for path in sources if not (ROOT / path).exists() or ignored(path)] == []


def test_what_the_package_is_built_from_reaches_the_build_and_nothing_else_does() -> None:
    wheel = project()["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = [*wheel["packages"], *wheel["force-include"], "README.md", "LICENSE", "uv.lock"]
    assert [path for path in needed if ignored(path)] == []
    kept = {path.name for path in ROOT.iterdir() if not ignored(path.name)}
    assert kept == {*needed, "pyproject.toml"}
    assert ignored("shared/__pycache__")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_layer_with_the_weights_has_all_the_code_that_pulls_them() -> None:
    """And little more than that: each change there pulls gigabytes anew."""
    todo, needed = ["gpu_job/models/__main__.py"], set[str]()
    while todo:
        name = todo.pop()
        if name in needed:
            continue
        needed.add(name)
        for module in imports(ROOT / name):
            path = module.replace(".", "/")
            here = [p for p in (f"{path}.py", f"{path}/__init__.py") if (ROOT / p).is_file()]
            todo += here
    needed |= {
        f"{folder.as_posix()}/__init__.py" for name in needed for folder in Path(name).parents[:-1]
    }
    there = {
        path.relative_to(ROOT).as_posix()
        for source in copied()
        for path in ((ROOT / source).rglob("*.py") if (ROOT / source).is_dir() else [ROOT / source])
        if path.suffix == ".py"
    }
    assert needed - there == set()
    whole = ("gpu_job/models/", "shared/models/")
    assert {name for name in there - needed if not name.startswith(whole)} == set()


def cloud_extras(cloud: str, variant: str) -> list[str] | None:
    """Run the choice of extras as the build's shell does; None when it refuses."""
    (text,) = (text for text in given("RUN") if "case " in text)
    choice = text[text.index("case ") : text.index("esac") + 4]
    ended = subprocess.run(
        ["sh", "-c", f'{choice} && printf "%s " "$@"'],
        env={"CLOUD": cloud, "VARIANT": variant}, capture_output=True, text=True, timeout=10,
        check=False,
    )  # fmt: skip
    words = ended.stdout.split()
    assert set(words[::2]) <= {"--extra"}
    return words[1::2] if ended.returncode == 0 else None


@pytest.mark.parametrize("variant", ["gpu", "cpu"])
def test_the_cloud_picks_its_extra_and_another_name_is_refused(variant: str) -> None:
    extras = project()["project"]["optional-dependencies"]
    for cloud, expected in (("aws", ["aws"]), ("gcp", ["gcp"]), ("local", []), ("none", [])):
        assert cloud_extras(cloud, variant) == [variant, *expected]
        assert {variant, *expected} <= set(extras)
    assert cloud_extras("azure", variant) is None
    stages = {text.split(" AS ")[1] for text in given("FROM")}
    assert f"base-{variant}" in stages


def test_every_variable_is_a_setting_and_its_value_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = {f"TAMLIL_{name.upper()}" for name in Settings.model_fields}
    assert set(variables()) - NOT_OURS <= ours
    assert not {f"TAMLIL_{name.upper()}" for name in WorkerSettings.model_fields} & set(variables())
    for name, value in variables().items():
        if name in ours:
            default = re.sub(r"\$\{(\w+)\}", lambda match: arguments()[match[1]], value)
            monkeypatch.setenv(name, default)
    settings = Settings()
    assert settings.models_offline
    assert settings.default_model == "large-v3-turbo"


def test_each_variant_names_its_device_and_diarizer() -> None:
    stages: dict[str, str] = {}
    stage = ""
    for word, text in instructions():
        stage = text.split(" AS ")[-1] if word == "FROM" else stage
        stages[stage] = stages.get(stage, "") + f"{word} {text}\n"
    assert "TAMLIL_DEVICE=cuda" in stages["base-gpu"]
    assert "TAMLIL_DIARIZER=pyannote" in stages["base-gpu"]
    assert "TAMLIL_DEVICE=cpu" in stages["base-cpu"]
    assert "TAMLIL_DIARIZER=embedded" in stages["base-cpu"]


def baked() -> dict[str, tuple[str, list[str]]]:
    """By variant, the default model and all that is baked: the arguments' defaults, the guide's."""
    guide = (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8")
    (models,) = re.findall(r'MODELS="([^"]+)"', guide)
    (default,) = re.findall(r"`DEFAULT_MODEL=(\S+)`", guide)
    told = {
        "gpu": (arguments()["DEFAULT_MODEL"], arguments()["MODELS"]),
        "cpu": (default, models),
    }
    return {
        variant: (name, [find_model(one).name for one in names.split()])
        for variant, (name, names) in told.items()
    }


@pytest.mark.parametrize("variant", ["gpu", "cpu"])
def test_every_model_that_a_job_gets_by_itself_is_baked(variant: str) -> None:
    """The image pulls nothing: what is chosen and not there fails the job."""
    default, names = baked()[variant]
    policy = Settings(default_model=default).model_policy
    translates = translator(policy, None)
    assert translates is not None
    assert {policy.default, translates.name} <= set(names)


@pytest.mark.parametrize(
    ("variant", "diarizer"),
    [("gpu", {PYANNOTE_MODEL}), ("cpu", set(DEFAULT_MODELS) - {"base"})],
)
def test_the_variant_s_diarizer_is_baked(variant: str, diarizer: set[str]) -> None:
    assert diarizer <= set(baked()[variant][1])


def test_what_the_template_chooses_and_offers_is_baked() -> None:
    chosen = load_template(ROOT / "template.yaml")["Parameters"]
    default, names = baked()["gpu"]
    assert chosen["DefaultModel"]["Default"] == default
    assert chosen["TranslateModel"]["Default"] == ""
    transcribe = {name for name in names if find_model(name).kind == "whisper"}
    assert set(chosen["Models"]["Default"].split(",")) == transcribe
    assert chosen["Diarizer"]["Default"] == "pyannote"
    assert PYANNOTE_MODEL in names


def test_the_guide_tells_every_argument_and_the_default_models() -> None:
    guide = (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8")
    assert baked()["cpu"][1] == [*DEFAULT_MODELS]
    row = r"^\| `(\w+)`(?:, `(\w+)`)?(?:, `(\w+)`)? \| (?:`(.*?)`)?"
    told = set(re.findall(row, guide, re.MULTILINE))
    known = {name for *names, _ in told for name in names if name}
    assert {text.partition("=")[0] for text in given("ARG")} <= known
    values = {cells[0]: cells[-1] for cells in told}
    assert values["MODELS"] == arguments()["MODELS"]


def test_the_program_runs_without_rights_and_hears_signals() -> None:
    (user,) = given("USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)
    (entry,) = given("ENTRYPOINT")
    assert json.loads(entry) == ["python", "-m", "gpu_job"]
    assert importlib.util.find_spec("gpu_job.__main__") is not None
    order = [word for word, _ in instructions()]
    assert order.index("USER") < order.index("ENTRYPOINT")


def test_no_secret_is_an_argument_or_a_variable() -> None:
    names = {*variables(), *(text.partition("=")[0] for text in given("ARG"))}
    assert [name for name in names if re.search("TOKEN|SECRET|PASSWORD|KEY", name)] == []
    assert any("--mount=type=secret,id=hf_token" in text for text in given("RUN"))


def test_base_images_have_a_version_and_uv_is_the_one_of_the_makefile() -> None:
    images = {name: value for name, value in arguments().items() if name.endswith("_IMAGE")}
    assert len(images) == 3
    for image in images.values():
        tag = image.rpartition(":")[2]
        assert re.match(r"\d+\.\d+", tag), image
    wanted = re.search(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert wanted is not None
    assert images["UV_IMAGE"].endswith(f":{wanted[1]}")


def test_the_gpu_extra_brings_the_cuda_libraries_that_ctranslate2_opens() -> None:
    """torch from 2.11 on brings CUDA 13; CTranslate2 opens CUDA 12's libcublas by its name."""
    spec = importlib.util.find_spec("ctranslate2")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    package = Path(spec.submodule_search_locations[0])
    libraries = [*package.glob("*.so*"), *package.with_name("ctranslate2.libs").glob("*.so*")]
    opened: set[bytes] = set()
    for path in libraries:
        opened |= set(re.findall(rb"libcublas\.so\.(\d+)", path.read_bytes()))
    if not opened:
        pytest.skip("this platform's CTranslate2 knows no CUDA")
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    names = {package["name"] for package in lock}
    assert opened == {b"12"}
    assert "nvidia-cublas-cu12" in names
    assert not {name for name in names if re.fullmatch(r"nvidia-cublas(-cu(?!12)\d+)?", name)}
    folders = variables()["LD_LIBRARY_PATH"].split(":")
    assert "/app/.venv/lib/python3.12/site-packages/nvidia/cublas/lib" in folders
    versions = {package["name"]: package.get("version", "") for package in lock}
    assert versions["torch"].split(".")[:2] == versions["torchaudio"].split(".")[:2]
