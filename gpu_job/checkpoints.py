"""Saving finished work while the engines go on, and taking up what earlier attempts saved.

A thread of its own stores and lists, so that no engine waits for a store. What comes while it
writes goes into the next part. A store that is silent costs nothing but the saving: the transcript
is complete without it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from gpu_job.held_job import HeldJob
from gpu_job.steps.store import persist
from shared.domain.codec import to_document
from shared.domain.errors import Conflict, NotFound, Unavailable
from shared.domain.saved_work import SavedWork
from shared.domain.transcript import Segment
from shared.domain.work_parts import DecodingPlan, Part, Spoken
from shared.services.saved_parts import (
    read_parts,
    read_plan,
    read_spoken,
    read_voices,
    store_part,
    store_plan,
    store_spoken,
    store_voices,
)

_log = logging.getLogger(__name__)

#: Windows of one batch are told in a burst: wait for its end, so that a batch is one part.
_BURST_SECONDS = 0.1
_RETRY_SECONDS = 1.0
#: How long an engine's end waits for the last part; the transcript does not need it.
_FLUSH_SECONDS = 5.0
#: The same when told to stop: a part that is on its way to a purged job's folder must be erased.
_STOP_SECONDS = 0.5
#: How long a silent store is asked for what earlier attempts saved.
_READ_SECONDS = 20.0


def fingerprint(*parts: object) -> str:
    """Name what decides how a transcript comes out; values are dataclasses or JSON's."""
    plain = [to_document(part) if hasattr(part, "__dataclass_fields__") else part for part in parts]
    text = json.dumps(plain, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Earlier:
    """What earlier attempts have saved: segments up to `done` seconds, the plan, the speakers."""

    segments: tuple[Segment, ...] = ()
    done: float = 0.0
    plan: DecodingPlan | None = None
    voices: bytes | None = None
    spoken: Spoken | None = None


class Checkpoints:
    """One attempt's saving; a context manager, around all that may save."""

    def __init__(self, held: HeldJob, mark: str) -> None:
        """`mark` is the fingerprint of this attempt's work."""
        self._held = held
        self._mark = mark
        before = held.job.saved
        usable = before is not None and before.fingerprint == mark
        self._saved = before if before and usable else _anew(before, mark)
        self._lock = threading.Condition()
        self._listing = threading.Lock()
        self._lost = False
        self._waiting: list[Segment] = []
        self._done = self._saved.done
        self._listed_done = self._saved.done
        self._spoken = ("und", 0.0)
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)

    @property
    def saved(self) -> SavedWork:
        """What the record lists, as far as we know."""
        return self._saved

    def __enter__(self) -> Self:
        self._held.saving = True
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._closing = True
            self._lock.notify_all()
        # After an error too: what is finished shall not be done again. Unless we were told to stop:
        # then whatever is not listed yet may be refused already, and the process has to end.
        self._thread.join(_STOP_SECONDS if self._held.stop.requested() else _FLUSH_SECONDS)

    def earlier(self) -> Earlier:
        """Read what can be gone on with; nothing when it can't be read, and then readers are told.

        Called before anything is saved.
        """
        try:
            return persist(
                self._read,
                patience_seconds=_READ_SECONDS,
                give_up=self._held.stop.requested,
            )
        except Unavailable as exc:
            _log.warning("saved work can't be read, beginning anew", extra={"error": exc.detail})
            self._saved = _anew(self._saved, self._mark)
            self._done = self._listed_done = 0.0
            return Earlier()

    def begin_anew(self) -> None:
        """Give up what earlier attempts saved of the transcript; their voices stay."""
        voices = self._saved.voices
        self._saved = replace(_anew(self._saved, self._mark), voices=voices)
        self._done = self._listed_done = 0.0

    def keep_plan(self, plan: DecodingPlan) -> None:
        """Save the plan, before the first part."""
        self.go_on_with(plan)
        attempt = self._held.job.attempt
        self._try(
            lambda: store_plan(self._held.platform, self._held.job, plan),
            lambda saved: replace(saved, plan=attempt),
        )

    def go_on_with(self, plan: DecodingPlan) -> None:
        """The plan is saved already."""
        self._spoken = (plan.language, plan.language_probability)

    def keep_voices(self, voices: bytes, spoken: Spoken) -> None:
        """Save what the diarizer heard and said."""
        platform, job = self._held.platform, self._held.job

        def store() -> None:
            store_spoken(platform, job, spoken)
            store_voices(platform, job, voices)

        self._try(store, lambda saved: replace(saved, voices=job.attempt))

    def add(self, segment: Segment) -> None:
        """A segment is final."""
        with self._lock:
            self._waiting.append(segment)

    def reached(self, done: float) -> None:
        """All before this time has been added (seconds): it may be saved."""
        with self._lock:
            self._done = max(self._done, done)
            self._lock.notify_all()

    def _read(self) -> Earlier:
        platform, named = self._held.platform, replace(self._held.job, saved=self._saved)
        parts = list(read_parts(platform, named))
        return Earlier(
            segments=tuple(segment for part in parts for segment in part.segments),
            done=parts[-1].done if parts else 0.0,
            plan=read_plan(platform, named),
            voices=read_voices(platform, named),
            spoken=read_spoken(platform, named),
        )

    def _run(self) -> None:
        while True:
            with self._lock:
                while not self._closing and self._done <= self._listed_done:
                    self._lock.wait()
                closing = self._closing
            if not closing:
                time.sleep(_BURST_SECONDS)
            with self._lock:
                batch, self._waiting = self._waiting, []
                done = self._done
            if done > self._listed_done and not self._keep(batch, done):
                return
            if closing:
                return

    def _keep(self, segments: Sequence[Segment], done: float) -> bool:
        """Store and list a part, however long the store is silent; False when it can't be."""
        language, probability = self._spoken
        part = Part(
            segments=tuple(segments),
            done=done,
            language=language,
            language_probability=probability,
        )
        attempt = self._held.job.attempt
        while not self._try(
            lambda: store_part(self._held.platform, self._held.job, self._saved.parts, part),
            lambda saved: saved.with_part(attempt, segments=len(part.segments), done=done),
        ):
            if self._lost or self._closing or self._held.stop.requested():
                return False
            time.sleep(_RETRY_SECONDS)
        self._listed_done = done
        return True

    def _try(self, store: Callable[[], object], change: Callable[[SavedWork], SavedWork]) -> bool:
        """Store, then list; the same object again after a failure, so that both always agree."""
        with self._listing:
            try:
                store()
                self._held.save(change(self._saved))
            except Unavailable as exc:
                _log.warning("work could not be saved", extra={"error": exc.detail})
                return False
            except (Conflict, NotFound):
                self._lost = True  # the heartbeat ends the work
                self._held.taken_away()
                return False
            self._saved = change(self._saved)
            return True


def _anew(before: SavedWork | None, mark: str) -> SavedWork:
    """Nothing saved; another edition where readers may have seen parts."""
    edition = 0 if before is None else before.edition + (before.parts > 0)
    return SavedWork(fingerprint=mark, edition=edition)
