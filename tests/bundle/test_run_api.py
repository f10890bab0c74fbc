"""The API's bundle in the real runtime client: every documented request, with a good key."""

from __future__ import annotations

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from iac.aws.bundles.build import ROOT
from shared.domain.job import Status
from shared.formats import FORMATS
from tests.support.aws_stage import AwsStage, body_of
from tests.support.bundle_runs import Run
from tests.support.functions_aws import documented_names

pytestmark = pytest.mark.slow

STATUSES = {
    "api/get_health": 200,
    "api/get_health_named_stage": 200,
    "api/get_openapi": 200,
    "api/long_poll": 404,  # for a job that nobody has; see below for one that is there
    "api/submit_form": 202,
    "api/submit_url": 202,
}
#: How long a request has to be held to be believed; it asked for 20 seconds.
HELD_SECONDS = 1.5


def test_the_api_answers_every_documented_request(run: Run, stage: AwsStage) -> None:
    events = [stage.request(name.partition("/")[2]) for name in documented_names("api")]
    answers = run("api", *events)
    assert [answer.failed for answer in answers] == [False] * len(events)
    found = [answer.body["statusCode"] for answer in answers]
    assert dict(zip(documented_names("api"), found, strict=True)) == STATUSES


def test_the_api_takes_a_job_and_shows_it(run: Run, stage: AwsStage) -> None:
    (accepted,) = run("api", stage.submit())
    assert accepted.body["statusCode"] == 202
    job_id = body_of(accepted.body)["job_id"]
    assert stage.platform.jobs.get(job_id).status is Status.PENDING
    (shown,) = run("api", stage.get(f"/api/v1/jobs/{job_id}"))
    assert body_of(shown.body)["recording_id"] == "שיחה 42"


def test_a_word_document_is_refused_with_the_reason_and_the_other_formats_are_there(
    run: Run, stage: AwsStage
) -> None:
    """Its library would make the bundle larger than it may be; docs/deploy-aws.md says so."""
    get = stage.get(f"/api/v1/jobs/{stage.completed(webhook=False).id}/transcript")
    (document, *others) = run(
        "api", *(get | {"rawQueryString": f"format={name}"} for name in ["docx", *FORMATS])
    )
    assert document.body["statusCode"] == 422
    assert document.body["isBase64Encoded"], "as API Gateway takes what it knows no text of"
    problem = json.loads(base64.b64decode(document.body["body"]))
    assert (problem["code"], problem["field"]) == ("format_unavailable", "format")
    assert "The API on AWS" in problem["detail"]
    found = dict(zip(FORMATS, (answer.body["statusCode"] for answer in others), strict=True))
    refused = {name for name, status in found.items() if status != 200}
    assert refused == {"docx", *(name for name, form in FORMATS.items() if form.of_speakers)}
    guide = (ROOT / "docs" / "deploy-aws.md").read_text(encoding="utf-8")
    assert "`format=docx` is answered with 422 `format_unavailable`" in guide


def test_every_byte_and_field_of_an_uploaded_form_arrives(run: Run, stage: AwsStage) -> None:
    (accepted,) = run("api", stage.request("submit_form"))
    assert accepted.body["statusCode"] == 202
    job = stage.platform.jobs.get(body_of(accepted.body)["job_id"])
    assert (job.options.language, job.source.filename) == ("en", "talk.wav")
    assert job.source.key is not None
    assert stage.platform.blobs.read(job.source.key) == b"RIFF\xff\xfe\x00\x01WAVE"


def test_a_long_poll_is_held_until_there_is_something_to_tell(run: Run, stage: AwsStage) -> None:
    job = stage.job()
    poll = stage.request("long_poll", path=f"/api/v1/jobs/{job.id}/segments")
    with run.process("api") as api, ThreadPoolExecutor(1) as pool:
        api.invoke(stage.get("/health"))  # what follows does not wait for the start
        begun = time.monotonic()
        waiting = pool.submit(api.invoke, poll)
        with pytest.raises(TimeoutError):
            waiting.result(HELD_SECONDS)
        stage.complete(job)
        answer = waiting.result()
        assert time.monotonic() - begun < 20, "answered before the time it asked for was over"
    assert (answer.failed, answer.body["statusCode"]) == (False, 200)
    page = body_of(answer.body)
    assert [segment["text"] for segment in page["segments"]] == [" Shalom, world."]
    assert (page["status"], page["final"], page["complete"]) == ("completed", True, True)
