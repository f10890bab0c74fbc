"""The parts of a growing transcript in the blob store: a worker writes them, readers follow.

A worker stores a part first and lists it in the record second (`work_on_job.report_progress`
with `saved`), so that whoever reads the record finds every part that it lists.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from shared.domain.codec import from_document, to_document
from shared.domain.errors import InvalidRequest, NotFound, Unavailable
from shared.domain.job import Job
from shared.domain.saved_work import Part
from shared.ports.platform import Platform
from shared.services.keys_of_blobs import part_key


def store_part(platform: Platform, job: Job, number: int, part: Part) -> None:
    """Store part `number` for the attempt that `job` is of; it counts once the record lists it.

    Raises:
        Unavailable: the store does not answer.
    """
    body = json.dumps(to_document(part), ensure_ascii=False, separators=(",", ":")).encode()
    key = part_key(job, job.attempt, number)
    platform.blobs.put(key, [body], content_type="application/json")


def read_parts(platform: Platform, job: Job, *, first: int = 0) -> Iterator[Part]:
    """Yield the parts that the record lists, from part `first` on.

    Raises:
        Unavailable: the store does not answer, or a listed part is not there or not readable.
    """
    if job.saved is None:
        return
    for number, attempt in enumerate(job.saved.attempts()):
        if number < first:
            continue
        try:
            document = json.loads(platform.blobs.read(part_key(job, attempt, number)))
            yield from_document(Part, document)
        except (NotFound, InvalidRequest, ValueError) as exc:
            msg = f"part {number} of job {job.id} can't be read from the store"
            raise Unavailable(msg) from exc
