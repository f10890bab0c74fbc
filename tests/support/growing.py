"""A transcript that grows at a test's fingertips: parts saved as a worker saves them."""

from __future__ import annotations

from dataclasses import replace

from shared.domain.job import Job, Stage
from shared.domain.saved_work import SavedWork
from shared.domain.transcript import Segment, SpeakerTotal, Transcript
from shared.domain.work_parts import Part
from shared.services.saved_parts import store_part
from shared.services.work_on_job import complete_job, report_progress
from tests.support.world import World, make_transcript


def said(number: int, text: str | None = None, *, speakers: tuple[str, ...] = ()) -> Segment:
    """Segment `number`, half a second long."""
    text = f"segment {number}" if text is None else text
    return Segment(id=number, start=number, end=number + 0.5, text=text, speakers=speakers)


def save_part(world: World, job: Job, *segments: Segment, edition: int | None = None) -> Job:
    """One more part; a new `edition` gives up what was saved before."""
    held = world.job(job)
    saved = held.saved or SavedWork(fingerprint="f")
    if edition is not None and edition != saved.edition:
        saved = SavedWork(fingerprint="f", edition=edition)
    done = segments[-1].end
    part = Part(segments=segments, done=done, language="en", language_probability=0.9)
    store_part(world.platform, held, saved.parts, part)
    after = saved.with_part(held.attempt, segments=len(segments), done=done)
    return report_progress(
        world.platform,
        held.id,
        attempt=held.attempt,
        stage=Stage.TRANSCRIBING,
        progress=min(1.0, 0.1 * after.parts),
        saved=after,
    )


def erase_parts(world: World, job: Job) -> None:
    """What a worker does once the transcript stands."""
    prefix = f"tenants/{job.tenant}/jobs/{job.id}/attempt-{job.attempt}/parts"
    assert world.deployment.platform.blobs.delete_prefix(prefix) > 0


def finish(world: World, job: Job, *segments: Segment) -> Job:
    """Complete the job with a transcript of these segments."""
    return complete_job(world.platform, world.job(job), transcript_of(*segments))


def transcript_of(*segments: Segment) -> Transcript:
    """Speakers are those that the segments name."""
    labels = sorted({label for segment in segments for label in segment.speakers})
    return replace(
        make_transcript(),
        text=" ".join(segment.text for segment in segments),
        segments=segments,
        speakers=tuple(SpeakerTotal(label=label, seconds=1.0) for label in labels),
    )
