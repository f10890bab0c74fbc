"""The fake Batch's jobs: real processes in place of containers, and the states they go through."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REGION, ACCOUNT = "eu-west-1", "123456789012"
OVER = frozenset({"SUCCEEDED", "FAILED"})
_POLL_SECONDS = 0.01


def arn(kind: str, name: str) -> str:
    """A resource of Batch in the account and region that the fake is in."""
    return f"arn:aws:batch:{REGION}:{ACCOUNT}:{kind}/{name}"


def milliseconds() -> int:
    """Now, as Batch writes times."""
    return int(time.time() * 1000)


@dataclass(frozen=True, kw_only=True)
class Machines:
    """What containers run on.

    - program: what the image's entry point is
    - variables: what the image sets, and what stands for the task's credentials and endpoints
    - mounts: paths in the container to folders here, in the values of variables
    - slots: containers at a time, or None for any number
    - stop_seconds: from SIGTERM to SIGKILL; ECS's is 30
    - timeout_scale: by which the definition's timeout (60 s at least) is multiplied
    """

    program: Sequence[str]
    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    mounts: Mapping[str, str] = field(default_factory=dict)
    working_folder: Path | None = None
    slots: threading.Semaphore | None = None
    stop_seconds: float = 30.0
    timeout_scale: float = 1.0

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        """A container's whole environment: nothing of this process's but where programs lie."""
        given = {**self.variables, **variables}
        mapped = {name: self._mapped(value) for name, value in given.items()}
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), **mapped}

    def _mapped(self, value: str) -> str:
        for path, here in self.mounts.items():
            if value == path or value.startswith(f"{path}/"):
                return here + value.removeprefix(path)
        return value


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a container ended; no exit code where its host was lost."""

    status_reason: str
    exit_code: int | None = None
    final: bool = False


class BatchJob:
    """One job, in a thread of its own. `condition` guards everything that is read elsewhere.

    `told` is the last status of which an event was delivered.
    """

    def __init__(
        self,
        *,
        request: Mapping[str, Any],
        definition: Mapping[str, Any],
        machines: Machines,
        on_change: Callable[[dict[str, Any]], object],
    ) -> None:
        self.id = str(uuid.uuid4())
        self.name: str = request["jobName"]
        self.definition = definition
        self.status = "SUBMITTED"
        self.told = "SUBMITTED"
        self.status_reason: str | None = None
        self.created_at = milliseconds()
        self.times: dict[str, int] = {}
        self.attempts: list[dict[str, Any]] = []
        self.terminated: str | None = None
        self.condition = threading.Condition()
        self.process: subprocess.Popen[bytes] | None = None
        self._request = request
        self._machines = machines
        self._on_change = on_change
        self._host_lost = False
        self.thread = threading.Thread(target=self._run, name=f"batch {self.name}", daemon=True)

    # -- what tests and the protocol ask for

    def terminate(self, reason: str) -> None:
        """What TerminateJob does, in any state."""
        with self.condition:
            if self.status not in OVER and self.terminated is None:
                self.terminated = reason
                self.condition.notify_all()

    def lose_host(self) -> None:
        """The machine is gone: no signal is heard, nothing is written any more."""
        with self.condition:
            assert self.process is not None, "the job has no host"
            self._host_lost = True
            self._signal(signal.SIGKILL)

    def document(self) -> dict[str, Any]:
        """What DescribeJobs says, and the events' detail."""
        with self.condition:
            return self._document()

    def summary(self) -> dict[str, Any]:
        """What ListJobs says."""
        whole = self.document()
        names = (
            "jobArn jobId jobName createdAt startedAt stoppedAt status statusReason jobDefinition"
        )
        return {name: whole[name] for name in names.split() if name in whole}

    # -- the job's life

    def _run(self) -> None:
        self._move("RUNNABLE")
        while True:
            if not self._take_slot():
                self._move("FAILED", self.terminated)
                return
            try:
                ending = self._attempt()
            finally:
                if self._machines.slots is not None:
                    self._machines.slots.release()
            if ending.exit_code == 0:
                self._move("SUCCEEDED", ending.status_reason)
                return
            if ending.final or not self._tried_again(ending):
                self._move("FAILED", self.terminated or ending.status_reason)
                return
            self._move("RUNNABLE", ending.status_reason)

    def _take_slot(self) -> bool:
        """Wait for room on a machine; False when terminated meanwhile."""
        while self.terminated is None:
            slots = self._machines.slots
            if slots is None or slots.acquire(timeout=_POLL_SECONDS):
                return True
        return False

    def _attempt(self) -> Ending:
        number = len(self.attempts) + 1
        self._move("STARTING")
        attempt = self._start(number)
        self._move("RUNNING")
        ending = self._watch()
        with self.condition:
            container = attempt["container"]
            if ending.exit_code is not None:
                container["exitCode"] = ending.exit_code
            attempt |= {"stoppedAt": milliseconds(), "statusReason": ending.status_reason}
            self.attempts.append(attempt)
            self.process = None
        return ending

    def _start(self, number: int) -> dict[str, Any]:
        log = f"{self.id}-{number}.log"
        with (self._machines.folder / log).open("wb") as output, self.condition:
            self._host_lost = False
            self.process = subprocess.Popen(
                [*self._machines.program, *self._container().get("command", [])],
                env=self._machines.environment(self._variables(number)),
                cwd=self._machines.working_folder, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            self.times["startedAt"] = milliseconds()
        task = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/fake/{uuid.uuid4().hex}"
        container = {"taskArn": task, "logStreamName": log, "networkInterfaces": []}
        return {"container": container, "startedAt": self.times["startedAt"]}

    def _watch(self) -> Ending:
        process = self.process
        assert process is not None
        limit = self._setting("timeout").get("attemptDurationSeconds")
        deadline = time.monotonic() + limit * self._machines.timeout_scale if limit else None
        while process.poll() is None:
            if self.terminated is not None:
                return self._stop(process, self.terminated)
            if deadline is not None and time.monotonic() >= deadline:
                return self._stop(process, "Job attempt duration exceeded timeout")
            with self.condition:
                self.condition.wait(_POLL_SECONDS)
        if self._host_lost:
            return Ending(status_reason=f"Host EC2 (instance i-{self.id[:8]}) terminated.")
        code = process.returncode if process.returncode >= 0 else 128 - process.returncode
        return Ending(status_reason="Essential container in task exited", exit_code=code)

    def _stop(self, process: subprocess.Popen[bytes], reason: str) -> Ending:
        """As ECS stops a task: SIGTERM, and SIGKILL when the time is over; never tried again."""
        self._signal(signal.SIGTERM)
        try:
            process.wait(self._machines.stop_seconds)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            process.wait()
        code = process.returncode if process.returncode >= 0 else 128 - process.returncode
        # Batch tells of a stopped task as failed even if its process ends with 0.
        return Ending(status_reason=reason, exit_code=code or 143, final=True)

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def _tried_again(self, ending: Ending) -> bool:
        strategy = self._setting("retryStrategy")
        if len(self.attempts) >= strategy.get("attempts", 1):
            return False
        seen = {
            "onStatusReason": ending.status_reason,
            "onExitCode": None if ending.exit_code is None else str(ending.exit_code),
        }
        for rule in strategy.get("evaluateOnExit", []):
            patterns = {name: value for name, value in rule.items() if name != "action"}
            if all(_matches(pattern, seen.get(name)) for name, pattern in patterns.items()):
                return bool(rule["action"].upper() == "RETRY")
        return True  # as Batch does where no rule matches

    def _move(self, status: str, reason: str | None = None) -> None:
        with self.condition:
            self.status = status
            if reason is not None:
                self.status_reason = reason
            if status in OVER:
                self.times["stoppedAt"] = milliseconds()
            document = self._document()
        self._on_change(document)
        with self.condition:
            self.told = status
            self.condition.notify_all()

    # -- what was asked for

    def _container(self) -> Mapping[str, Any]:
        return {
            **self.definition["containerProperties"],
            **self._request.get("containerOverrides", {}),
        }

    def _setting(self, name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._request.get(name) or self.definition.get(name, {})
        return found

    def _given(self) -> dict[str, str]:
        """The definition's variables, and over them those of the submission."""
        defined = self.definition["containerProperties"].get("environment", [])
        overridden = self._request.get("containerOverrides", {}).get("environment", [])
        return {item["name"]: item["value"] for item in [*defined, *overridden]}

    def _variables(self, number: int) -> dict[str, str]:
        return self._given() | {
            "AWS_BATCH_JOB_ID": self.id,
            "AWS_BATCH_JOB_ATTEMPT": str(number),
            "AWS_BATCH_JQ_NAME": self._request["jobQueue"].rpartition("/")[2],
            "AWS_BATCH_CE_NAME": "fake",
        }

    def _document(self) -> dict[str, Any]:
        environment = [{"name": key, "value": value} for key, value in self._given().items()]
        container = {**self._container()} | {"environment": environment}
        container |= {name: [] for name in ("volumes", "mountPoints", "ulimits", "secrets")}
        if self.attempts:
            container |= self.attempts[-1]["container"]
        document = {
            "jobArn": arn("job", self.id),
            "jobId": self.id,
            "jobName": self.name,
            "jobQueue": self._request["jobQueue"],
            "jobDefinition": self.definition["jobDefinitionArn"],
            "status": self.status,
            "attempts": [dict(attempt) for attempt in self.attempts],
            "createdAt": self.created_at,
            "retryStrategy": self._setting("retryStrategy") or {"attempts": 1},
            "dependsOn": [],
            "parameters": {},
            "container": container,
            "timeout": self._setting("timeout"),
            "tags": dict(self._request.get("tags", {})),
            "propagateTags": self.definition.get("propagateTags", False),
            "platformCapabilities": self.definition.get("platformCapabilities", ["EC2"]),
            "isCancelled": False,
            "isTerminated": self.terminated is not None,
            **self.times,
        }
        return document | ({"statusReason": self.status_reason} if self.status_reason else {})


def _matches(pattern: str, value: str | None) -> bool:
    """Batch's patterns: the whole text, or its beginning when there is a ``*`` at the end."""
    if value is None:
        return False
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    return value == pattern
