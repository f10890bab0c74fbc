"""The watched folder: a file dropped into ``inbox/<tenant>/`` becomes a job, once.

The embedded twin of a bucket event. A file is taken when two looks in a row find it unchanged. It
is copied into the blob store under a key that its path, size, time and inode decide, submitted,
and moved to ``inbox/<tenant>/.done/``. A crash in between does no harm: the next start finds the
same file, puts the same bytes under the same key, and the same object is the same job. The same
name dropped again later is another file, and another job.

Options may lie beside the audio, as ``<file>.json``, put there first. What is refused is told in
``<file>.error.txt`` and tried again only when the audio or its options have changed.
"""

from __future__ import annotations

import errno
import logging
import mimetypes
from pathlib import Path

from functions.intake.handle import Arrival, handle, inbox_key
from functions.local.inbox_files import (
    DONE_FOLDER,
    SIDECAR_SUFFIX,
    Dropped,
    Signature,
    display_name,
    fitting_name,
    read_beside,
    scan,
    signature_of,
    write_beside,
)
from functions.local.sidecar import read_wishes
from shared.domain.api_keys import check_tenant
from shared.domain.errors import InvalidRequest, TamlilError, Unavailable
from shared.domain.job import Job
from shared.ports.platform import Platform

_log = logging.getLogger(__name__)

#: Bytes of an error file: what a refusal says is far shorter.
_LONGEST_REFUSAL = 64 << 10

#: A file and its options, as one look sees them.
_Look = tuple[Signature, Signature | None]


class Inbox:
    """Looks into the folder again and again; `step` is one look."""

    def __init__(self, platform: Platform, root: Path) -> None:
        self._platform = platform
        self._root = root
        self._seen: dict[Path, _Look] = {}
        self._settled: dict[Path, _Look] = {}

    def step(self) -> bool:
        """Take every file that was there, unchanged, at the look before.

        A file that makes trouble does not hold up the others, which may be another tenant's.

        Raises:
            Unavailable: the folder or a file can't be read, or a store did not answer.
        """
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            found = list(scan(self._root))
        except OSError as exc:
            msg = f"the watched folder can't be read: {exc.strerror}"
            raise Unavailable(msg, code="inbox_unusable") from exc
        before, self._seen = self._seen, {}
        trouble: Unavailable | None = None
        for dropped in found:
            look = (dropped.signature, signature_of(dropped.sidecar))
            self._seen[dropped.path] = look
            if before.get(dropped.path) == look and self._settled.get(dropped.path) != look:
                try:
                    self._take(dropped, look)
                except Unavailable as exc:
                    trouble = exc
        self._settled = {path: look for path, look in self._settled.items() if path in self._seen}
        if trouble is not None:
            raise trouble
        return False

    def _take(self, dropped: Dropped, look: _Look) -> None:
        """Submit and move away; what is refused stays, with the reason beside it.

        A file that can't be moved is remembered, so that it isn't taken again at every look.
        """
        mark = _mark(dropped, look)
        if _was_refused(dropped, mark):
            self._settled[dropped.path] = look
            return
        try:
            job = self._submit(dropped)
        except Unavailable:
            raise  # nothing was promised; the next look tries again
        except TamlilError as exc:
            self._refuse(dropped, mark, exc)
        else:
            _log.info("took a dropped file", extra={"job_id": job.id, "tenant": job.tenant})
            self._move_away(dropped, job)
        self._settled[dropped.path] = look

    def _submit(self, dropped: Dropped) -> Job:
        if not dropped.tenant:
            raise InvalidRequest(
                "a file must lie in the folder of a tenant, such as inbox/default/",
                code="no_tenant",
            )
        check_tenant(dropped.tenant)
        if dropped.signature.size == 0:
            raise InvalidRequest("the audio is empty (0 bytes)", code="empty_file")
        wishes = read_wishes(dropped.sidecar)
        key = inbox_key(dropped.tenant, dropped.name, folder=dropped.fingerprint)
        media_type, _ = mimetypes.guess_type(dropped.name)
        self._platform.blobs.put_file(key, dropped.path, content_type=media_type)
        if signature_of(dropped.path) != dropped.signature:
            self._platform.blobs.delete(key)
            raise Unavailable("the file changed while it was read", code="file_changed")
        arrival = Arrival(key=key, filename=display_name(dropped.path), owned=True, wishes=wishes)
        return self._arrive(arrival)

    def _arrive(self, arrival: Arrival) -> Job:
        try:
            job = handle(self._platform, arrival)
        except Unavailable:
            raise
        except TamlilError:
            self._platform.blobs.delete(arrival.key)
            raise
        if job is None:
            raise InvalidRequest("not a file of the watched folder", code="no_tenant")
        return job

    def _move_away(self, dropped: Dropped, job: Job) -> None:
        done = self._root / dropped.tenant / DONE_FOLDER
        name = fitting_name(dropped.path.name, prefix=f"{job.id}-", suffix=SIDECAR_SUFFIX)
        target = (done / dropped.name).with_name(name.removesuffix(SIDECAR_SUFFIX))
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.parent.resolve().is_relative_to((self._root / dropped.tenant).resolve()):
                raise OSError(errno.ELOOP, f"{DONE_FOLDER} leads out of the tenant's folder")
            if signature_of(dropped.sidecar) is not None:
                dropped.sidecar.replace(target.with_name(target.name + SIDECAR_SUFFIX))
            dropped.path.replace(target)
            dropped.error_file.unlink(missing_ok=True)
        except OSError as exc:
            _log.warning("a taken file can't be moved: %s", exc.strerror, extra={"job_id": job.id})

    def _refuse(self, dropped: Dropped, mark: str, exc: TamlilError) -> None:
        text = (
            f"{exc.code}: {exc.detail}\n\nChange the file or its options to try again. [{mark}]\n"
        )
        _log.warning("refused a dropped file: %s", exc.detail, extra={"code": exc.code})
        try:
            write_beside(dropped.error_file, text)
        except OSError as error:
            _log.warning("the refusal can't be told beside the file: %s", error.strerror)


def _mark(dropped: Dropped, look: _Look) -> str:
    """What was refused: this content with these options."""
    sidecar = look[1]
    options = f"{sidecar.inode:x}.{sidecar.modified_ns:x}" if sidecar else "no options"
    return f"{dropped.fingerprint} {options}"


def _was_refused(dropped: Dropped, mark: str) -> bool:
    try:
        told = read_beside(dropped.error_file, most_bytes=_LONGEST_REFUSAL) or b""
    except OSError:
        return False
    return f"[{mark}]".encode() in told
