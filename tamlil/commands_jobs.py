"""``tamlil jobs``: look at jobs and end them, on this machine's data or on a server."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer

from shared.domain.job import Status
from shared.domain.options import DiarizationArgs
from tamlil import console, parameters
from tamlil.job_access import Jobs, opened
from tamlil.tracker import Display, Tracker
from tamlil.watch import Watcher

app = typer.Typer(no_args_is_help=True, help="Look at jobs, cancel and erase them.")

JobId = Annotated[str, typer.Argument(metavar="JOB_ID")]
_COLUMNS = ("job", "status", "stage", "progress", "created", "source")


@app.command("list")
def list_command(
    status: Annotated[Status | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=200)] = 20,
    tenant: parameters.Tenant = "default",
    server: parameters.Server = None,
    api_key: parameters.Key = None,
    as_json: parameters.Json = False,
) -> None:
    """List jobs, newest first."""
    with opened(server, api_key, tenant) as jobs:
        found = jobs.list(status, limit)
    if as_json:
        console.print_json(found)
        return
    console.print_rows(_COLUMNS, [_row(job) for job in found], empty="No jobs.")


@app.command()
def show(
    job_id: JobId,
    tenant: parameters.Tenant = "default",
    server: parameters.Server = None,
    api_key: parameters.Key = None,
    as_json: parameters.Json = False,
) -> None:
    """Show one job."""
    with opened(server, api_key, tenant) as jobs:
        job = jobs.show(job_id)
    if as_json:
        console.print_json(job)
        return
    console.print_fields(_fields(job))


@app.command()
def watch(
    job_id: JobId,
    tenant: parameters.Tenant = "default",
    server: parameters.Server = None,
    api_key: parameters.Key = None,
    quiet: parameters.Quiet = False,
) -> None:
    """Print a job's segments as they are finished, until it is over; progress goes to stderr.

    Ends with 1 when the job has no transcript. Ctrl-C leaves the job alone.
    """
    ended: list[dict[str, Any]] = []
    with opened(server, api_key, tenant) as jobs, Display(quiet=quiet) as display:
        show = partial(display.line, to_stdout=True)
        watcher = Watcher(read=jobs.segments, show=show, note=display.line)
        tracker = Tracker(_Records(jobs), display, watcher)
        tracker.follow({job_id: job_id}, lambda _id, job: ended.append(job))
    (job,) = ended
    if job["status"] != "completed":
        error = job["error"] or {"code": job["status"], "detail": f"the job was {job['status']}"}
        console.fail(error["detail"], code=error["code"])


@app.command()
def cancel(
    job_id: JobId,
    tenant: parameters.Tenant = "default",
    server: parameters.Server = None,
    api_key: parameters.Key = None,
) -> None:
    """Cancel a job that is not over; its worker stops within two seconds."""
    with opened(server, api_key, tenant) as jobs:
        jobs.cancel(job_id)
    console.note(f"cancelled {job_id}")


@app.command()
def purge(
    job_id: JobId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    tenant: parameters.Tenant = "default",
    server: parameters.Server = None,
    api_key: parameters.Key = None,
) -> None:
    """Erase a job: audio, transcript, deliveries and record."""
    if not yes:
        typer.confirm(f"Erase {job_id} for good?", abort=True, err=True)
    with opened(server, api_key, tenant) as jobs:
        jobs.purge(job_id)
    console.note(f"erased {job_id}")


class _Records:
    """Jobs by their paths, as a tracker asks for them."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def get(self, path: str, **params: Any) -> Any:
        """A job's document; there are no parameters."""
        del params
        return self._jobs.show(path.rsplit("/", 1)[-1])


@app.command()
def rediarize(
    job_id: JobId,
    speakers: Annotated[int | None, typer.Option(help="Exactly so many.")] = None,
    min_speakers: Annotated[int | None, typer.Option(help="At least so many.")] = None,
    max_speakers: Annotated[int | None, typer.Option(help="At most so many.")] = None,
    tenant: parameters.Tenant = "default",
    server: parameters.Server = None,
    api_key: parameters.Key = None,
) -> None:
    """Tell a finished job's speakers apart anew, as a new job whose id is printed."""
    args = DiarizationArgs(
        num_speakers=speakers, min_speakers=min_speakers, max_speakers=max_speakers
    )
    with opened(server, api_key, tenant) as jobs:
        typer.echo(jobs.rediarize(job_id, args))


def _row(job: dict[str, Any]) -> tuple[str, ...]:
    return (
        job["job_id"],
        job["status"],
        job["stage"],
        f"{job['progress']:.0%}",
        job["created_at"],
        job["source"]["filename"] or job["source"]["kind"],
    )


def _fields(job: dict[str, Any]) -> list[tuple[str, str]]:
    options = job["options"]
    error = job["error"]
    values = {
        "job": job["job_id"],
        "status": job["status"],
        "stage": f"{job['stage']} ({job['progress']:.0%})",
        "source": job["source"]["filename"] or job["source"]["kind"],
        "recording id": job["recording_id"],
        "model": options["model"],
        "language": job["language"] or options["language"] or "to be detected",
        "diarize": "yes" if options["diarize"] else "no",
        "attempt": f"{job['attempt']} of {job['max_attempts']}",
        "audio": None if job["audio_seconds"] is None else f"{job['audio_seconds']:.1f} s",
        "created": job["created_at"],
        "started": job["started_at"],
        "finished": job["finished_at"],
        "error": f"{error['detail']} ({error['code']})" if error else None,
        "warnings": "; ".join(job["warnings"]),
    }
    return [(name, str(value)) for name, value in values.items() if value]
