"""Text that fails a test is read again at other temperatures, and the best reading is taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from gpu_job.engines.faster_whisper_engine import FasterWhisperTranscriber
from gpu_job.engines.ports import Region, Samples, ShouldStop
from gpu_job.engines.readings import Ladder, Reading, better, climb
from shared.domain.flags import Flag
from shared.domain.options import Accuracy, TranscriptionOptions
from shared.domain.transcript import Segment
from shared.models.registry import find_model
from tests.support.whisper import ScriptedWhisper, facts, moved, ramp, spoken

LADDER = (0.2, 0.4, 0.6)
FAREWELL = ("Thank", "you", "for", "watching.")
LOOP = ("go", "on") * 5


def reading(*words: str, flag: Flag | None = None, **measures: float) -> Reading:
    flags = frozenset() if flag is None else frozenset({str(flag)})
    return Reading(segments=[spoken(0.0, *words, extra=facts(**measures))], flags=flags)


NOTHING = Reading(segments=[])


def test_of_two_readings_the_one_that_holds_wins_then_the_likelier() -> None:
    good, looping = reading("A", logprob=-0.9), reading("B", ratio=2.5)
    unlikely, worse = reading("C", logprob=-1.1), reading("D", logprob=-1.5)
    assert better(looping, good) == better(good, looping) == good
    assert better(looping, unlikely) == better(unlikely, looping) == unlikely
    assert better(worse, unlikely) == better(unlikely, worse) == unlikely
    assert better(unlikely, NOTHING) == unlikely


def test_what_the_sound_speaks_against_loses_to_what_holds_and_a_loop_to_all() -> None:
    good, unlikely = reading("A", logprob=-0.9), reading("B", logprob=-1.1)
    phantom = reading(*FAREWELL, flag=Flag.PHANTOM_PHRASE, logprob=-0.1)
    looping = reading(*LOOP, flag=Flag.LOOP, logprob=-0.1)
    assert better(phantom, good) == better(looping, good) == good
    assert better(phantom, unlikely) == phantom, "of two that fail, the likelier"
    assert better(looping, unlikely) == unlikely
    assert better(looping, phantom) == phantom
    assert better(phantom, NOTHING) == phantom


@dataclass
class Script:
    """Gives readings in turn, and remembers which temperatures it was to try."""

    readings: Sequence[Reading]
    asked: list[Ladder] = field(default_factory=list)

    def __call__(self, ladder: Ladder) -> Reading:
        self.asked.append(ladder)
        return self.readings[len(self.asked) - 1]


def loop_at(temperature: float) -> Reading:
    return reading(*LOOP, flag=Flag.LOOP, temperature=temperature)


def test_what_holds_is_not_read_again() -> None:
    read, good = Script([]), reading("Good.")
    assert climb(read, LADDER, good) == good
    assert read.asked == []


def test_a_loop_climbs_until_it_ends() -> None:
    good = reading("Home.", temperature=0.6)
    read = Script([loop_at(0.2), loop_at(0.4), good])
    assert climb(read, LADDER, loop_at(0.0)) == good
    assert read.asked == [LADDER, LADDER[1:], LADDER[2:]]


def test_a_loop_that_does_not_end_is_kept() -> None:
    first = loop_at(0.0)
    read = Script([loop_at(0.2), loop_at(0.4), loop_at(0.6)])
    assert climb(read, LADDER, first) == first
    assert len(read.asked) == 3


def test_what_the_decoder_has_tried_by_itself_is_not_tried_again() -> None:
    read = Script([loop_at(0.4), loop_at(0.6)])
    climb(read, LADDER, reading("Hm", logprob=-1.4))
    assert read.asked == [LADDER, LADDER[2:]]


def test_a_phantom_phrase_is_read_once_more() -> None:
    phantom = reading(*FAREWELL, flag=Flag.PHANTOM_PHRASE)
    read = Script([reading(*FAREWELL, flag=Flag.PHANTOM_PHRASE, temperature=0.2, logprob=-0.3)])
    assert climb(read, LADDER, phantom) == phantom
    assert read.asked == [LADDER[:1]]
    read = Script([loop_at(0.2)])
    assert climb(read, LADDER, phantom) == phantom
    assert read.asked == [LADDER[:1]], "a loop is no reason to go on"


def test_silence_ends_the_climb_and_takes_nothing_away() -> None:
    first = loop_at(0.0)
    read = Script([NOTHING])
    assert climb(read, LADDER, first) == first


def test_without_a_first_reading_the_ladder_is_begun() -> None:
    good = reading("Home.", temperature=0.4)
    read = Script([loop_at(0.2), good])
    assert climb(read, LADDER) == good
    assert read.asked == [LADDER, LADDER[1:]]
    assert climb(Script([loop_at(0.2)]), LADDER[:1]) == loop_at(0.2), "there is no other to try"


@dataclass
class HearsOnce:
    """Hears the plan's speech, and then, where it is asked about a phrase, what is left of it."""

    later: tuple[Region, ...] = ()
    asked: int = 0

    def speech_regions(self, audio: Samples, *, should_stop: ShouldStop) -> tuple[Region, ...]:
        """See `VoiceActivityDetector`."""
        self.asked += 1
        return (Region(start=0.4, end=27.0),) if self.asked == 1 else self.later


def transcribed(
    backend: ScriptedWhisper, vad: HearsOnce, options: TranscriptionOptions
) -> Sequence[Segment]:
    engine = FasterWhisperTranscriber(
        backend=backend, model=find_model("base"), vad=vad, hears_out=False
    )
    return engine.transcribe(
        ramp(30),
        options,
        on_segment=lambda _: None,
        on_progress=lambda _: None,
        should_stop=lambda: False,
    ).segments


def says(*words: str, temperature: float = 0.0) -> Callable[[Region], list[Segment]]:
    said = spoken(10.0, *words, extra=facts(temperature=temperature))
    return lambda chunk: [moved(said, chunk.start)]


STANDARD = TranscriptionOptions(language="en", temperature=(0.0, *LADDER))
SPEECH = (Region(start=0.0, end=30.0),)


@pytest.mark.parametrize(("words", "tried"), [(FAREWELL, LADDER[:1]), (LOOP, LADDER)])
def test_what_would_be_flagged_as_invented_is_decoded_again(
    words: tuple[str, ...], tried: Ladder
) -> None:
    backend = ScriptedWhisper(
        batched_answer=says(*words), sequential_answer=says("Good", "night.", temperature=0.2)
    )
    (only,) = transcribed(backend, HearsOnce(), STANDARD)
    assert (only.text, only.flags) == ("Good night.", ("no_speech",))
    assert [arguments["temperature"] for _, arguments in backend.singles] == [list(tried)]


@pytest.mark.parametrize(
    ("words", "flags", "tried"),
    [
        (FAREWELL, ("phantom_phrase", "no_speech"), [[LADDER[0]]]),
        (LOOP, ("loop", "no_speech"), [list(LADDER[n:]) for n in range(3)]),
    ],
)
def test_what_stays_so_is_kept_with_its_flags(
    words: tuple[str, ...], flags: tuple[str, ...], tried: list[list[float]]
) -> None:
    calls: list[float] = []

    def again(chunk: Region) -> list[Segment]:
        calls.append(LADDER[len(calls)])
        return says(*words, temperature=calls[-1])(chunk)

    backend = ScriptedWhisper(batched_answer=says(*words), sequential_answer=again)
    (only,) = transcribed(backend, HearsOnce(), STANDARD)
    assert (only.text, only.flags) == (" ".join(words), flags)
    assert [arguments["temperature"] for _, arguments in backend.singles] == tried


@pytest.mark.parametrize("words", [FAREWELL, LOOP])
def test_what_is_heard_is_not_decoded_again_however_it_reads(words: tuple[str, ...]) -> None:
    backend = ScriptedWhisper(batched_answer=says(*words))
    (only,) = transcribed(backend, HearsOnce(later=SPEECH), STANDARD)
    assert (only.text, only.flags) == (" ".join(words), ())
    assert backend.singles == []


def test_of_clean_speech_the_sound_is_not_asked() -> None:
    vad, backend = HearsOnce(), ScriptedWhisper(batched_answer=says("Good", "morning."))
    transcribed(backend, vad, STANDARD)
    assert (vad.asked, backend.singles) == (1, [])


def test_best_goes_on_above_where_its_decoder_has_stopped() -> None:
    answers = iter([says(*LOOP, temperature=0.2), says("Good", "night.", temperature=0.4)])

    def answer(chunk: Region) -> list[Segment]:
        return next(answers)(chunk)

    backend = ScriptedWhisper(sequential_answer=answer)
    best = TranscriptionOptions(
        language="en", temperature=(0.0, *LADDER), accuracy=Accuracy.BEST, initial_prompt="Names."
    )
    (only,) = transcribed(backend, HearsOnce(), best)
    assert only.text == "Good night."
    tried = [(it["temperature"], it["initial_prompt"]) for _, it in backend.singles]
    assert tried == [([0.0, *LADDER], "Names."), (list(LADDER[1:]), "Names.")]
