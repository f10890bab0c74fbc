from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_job.engines.guard import Sound, flagged, has_failed, needs_a_witness, passed_over
from gpu_job.engines.listening import Listener
from gpu_job.engines.loops import loops
from gpu_job.engines.phantom_phrases import is_phantom_phrase
from gpu_job.engines.ports import SAMPLE_RATE, Region
from shared.domain.flags import Flag
from shared.domain.transcript import Segment
from tests.support.whisper import FixedVad, facts, silence, spoken

SPEECH = Sound(speech=0.95, decibels=-25, isolated=False)
FAR_OFF = replace(SPEECH, isolated=True)
SILENCE = Sound(speech=0.0, decibels=-25, isolated=True)
INAUDIBLE = replace(SPEECH, decibels=-90.0)
UNSURE = facts(no_speech=0.5)


def said(*words: str, probability: float = 0.95, **more: float) -> Segment:
    segment = spoken(10.0, *words, extra=facts(**more))
    return replace(
        segment, words=tuple(replace(word, probability=probability) for word in segment.words)
    )


def flags(segment: Segment, sound: Sound | None) -> tuple[str, ...]:
    return flagged(segment, sound).flags


FAREWELL = ("Thank", "you", "for", "watching.")


def test_sure_speech_has_no_flags_and_needs_no_second_witness() -> None:
    assert flags(said("Good", "morning."), None) == ()
    assert not needs_a_witness(said("Good", "morning."))


@pytest.mark.parametrize(
    ("measures", "expected"),
    [
        ({"logprob": -1.1}, (Flag.LOW_LOGPROB,)),
        ({"ratio": 2.5}, (Flag.HIGH_COMPRESSION,)),
        ({"logprob": -1.1, "no_speech": 0.7}, (Flag.LOW_LOGPROB, Flag.NO_SPEECH)),
        ({"logprob": -0.9, "no_speech": 0.7, "ratio": 2.3}, ()),
    ],
)
def test_the_decoders_thresholds_flag_by_themselves(
    measures: dict[str, float], expected: tuple[Flag, ...]
) -> None:
    assert flags(said("Hm.", **measures), None) == tuple(map(str, expected))


def test_a_farewell_that_is_heard_is_not_flagged() -> None:
    assert flags(said(*FAREWELL), SPEECH) == ()
    assert flags(said(*FAREWELL), FAR_OFF) == ()


@pytest.mark.parametrize("sound", [SILENCE, INAUDIBLE])
def test_a_farewell_over_silence_is_flagged(sound: Sound) -> None:
    assert flags(said(*FAREWELL), sound) == (Flag.PHANTOM_PHRASE, Flag.NO_SPEECH)


def test_a_farewell_that_is_far_from_speech_and_unsure_is_flagged() -> None:
    assert flags(said(*FAREWELL, no_speech=0.5), FAR_OFF) == (Flag.PHANTOM_PHRASE,)
    assert flags(said(*FAREWELL, probability=0.4), FAR_OFF) == (Flag.PHANTOM_PHRASE,)
    assert flags(said(*FAREWELL, no_speech=0.5), SPEECH) == ()


def test_doubted_text_is_flagged_only_where_nobody_speaks() -> None:
    doubted = said("Five", "by", "five.", no_speech=0.7)
    assert needs_a_witness(doubted)
    assert flags(doubted, SILENCE) == (Flag.NO_SPEECH,)
    assert flags(doubted, SPEECH) == flags(doubted, FAR_OFF) == ()


def test_sure_text_is_not_flagged_for_a_deaf_detector_alone() -> None:
    assert flags(said("Whispered", "but", "clear."), SILENCE) == ()


def test_words_that_people_repeat_are_no_loop_unless_something_else_is_wrong() -> None:
    insisted = said(*["No,"] * 6)
    assert needs_a_witness(insisted)
    assert flags(insisted, SPEECH) == ()
    assert flags(insisted, SILENCE) == (Flag.LOOP, Flag.NO_SPEECH)
    assert flags(said(*["No,"] * 6, ratio=2.6), SPEECH) == (Flag.HIGH_COMPRESSION, Flag.LOOP)


def test_a_loop_that_leaves_its_words_no_time_is_flagged_and_tried_again() -> None:
    crowd = said(*["no"] * 30)
    words = tuple(replace(w, start=10.0 + n / 50, end=10.02 + n / 50)
                  for n, w in enumerate(crowd.words))  # fmt: skip
    crammed = replace(crowd, words=words)
    assert flags(crammed, SPEECH) == (Flag.LOOP,)
    assert has_failed([crammed])
    assert not has_failed([crowd])


def test_flags_that_were_there_stay() -> None:
    assert flags(replace(said("Hm."), flags=("cut_off",)), None) == ("cut_off",)


def test_what_was_passed_over_is_flagged_when_it_may_be_silence_once_more() -> None:
    quiet, clear = said("Hm.", no_speech=0.7), said("Good", "morning.")
    assert passed_over(quiet).flags == (Flag.NO_SPEECH,)
    assert passed_over(clear) == clear
    assert flags(passed_over(quiet), SPEECH) == (Flag.NO_SPEECH,)
    unknown = replace(clear, extra_data=None)
    assert passed_over(unknown) == unknown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b c", []),
        ("no no no", []),
        ("No, no! NO no.", [range(4)]),
        ("then go on go on go on go on home", [range(1, 9)]),
        ("x x x x y y y y", [range(4), range(4, 8)]),
        ("... ... ... ...", [range(4)]),
    ],
)
def test_four_repeats_make_a_loop(text: str, expected: list[range]) -> None:
    assert list(loops(text.split())) == expected


@given(st.lists(st.sampled_from("abc"), max_size=40))
def test_loops_are_in_order_disjoint_and_inside(words: list[str]) -> None:
    found = loops(words)
    assert all(0 <= run.start < run.stop <= len(words) and len(run) >= 4 for run in found)
    assert all(one.stop <= two.start for one, two in itertools.pairwise(found))


@pytest.mark.parametrize(
    "text",
    [
        "Thank you for watching!",
        "Subtitles by the Amara.org community",
        "תודה על הצפייה.",
        "תַּרְגּוּם וּכְתוּבִיּוֹת",
        "כתוביות על ידי דני",
        "Sous-titrage ST' 501",
        "ご視聴ありがとうございました。",
        "Untertitel der Amara.org-Community",
        "Субтитры сделал DimaTorzok",
        "ترجمة نانسي قنقر",
    ],
)
def test_known_phantom_phrases_are_known_in_any_writing(text: str) -> None:
    assert is_phantom_phrase(text)


@pytest.mark.parametrize("text", ["Thank you for watching my children.", "You know.", "", "..."])
def test_a_phrase_inside_a_sentence_is_none(text: str) -> None:
    assert not is_phantom_phrase(text)


@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        # Times of the ten seconds around it, from second 5 on.
        ((), (Flag.NO_SPEECH,)),
        ((Region(start=5.0, end=5.6),), ()),
        ((Region(start=1.0, end=4.0),), (Flag.NO_SPEECH,)),
    ],
)
def test_the_sound_is_asked_around_a_doubtful_segment(
    regions: tuple[Region, ...], expected: tuple[str, ...]
) -> None:
    vad = FixedVad(regions)
    noise = np.full(60 * SAMPLE_RATE, 0.1, dtype=np.float32)
    listener = Listener(audio=noise, vad=vad, should_stop=lambda: False)
    assert listener.flagged(said("Five", no_speech=0.7)).flags == expected
    assert listener.flagged(said("Sure.")).flags == ()
    assert vad.asked == 1


@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        # Times of the twelve seconds around it, from second 5 on; it is said from 5 to 7 of them.
        ((Region(start=0.0, end=12.0),), ()),
        ((Region(start=4.0, end=7.0),), ()),
        ((Region(start=5.0, end=7.0), Region(start=10.0, end=11.0)), ()),
        ((Region(start=4.9, end=7.3),), (Flag.PHANTOM_PHRASE,)),
    ],
)
def test_a_farewell_inside_or_near_other_speech_is_not_far_from_it(
    regions: tuple[Region, ...], expected: tuple[str, ...]
) -> None:
    noise = np.full(60 * SAMPLE_RATE, 0.1, dtype=np.float32)
    listener = Listener(audio=noise, vad=FixedVad(regions), should_stop=lambda: False)
    assert listener.flagged(said(*FAREWELL, no_speech=0.5)).flags == expected


def test_digital_silence_is_inaudible() -> None:
    vad = FixedVad((Region(start=0, end=11),))
    listener = Listener(audio=silence(60), vad=vad, should_stop=lambda: False)
    assert listener.flagged(said("Five", no_speech=0.7)).flags == (Flag.NO_SPEECH,)
