from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from bench.findings import BenchmarkBroken, Plan
from bench.transcript import run as module
from bench.transcript.package_audio import _take
from bench.transcript.recordings import Recording, write_wav
from bench.transcript.systems import Heard, Run
from gpu_job.models.download import DownloadFailed
from gpu_job.models.sources import Report
from shared.models.registry import FileSpec


def make_plan(tmp_path: Path, **changes: object) -> Plan:
    fixed: dict[str, object] = {"folder": tmp_path, "audio": None, "rounds": 1, "quick": True}
    return Plan(**(fixed | changes))  # type: ignore[arg-type]  # a test names existing fields


def recording(group: str) -> Recording:
    return Recording(path=Path(group), group=group, seconds=10, scored=(0, 10), text="red")


class Fragile:
    """Breaks on the recording of one set."""

    name = "Tamlil"
    load_seconds = 1.5

    def run(self, recording: Recording) -> Run:
        if recording.group == "b":
            raise BenchmarkBroken("it fell over")
        return Run(wall=1, cpu=1, peak=1, heard=Heard(text="red", lengths=(1.0,)))

    def suspended(self) -> AbstractContextManager[None]:
        return nullcontext()


def test_a_set_that_breaks_leaves_the_others_their_figures(tmp_path: Path) -> None:
    results: list[module._Result] = []
    failures: list[str] = []
    sets = [recording("a"), recording("b"), recording("c")]
    module._compare(
        make_plan(tmp_path), sets, [Fragile()], {"ours": "Tamlil"}, results, failures
    )  # fmt: skip
    assert [result.comparison.group for result in results] == ["a", "c"]
    assert failures == ["transcript b: BenchmarkBroken: it fell over"]
    assert "Tamlil 1.5 s" in module._section(results[0])


def test_recordings_are_chosen_by_file_or_by_set(tmp_path: Path) -> None:
    (tmp_path / "calls").mkdir()
    for name in ("talk", "calls/one", "calls/two"):
        write_wav(tmp_path / f"{name}.wav", np.zeros(1600, dtype=np.float32))
        (tmp_path / f"{name}.json").write_text(json.dumps([{"text": "red"}]))

    def chosen(*names: str) -> list[str]:
        plan = make_plan(tmp_path, data=tmp_path, recordings=names)
        return [each.path.stem for each in module._chosen(plan)]

    assert chosen() == ["talk", "one", "two"]
    assert chosen("calls") == ["one", "two"]
    assert chosen("talk", "two") == ["talk", "two"]
    with pytest.raises(BenchmarkBroken, match="no recording"):
        chosen("unknown")


@dataclass
class FromMemory:
    """A package that holds one file, or can't be had."""

    content: bytes | None
    label: str = "package p==1"

    def fetch(self, files: tuple[FileSpec, ...], folder: Path, report: Report) -> None:
        if self.content is None:
            raise DownloadFailed("no answer")
        (folder / files[0].path).write_bytes(self.content)


def test_audio_from_a_package_is_taken_by_its_hash(tmp_path: Path) -> None:
    digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"  # of "hello"
    _take(FromMemory(b"hello"), {"en/a.wav": digest}, tmp_path)
    assert (tmp_path / "en" / "a.wav").read_bytes() == b"hello"
    with pytest.raises(BenchmarkBroken, match="other bytes"):
        _take(FromMemory(b"hullo"), {"en/a.wav": digest}, tmp_path)


def test_without_the_package_the_way_out_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkBroken, match="--data"):
        _take(FromMemory(None), {"a.wav": ""}, tmp_path)
