from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gpu_job.engines.ports import TranscriptionOutput
from gpu_job.steps.canonical import build_transcript
from shared.domain.options import OutputOptions, TranscriptionOptions
from shared.domain.transcript import ExtraData, Segment, SpeakerTotal, Transcript, Turn, Word

FACTS = ExtraData(avg_logprob=-0.2, compression_ratio=1.3, no_speech_prob=0.01, temperature=0.0)


def _segment(start: float, end: float, text: str, *words: Word) -> Segment:
    return Segment(id=9, start=start, end=end, text=text, words=words, extra_data=FACTS)


def _word(text: str, start: float, end: float) -> Word:
    return Word(word=text, start=start, end=end, probability=0.123456)


def _build(
    segments: Sequence[Segment], output: OutputOptions | None = None, warnings: Sequence[str] = ()
) -> Transcript:
    return build_transcript(
        TranscriptionOutput(
            segments=tuple(segments), language="en", language_probability=0.987654321
        ),
        duration=10.00049,
        options=TranscriptionOptions(output_options=output or OutputOptions()),
        model="base",
        tamlil_version="0.1.0",
        turns=(Turn(start=1.0, end=4.0, speaker="SPEAKER_00"),),
        warnings=warnings,
        timings={"decode": 0.123456},
    )


def test_segments_are_numbered_and_their_texts_joined() -> None:
    transcript = _build([_segment(0, 1, " Hello "), _segment(1, 2, "there.")])
    assert [segment.id for segment in transcript.segments] == [0, 1]
    assert transcript.text == "Hello there."
    assert (transcript.engine, transcript.model) == ("faster-whisper", "base")
    assert transcript.timings == {"decode": 0.123}
    assert transcript.language_probability == 0.9877
    assert transcript.speakers == (SpeakerTotal(label="SPEAKER_00", seconds=3.0),)
    assert [turn.end for turn in transcript.turns] == [4.0]


def test_directional_controls_that_an_engine_wrote_are_left_out() -> None:
    words = (_word("\u202b שלום", 0, 0.5), _word("\u200f", 0.5, 0.6), _word(" לכם\u202c", 0.6, 1))
    transcript = _build([_segment(0, 1, "\u202b שלום לכם\u202c", *words)])
    assert transcript.text == "שלום לכם"
    assert [word.word for word in transcript.segments[0].words] == [" שלום", " לכם"]


def test_times_are_monotone_rounded_and_inside_the_audio() -> None:
    segments = [
        _segment(-1, 2.00049, "a", _word(" a", -1, 0.5), _word(" b", 0.4, 3)),
        _segment(1.5, 1.2, "c"),
        _segment(9, 99, "d", _word(" d", 9.5, 99)),
    ]
    transcript = _build(segments)
    assert [(segment.start, segment.end) for segment in transcript.segments] == [
        (0.0, 2.0), (1.5, 1.5), (9.0, 10.0),
    ]  # fmt: skip
    first = transcript.segments[0].words
    assert [(word.start, word.end) for word in first] == [(0.0, 0.5), (0.4, 2.0)]
    assert first[0].probability == 0.1235
    assert transcript.segments[2].words[0].end == transcript.duration == 10.0


def test_words_and_facts_are_left_out_when_not_asked_for() -> None:
    segment = _segment(0, 1, "a", _word(" a", 0, 1))
    full = _build([segment]).segments[0]
    assert (len(full.words), full.extra_data) == (1, FACTS)
    bare = _build([segment], OutputOptions(word_timestamps=False, extra_data=False)).segments[0]
    assert (bare.words, bare.extra_data, bare.text) == ((), None, "a")


def test_warnings_are_kept_once_and_silence_is_one() -> None:
    assert _build([_segment(0, 1, "a")], warnings=["x", "x"]).warnings == ("x",)
    silent = _build([], warnings=["audio_truncated"])
    assert silent.warnings == ("audio_truncated", "no_speech")
    assert silent.text == ""
    noise = replace(_segment(0, 1, "you"), flags=("no_speech",))
    assert _build([noise]).warnings == ("no_speech",)
    assert _build([noise, _segment(1, 2, "a")]).warnings == ()
