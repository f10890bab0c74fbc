"""The whole flow on a real recording: submit, transcribe, tell speakers apart, call a webhook."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.domain.errors import TamlilError
from tamlil.client import ApiClient
from tamlil.receiver import ReceivedWebhook, WebhookReceiver
from tamlil.tracker import Display, Tracker

FORMATS = ("srt", "vtt", "json")
_WEBHOOK_SECONDS = 20.0
_LEAST_SPEAKERS = 2


class DemoFailed(TamlilError):
    """Something that the demo shows did not happen."""

    default_code = "demo_failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """What one speaker says without interruption (times in seconds)."""

    speaker: str
    start: float
    end: float
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """All that the demo has to show for itself."""

    job: Mapping[str, Any]
    lines: tuple[Line, ...]
    files: tuple[Path, ...]
    webhook_id: str


def require_verifier() -> None:
    """Check that the independent implementation of Standard Webhooks is installed.

    Raises:
        DemoFailed: says what to install.
    """
    if importlib.util.find_spec("standardwebhooks") is None:
        raise DemoFailed(
            "the demo checks the webhook with another's code: pip install standardwebhooks",
            code="missing_standardwebhooks",
        )


def run_demo(client: ApiClient, sample: Path, output: Path) -> Shown:
    """Submit the sample, follow it, write its transcripts, check its webhook.

    Raises:
        DemoFailed: the job failed, fewer than two speakers were found, or the webhook did not
            come or was not signed rightly.
        ServerError: the server did not answer as it should.
        OSError: the transcripts can't be written.
    """
    with WebhookReceiver() as receiver:
        fields = {"diarize": True, "webhook_url": receiver.url, "recording_id": sample.stem}
        job_id = client.submit_file(sample, fields)["job_id"]
        job = _follow(client, job_id, sample.name)
        lines = tuple(lines_of(_transcript(client, job_id)))
        speakers = {line.speaker for line in lines}
        if len(speakers) < _LEAST_SPEAKERS:
            raise DemoFailed(f"found {len(speakers)} speaker in a recording of two")
        files = tuple(_write(client, job_id, sample, output))
        webhook = receiver.wait(_WEBHOOK_SECONDS)
    if webhook is None:
        raise DemoFailed(f"no webhook came within {_WEBHOOK_SECONDS:g} seconds")
    _check_webhook(webhook, job_id, client.get("/api/v1/webhooks/secret")["secret"])
    return Shown(job=job, lines=lines, files=files, webhook_id=webhook.headers["webhook-id"])


def lines_of(transcript: Mapping[str, Any]) -> Iterator[Line]:
    """Who says what: consecutive words of one speaker as one line."""
    speaker, words = "", list[Mapping[str, Any]]()
    for segment in transcript["segments"]:
        first = segment["speakers"][0] if segment["speakers"] else "?"
        for word in segment["words"]:
            says = word["speaker"] or first
            if words and says != speaker:
                yield _line(speaker, words)
                words = []
            speaker = says
            words.append(word)
    if words:
        yield _line(speaker, words)


def _line(speaker: str, words: list[Mapping[str, Any]]) -> Line:
    text = "".join(word["word"] for word in words).strip()
    return Line(speaker=speaker, start=words[0]["start"], end=words[-1]["end"], text=text)


def _follow(client: ApiClient, job_id: str, name: str) -> dict[str, Any]:
    ended: list[dict[str, Any]] = []
    with Display() as display:
        Tracker(client, display).follow({job_id: name}, lambda _id, job: ended.append(job))
    job = ended[0]
    if job["status"] != "completed":
        error = job["error"] or {"code": job["status"], "detail": f"the job was {job['status']}"}
        raise DemoFailed(f"{error['detail']} ({error['code']})", code="demo_job_failed")
    return job


def _transcript(client: ApiClient, job_id: str) -> dict[str, Any]:
    text = client.text(f"/api/v1/jobs/{job_id}/transcript", format="json")
    return dict(json.loads(text))


def _write(client: ApiClient, job_id: str, sample: Path, output: Path) -> Iterator[Path]:
    output.mkdir(parents=True, exist_ok=True)
    for name in FORMATS:
        path = output / f"{sample.stem}.{name}"
        text = client.text(f"/api/v1/jobs/{job_id}/transcript", format=name)
        path.write_text(text, encoding="utf-8", newline="")
        yield path


def _check_webhook(webhook: ReceivedWebhook, job_id: str, secret: str) -> None:
    from standardwebhooks import Webhook, WebhookVerificationError

    try:
        Webhook(secret).verify(webhook.body, webhook.headers)
    except WebhookVerificationError as exc:
        raise DemoFailed(f"the webhook's signature is not right: {exc}") from exc
    event = json.loads(webhook.body)
    if (event["type"], event["data"]["job_id"]) != ("transcription.completed", job_id):
        raise DemoFailed(f"the webhook tells of something else: {event['type']}")


if __name__ == "__main__":
    from tamlil.cli import app

    app(["demo"])
