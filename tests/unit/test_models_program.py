from __future__ import annotations

from pathlib import Path

import pytest

from gpu_job.models import __main__ as program
from gpu_job.models.progress import OnProgress, ignore_progress
from shared.models.registry import find_model


@pytest.fixture
def pulled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """Stands in for the network: writes the files that the registry names, without content."""
    asked: list[tuple[str, str | None]] = []

    def pull(
        name: str,
        models_dir: Path,
        on_progress: OnProgress = ignore_progress,
        *,
        hf_token: str | None = None,
    ) -> Path:
        asked.append((name, hf_token))
        for file in find_model(name).files:
            path = models_dir / name / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        return models_dir / name

    monkeypatch.setattr(program, "pull", pull)
    return asked


def test_models_are_pulled_and_told_with_hashes_as_the_registry_writes_them(
    tmp_path: Path, pulled: list[tuple[str, str | None]], capsys: pytest.CaptureFixture[str]
) -> None:
    token = tmp_path / "token"
    token.write_text("hf_sesame\n")
    given = ["--models-dir", str(tmp_path / "m"), "--token-file", str(token), "turbo"]
    assert program.run([*given, "pyannote-community-1 large-v3-turbo"]) == 0
    turbo, community = "large-v3-turbo", "pyannote-community-1"
    assert [name for name, _ in pulled] == [turbo, community, turbo]
    assert {token for _, token in pulled} == {"hf_sesame"}
    told = capsys.readouterr().out
    assert "# pyannote-community-1\n" in told
    assert '  { path = "plda/plda.npz", size = 0, sha256 = "e3b0c44298fc1c14' in told
    assert "hf_sesame" not in told


def test_a_token_file_may_be_absent_and_nothing_may_be_named(
    tmp_path: Path, pulled: list[tuple[str, str | None]]
) -> None:
    assert program.run(["--models-dir", str(tmp_path), "--token-file", str(tmp_path / "no")]) == 0
    given = ["--models-dir", str(tmp_path), "--token-file", str(tmp_path / "no"), "turbo"]
    assert program.run(given) == 0
    assert pulled == [("large-v3-turbo", None)]


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["--pinned", "base", "turbo"], "no sha256 of large-v3-turbo: model.bin, config.json"),
        (["base"], "base is damaged"),
        (["gpt-9"], "model 'gpt-9' is not registered"),
    ],
)
def test_what_can_not_be_baked_ends_the_build_with_the_reason(
    tmp_path: Path,
    pulled: list[tuple[str, str | None]],
    capsys: pytest.CaptureFixture[str],
    names: list[str],
    reason: str,
) -> None:
    assert program.run(["--models-dir", str(tmp_path), *names]) == 1
    assert reason in capsys.readouterr().err
    assert names[0] != "--pinned" or pulled == []
