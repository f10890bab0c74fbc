"""From settings to exit code: what every worker process does around its pipeline."""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections.abc import Callable

from gpu_job.attempt import Pipeline, WorkerLimits
from gpu_job.exit_codes import ExitCode
from gpu_job.scratch import erase_leftovers
from gpu_job.termination import listen
from gpu_job.worker import Worker
from shared.domain.errors import InvalidRequest, Unavailable
from shared.logs import LogContext, configure_logging
from shared.ports.platform import Platform
from shared.settings import Settings, WorkerSettings
from shared.wiring import load

_log = logging.getLogger(__name__)


def run_program(
    settings: Settings,
    told: WorkerSettings,
    make_pipeline: Callable[[Settings, Platform], Pipeline],
) -> ExitCode:
    """Serve jobs until idle or told to end. Called once a process, from its main thread."""
    context = LogContext()
    configure_logging(level=settings.log_level, as_json=settings.log_json, context=context)
    try:
        with load(settings) as platform:
            worker = Worker(
                platform=platform,
                pipeline=make_pipeline(settings, platform),
                limits=worker_limits(settings),
                name=worker_name(),
                execution=told.execution,
                log_context=context,
            )
            listen(worker.terminate)
            erase_leftovers()
            return worker.run(told.job_id)
    except InvalidRequest as exc:  # a name that the platform needs is missing or wrong
        _log.error("the platform can't be opened", extra={"error": exc.detail})
        return ExitCode.BAD_CONFIGURATION
    except Unavailable as exc:
        _log.error("the platform is not available", extra={"error": exc.detail})
        return ExitCode.PLATFORM_UNAVAILABLE
    except Exception:  # noqa: BLE001 - the last boundary: the log and the exit code tell of it
        _log.exception("the worker met an unexpected fault")
        return ExitCode.INTERNAL


def worker_limits(settings: Settings) -> WorkerLimits:
    """The limits of this deployment's workers."""
    return WorkerLimits(
        idle=settings.worker_idle_seconds,
        job=settings.job_seconds,
        heartbeat=settings.heartbeat_seconds,
        poll=settings.worker_poll_seconds,
    )


def worker_name() -> str:
    """Host, process and four random bytes: process numbers come again, and in containers often."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
