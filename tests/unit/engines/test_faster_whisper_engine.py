from __future__ import annotations

import itertools
import threading
import time
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from gpu_job.engines.faster_whisper_engine import FasterWhisperTranscriber
from gpu_job.engines.ports import Audio, Region, TranscriptionOutput
from shared.domain.errors import Stopped, UnsupportedOption
from shared.domain.options import OutputOptions, Task, TranscriptionOptions
from shared.domain.transcript import Segment
from shared.models.registry import find_model
from tests.support.whisper import FixedVad, ScriptedWhisper, facts, moved, ramp, silence, spoken

#: Far enough apart that each is a chunk of its own.
REGIONS = tuple(Region(start=40.0 * n + 0.4, end=40.0 * n + 27) for n in range(5))


@dataclass
class Run:
    """One transcription with everything it reported."""

    backend: ScriptedWhisper = field(default_factory=ScriptedWhisper)
    regions: tuple[Region, ...] = REGIONS
    model: str = "base"
    batch_size: int = 2
    heard: list[Segment] = field(default_factory=list)
    progress: list[float] = field(default_factory=list)

    def __call__(
        self, options: TranscriptionOptions | None = None, audio: Audio | None = None, **more: Any
    ) -> TranscriptionOutput:
        self.vad = FixedVad(self.regions)
        engine = FasterWhisperTranscriber(
            hears_out=False,
            backend=self.backend,
            model=find_model(self.model),
            vad=self.vad,
            batch_size=self.batch_size,
        )
        return engine.transcribe(
            ramp(200) if audio is None else audio,
            options or TranscriptionOptions(),
            on_segment=self.heard.append,
            on_progress=self.progress.append,
            should_stop=more.pop("should_stop", lambda: False),
            **more,
        )


def _first_arguments(options: TranscriptionOptions) -> dict[str, Any]:
    run = Run()
    run(options)
    return dict(run.backend.batches[0][1])


@pytest.mark.parametrize(
    ("changed", "argument", "value"),
    [
        ({"language": "he"}, "language", "he"),
        ({"task": Task.TRANSLATE}, "task", "translate"),
        ({"initial_prompt": "Minutes of the board."}, "initial_prompt", "Minutes of the board."),
        ({"hotwords": "Tamlil"}, "hotwords", "Tamlil"),
        ({"beam_size": 1}, "beam_size", 1),
    ],
)
def test_every_option_reaches_the_engine(
    changed: dict[str, Any], argument: str, value: object
) -> None:
    plain = _first_arguments(TranscriptionOptions())
    given = _first_arguments(replace(TranscriptionOptions(), **changed))
    assert given[argument] == value
    assert plain[argument] != value
    assert {key for key in plain if plain[key] != given[key]} == {argument}


def test_words_are_asked_for_unless_neither_output_nor_speakers_need_them() -> None:
    wordless = OutputOptions(word_timestamps=False)
    assert _first_arguments(TranscriptionOptions())["word_timestamps"] is True
    off = _first_arguments(TranscriptionOptions(output_options=wordless))
    assert (off["word_timestamps"], off["without_timestamps"]) == (False, False)
    diarized = _first_arguments(TranscriptionOptions(output_options=wordless, diarize=True))
    assert diarized["word_timestamps"] is True


def test_a_temperature_above_zero_goes_to_the_decoder_that_honours_it() -> None:
    run = Run()
    run(TranscriptionOptions(temperature=0.4))
    assert run.backend.batches == []
    assert [arguments["temperature"] for _, arguments in run.backend.singles] == [[0.4]] * 5


def test_a_repetitive_or_unlikely_chunk_climbs_the_ladder() -> None:
    bad = {0.0: facts(ratio=3.0), 80.0: facts(logprob=-1.4)}
    run = Run(
        ScriptedWhisper(
            batched_answer=lambda chunk: [spoken(chunk.start, "Hm.", extra=bad.get(chunk.start))],
            sequential_answer=lambda chunk: [spoken(chunk.start, "Better.")],
        )
    )
    output = run(TranscriptionOptions(temperature=(0.0, 0.2, 0.6)))
    assert [chunk.start for chunk, _ in run.backend.singles] == [0.0, 80.0]
    assert run.backend.singles[0][1]["temperature"] == [0.2, 0.6]
    assert [segment.text for segment in output.segments] == [
        "Better.", "Hm.", "Better.", "Hm.", "Hm.",
    ]  # fmt: skip


def test_one_temperature_means_no_second_try() -> None:
    run = Run(
        ScriptedWhisper(
            batched_answer=lambda chunk: [spoken(chunk.start, "Hm.", extra=facts(ratio=3.0))]
        )
    )
    assert len(run(TranscriptionOptions(temperature=0.0)).segments) == 5
    assert run.backend.singles == []


def test_what_the_decoder_takes_for_silence_is_kept_with_a_flag_and_not_tried_again() -> None:
    quiet = facts(no_speech=0.9, logprob=-1.5)
    run = Run(
        ScriptedWhisper(batched_answer=lambda chunk: [spoken(chunk.start, "Hm.", extra=quiet)])
    )
    flags = [segment.flags for segment in run().segments]
    assert flags == [("low_logprob", "no_speech")] * 5
    assert run.backend.singles == []


def test_a_chunk_that_stays_bad_is_kept_with_its_reasons() -> None:
    bad = [spoken(0.5, "Hm.", extra=facts(ratio=3.0, logprob=-1.4))]
    worse = [spoken(0.5, "Ha.", extra=facts(ratio=3.5, logprob=-1.5, temperature=1.0))]
    run = Run(
        ScriptedWhisper(
            batched_answer=lambda chunk: [moved(one, chunk.start) for one in bad],
            sequential_answer=lambda chunk: [moved(one, chunk.start) for one in worse],
        ),
        regions=REGIONS[:1],
    )
    (only,) = run().segments
    assert (only.text, only.flags) == ("Hm.", ("low_logprob", "high_compression"))
    assert len(run.backend.singles) == 1


def test_a_second_look_that_finds_silence_takes_no_text_away() -> None:
    unlikely = facts(logprob=-1.4)
    run = Run(
        ScriptedWhisper(
            batched_answer=lambda chunk: [spoken(chunk.start, "Hm.", extra=unlikely)],
            sequential_answer=lambda _: [],
        ),
        regions=REGIONS[:1],
    )
    (only,) = run().segments
    assert (only.text, only.flags) == ("Hm.", ("low_logprob",))


def test_without_vad_all_audio_is_decoded() -> None:
    run = Run(batch_size=100)
    run(TranscriptionOptions(vad=False))
    chunks = run.backend.batches[0][0]
    assert run.vad.asked == 0
    assert (chunks[0].start, chunks[-1].end) == (0.0, 200.0)
    assert all(one.end >= two.start for one, two in itertools.pairwise(chunks))


def test_the_language_is_detected_once_and_only_when_not_given() -> None:
    run = Run()
    output = run()
    assert (output.language, output.language_probability) == ("en", 0.97)
    assert len(run.backend.detected) == 2
    given = Run()
    assert given(TranscriptionOptions(language="fr")).language_probability == 1.0
    assert given.backend.detected == []


def test_a_model_of_one_language_detects_nothing() -> None:
    run = Run(model="tiny.en")
    assert run().language == "en"
    assert run.backend.detected == []


def test_no_speech_gives_no_segments_and_an_undetermined_language() -> None:
    run = Run(regions=())
    assert run() == TranscriptionOutput(segments=(), language="und", language_probability=0.0)
    assert run.backend.batches == []
    assert Run()(TranscriptionOptions(vad=False), audio=silence(0)).segments == ()


@pytest.mark.parametrize(
    ("model", "options", "field_name"),
    [
        ("tiny.en", TranscriptionOptions(language="he"), "language"),
        ("ivrit-he-turbo", TranscriptionOptions(task=Task.TRANSLATE), "task"),
    ],
)
def test_what_the_model_can_not_do_is_refused(
    model: str, options: TranscriptionOptions, field_name: str
) -> None:
    with pytest.raises(UnsupportedOption) as caught:
        Run(model=model)(options)
    assert caught.value.field == field_name


def test_segments_are_numbered_and_progress_follows_each_chunk() -> None:
    run = Run()
    output = run()
    assert [segment.id for segment in output.segments] == [0, 1, 2, 3, 4]
    assert run.heard == list(output.segments)
    assert run.progress == pytest.approx([region.end + 0.4 for region in REGIONS])
    assert [len(chunks) for chunks, _ in run.backend.batches] == [2, 2, 1]


def test_a_resumed_run_decodes_only_what_is_left() -> None:
    run = Run()
    output = run(start_at=107.4, language=("de", 0.8))
    assert [chunk.start for chunks, _ in run.backend.batches for chunk in chunks] == [120.0, 160.0]
    assert (output.language, output.language_probability) == ("de", 0.8)
    assert run.backend.detected == []


def test_times_stay_in_order_and_inside_the_audio() -> None:
    late = Run(
        ScriptedWhisper(batched_answer=lambda chunk: [spoken(chunk.start + 15, *"abcdefghij")]),
        regions=(Region(start=0, end=18), Region(start=18.5, end=20)),
    )
    output = late(audio=ramp(20))
    times = [time for segment in output.segments for word in segment.words
             for time in (word.start, word.end)]  # fmt: skip
    assert times == sorted(times)
    assert max(times) <= 20.0


def test_a_segment_without_words_keeps_its_own_times() -> None:
    bare = Segment(id=0, start=1.0, end=3.0, text="No words.", extra_data=facts())
    run = Run(ScriptedWhisper(batched_answer=lambda _: [bare]), regions=REGIONS[:1])
    (only,) = run().segments
    assert (only.start, only.end, only.words) == (1.0, 3.0, ())


def test_a_running_batch_is_left_within_a_second_when_told_to_stop() -> None:
    hold = threading.Event()
    run = Run(ScriptedWhisper(hold=hold))
    began = time.monotonic()
    try:
        with pytest.raises(Stopped):
            run(
                TranscriptionOptions(language="en"),
                should_stop=lambda: time.monotonic() - began > 0.2,
            )
        assert time.monotonic() - began < 1.0
        assert run.heard == []
    finally:
        hold.set()
