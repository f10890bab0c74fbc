"""The job program: ``python -m gpu_job``.

Takes no argument and no secret on its command line: the launcher sets the deployment's settings
(``TAMLIL_...``), the job to begin with (``TAMLIL_JOB_ID``) and the execution's name
(``TAMLIL_EXECUTION_ID``, or AWS Batch's own variables) in the environment.
"""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

from pydantic import ValidationError

from gpu_job import exit_codes
from gpu_job.attempt import Pipeline, end_process
from gpu_job.exit_codes import ExitCode
from gpu_job.memory import keep_freed_memory
from gpu_job.program import run_program
from gpu_job.threads import limit_spinning
from shared.ports.platform import Platform
from shared.settings import Settings, WorkerSettings
from shared.settings_problems import problems_of


def main() -> NoReturn:
    """Read settings, serve jobs, end with a documented code."""
    argparse.ArgumentParser(
        prog="python -m gpu_job",
        description=__doc__,
        epilog=exit_codes.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    try:
        settings, told = Settings(), WorkerSettings()
    except ValidationError as exc:
        sys.stderr.write("".join(f"{problem}\n" for problem in problems_of(exc)))
        sys.exit(ExitCode.BAD_CONFIGURATION)
    keep_freed_memory()
    limit_spinning()
    end_process(run_program(settings, told, _make_pipeline))


def _make_pipeline(settings: Settings, platform: Platform) -> Pipeline:
    if settings.null_engine:
        from gpu_job.null_engine import make_null_pipeline

        return make_null_pipeline(settings, platform)
    from gpu_job.assemble import make_pipeline

    return make_pipeline(settings, platform)


if __name__ == "__main__":
    main()
