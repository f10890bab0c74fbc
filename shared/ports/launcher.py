"""Starts and stops worker processes or containers: `python -m gpu_job`."""

from __future__ import annotations

from typing import Protocol


class Launcher(Protocol):
    """Executions are named by an opaque handle that stays valid across restarts of the caller.

    A platform that may start an execution anew by itself (AWS Batch, whose host was lost) names
    each start ``<handle>#<n>``, from 1; the worker claims jobs under that name.
    """

    def start(self, *, job_id: str, attempt: int) -> str:
        """Start a worker that claims this job first; returns the execution's handle.

        The worker's environment carries ``TAMLIL_JOB_ID`` and what `WorkerSettings.execution`
        makes the handle of, beside the deployment's settings; no argument, no secret on the
        command line.

        Raises:
            Unavailable: it could not be started.
        """
        ...

    def stop(self, execution: str) -> None:
        """Ask it to end (SIGTERM), and end it if it has not within a few seconds.

        Returns without waiting. One that is over, or unknown, is not an error. ``<handle>#<n>``
        stops that start only, and none that came after it.
        """
        ...

    def active(self) -> frozenset[str]:
        """Handles of the executions that are starting or running.

        What this launcher has started is among them at once. Others' starts, and ends, may show
        some seconds later where looking is dear; the adapter says how many.
        """
        ...
