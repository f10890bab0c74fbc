from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from iac.aws.bundles.reach import BundleError
from iac.aws.bundles.tidy import TASK_ROOT, compile_all, pack, settle, strip, trim


def make(folder: Path) -> Path:
    texts = {
        "lib/__init__.py": "NAMES = {'a', 'b', 'c', 'd', 'e'}\ndef f(x):\n    return x in NAMES\n",
        "lib/stub.pyi": "x: int",
        "lib/py.typed": "",
        "lib/__pycache__/old.pyc": "",
        "lib-1.0.dist-info/METADATA": "Name: lib",
        "lib-1.0.dist-info/RECORD": "",
        "lib-1.0.dist-info/licenses/LICENSE": "free",
        "bin/program": "",
    }
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_no_function_reads_is_removed(tmp_path: Path) -> None:
    folder = make(tmp_path)
    strip(folder)
    assert names(folder) == {
        "lib/__init__.py",
        "lib-1.0.dist-info/METADATA",
        "lib-1.0.dist-info/licenses/LICENSE",
    }


def test_byte_code_is_beside_its_source_unchecked_and_names_it_as_lambda_does(
    tmp_path: Path,
) -> None:
    folder = make(tmp_path)
    strip(folder)
    compile_all(folder, sys.executable)
    (compiled,) = (folder / "lib/__pycache__").iterdir()
    content = compiled.read_bytes()
    assert content[4] == 0b01  # PEP 552: hash-based, and not to be checked
    assert f"{TASK_ROOT}/lib/__init__.py".encode() in content
    assert str(tmp_path).encode() not in content


def test_a_file_that_is_no_python_is_told(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def", encoding="utf-8")
    with pytest.raises(BundleError, match=r"broken\.py"):
        compile_all(tmp_path, sys.executable)


def test_the_same_files_make_the_same_zip_whenever_and_wherever(tmp_path: Path) -> None:
    packed: list[bytes] = []
    for place in ("here", "there"):
        folder = make(tmp_path / place)
        os.utime(folder / "lib/__init__.py", (1, len(packed) * 86_400))
        (folder / "lib/__init__.py").chmod(0o600 if packed else 0o755)
        strip(folder)
        compile_all(folder, sys.executable)
        settle(folder)
        size = pack(folder, tmp_path / f"{place}.zip")
        packed.append((tmp_path / f"{place}.zip").read_bytes())
        assert size == len(packed[-1])
    assert packed[0] == packed[1]


def test_of_a_large_package_only_what_can_be_imported_stays(tmp_path: Path) -> None:
    texts = {
        "aws_lambda_powertools/__init__.py": "from .logs import Logger\n",
        "aws_lambda_powertools/logs.py": "def f():\n    import aws_lambda_powertools.late\n",
        "aws_lambda_powertools/late.py": "",
        "aws_lambda_powertools/unused/__init__.py": "",
        "aws_lambda_powertools/unused/page.html": "",
        "pydantic/v1/__init__.py": "",
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    trim(tmp_path, ["aws_lambda_powertools.Logger", "pydantic.BaseModel"])
    assert names(tmp_path) == {
        "aws_lambda_powertools/__init__.py",
        "aws_lambda_powertools/logs.py",
        "aws_lambda_powertools/late.py",
    }
