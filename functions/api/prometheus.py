"""The deployment's numbers in Prometheus' text format, version 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from shared.domain.job import Status
from shared.ports.job_queue import QueueDepth
from shared.services.count_jobs import BUCKETS

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_COUNTERS = {
    "tamlil_jobs_submitted_total": "Jobs accepted.",
    "tamlil_jobs_completed_total": "Jobs that ended with a transcript.",
    "tamlil_jobs_failed_total": "Jobs that failed for good.",
    "tamlil_jobs_cancelled_total": "Jobs that were cancelled.",
    "tamlil_job_attempts_retried_total": "Attempts that failed or lost their lease, to be retried.",
    "tamlil_audio_seconds_total": "Seconds of audio transcribed.",
    "tamlil_processing_seconds_total": "Seconds between first claim and completion.",
}
_LABELLED = {"tamlil_webhook_attempts_total": "Webhook attempts by outcome."}
_HISTOGRAMS = {
    "tamlil_job_duration_seconds": "From submit to completion.",
    "tamlil_job_wait_seconds": "From submit to the first claim.",
}


def render(
    counters: Mapping[str, float],
    *,
    jobs: Mapping[Status, int],
    depth: QueueDepth,
    active_workers: int,
) -> str:
    """The whole page. Counters that were never counted are there as 0."""
    lines: list[str] = []
    for name, text in _COUNTERS.items():
        lines += _family(name, "counter", text, [(name, counters.get(name, 0.0))])
    for name, text in _LABELLED.items():
        found = [(key, counters[key]) for key in sorted(counters) if key.startswith(f"{name}{{")]
        lines += _family(name, "counter", text, found)
    for name, text in _HISTOGRAMS.items():
        lines += _family(name, "histogram", text, _histogram(name, counters))
    gauges = [(f'tamlil_jobs{{status="{status}"}}', count) for status, count in jobs.items()]
    lines += _family("tamlil_jobs", "gauge", "Records by status.", gauges)
    states = {"waiting": depth.waiting, "in_flight": depth.in_flight, "dead": depth.dead}
    messages = [(f'tamlil_queue_messages{{state="{key}"}}', n) for key, n in states.items()]
    lines += _family("tamlil_queue_messages", "gauge", "Messages in the job queue.", messages)
    age = "tamlil_queue_oldest_seconds"
    if depth.oldest_seconds is not None:
        lines += _family(
            age, "gauge", "Age of the oldest waiting message.", [(age, depth.oldest_seconds)]
        )
    workers = "tamlil_active_workers"
    lines += _family(workers, "gauge", "Workers starting or running.", [(workers, active_workers)])
    return "\n".join(lines) + "\n"


def _family(name: str, kind: str, text: str, samples: Iterable[tuple[str, float]]) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
    for sample, value in samples:
        yield f"{sample} {float(value):.10g}"


def _histogram(name: str, counters: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    """Every bucket, since the store knows only those that counted something."""
    for bound in (*BUCKETS, "+Inf"):
        sample = f'{name}_bucket{{le="{bound}"}}'
        yield sample, counters.get(sample, 0.0)
    for part in ("sum", "count"):
        yield f"{name}_{part}", counters.get(f"{name}_{part}", 0.0)
