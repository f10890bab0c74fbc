"""``tamlil transcribe``: from files and URLs to transcripts, with or without a server."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from shared.domain.errors import TamlilError
from shared.domain.job import FINISHED
from tamlil.client import ApiClient, Refused
from tamlil.console import note, print_json, print_text, tell_error
from tamlil.outputs import Output, file_names, is_url, source_name, write_outputs
from tamlil.tracker import Display, Tracker
from tamlil.watch import Watcher


@dataclass
class Item:
    """One source and what became of it; `contents` by format, as far as they could be had."""

    source: str
    job_id: str | None = None
    status: str = "not submitted"
    error: dict[str, str] | None = None
    contents: dict[str, bytes] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    transcript: Any = None

    @property
    def failed(self) -> bool:
        """Whether this source has no transcript."""
        return self.status != "completed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What to transcribe, how, and where to put it.

    `fields` are those of the HTTP API; `layout` the query of each format's rendering.
    """

    sources: tuple[str, ...]
    fields: Mapping[str, Any]
    output: Output
    layout: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    as_json: bool = False
    quiet: bool = False
    watch: bool = False  # show finished segments while the rest is at work


def run(client: ApiClient, request: Request) -> int:
    """Submit all, follow all, write what is done; returns 1 when something is missing, else 0.

    Raises:
        KeyboardInterrupt: after the jobs were cancelled.
        ServerError: the server stopped answering.
    """
    items = [Item(source=source) for source in request.sources]
    names = file_names(request.sources, request.output.formats)
    with _cancelling(client, items):
        for item in items:
            _submit(client, item, request.fields)
        by_id = {item.job_id: index for index, item in enumerate(items) if item.job_id}

        def finish(job_id: str, job: dict[str, Any]) -> None:
            index = by_id[job_id]
            _finish(client, items[index], job, request)
            _store(items[index], names[index], request.output)

        shown = {job_id: source_name(items[index].source) for job_id, index in by_id.items()}
        with Display(quiet=request.quiet) as display:
            watcher = _watcher(client, display, request) if request.watch else None
            Tracker(client, display, watcher).follow(shown, finish)
    _present(items, request)
    return 1 if any(item.error for item in items) else 0


def _watcher(client: ApiClient, display: Display, request: Request) -> Watcher:
    """On stdout only when the transcripts go elsewhere, so that a pipe gets these alone."""
    is_free = request.output.in_files and not request.as_json
    return Watcher(
        read=client.segments,
        show=partial(display.line, to_stdout=is_free),
        note=display.line,
        to_the_end=is_free,
        several=len(request.sources) > 1,
    )


@contextmanager
def _cancelling(client: ApiClient, items: Sequence[Item]) -> Iterator[None]:
    """Whatever ends this early, Ctrl-C and SIGTERM included, ends the jobs as well."""

    def terminate(number: int, frame: FrameType | None) -> NoReturn:
        del frame
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except BaseException:
        for item in items:
            if item.job_id and item.status not in FINISHED:
                with suppress(TamlilError):  # it may be over, or the server may be gone
                    client.delete(f"/api/v1/jobs/{item.job_id}")
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _submit(client: ApiClient, item: Item, fields: Mapping[str, Any]) -> None:
    try:
        if is_url(item.source):
            answer = client.submit_url(item.source, fields)
        else:
            answer = client.submit_file(Path(item.source), fields)
    except OSError as exc:
        _fail(item, "file_unreadable", exc.strerror or str(exc))
    except TamlilError as exc:
        _fail(item, exc.code, exc.detail)
    else:
        item.job_id, item.status = answer["job_id"], answer["status"]


def _finish(client: ApiClient, item: Item, job: Mapping[str, Any], request: Request) -> None:
    item.status = job["status"]
    if item.status != "completed":
        error = job["error"] or {"code": item.status, "detail": f"the job was {item.status}"}
        _fail(item, error["code"], error["detail"], status=item.status)
        return
    path = f"/api/v1/jobs/{item.job_id}/transcript"
    for name in request.output.formats:
        try:
            query = request.layout.get(name, {})
            item.contents[name] = client.content(path, format=name, **query)
        except Refused as exc:  # the transcript is there; other formats of it may be had
            item.error = {"code": exc.code, "detail": exc.detail}
    if request.as_json and not request.output.in_files:
        item.transcript = json.loads(client.text(path, format="json"))
    item.warnings = list(job["warnings"])


def _store(item: Item, names: Mapping[str, str], output: Output) -> None:
    if item.failed:
        return
    try:
        if output.folder is not None:
            contents = {names[name]: content for name, content in item.contents.items()}
            item.files = write_outputs(output.folder, contents)
        elif output.file is not None:
            contents = dict(zip([output.file.name], item.contents.values(), strict=False))
            item.files = write_outputs(output.file.parent, contents)
    except OSError as exc:
        _fail(item, "output_unwritable", f"{exc.filename}: {exc.strerror}")


def _present(items: Sequence[Item], request: Request) -> None:
    for item in items:
        _tell(item, quiet=request.quiet)
    if request.as_json:
        print_json([_document(item) for item in items])
        return
    for item in items:
        if item.files and not request.quiet:
            note("wrote " + ", ".join(str(path) for path in item.files))
        elif item.contents and not item.files:
            head = f"==> {item.source} <==\n" if len(items) > 1 else ""
            print_text(head + next(iter(item.contents.values())).decode())


def _tell(item: Item, *, quiet: bool) -> None:
    if item.error is not None:
        tell_error(f"{item.source}: {item.error['detail']}", code=item.error["code"])
    if item.warnings and not quiet:
        note(f"{item.source}: {', '.join(item.warnings)}")


def _document(item: Item) -> dict[str, Any]:
    return {
        "source": item.source,
        "job_id": item.job_id,
        "status": item.status,
        "error": item.error,
        "warnings": item.warnings,
        "files": [str(path) for path in item.files],
        "transcript": item.transcript,
    }


def _fail(item: Item, code: str, detail: str, *, status: str = "failed") -> None:
    item.status = status
    item.error = {"code": code, "detail": detail}
