from __future__ import annotations

import dataclasses
import io
import sys
from pathlib import Path
from urllib.parse import quote

import docx
import httpx
import pytest

from shared.domain.transcript import ExtraData, SpeakerTotal
from shared.formats import FORMATS, LIMITS
from shared.services.submission import BytesAudio
from tests.support.api import Api, open_api, problem


def test_json_is_the_canonical_document(api: Api, acme: httpx.Client) -> None:
    job = api.world.completed()
    answer = acme.get(f"/api/v1/jobs/{job.id}/transcript")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["segments"][0]["text"] == " Shalom, world."
    assert acme.get(f"/api/v1/jobs/{job.id}").json()["result"] == answer.json()


def test_the_canonical_document_has_exactly_the_promised_fields(
    acme: httpx.Client, api: Api
) -> None:
    """Consumers are written against these names; a change is a change of the contract."""
    job = api.world.completed()
    found = acme.get(f"/api/v1/jobs/{job.id}/transcript").json()
    assert set(found) == set(
        "text language language_probability duration segments speakers turns engine model warnings"
        " timings tamlil_version".split()
    )
    segment = found["segments"][0]
    assert set(segment) == set("id start end text speakers words extra_data flags language".split())
    assert set(segment["words"][0]) == set("word start end probability speaker".split())
    fields = {field.name for field in dataclasses.fields(ExtraData)}
    assert fields == set("avg_logprob compression_ratio no_speech_prob temperature".split())
    assert {field.name for field in dataclasses.fields(SpeakerTotal)} == {"label", "seconds"}


@pytest.mark.parametrize(
    ("name", "media", "has"),
    [
        ("text", "text/plain; charset=utf-8", "Shalom, world."),
        ("srt", "application/x-subrip; charset=utf-8", "00:00:00,000 --> "),
        ("vtt", "text/vtt; charset=utf-8", "WEBVTT"),
        ("tsv", "text/tab-separated-values; charset=utf-8", "\t"),
        ("verbose_json", "application/json", '"task": "transcribe"'),
        ("speakers", "text/plain; charset=utf-8", "[00:00:00 - "),
    ],
)
def test_each_format_has_its_type_and_file_name(
    api: Api, acme: httpx.Client, name: str, media: str, has: str
) -> None:
    audio = BytesAudio(chunks=[b"RIFF"], filename="הקלטה 1.wav", max_bytes=100)
    job = api.world.completed(audio=audio)
    answer = acme.get(f"/api/v1/jobs/{job.id}/transcript", params={"format": name})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == media
    assert has in answer.content.decode()
    disposition = answer.headers["content-disposition"]
    extension = FORMATS[name].extension
    assert f'filename="{job.id}.{extension}"' in disposition
    assert f"filename*=UTF-8''{quote(f'הקלטה 1.{extension}')}" in disposition


def test_a_document_is_a_file_to_keep(api: Api, acme: httpx.Client) -> None:
    audio = BytesAudio(chunks=[b"RIFF"], filename="board 7.wav", max_bytes=100)
    job = api.world.completed(audio=audio)
    answer = acme.get(f"/api/v1/jobs/{job.id}/transcript?format=docx")
    assert answer.headers["content-type"] == FORMATS["docx"].media_type
    assert answer.headers["content-disposition"].startswith(f'attachment; filename="{job.id}.docx"')
    texts = [paragraph.text for paragraph in docx.Document(io.BytesIO(answer.content)).paragraphs]
    assert texts == ["board 7", "00:00:00", "Shalom, world."]


def test_a_document_is_refused_where_its_library_is_not_installed(
    api: Api, acme: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = api.world.completed()
    monkeypatch.setitem(sys.modules, "docx", None)
    answer = acme.get(f"/api/v1/jobs/{job.id}/transcript?format=docx")
    found = problem(answer, 422, "format_unavailable")
    assert found["field"] == "format"
    assert "tamlil[docx]" in found["detail"]


def test_a_limit_out_of_range_is_refused_with_its_range(api: Api, acme: httpx.Client) -> None:
    job = api.world.completed()
    path = f"/api/v1/jobs/{job.id}/transcript"
    for name, (_, high) in LIMITS.items():
        answer = acme.get(path, params={"format": "srt", name: str(round(high) + 1)})
        found = problem(answer, 422)
        assert found["field"] == name
        assert str(round(high)) in found["detail"]


def test_a_file_name_can_not_break_the_header(api: Api, acme: httpx.Client) -> None:
    audio = BytesAudio(chunks=[b"RIFF"], filename='a"\r\nSet-Cookie: x=1;.wav', max_bytes=100)
    job = api.world.completed(audio=audio)
    answer = acme.get(f"/api/v1/jobs/{job.id}/transcript?format=srt")
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers


def test_layout_options_are_passed_on(api: Api, acme: httpx.Client) -> None:
    job = api.world.completed()
    path = f"/api/v1/jobs/{job.id}/transcript"
    narrow = acme.get(path, params={"format": "srt", "max_line_width": "10", "max_lines": "1"})
    assert narrow.status_code == 200
    karaoke = acme.get(path, params={"format": "vtt", "karaoke": "true"})
    assert "<00:00:00." in karaoke.text


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"format": "odt"}, "format"),
        ({"format": "rttm"}, "format"),
        ({"format": "srt", "max_line_width": "9"}, "max_line_width"),
        ({"format": "srt", "max_lines": "11"}, "max_lines"),
        ({"format": "srt", "karaoke": "true"}, "karaoke"),
        ({"format": "json", "max_lines": "2"}, "max_lines"),
        ({"format": "srt", "max_chars_per_second": "101"}, "max_chars_per_second"),
        ({"format": "srt", "max_cue_seconds": "0.5"}, "max_cue_seconds"),
        ({"format": "srt", "max_cue_seconds": "NaN"}, "max_cue_seconds"),
        ({"format": "srt", "paragraphs": "true"}, "paragraphs"),
        ({"format": "text", "paragraph_pause": "0"}, "paragraph_pause"),
        ({"format": "text", "max_paragraph_chars": "99"}, "max_paragraph_chars"),
        ({"format": "text", "paragraphs": "false", "paragraph_pause": "3"}, "paragraphs"),
        ({"format": "tsv", "directional_marks": "true"}, "directional_marks"),
        ({"formt": "srt"}, "formt"),
    ],
)
def test_an_option_that_can_not_be_honoured_is_refused(
    api: Api, acme: httpx.Client, params: dict[str, str], field: str
) -> None:
    job = api.world.completed()
    answer = acme.get(f"/api/v1/jobs/{job.id}/transcript", params=params)
    assert problem(answer, 422)["field"] == field


def test_an_unfinished_job_has_no_transcript(api: Api, acme: httpx.Client) -> None:
    job = api.world.submit()
    problem(acme.get(f"/api/v1/jobs/{job.id}/transcript"), 409, "job_not_completed")


def test_large_json_is_redirected_and_other_formats_are_rendered(tmp_path: Path) -> None:
    with open_api(tmp_path / "data", inline_transcript_bytes=10) as api:
        job, client = api.world.completed(), api.client()
        answer = client.get(f"/api/v1/jobs/{job.id}/transcript")
        assert answer.status_code == 303
        assert "signature=" in answer.headers["location"]
        assert client.get(f"/api/v1/jobs/{job.id}/transcript?format=srt").status_code == 200
