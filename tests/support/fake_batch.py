"""AWS Batch at an endpoint of its own, with real processes in place of containers.

It speaks Batch's protocol, so that the real SDK talks to it (``AWS_ENDPOINT_URL_BATCH``):
SubmitJob, ListJobs, DescribeJobs, TerminateJob, RegisterJobDefinition. Events of changed states go
to a callback as EventBridge would deliver them.

What it does not model: signatures beyond their presence, and IAM; compute environments (a job is
RUNNABLE until one of the slots is free); images, GPUs, memory limits, users, read-only file
systems; dependencies, array and multi-node jobs, fair shares, the limits of tags; a container's own
reason (``onReason`` never matches) and an image that can't be pulled; `jobStateTimeLimitActions`;
that jobs are forgotten after seven days. TerminateJob refuses ids that are unknown and DescribeJobs
leaves them out; nobody here has asked the real one.
"""

from __future__ import annotations

import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.fake_batch_http import Refused, make_handler
from tests.support.fake_batch_jobs import ACCOUNT, OVER, REGION, BatchJob, Machines, arn
from tests.support.fake_batch_requests import check_definition, check_submission, select

Event = dict[str, Any]
#: Ours wait for no other job; a definition's own limit of a page.
_PAGE, _FILTERED_PAGE = 1000, 100


@dataclass
class Fault:
    """What the next calls of an operation meet, `times` times.

    - throttled: refused with TooManyRequestsException
    - broken: answered with 500, nothing done
    - broken_after: done, then answered with 500
    - dropped_after: done, then the connection is closed without an answer
    - cut_after: done, then half of the answer is sent
    """

    operation: str
    kind: str
    times: int = 1


@dataclass
class FakeBatch:
    """Queues are named by `queues`; `definitions` hold what was registered, oldest first.

    `calls` counts requests by operation. A job is listed `listing_lag` seconds after it was
    submitted, for Batch's listings lag behind a little.
    """

    machines: Machines
    on_event: Callable[[Event], object] = lambda event: None
    queues: Sequence[str] = ("workers",)
    listing_lag: float = 0.0
    page: int | None = None
    jobs: dict[str, BatchJob] = field(default_factory=dict)
    definitions: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    lock: threading.RLock = field(default_factory=threading.RLock)
    url: str = ""

    # -- what tests ask for

    def register(self, definition: Mapping[str, Any]) -> str:
        """Register a job definition as the API takes it; returns its ARN."""
        return str(self.registerjobdefinition(definition)["jobDefinitionArn"])

    def job(self, job_id: str) -> BatchJob:
        """A job by its id, without regard to an attempt behind it."""
        with self.lock:
            return self.jobs[job_id.partition("#")[0]]

    def running(self) -> list[BatchJob]:
        """Jobs that have a process now, oldest first."""
        with self.lock:
            return [job for job in self.jobs.values() if job.status == "RUNNING"]

    def wait(self, job_id: str, *statuses: str, seconds: float = 20.0) -> BatchJob:
        """Wait until a job is in one of these states (over, if none is named)."""
        job, wanted = self.job(job_id), frozenset(statuses) or OVER
        with job.condition:
            assert job.condition.wait_for(lambda: job.told in wanted, seconds), job.told
        return job

    def log(self, job_id: str, attempt: int = 1) -> str:
        """What an attempt's process has written."""
        path = self.machines.folder / f"{job_id.partition('#')[0]}-{attempt}.log"
        return path.read_text(encoding="utf-8")

    def close(self) -> None:
        """End every job that is left."""
        for job in list(self.jobs.values()):
            job.terminate("the test is over")
        for job in list(self.jobs.values()):
            job.thread.join(self.machines.stop_seconds + 5)

    # -- operations, named as in the protocol's paths

    def submitjob(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """SubmitJob."""
        check_submission(request)
        queue = self._queue(request["jobQueue"])
        job = BatchJob(
            request={**request, "jobQueue": queue},
            definition=self._definition(request["jobDefinition"]),
            machines=self.machines,
            on_change=self._tell,
        )
        with self.lock:
            self.jobs[job.id] = job
        job.thread.start()
        return {"jobArn": arn("job", job.id), "jobId": job.id, "jobName": job.name}

    def listjobs(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """ListJobs, newest first."""
        queue = self._queue(request.get("jobQueue") or "")
        shown = time.time() * 1000 - self.listing_lag * 1000
        with self.lock:
            known = [job for job in self.jobs.values() if job.created_at <= shown]
        listed = [job.summary() for job in reversed(known) if job.document()["jobQueue"] == queue]
        found = select(listed, request)
        most = _FILTERED_PAGE if request.get("filters") else _PAGE
        size = min(request.get("maxResults") or most, self.page or most, most)
        start = int(request.get("nextToken") or 0)
        more = {"nextToken": str(start + size)} if len(found) > start + size else {}
        return {"jobSummaryList": found[start : start + size], **more}

    def describejobs(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """DescribeJobs."""
        if not request.get("jobs"):
            raise Refused("ClientException", "Job Ids can't be empty")
        with self.lock:
            found = [self.jobs[job] for job in request["jobs"] if job in self.jobs]
        return {"jobs": [job.document() for job in found]}

    def terminatejob(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """TerminateJob."""
        if not request.get("reason"):
            raise Refused("ClientException", "Reason can't be empty")
        with self.lock:
            job = self.jobs.get(request.get("jobId") or "")
        if job is None:
            raise Refused("ClientException", f"Job {request.get('jobId')} not found")
        job.terminate(request["reason"])
        return {}

    def registerjobdefinition(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """RegisterJobDefinition; the same name again makes the next revision."""
        check_definition(request)
        name = request["jobDefinitionName"]
        with self.lock:
            revision = 1 + sum(it["jobDefinitionName"] == name for it in self.definitions)
            names: dict[str, Any] = {
                "jobDefinitionName": name,
                "jobDefinitionArn": arn("job-definition", f"{name}:{revision}"),
                "revision": revision,
            }
            self.definitions.append({**request, **names})
        return names

    def _queue(self, name: str) -> str:
        short = name.rpartition("/")[2]
        if short not in self.queues or name not in (short, arn("job-queue", short)):
            raise Refused("ClientException", f"JobQueue {name} not found.")
        return arn("job-queue", short)

    def _definition(self, name: str) -> dict[str, Any]:
        """By ARN, by ``name:revision``, or by name: then the newest."""
        with self.lock:
            for it in reversed(self.definitions):
                short = it["jobDefinitionName"]
                names = (it["jobDefinitionArn"], f"{short}:{it['revision']}", short)
                if name in names:
                    found: dict[str, Any] = it
                    return found
        raise Refused("ClientException", f"JobDefinition {name} not found.")

    def _tell(self, document: Event) -> None:
        self.on_event(
            {
                "version": "0",
                "id": str(uuid.uuid4()),
                "detail-type": "Batch Job State Change",
                "source": "aws.batch",
                "account": ACCOUNT,
                "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "region": REGION,
                "resources": [document["jobArn"]],
                "detail": document,
            }
        )


@contextmanager
def fake_batch(
    folder: Path,
    *,
    program: Sequence[str] = (sys.executable, "-m", "gpu_job"),
    slots: int | None = None,
    variables: Mapping[str, str] | None = None,
    mounts: Mapping[str, str] | None = None,
    working_folder: Path | None = None,
    stop_seconds: float = 30.0,
    timeout_scale: float = 1.0,
    **more: Any,
) -> Iterator[FakeBatch]:
    """Serve on a free loopback port; logs of containers go to `folder`. See `Machines`."""
    folder.mkdir(parents=True, exist_ok=True)
    machines = Machines(
        program=program, folder=folder, variables=variables or {}, mounts=mounts or {},
        working_folder=working_folder, stop_seconds=stop_seconds, timeout_scale=timeout_scale,
        slots=None if slots is None else threading.Semaphore(slots),
    )  # fmt: skip
    batch = FakeBatch(machines=machines, **more)
    server = ThreadingHTTPServer(("127.0.0.1", 0), make_handler(batch))
    batch.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="fake batch")
    thread.start()
    try:
        yield batch
    finally:
        batch.close()
        server.shutdown()
        thread.join()
        server.server_close()
