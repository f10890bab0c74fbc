"""What attempts at a job have finished and saved, so that the next one goes on after it.

The work itself lies in the blob store: parts, each a batch of segments, and the diarizer's voices.
The record says which of them count. It is written with the renewal of the lease, under the
attempt's fence, so what a stale worker stores after it lost the job is never listed. What is in the
stored work says `shared.domain.work_parts`; a function that only reads records loads none of that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True, slots=True)
class PartRun:
    """`count` parts in a row that one attempt saved."""

    attempt: int
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedWork:
    """The parts of a job in order, over all of its attempts.

    - fingerprint: of the samples, the options, the models and the program; work that another
      fingerprint saved can't be gone on with
    - edition: raised whenever saved parts are given up, so that readers know to start anew
    - runs: whose parts follow each other; part numbers count on from run to run
    - segments: how many all parts hold
    - done: seconds of audio before which every segment has been saved
    - plan: the attempt that saved what is to be decoded, by which model, in which language
    - voices: the attempt that saved what the diarizer heard and said, None before it has ended
    """

    fingerprint: str
    edition: int = 0
    runs: tuple[PartRun, ...] = ()
    segments: int = 0
    done: float = 0.0
    plan: int | None = None
    voices: int | None = None

    @property
    def parts(self) -> int:
        """How many parts there are."""
        return sum(run.count for run in self.runs)

    def attempts(self) -> tuple[int, ...]:
        """The attempt that saved each part, by the part's number."""
        return tuple(run.attempt for run in self.runs for _ in range(run.count))

    def with_part(self, attempt: int, *, segments: int, done: float) -> SavedWork:
        """With one more part, of so many segments, by this attempt."""
        runs = self.runs
        if runs and runs[-1].attempt == attempt:
            runs = (*runs[:-1], PartRun(attempt=attempt, count=runs[-1].count + 1))
        else:
            runs = (*runs, PartRun(attempt=attempt, count=1))
        return replace(self, runs=runs, segments=self.segments + segments, done=done)


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptWork:
    """What a diarized job keeps for grouping its voices anew: keys in the blob store.

    `heard` is a transcript document before speakers, with all words; `voices` the diarizer's.
    """

    heard: str
    voices: str
