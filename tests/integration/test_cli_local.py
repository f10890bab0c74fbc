from __future__ import annotations

import socket
from pathlib import Path

import pytest

from shared.domain.errors import Unauthorized
from shared.domain.job import Status
from shared.services.manage_keys import authenticate
from shared.services.submission import Submission, UrlAudio
from shared.services.submit_job import submit_job
from shared.services.webhook_headers import DeploymentHeader, header_secret
from tests.support.command import Command, make_command
from tests.support.platform import make_deployment


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def command(data_dir: Path) -> Command:
    return make_command(data_dir)


def submit(data_dir: Path, tenant: str = "default") -> str:
    with make_deployment(data_dir) as deployment:
        audio = UrlAudio(url="https://example.com/a.mp3")
        return submit_job(deployment.platform, Submission(tenant=tenant, audio=audio)).job.id


def status_of(data_dir: Path, job_id: str) -> Status:
    with make_deployment(data_dir) as deployment:
        return deployment.platform.jobs.get(job_id).status


def test_a_key_opens_its_tenant_until_it_is_revoked(command: Command, data_dir: Path) -> None:
    args = ("--tenant", "acme", "--scope", "jobs:read", "--name", "reader", "--expires", "30d")
    made = command.json("keys", "create", *args)
    with make_deployment(data_dir) as deployment:
        assert authenticate(deployment.platform, made["token"]).tenant == "acme"
    (listed,) = command.json("keys", "list", "--tenant", "acme")
    assert (listed["id"], listed["scopes"], listed["name"]) == (made["id"], ["jobs:read"], "reader")
    assert "token" not in listed
    assert command.run("keys", "revoke", made["id"]).exit_code == 0
    with make_deployment(data_dir) as deployment, pytest.raises(Unauthorized):
        authenticate(deployment.platform, made["token"])


def test_into_a_pipe_a_new_key_is_all_there_is_on_stdout(command: Command) -> None:
    result = command.run("keys", "create")
    assert result.stdout.startswith("tml_")
    assert result.stdout.count("\n") == 1
    assert "not shown again" in result.stderr


def test_jobs_of_one_tenant_are_listed_newest_first(command: Command, data_dir: Path) -> None:
    first, second = submit(data_dir), submit(data_dir)
    submit(data_dir, "acme")
    listed = command.json("jobs", "list")
    assert [job["job_id"] for job in listed] == [second, first]
    piped = command.run("jobs", "list", "--limit", "1").stdout
    assert piped.split("\t")[:2] == [second, "pending"]


def test_a_job_is_shown_cancelled_and_erased(command: Command, data_dir: Path) -> None:
    job_id = submit(data_dir)
    assert command.json("jobs", "show", job_id)["status"] == "pending"
    assert "status\tpending" in command.run("jobs", "show", job_id).stdout
    assert command.run("jobs", "cancel", job_id).exit_code == 0
    assert status_of(data_dir, job_id) is Status.CANCELLED
    assert command.run("jobs", "purge", job_id, "--yes").exit_code == 0
    result = command.run("jobs", "show", job_id)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"error: no job '{job_id}' (job_not_found)\n"


def test_nothing_is_erased_without_a_yes(command: Command, data_dir: Path) -> None:
    job_id = submit(data_dir)
    assert command.run("jobs", "purge", job_id, stdin="n\n").exit_code == 1
    assert status_of(data_dir, job_id) is Status.PENDING


def test_another_tenant_s_job_is_not_found(command: Command, data_dir: Path) -> None:
    job_id = submit(data_dir, "acme")
    assert command.run("jobs", "show", job_id).exit_code == 1
    assert command.run("jobs", "show", job_id, "--tenant", "acme").exit_code == 0


def test_a_rotated_webhook_secret_keeps_the_one_before(command: Command) -> None:
    first = command.run("webhooks", "secret").stdout.strip()
    assert first.startswith("whsec_")
    rotated = command.json("webhooks", "secret", "--rotate")
    assert rotated["secret"] != first
    assert rotated["previous"] == [first]


def test_a_header_of_the_deployment_is_set_told_and_removed(
    command: Command, data_dir: Path
) -> None:
    header = ("webhooks", "header", "legacy-signature")
    assert command.run(*header).stdout == "not set\n"
    made = command.run(*header, "--set", stdin="s3cret\n")
    assert (made.exit_code, made.stdout) == (0, "set in the store\n")
    assert "s3cret" not in made.stderr
    with make_deployment(data_dir) as deployment:
        found = header_secret(deployment.platform, DeploymentHeader.LEGACY_SIGNATURE)
        assert found == "s3cret"
    assert command.run("webhooks", "header", "vercel-bypass").stdout == "not set\n"
    assert command.run(*header, "--remove").stdout == "not set\n"
    refused = command.run(*header, "--set", stdin="\n")
    assert (refused.exit_code, "invalid_secret" in refused.stderr) == (1, True)
    assert command.run(*header, "--set", "--remove").exit_code == 2


def test_a_header_in_the_environment_is_told_to_come_first(data_dir: Path) -> None:
    command = make_command(data_dir, WEBHOOK_VERCEL_BYPASS="t0ken")
    result = command.run("webhooks", "header", "vercel-bypass", "--remove")
    assert result.stdout == "set in the environment\n"
    assert "comes first" in result.stderr


def test_models_are_listed_without_any_being_here(tmp_path: Path) -> None:
    command = make_command(tmp_path / "data", MODELS_DIR=str(tmp_path / "models"))
    listed = {model["name"]: model for model in command.json("models", "list")}
    assert listed["base"]["default"] is True
    assert listed["base"]["installed"] is False
    assert listed["ivrit-he-turbo"]["chosen_for"] == ["he"]
    piped = command.run("models", "list").stdout
    assert "all languages" in piped
    assert "he (once pulled)" in piped
    result = command.run("models", "verify")
    assert (result.exit_code, "tamlil models pull" in result.stderr) == (1, True)
    assert command.run("models", "pull", "no-such-model").exit_code == 1


def test_a_damaged_model_fails_its_verification_and_the_doctor(tmp_path: Path) -> None:
    models = tmp_path / "models"
    (models / "base").mkdir(parents=True)
    (models / "base" / "model.bin").write_bytes(b"not the weights")
    command = make_command(tmp_path / "data", MODELS_DIR=str(models), PORT="0")
    result = command.run("models", "verify", "base")
    assert result.exit_code == 1
    assert "sha256" in result.stdout
    doctor = command.run("doctor")
    assert doctor.exit_code == 1
    assert "fail\tmodels\tdamaged: base\ttamlil models pull" in doctor.stdout


def test_the_doctor_says_what_to_do_about_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = make_command(tmp_path, PORT=port, MODELS_DIR=str(tmp_path / "none"))
        result = command.run("doctor")
    assert result.exit_code == 1
    assert f"fail\tport\tport {port} is in use" in result.stdout
    assert "ok\tdecoding\t41.6 s" in result.stdout


def test_the_doctor_notices_a_data_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    command = make_command(tmp_path / "file", PORT="0", MODELS_DIR=str(tmp_path / "none"))
    result = command.run("doctor")
    assert result.exit_code == 1
    assert "fail\tdatabase" in result.stdout


@pytest.mark.parametrize(
    "args",
    [
        ("transcribe",),
        ("transcribe", "a.wav", "--format", "docx"),
        ("transcribe", "a.wav", "b.wav", "--output", "one.srt"),
        ("transcribe", "a.wav", "--num-speakers", "0"),
        ("keys", "create", "--scope", "everything"),
        ("keys", "create", "--expires", "soon"),
        ("jobs", "list", "--limit", "0"),
        ("no-such-command",),
    ],
)
def test_a_wrong_call_ends_with_2(command: Command, args: tuple[str, ...]) -> None:
    result = command.run(*args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr


def test_a_wrong_setting_is_named_and_ends_with_2(tmp_path: Path) -> None:
    result = make_command(tmp_path, PORT="99999").run("jobs", "list")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: TAMLIL_PORT: ")


def test_a_server_needs_a_key(command: Command) -> None:
    result = command.run("jobs", "list", "--server", "http://127.0.0.1:9")
    assert result.exit_code == 1
    assert "TAMLIL_API_KEY" in result.stderr


def test_the_version_is_told(command: Command) -> None:
    assert command.run("--version").stdout.startswith("tamlil ")
