"""Workers as jobs of AWS Batch."""

from __future__ import annotations

import logging
import random
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from shared.adapters.aws.clients import AwsClients, error_code, translated
from shared.domain.errors import Unavailable

if TYPE_CHECKING:
    from types_boto3_batch.literals import JobStatusType

_log = logging.getLogger(__name__)

#: Seconds for which a listing is used again, and after which one surely shows what was submitted.
LISTING_SECONDS = 2.0
LISTING_LAG_SECONDS = 10.0
#: Submissions at most, after how many seconds no other one is begun, and what the waits before
#: them grow from (seconds; they double, with jitter).
SUBMISSIONS = 4
SUBMISSION_SECONDS = 10.0
BACKOFF_SECONDS = 0.5
#: On every job of a deployment that has a name. The roles that stop workers may terminate jobs with
#: their own deployment's value only (template.yaml).
DEPLOYMENT_TAG = "tamlil-deployment"
_LONGEST_NAME = 128
#: Ids that one DescribeJobs takes.
_MOST_DESCRIBED = 100
#: From this HTTP status on the fault is the service's.
_OUR_FAULT_ENDS = 500

#: In the order of a job's life: one that moves on between two calls is seen by one of them.
#: PENDING is left out: it is for jobs that wait for other jobs, and ours don't.
_ACTIVE: tuple[JobStatusType, ...] = ("SUBMITTED", "RUNNABLE", "STARTING", "RUNNING")
_OVER = frozenset({"SUCCEEDED", "FAILED"})
_THROTTLED = frozenset(
    {"TooManyRequestsException", "ThrottlingException", "Throttling", "RequestLimitExceeded"}
)


class BatchLauncher:
    """`Launcher` whose handles are Batch's job ids; ``<id>#<n>`` is a job's n-th attempt.

    The queue may be shared: jobs of another definition are none of ours, those of another revision
    of it are. `active` takes four calls, so a listing is used for `listing_seconds`, and what this
    process has started counts from then on, listed or not. What that means for `dispatch_job`: it
    may see a worker that has just ended, then the job waits for its redispatch as it does when a
    worker ends right after the look; and it may miss one that another process has started
    meanwhile, then one container too many starts, which claims what waits or ends when it was idle
    for long enough.
    """

    def __init__(
        self,
        clients: AwsClients,
        *,
        queue: str,
        definition: str,
        deployment: str | None = None,
        listing_seconds: float = LISTING_SECONDS,
        listing_lag_seconds: float = LISTING_LAG_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clients = clients
        self._queue = queue
        self._definition = definition
        self._worker = _without_revision(definition)
        self._tags: Any = {"tags": {DEPLOYMENT_TAG: deployment}} if deployment else {}
        self._listing_seconds = listing_seconds
        self._listing_lag_seconds = listing_lag_seconds
        self._sleep = sleep
        self._lock = threading.Lock()
        self._listed: frozenset[str] = frozenset()
        self._listed_at = float("-inf")
        self._started: dict[str, float] = {}

    def start(self, *, job_id: str, attempt: int) -> str:
        """Submit a job whose container claims this job first; returns Batch's id of it.

        Batch knows no idempotency token. The name is this call's own, so that a job whose
        submission got no clear answer is found by it: at once, and again right before another is
        submitted. One that no listing shows by then gets a second beside it, which finds nothing
        to claim and ends.
        """
        name = job_name(job_id, attempt, secrets.token_hex(4))
        begun = time.monotonic()
        unclear = False
        with translated("the Batch queue"):
            for turn in range(SUBMISSIONS):
                if turn:
                    self._sleep(BACKOFF_SECONDS * 2**turn * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret
                started = self._find(name) if unclear else None
                if started is None and time.monotonic() - begun > SUBMISSION_SECONDS:
                    break
                try:
                    started = started or self._submit(name, job_id)
                except _Unclear:
                    unclear = True
                    self._sleep(BACKOFF_SECONDS)  # a listing lags a little behind submissions
                    started = self._find(name)
                if started is not None:
                    with self._lock:
                        self._started[started] = time.monotonic()
                    return started
        raise Unavailable("Batch took no worker, though it was asked again and again")

    def stop(self, execution: str) -> None:
        """Terminate the job in whatever state it is; of ``<id>#<n>`` only if that attempt goes on.

        Batch sends SIGTERM and, 30 seconds later, SIGKILL.
        """
        job, _, number = execution.partition("#")
        if not job or (number and self._attempt_over(job, number)):
            return
        with translated("the Batch queue"), _unknown_is_over(job):
            self._clients.batch.terminate_job(jobId=job, reason="Tamlil stopped this worker")
        with self._lock:
            self._listed_at = float("-inf")

    def active(self) -> frozenset[str]:
        """Ids of the jobs that wait for a machine, start or run."""
        with self._lock:
            now = time.monotonic()
            looks = now - self._listed_at >= self._listing_seconds
            if looks:
                self._listed = self._list()
                self._listed_at = now
            self._started = {
                job: at
                for job, at in self._started.items()
                if job not in self._listed and now - at < self._listing_lag_seconds
            }
            if looks and self._started:
                self._forget_ended()
            return self._listed | self._started.keys()

    def _forget_ended(self) -> None:
        """What this process has started and no listing shows may be over already.

        Counted for one that is still to come it would keep the next worker from being started, for
        the minute until the job is dispatched again.
        """
        with translated("the Batch queue"):
            ids = list(self._started)[:_MOST_DESCRIBED]
            described = self._clients.batch.describe_jobs(jobs=ids)
        for job in _jobs(described, "jobs"):
            if job["status"] in _OVER:
                self._started.pop(job["jobId"], None)

    def _submit(self, name: str, job_id: str) -> str | None:
        """Submit once; None when it surely was not taken, but may be if it is asked again.

        Raises:
            _Unclear: nobody knows whether it was taken.
        """
        from botocore import exceptions

        try:
            answer = self._clients.batch_once.submit_job(
                jobName=name,
                jobQueue=self._queue,
                jobDefinition=self._definition,
                containerOverrides={"environment": [{"name": "TAMLIL_JOB_ID", "value": job_id}]},
                **self._tags,
            )
        except exceptions.ClientError as exc:
            if error_code(exc) in _THROTTLED:
                return None
            if exc.response["ResponseMetadata"]["HTTPStatusCode"] < _OUR_FAULT_ENDS:
                raise
            raise _Unclear from exc
        except exceptions.ConnectionError:
            return None  # nothing was sent
        except exceptions.HTTPClientError as exc:
            raise _Unclear from exc
        if "jobId" not in answer:  # of a body that was cut the SDK makes an answer without members
            raise _Unclear
        return answer["jobId"]

    def _find(self, name: str) -> str | None:
        """The job of this name."""
        found = self._clients.batch.list_jobs(
            jobQueue=self._queue, filters=[{"name": "JOB_NAME", "values": [name]}]
        )
        return next(
            (job["jobId"] for job in _jobs(found, "jobSummaryList") if job["jobName"] == name), None
        )

    def _list(self) -> frozenset[str]:
        with translated("the Batch queue"):
            pages = self._clients.batch.get_paginator("list_jobs")
            return frozenset(
                job["jobId"]
                for status in _ACTIVE
                for page in pages.paginate(jobQueue=self._queue, jobStatus=status)
                for job in _jobs(page, "jobSummaryList")
                if _without_revision(job.get("jobDefinition", self._worker)) == self._worker
            )

    def _attempt_over(self, job: str, number: str) -> bool:
        with translated("the Batch queue"), _unknown_is_over(job):
            found = _jobs(self._clients.batch.describe_jobs(jobs=[job]), "jobs")
            if found and number.isdecimal() and found[0]["status"] not in _OVER:
                ended = sum("stoppedAt" in attempt for attempt in found[0].get("attempts", []))
                return int(number) <= ended
        return True


def job_name(job_id: str, attempt: int, unique: str) -> str:
    """A name that Batch takes: letters, digits, ``-`` and ``_``, at most 128 of them."""
    tail = f"-{attempt}-{unique}"
    head = re.sub(r"[^A-Za-z0-9_-]", "-", f"tamlil-{job_id}")
    return head[: _LONGEST_NAME - len(tail)] + tail


def _without_revision(definition: str) -> str:
    """The name of a job definition that is given by its name or ARN, with a revision or without."""
    return definition.rpartition("/")[2].partition(":")[0]


def _jobs(answer: Mapping[str, Any], member: str) -> Sequence[Mapping[str, Any]]:
    if member not in answer:
        raise Unavailable("Batch's answer was cut off")
    found: Sequence[Mapping[str, Any]] = answer[member]
    return found


@contextmanager
def _unknown_is_over(job: str) -> Iterator[None]:
    """Batch refuses to stop or describe what it does not know: nothing is left to stop."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as exc:
        if error_code(exc) != "ClientException":
            raise
        _log.info("Batch does not know the worker any more", extra={"execution": job})


class _Unclear(Exception):
    """A submission may have been taken or not. Never leaves this module."""
