from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_job.engines.faster_whisper_engine import FasterWhisperTranscriber
from gpu_job.engines.ports import Audio, Region, never
from gpu_job.engines.switches import likeliest, most_spoken
from shared.domain.errors import Stopped, UnsupportedOption
from shared.domain.options import TranscriptionOptions
from shared.domain.transcript import Segment
from shared.models.registry import find_model
from tests.support.whisper import FixedVad, ScriptedWhisper, ramp

ASKED = TranscriptionOptions(multilingual=True)
#: English for 18 s, Hebrew for 9 s, English again; pauses tell the stretches apart.
SPOKEN = ((0.5, 9, "en"), (9.5, 18.5, "en"), (20, 29, "he"), (30, 34, "en"))
REGIONS = tuple(Region(start=start, end=end) for start, end, _ in SPOKEN)
AUDIO = ramp(40)


def heard(region: Region) -> Mapping[str, float]:
    middle = (region.start + region.end) / 2
    (code,) = {code for start, end, code in SPOKEN if start <= middle < end}
    return {code: 0.96, "he" if code == "en" else "en": 0.02}


def engine(backend: ScriptedWhisper, model: str = "base") -> FasterWhisperTranscriber:
    return FasterWhisperTranscriber(
        hears_out=False,
        backend=backend,
        model=find_model(model),
        vad=FixedVad(REGIONS),
        batch_size=8,
    )


def transcribe(
    backend: ScriptedWhisper, audio: Audio = AUDIO, chunks: tuple[Region, ...] | None = None
) -> tuple[list[Segment], str, float]:
    output = engine(backend).transcribe(
        audio, ASKED, chunks=chunks, on_segment=lambda _: None, on_progress=lambda _: None,
        should_stop=never,
    )  # fmt: skip
    return list(output.segments), output.language, output.language_probability


def test_each_stretch_is_decoded_in_its_own_language_and_says_so() -> None:
    backend = ScriptedWhisper(languages=heard)
    segments, language, probability = transcribe(backend)
    assert [segment.language for segment in segments] == ["en", "he", "en"]
    given = [(chunks[0].start, arguments["language"]) for chunks, arguments in backend.batches]
    assert given == [(pytest.approx(0.1), "en"), (pytest.approx(19.6), "he"), (29.6, "en")]
    assert language == "en", "it has most of the speech"
    assert probability == pytest.approx(0.96 * 21.5 / 30.5)


def test_speech_of_one_language_still_shares_a_batch() -> None:
    backend = ScriptedWhisper(languages={"he": 0.9})
    segments, language, _ = transcribe(backend)
    ((_, arguments),) = backend.batches
    assert arguments["language"] == language == "he"
    assert {segment.language for segment in segments} == {"he"}


def test_a_stretch_decoded_again_keeps_its_language() -> None:
    backend = ScriptedWhisper(languages=heard)
    engine(backend).transcribe(
        AUDIO, replace(ASKED, temperature=0.4), on_segment=lambda _: None,
        on_progress=lambda _: None, should_stop=never,
    )  # fmt: skip
    assert [arguments["language"] for _, arguments in backend.singles] == ["en", "he", "en"]


def test_the_languages_are_in_the_plan_so_that_a_resumed_job_need_not_ask_again() -> None:
    first = ScriptedWhisper(languages=heard)
    plan = engine(first).plan(AUDIO, ASKED, should_stop=never)
    assert [region.language for region in plan] == ["en", "en", "he", "en"]
    assert len(first.detected) == len(SPOKEN)
    second = ScriptedWhisper(languages={"fr": 1.0})
    segments, _, _ = transcribe(second, chunks=plan)
    assert second.detected == []
    assert [segment.language for segment in segments] == ["en", "he", "en"]


def test_neighbouring_words_are_asked_together() -> None:
    backend = ScriptedWhisper(languages={"en": 0.9})
    near = tuple(Region(start=n * 1.2, end=n * 1.2 + 1) for n in range(16))
    transcriber = FasterWhisperTranscriber(
        hears_out=False, backend=backend, model=find_model("base"), vad=FixedVad(near)
    )
    transcriber.plan(AUDIO, ASKED, should_stop=never)
    assert [round(region.end - region.start, 1) for region in backend.detected] == [9.6, 9.8]


def test_where_nobody_speaks_there_is_no_language() -> None:
    backend = ScriptedWhisper()
    silent = FasterWhisperTranscriber(backend=backend, model=find_model("base"), vad=FixedVad(()))
    assert silent.plan(AUDIO, ASKED, should_stop=never) == ()
    found = silent.detect_language(AUDIO, ASKED, chunks=(), should_stop=never)
    assert found == ("und", 0.0)


def test_a_plan_stops_when_told() -> None:
    backend = ScriptedWhisper(languages=heard)
    with pytest.raises(Stopped):
        engine(backend).plan(AUDIO, ASKED, should_stop=lambda: len(backend.detected) > 1)
    assert len(backend.detected) == 2


def test_a_model_of_one_language_refuses() -> None:
    with pytest.raises(UnsupportedOption) as caught:
        engine(ScriptedWhisper(), "tiny.en").plan(AUDIO, ASKED, should_stop=never)
    assert caught.value.field == "multilingual"


def test_a_lone_unsure_stretch_follows_its_neighbours_and_a_sure_one_does_not() -> None:
    english, unsure = {"en": 0.95, "nn": 0.01}, {"nn": 0.3, "en": 0.1}
    sure = {"de": 0.97, "en": 0.001}
    assert likeliest([english, unsure, english]) == ["en", "en", "en"]
    assert likeliest([english, sure, english]) == ["en", "de", "en"]
    assert likeliest([{"nn": 0.2, "en": 0.1}, english]) == ["en", "en"]


def test_several_unsure_stretches_together_are_a_switch() -> None:
    english, german = {"en": 0.95, "de": 0.02}, {"de": 0.7, "en": 0.1}
    assert likeliest([english, *[german] * 4, english]) == ["en", *["de"] * 4, "en"]


@given(st.lists(st.sampled_from(["en", "he", "ar"]), max_size=30))
def test_what_is_beyond_doubt_is_taken_as_it_is(codes: list[str]) -> None:
    assert likeliest([{code: 1.0} for code in codes]) == codes


def test_the_language_with_most_seconds_is_the_whole_one() -> None:
    def region(start: float, end: float, code: str) -> Region:
        return Region(start=start, end=end, language=code, language_probability=0.8)

    found = most_spoken([region(0, 1, "he"), region(2, 3, "he"), region(4, 8, "yi")])
    code, probability = found or ("", 0.0)
    assert code == "yi"
    assert probability == pytest.approx(0.8 * 4 / 6)
    assert most_spoken([Region(start=0, end=1)]) is None
