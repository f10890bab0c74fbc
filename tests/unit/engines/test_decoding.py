from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from gpu_job.engines.chunks import Window
from gpu_job.engines.decoding import Batching, context_before
from gpu_job.engines.faster_whisper_engine import FasterWhisperTranscriber
from gpu_job.engines.ports import Region
from shared.domain.errors import WorkerError
from shared.domain.options import Accuracy, TranscriptionOptions
from shared.domain.transcript import Segment
from shared.models.registry import find_model
from tests.support.whisper import FixedVad, ScriptedWhisper, facts, ramp, spoken

REGIONS = tuple(Region(start=40.0 * n + 0.4, end=40.0 * n + 27) for n in range(5))
BEST = TranscriptionOptions(language="en", accuracy=Accuracy.BEST)


def says_where(chunk: Region) -> list[Segment]:
    return [spoken(chunk.start + 1, f"At{chunk.start:.0f}.")]


def engine(backend: ScriptedWhisper, batch_size: int = 4) -> FasterWhisperTranscriber:
    return FasterWhisperTranscriber(
        hears_out=False,
        backend=backend,
        model=find_model("base"),
        vad=FixedVad(REGIONS),
        batch_size=batch_size,
    )


def transcribed(
    transcriber: FasterWhisperTranscriber,
    options: TranscriptionOptions = BEST,
    *,
    progress: list[float] | None = None,
    **more: Any,
) -> Sequence[Segment]:
    return transcriber.transcribe(
        ramp(200),
        options,
        on_segment=lambda _: None,
        on_progress=([] if progress is None else progress).append,
        should_stop=lambda: False,
        **more,
    ).segments


def scripted(**more: Any) -> ScriptedWhisper:
    return ScriptedWhisper(batched_answer=says_where, sequential_answer=says_where, **more)


def prompts(backend: ScriptedWhisper) -> list[str | None]:
    return [arguments["initial_prompt"] for _, arguments in backend.singles]


def test_best_tells_each_window_what_was_said_before() -> None:
    backend = scripted()
    transcribed(engine(backend))
    assert backend.batches == []
    assert prompts(backend)[:3] == [None, "At0.", "At0. At40."]
    arguments = backend.singles[0][1]
    assert arguments["condition_on_previous_text"] is True
    assert arguments["temperature"] == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]


def test_a_callers_prompt_stands_before_the_context() -> None:
    backend = scripted()
    transcribed(engine(backend), replace(BEST, initial_prompt="Names: Ada."))
    assert prompts(backend)[:2] == ["Names: Ada.", "Names: Ada. At0."]


def test_a_resumed_best_run_asks_and_says_the_same() -> None:
    whole, progress = scripted(), list[float]()
    segments = transcribed(engine(whole), progress=progress)
    for done in range(1, 5):
        rest = scripted()
        resumed = transcribed(
            engine(rest), start_at=progress[done - 1], previous=segments[:done], chunks=REGIONS
        )
        assert list(resumed) == list(segments[done:])
        assert prompts(rest) == prompts(whole)[done:]


def test_text_that_can_not_be_trusted_is_no_context() -> None:
    window = Window(pieces=(Region(start=40, end=50),), speech=(Region(start=40, end=50),))
    said = [
        spoken(0, "Old."),
        replace(spoken(10, "Loop."), flags=("loop",)),
        spoken(20, "Good."),
        spoken(30, "Fine."),
        spoken(45, "Later."),
    ]
    assert context_before(window, said) == "Good. Fine."
    guessed = spoken(35, "Guessed.", extra=facts(temperature=0.8))
    assert context_before(window, [*said, guessed]) == ""
    german = replace(spoken(35, "Deutsch."), language="de")
    assert context_before(window, [*said, german]) == ""


def test_what_the_sequential_decoder_takes_for_silence_is_heard_out() -> None:
    backend = ScriptedWhisper(batched_answer=says_where, sequential_answer=lambda _: [])
    assert [segment.text for segment in transcribed(engine(backend))][:2] == ["At0.", "At40."]


def test_a_batch_that_does_not_fit_is_halved_and_stays_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    backend = scripted(fits=1)
    transcriber = engine(backend)
    standard = TranscriptionOptions(language="en")
    expected = [f"At{40 * n}." for n in range(5)]
    with caplog.at_level(logging.WARNING):
        assert [one.text for one in transcribed(transcriber, standard)] == expected
    assert [len(chunks) for chunks, _ in backend.batches] == [4, 2, 1, 1, 1, 1, 1]
    assert [record.args for record in caplog.records] == [(2,), (1,)]
    again = len(backend.batches)
    assert [one.text for one in transcribed(transcriber, standard)] == expected
    assert [len(chunks) for chunks, _ in backend.batches[again:]] == [1] * 5


def test_one_window_that_does_not_fit_is_told() -> None:
    with pytest.raises(WorkerError) as caught:
        transcribed(engine(scripted(fits=0)), TranscriptionOptions(language="en"))
    assert caught.value.code == "out_of_memory"


def test_another_fault_halves_nothing() -> None:
    class Broken(ScriptedWhisper):
        def batched(self, windows: Any, arguments: Any) -> list[list[Segment]]:
            msg = "broken"
            raise WorkerError(msg, code="engine_failed")

    batching = Batching(backend=Broken(), size=4)
    with pytest.raises(WorkerError):
        batching.decode([ramp(1)] * 4, {}, lambda: False)
    assert batching.size == 4
