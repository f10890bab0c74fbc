from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from shared.domain.errors import StaleAttempt
from shared.domain.job import JobError
from shared.services.submission import BytesAudio
from shared.services.work_on_job import complete_job, fail_attempt
from tests.support.api import AUDIO_URL, Api, open_api, problem
from tests.support.world import make_transcript


def test_a_pending_job_says_all_that_was_asked(acme: httpx.Client) -> None:
    asked = {"url": f"{AUDIO_URL}?token=hunter2", "language": "he", "metadata": {"א": "ב"}}
    job_id = acme.post("/api/v1/transcribe", json=asked).json()["job_id"]
    answer = acme.get(f"/api/v1/jobs/{job_id}")
    job = answer.json()
    assert (job["status"], job["stage"], job["progress"]) == ("pending", "queued", 0.0)
    assert job["metadata"] == {"א": "ב"}
    assert job["options"]["language"] == "he"
    assert job["options"]["model"] is None, "the deployment chooses it later"
    assert job["created_at"] == "2027-01-15T08:00:00.000Z"
    assert (job["started_at"], job["finished_at"], job["cost"]) == (None, None, None)
    assert (job["result"], job["result_url"], job["error"]) == (None, None, None)
    assert "hunter2" not in answer.text


def test_a_completed_job_carries_a_small_result(api: Api, acme: httpx.Client) -> None:
    job = api.world.completed()
    body = acme.get(f"/api/v1/jobs/{job.id}").json()
    assert (body["status"], body["stage"], body["progress"]) == ("completed", "done", 1.0)
    assert body["result"]["text"] == "Shalom, world."
    assert body["result"]["segments"][0]["words"][0]["speaker"] is None
    assert body["result_url"] is None
    assert (body["audio_seconds"], body["language"]) == (2.0, "en")
    assert body["timings"] == {"transcribe": 0.5}
    assert body["attempt"] == 1


def test_a_large_result_is_a_signed_url(tmp_path: Path) -> None:
    with open_api(tmp_path / "data", inline_result_bytes=10) as api:
        job = api.world.completed()
        body = api.client().get(f"/api/v1/jobs/{job.id}").json()
        assert body["result"] is None
        assert "signature=" in body["result_url"]


def test_a_failed_job_says_why(api: Api, acme: httpx.Client) -> None:
    error = JobError(code="source_unreadable", detail="no audio stream")
    fail_attempt(api.world.platform, job := api.world.processing(), error)
    body = acme.get(f"/api/v1/jobs/{job.id}").json()
    assert body["status"] == "failed"
    assert body["error"] == {
        "code": "source_unreadable",
        "detail": "no audio stream",
        "retryable": False,
    }


@pytest.mark.parametrize("job_id", ["none", "%00", "..%2F..", "%FF", "x" * 5000, "%D7%A9"])
def test_an_id_of_any_shape_is_not_found(asking: httpx.Client, job_id: str) -> None:
    assert asking.get(f"/api/v1/jobs/{job_id}").status_code == 404


def test_jobs_are_listed_newest_first_page_by_page(api: Api, acme: httpx.Client) -> None:
    made = []
    for _ in range(5):
        api.world.clock.advance(1)
        made.append(acme.post("/api/v1/transcribe", json={"url": AUDIO_URL}).json()["job_id"])
    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = acme.get("/api/v1/jobs", params=params).json()
        seen += [job["job_id"] for job in page["jobs"]]
        cursor, pages = page["cursor"], pages + 1
    assert seen == made[::-1]
    assert pages == 3


def test_jobs_are_filtered(api: Api, acme: httpx.Client) -> None:
    done = api.world.completed(recording_id="a")
    api.world.clock.advance(60)
    api.world.submit(recording_id="b")

    def found(**params: str) -> list[str]:
        answer = acme.get("/api/v1/jobs", params=params)
        assert answer.status_code == 200, answer.text
        return [job["recording_id"] for job in answer.json()["jobs"]]

    assert found() == ["b", "a"]
    assert found(status="completed") == ["a"]
    assert found(recording_id="b") == ["b"]
    assert found(kind="enhancement") == []
    assert found(created_from="2027-01-15T08:00:30Z") == ["b"]
    assert found(created_to="2027-01-15T08:00:30") == ["a"]
    assert found(created_from="2027-01-15T10:00:00+02:00") == ["b", "a"]
    assert done.recording_id == "a"


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": "9" * 5000}, "limit"),
        ({"status": "nonsense"}, "status"),
        ({"kind": "nonsense"}, "kind"),
        ({"created_from": "yesterday"}, "created_from"),
        ({"created_from": "1"}, "created_from"),
        ({"created_to": "9999-99-99T00:00:00Z"}, "created_to"),
        ({"recording_id": "x" * 201}, "recording_id"),
        ({"statuss": "completed"}, "statuss"),
    ],
)
def test_a_bad_filter_is_refused(asking: httpx.Client, params: dict[str, str], field: str) -> None:
    assert problem(asking.get("/api/v1/jobs", params=params), 422)["field"] == field


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_times_at_the_ends_of_the_calendar_are_read(asking: httpx.Client, moment: str) -> None:
    for name in ("created_from", "created_to"):
        assert asking.get("/api/v1/jobs", params={name: moment}).status_code == 200


@pytest.mark.parametrize("cursor", ["nonsense", "%00", "e30="])
def test_a_made_up_cursor_is_refused(asking: httpx.Client, cursor: str) -> None:
    problem(asking.get("/api/v1/jobs", params={"cursor": cursor}), 422, "invalid_cursor")


def test_cancel_stops_the_worker_and_wins_over_completion(api: Api, acme: httpx.Client) -> None:
    job = api.world.processing(execution="execution-7")
    body = acme.delete(f"/api/v1/jobs/{job.id}").json()
    assert body["status"] == "cancelled"
    assert api.world.launcher.stopped == ["execution-7"]
    with pytest.raises(StaleAttempt):
        complete_job(api.world.platform, job, make_transcript())
    again = acme.delete(f"/api/v1/jobs/{job.id}")
    assert (again.status_code, again.json()["status"]) == (200, "cancelled")


def test_a_completed_job_can_not_be_cancelled(api: Api, acme: httpx.Client) -> None:
    job = api.world.completed()
    document = problem(acme.delete(f"/api/v1/jobs/{job.id}"), 409, "job_finished")
    assert "purge" in document["detail"]


def test_purge_erases_everything(api: Api, acme: httpx.Client) -> None:
    audio = BytesAudio(chunks=[b"RIFF"], filename="a.wav", max_bytes=100)
    job = api.world.completed(audio=audio)
    assert api.world.blob_files()
    answer = acme.delete(f"/api/v1/jobs/{job.id}?purge=true")
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.world.blob_files() == []
    problem(acme.get(f"/api/v1/jobs/{job.id}"), 404)
    problem(acme.delete(f"/api/v1/jobs/{job.id}?purge=true"), 404)


def test_a_transcript_that_was_lost_is_503_not_500(api: Api, acme: httpx.Client) -> None:
    job = api.world.completed()
    assert job.result is not None
    api.world.platform.blobs.delete(job.result.key)
    problem(acme.get(f"/api/v1/jobs/{job.id}"), 503)
