"""What a machine's script does when it boots, run here with scripted programs of the machine."""

from __future__ import annotations

import re
import shutil
import subprocess
from email import message_from_string
from pathlib import Path

import pytest

from tests.unit.aws.test_batch_template import stack


def user_data() -> str:
    """What the launch template gives the machine."""
    return str(stack().properties("Machine")["LaunchTemplateData"]["UserData"])


def written_by_the_machines_script(path: str) -> str:
    """The file that it writes there."""
    begun = re.search(rf"^cat > {path} <<'(\w+)'\n", user_data(), re.MULTILINE)
    assert begun is not None
    return user_data()[begun.end() :].partition(f"{begun[1]}\n")[0]


def set_the_rule(folder: Path, *, iptables: str) -> tuple[int, list[str]]:
    """Run what keeps containers from the metadata service, with a scripted iptables."""
    rule = folder / "rule"
    rule.write_text(
        written_by_the_machines_script("/usr/local/sbin/tamlil-no-metadata"), encoding="utf-8"
    )
    calls = folder / "calls"
    calls.touch()
    if iptables:
        (folder / "iptables").write_text(
            f'#!/bin/sh\necho "$*" >> {calls}\n{iptables}\n', encoding="utf-8"
        )
        (folder / "iptables").chmod(0o755)
    bash = shutil.which("bash")
    assert bash is not None
    ended = subprocess.run(
        [bash, rule], env={"PATH": str(folder)}, timeout=20, check=False, capture_output=True
    )
    return ended.returncode, calls.read_text(encoding="utf-8").splitlines()


#: Docker's user is one of the machine's in Batch's network mode, host, so the kernel can tell it.
RULE = "OUTPUT -d 169.254.169.254/32 -m owner --uid-owner 10001 -j REJECT"


def test_the_containers_user_can_not_reach_the_machines_credentials(tmp_path: Path) -> None:
    user = stack().properties("JobDefinition")["ContainerProperties"]["User"].split(":")[0]
    assert f"--uid-owner {user} " in RULE
    absent = 'case "$*" in *-C*) exit 1;; esac'
    assert set_the_rule(tmp_path, iptables=absent) == (0, [f"-w -C {RULE}", f"-w -I {RULE}"])
    (tmp_path / "calls").unlink()
    assert set_the_rule(tmp_path, iptables="exit 0") == (0, [f"-w -C {RULE}"]), "set once"


@pytest.mark.parametrize("iptables", ["exit 1", ""], ids=["refuses", "is not there"])
def test_a_machine_without_that_rule_runs_no_container(tmp_path: Path, iptables: str) -> None:
    assert set_the_rule(tmp_path, iptables=iptables)[0] != 0
    unit = "/etc/systemd/system/ecs.service.d/tamlil-no-metadata.conf"
    assert written_by_the_machines_script(unit).splitlines() == [
        "[Service]",
        "ExecStartPre=/usr/local/sbin/tamlil-no-metadata",  # the agent does not start if it fails
    ]
    before, _, after = user_data().partition("systemctl daemon-reload")
    assert unit in before
    assert "install -d" in after, "nothing that may fail comes before it"


def spot_watch(folder: Path, *, notice_after: int) -> list[str]:
    """Run the machine's watch with a metadata service and a docker that are scripted."""
    watch = written_by_the_machines_script("/usr/local/sbin/tamlil-spot-watch")
    (folder / "watch").write_text(watch, encoding="utf-8")
    calls = folder / "calls"
    programs = {
        "curl": f'echo "curl $*" >> {calls}\ncase "$*" in\n'
        "*PUT*) echo token;;\n"
        f'*) test "$(grep -c instance-action {calls})" -gt {notice_after};;\nesac\n',
        "docker": f'echo "docker $*" >> {calls}\ncase "$1" in ps) echo one; echo two;; esac\n',
        "sleep": f'echo "sleep $*" >> {calls}\n',
    }
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}", encoding="utf-8")
        (folder / name).chmod(0o755)
    subprocess.run(
        ["bash", folder / "watch"], env={"PATH": f"{folder}:/usr/bin:/bin"}, timeout=20, check=True,
        capture_output=True,
    )  # fmt: skip
    return calls.read_text(encoding="utf-8").splitlines()


def test_a_spot_notice_tells_every_worker_on_the_machine_to_end(tmp_path: Path) -> None:
    calls = spot_watch(tmp_path, notice_after=2)
    assert calls.count("sleep 5") == 2, "it goes on looking until there is a notice"
    assert calls[-1] == "docker kill --signal TERM one two"
    assert all("X-aws-ec2-metadata-token" in call for call in calls if call.startswith("curl"))


def test_the_machines_script_is_a_part_that_batch_can_add_its_own_to(tmp_path: Path) -> None:
    message = message_from_string(user_data())
    assert message.get_content_type() == "multipart/mixed"
    (part,) = list(message.walk())[1:]
    assert part.get_content_type() == "text/x-shellscript"
    script = tmp_path / "script"
    script.write_text(str(part.get_payload()), encoding="utf-8")
    assert script.read_text(encoding="utf-8").startswith("#!/bin/bash\n")
    checked = subprocess.run(["bash", "-n", script], capture_output=True, check=False, timeout=10)
    assert (checked.returncode, checked.stderr) == (0, b"")
