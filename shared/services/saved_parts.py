"""What a worker saves of its work in the blob store, for the next attempt and for readers.

A worker stores an object first and lists it in the record second (`work_on_job.report_progress`
with `saved`), so that whoever reads the record finds all that it lists.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TypeVar

from shared.domain.codec import from_document, to_document
from shared.domain.errors import InvalidRequest, NotFound, Unavailable
from shared.domain.job import Job
from shared.domain.transcript import Transcript
from shared.domain.work_parts import DecodingPlan, Part, Spoken
from shared.ports.platform import Platform
from shared.services.keys_of_blobs import (
    heard_key,
    part_key,
    parts_prefix,
    plan_key,
    turns_key,
    voices_key,
)

T = TypeVar("T")

_JSON = "application/json"


def store_part(platform: Platform, job: Job, number: int, part: Part) -> None:
    """Store part `number` for the attempt that `job` is of; it counts once the record lists it.

    Raises:
        Unavailable: the store does not answer.
    """
    _put(platform, part_key(job, job.attempt, number), part)


def read_parts(platform: Platform, job: Job, *, first: int = 0) -> Iterator[Part]:
    """Yield the parts that the record lists, from part `first` on.

    Raises:
        Unavailable: the store does not answer, or a listed part is not there or not readable.
    """
    if job.saved is None:
        return
    for number, attempt in enumerate(job.saved.attempts()):
        if number >= first:
            key = part_key(job, attempt, number)
            yield _read(platform, key, Part, f"part {number} of job {job.id}")


def store_plan(platform: Platform, job: Job, plan: DecodingPlan) -> None:
    """Store the plan of the attempt that `job` is of.

    Raises:
        Unavailable: the store does not answer.
    """
    _put(platform, plan_key(job, job.attempt), plan)


def read_plan(platform: Platform, job: Job) -> DecodingPlan | None:
    """Return the plan that the record lists.

    Raises:
        Unavailable: the store does not answer, or the plan is not there or not readable.
    """
    if job.saved is None or job.saved.plan is None:
        return None
    key = plan_key(job, job.saved.plan)
    return _read(platform, key, DecodingPlan, f"the plan of job {job.id}")


def store_voices(platform: Platform, job: Job, voices: bytes) -> str:
    """Store what this attempt's diarizer heard; returns the key.

    Raises:
        Unavailable: the store does not answer.
    """
    key = voices_key(job, job.attempt)
    platform.blobs.put(key, [voices], content_type="application/octet-stream")
    return key


def read_voices(platform: Platform, job: Job) -> bytes | None:
    """Return the voices that the record lists.

    Raises:
        Unavailable: the store does not answer, or they are not there.
    """
    if job.saved is None or job.saved.voices is None:
        return None
    try:
        return platform.blobs.read(voices_key(job, job.saved.voices))
    except NotFound as exc:
        raise Unavailable(f"the voices of job {job.id} are not in the store") from exc


def store_spoken(platform: Platform, job: Job, spoken: Spoken) -> None:
    """Store what this attempt's diarizer said; the record lists it with the voices.

    Raises:
        Unavailable: the store does not answer.
    """
    _put(platform, turns_key(job, job.attempt), spoken)


def read_spoken(platform: Platform, job: Job) -> Spoken | None:
    """Return what the diarizer of the attempt that saved the voices said.

    Raises:
        Unavailable: the store does not answer, or it is not there or not readable.
    """
    if job.saved is None or job.saved.voices is None:
        return None
    key = turns_key(job, job.saved.voices)
    return _read(platform, key, Spoken, f"the turns of job {job.id}")


def store_heard(platform: Platform, job: Job, heard: Transcript) -> str:
    """Store the transcript before speakers; returns the key.

    Raises:
        Unavailable: the store does not answer.
    """
    key = heard_key(job)
    _put(platform, key, heard)
    return key


def erase_parts(platform: Platform, job: Job) -> None:
    """Erase what the attempts saved for each other; what `job`'s own attempt keeps, stays.

    Raises:
        Unavailable: the store does not answer; a purge of the job erases what is left.
    """
    for attempt in range(1, job.attempt + 1):
        platform.blobs.delete_prefix(parts_prefix(job, attempt))
        platform.blobs.delete(plan_key(job, attempt))
        if attempt != job.attempt:
            platform.blobs.delete(voices_key(job, attempt))


def _put(platform: Platform, key: str, value: object) -> None:
    body = json.dumps(to_document(value), ensure_ascii=False, separators=(",", ":")).encode()
    platform.blobs.put(key, [body], content_type=_JSON)


def _read(platform: Platform, key: str, kind: type[T], what: str) -> T:
    try:
        return from_document(kind, json.loads(platform.blobs.read(key)))
    except (NotFound, InvalidRequest, ValueError) as exc:
        raise Unavailable(f"{what} can't be read from the store") from exc
