"""Properties of any transcript under any limits: nothing lost, nothing over a limit."""

from __future__ import annotations

from itertools import pairwise

import pysubs2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain.direction import strip_directional_controls
from shared.domain.transcript import Segment, Transcript
from shared.formats import RenderOptions
from shared.formats.cues import CueLimits, cut_cues
from shared.formats.paragraphs import lay_paragraphs
from shared.formats.units import visible_length
from tests.support.transcripts import rendered, transcript_of, word

# No deadline: what is measured here is not speed, and the machine may be busy.
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LETTERS = st.sampled_from("abcdefghאבגדהוזשָׁ漢字かなไทย.,?'-1 \u00a0\n")  # noqa: RUF001 - Hebrew
WORDS = st.builds(
    lambda is_spaced, text: " " * is_spaced + text,
    st.booleans(),
    st.text(LETTERS, min_size=1, max_size=14),
)
SPEAKERS = st.sampled_from(["SPEAKER_00", "SPEAKER_01", None])


@st.composite
def segments(draw: st.DrawFn, start: float) -> Segment:
    """A segment from `start` on, its words timed or not, their times sometimes in disorder."""
    texts = draw(st.lists(WORDS, min_size=1, max_size=25))
    end = start + draw(st.floats(0, 30))
    times = draw(st.lists(st.floats(start, end), min_size=len(texts), max_size=len(texts)))
    if draw(st.booleans()):
        times.sort()
    words = tuple(
        word(text, begin, draw(st.floats(begin, end)), draw(SPEAKERS))
        for text, begin in zip(texts, times, strict=True)
    )
    return Segment(
        id=0,
        start=start,
        end=end,
        text="".join(texts),
        speakers=("SPEAKER_00",),
        words=words if draw(st.booleans()) else (),
    )


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    made: list[Segment] = []
    for _ in range(draw(st.integers(0, 4))):
        start = (made[-1].end if made else 0.0) + draw(st.floats(0, 3))
        made.append(draw(segments(start)))
    return transcript_of(*made)


LIMITS = st.builds(
    CueLimits,
    width=st.integers(10, 60),
    lines=st.integers(1, 4),
    seconds=st.integers(1, 60),
    reading_speed=st.floats(5, 100),
    prefix=st.sampled_from([None, lambda speaker: f"{speaker}: "]),
)


def squeezed(text: str) -> str:
    return strip_directional_controls("".join(text.split()))


@QUICK
@given(transcripts(), LIMITS)
def test_no_word_is_lost_or_moved(transcript: Transcript, limits: CueLimits) -> None:
    shown = "".join("".join(cue.texts) for cue in cut_cues(transcript, limits))
    assert squeezed(shown) == squeezed(transcript.text)


@QUICK
@given(transcripts(), LIMITS)
def test_no_cue_passes_its_limits_but_for_a_single_longer_word(
    transcript: Transcript, limits: CueLimits
) -> None:
    for cue in cut_cues(transcript, limits):
        assert 1 <= len(cue.lines) <= limits.lines
        lead = limits.lead(cue.speaker)
        for line, text in zip(cue.lines, cue.texts, strict=True):
            assert text.strip()
            assert "\n" not in text
            assert visible_length(lead + text) <= limits.width or len(line) == 1
            lead = ""


@QUICK
@given(transcripts(), LIMITS)
def test_cue_times_are_monotone_and_do_not_overlap(
    transcript: Transcript, limits: CueLimits
) -> None:
    cues = cut_cues(transcript, limits)
    assert all(0 <= cue.start_ms < cue.end_ms for cue in cues)
    assert all(before.end_ms <= after.start_ms for before, after in pairwise(cues))


@QUICK
@given(transcripts(), LIMITS)
def test_no_cue_lasts_longer_than_its_limit(transcript: Transcript, limits: CueLimits) -> None:
    for cue in cut_cues(transcript, limits):
        assert cue.end_ms - cue.start_ms <= limits.seconds * 1000


@QUICK
@given(transcripts(), LIMITS)
def test_a_cue_goes_unread_only_where_nothing_can_be_done(
    transcript: Transcript, limits: CueLimits
) -> None:
    """It stands for as long as reading takes, unless the next one comes or its time is up."""
    cues = cut_cues(transcript, limits)
    borders = [*(cue.start_ms for cue in cues[1:]), round(transcript.duration * 1000)]
    for cue, border in zip(cues, borders, strict=False):
        shown = cue.end_ms - cue.start_ms
        in_time = shown * limits.reading_speed >= cue.length * 1000
        assert in_time or cue.end_ms >= border or shown == limits.seconds * 1000


@QUICK
@given(transcripts(), LIMITS)
def test_a_cue_has_one_speaker(transcript: Transcript, limits: CueLimits) -> None:
    for cue in cut_cues(transcript, limits):
        assert {unit.speaker for line in cue.lines for unit in line} == {cue.speaker}


@QUICK
@given(transcripts(), st.sampled_from(["srt", "vtt"]), st.sampled_from([None, 12, 80]))
def test_an_independent_parser_reads_back_every_cue(
    transcript: Transcript, format_name: str, width: int | None
) -> None:
    limits = CueLimits(width=width or 42)
    shown = rendered(transcript, format_name, RenderOptions(max_line_width=width, speakers=False))
    parsed = pysubs2.SSAFile.from_string(shown, format_=format_name)
    assert [(event.start, event.end, squeezed(event.plaintext)) for event in parsed] == [
        (cue.start_ms, cue.end_ms, squeezed("".join(cue.texts)))
        for cue in cut_cues(transcript, limits)
    ]


@QUICK
@given(
    transcripts(),
    st.integers(100, 400),
    st.floats(0.1, 10),
    st.booleans(),
)
def test_paragraphs_lose_no_word_and_pass_no_limit(
    transcript: Transcript,
    most: int,
    pause: float,
    speakers: bool,  # noqa: FBT001 - drawn
) -> None:
    options = RenderOptions(
        max_paragraph_chars=most, paragraph_pause=pause, speakers=None if speakers else False
    )
    found = lay_paragraphs(transcript, options)
    assert squeezed("".join(each.text for each in found)) == squeezed(transcript.text)
    for each in found:
        assert visible_length(each.text) <= most or len(each.units) == 1
        assert {unit.speaker for unit in each.units} == {each.speaker}
        assert each.start <= each.end
    for before, after in pairwise(found):
        full = len(before.text) + 1 + len(after.units[0].text) > most // 2
        assert before.speaker != after.speaker or after.start - before.end >= pause - 1e-9 or full
