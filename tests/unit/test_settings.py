from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from shared.settings import Settings, WorkerSettings, environment, worker_environment
from tests.support.platform import make_settings

#: Not one value is the default, and the texts are hard to quote.
UNUSUAL: dict[str, Any] = {
    "log_level": "DEBUG",
    "log_json": True,
    "port": 9000,
    "public_url": "https://tamlil.example.com/a b?c=\"d\"&e='f'",
    "cors_origins": ("https://a.example.com", "https://b.example.com"),
    "rate_window_seconds": 0.1 + 0.2,
    "retention_seconds": 86_400.5,
    "allow_loopback_urls": True,
    "allow_private_networks": ("10.0.0.0/8", "fc00::/7"),
    "max_workers": 3,
    "webhook_schedule": (0.0, 1.5, 2.25, 1e6),
    "webhook_legacy_secret": "true",
    "webhook_vercel_bypass": "[1, 2]",
    "default_model": "tiny.en",
    "device": "cpu",
    "models_offline": True,
    "diarizer": "pyannote",
    "hf_token": "hf_1",
    "inbox": False,
}


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("TAMLIL_"):
            monkeypatch.delenv(name)


def use(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_settings_come_back_from_their_own_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = make_settings(
        tmp_path / "da ta", models_dir=tmp_path / "m", inbox_dir=tmp_path / "in", **UNUSUAL
    )
    use(monkeypatch, environment(settings))
    assert Settings() == settings


def test_the_defaults_come_back_too(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings()
    use(monkeypatch, environment(settings))
    assert Settings() == settings


def test_another_process_reads_the_same_settings(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, **UNUSUAL)
    code = "from shared.settings import Settings; print(Settings().model_dump_json())"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=worker_environment(settings), capture_output=True, text=True, check=True, timeout=60,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert json.loads(ended.stdout) == json.loads(settings.model_dump_json())


def test_a_worker_inherits_the_machine_but_no_setting_that_is_not_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A retention that the server did not take must not reach its workers."""
    monkeypatch.setenv("TAMLIL_RETENTION_SECONDS", "5")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/cuda/lib")
    given = worker_environment(make_settings(tmp_path, retention_seconds=None))
    assert "TAMLIL_RETENTION_SECONDS" not in given
    assert given["LD_LIBRARY_PATH"] == "/opt/cuda/lib"
    assert given["TAMLIL_DATA_DIR"] == str(tmp_path)


def test_every_setting_is_read_from_its_own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, {"TAMLIL_MAX_WORKERS": "7", "TAMLIL_INBOX": "no", "TAMLIL_UNKNOWN": "x"})
    settings = Settings()
    assert (settings.max_workers, settings.inbox) == (7, False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_workers", 0), ("port", 70_000), ("lease_seconds", 0), ("rate_limit", 0),
        ("webhook_schedule", (0.0, 1.0)), ("device", "tpu"), ("platform", "moon"),
        ("retention_seconds", 0), ("diarizer", "whisperx"),
    ],
)  # fmt: skip
def test_a_value_out_of_its_range_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings(**{name: value})  # type: ignore[arg-type] # wrong on purpose


def test_the_token_of_the_hub_shows_in_no_text_of_the_settings(tmp_path: Path) -> None:
    assert "hf_secret" not in repr(make_settings(tmp_path, hf_token="hf_secret"))


def test_settings_do_not_change(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        make_settings(tmp_path).port = 1  # type: ignore[misc] # wrong on purpose


def test_the_watched_folder_lies_in_the_data_folder_unless_it_is_named(tmp_path: Path) -> None:
    assert make_settings(tmp_path).watched_folder == tmp_path / "inbox"
    assert make_settings(tmp_path, inbox_dir=tmp_path / "x").watched_folder == tmp_path / "x"


def test_a_worker_is_told_its_job_and_execution(monkeypatch: pytest.MonkeyPatch) -> None:
    assert WorkerSettings() == WorkerSettings(job_id=None, execution_id=None)
    use(monkeypatch, {"TAMLIL_JOB_ID": "job_1", "TAMLIL_EXECUTION_ID": "local-1"})
    assert (WorkerSettings().job_id, WorkerSettings().execution_id) == ("job_1", "local-1")


AWS = {"TAMLIL_PLATFORM": "aws"}


def test_on_aws_what_nobody_sets_fits_lambda_and_a_sweep_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use(monkeypatch, AWS)
    settings = Settings()
    assert settings.streams is False
    assert settings.lease_seconds > 20 * settings.heartbeat_seconds
    assert settings.redispatch_seconds >= 60
    assert settings.default_model == "large-v3-turbo"
    six_megabytes = 6 * 1024 * 1024
    form_and_envelope = 300_000
    assert settings.max_blob_bytes * 4 / 3 < settings.max_body_bytes < six_megabytes
    assert (settings.max_multipart_bytes + form_and_envelope) * 4 / 3 < six_megabytes
    largest = settings.largest_answer_bytes
    assert largest is not None
    assert 2 * largest < six_megabytes, "every character of a text may have to be escaped"


def test_on_aws_what_somebody_sets_is_so(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, AWS | {"TAMLIL_LEASE_SECONDS": "90", "TAMLIL_DEVICE": "cpu"})
    settings = Settings()
    assert (settings.lease_seconds, settings.device) == (90.0, "cpu")
    assert settings.default_model == "base"
    use(monkeypatch, environment(settings))
    assert Settings() == settings


def test_elsewhere_the_defaults_of_aws_do_not_hold() -> None:
    assert Settings().streams is True
    assert Settings().largest_answer_bytes is None


def test_a_worker_that_batch_starts_is_named_by_job_and_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert WorkerSettings().execution is None
    use(monkeypatch, {"AWS_BATCH_JOB_ID": "4c7599ae", "AWS_BATCH_JOB_ATTEMPT": "2"})
    assert WorkerSettings().execution == "4c7599ae#2"
    use(monkeypatch, {"TAMLIL_EXECUTION_ID": "local-1"})
    assert WorkerSettings().execution == "local-1", "what the launcher says comes first"
