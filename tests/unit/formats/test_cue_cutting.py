"""Where cues are cut: examples."""

from __future__ import annotations

from dataclasses import replace

from shared.domain.transcript import Segment
from shared.formats import RenderOptions
from shared.formats.cues import Cue, CueLimits, cut_cues
from tests.support.transcripts import rendered, segment_of, transcript_of, word


def lines_of(cues: list[Cue]) -> list[list[str]]:
    return [cue.texts for cue in cues]


def test_word_times_decide_cue_times() -> None:
    words = [word(f" {text}", at, at + 0.8) for at, text in enumerate(["aaaaaa", "bbbbbb", "cccc"])]
    cues = cut_cues(transcript_of(segment_of(*words)), CueLimits(width=13, lines=1))
    assert lines_of(cues) == [["aaaaaa"], ["bbbbbb cccc"]]
    assert [(cue.start_ms, cue.end_ms) for cue in cues] == [(0, 1000), (1000, 2800)]


def test_without_word_times_the_segment_is_shared_out_by_characters() -> None:
    segment = Segment(id=0, start=10.0, end=14.0, text=" aaaaaaaaa bbb")
    cues = cut_cues(transcript_of(segment), CueLimits(width=10, lines=1))
    assert [(cue.start_ms, cue.end_ms) for cue in cues] == [(10_000, 13_000), (13_000, 14_000)]


def test_a_change_of_speaker_inside_a_segment_starts_a_cue() -> None:
    segment = segment_of(
        word(" Ready?", 0, 1, "SPEAKER_00"), word(" Yes.", 1, 2, "SPEAKER_01"), word(" Go.", 2, 3)
    )
    cues = cut_cues(transcript_of(segment), CueLimits())
    assert [(cue.speaker, cue.texts) for cue in cues] == [
        ("SPEAKER_00", ["Ready?"]),
        ("SPEAKER_01", ["Yes. Go."]),
    ]


def test_a_long_pause_starts_a_cue() -> None:
    segment = segment_of(word(" Well", 0, 1), word(" then", 2.5, 3))
    assert lines_of(cut_cues(transcript_of(segment), CueLimits())) == [["Well"], ["then"]]


def test_a_slow_speaker_gets_cues_of_seven_seconds_at_most() -> None:
    slow = segment_of(*(word(f" w{at}", at, at + 1) for at in range(12)))
    assert all(
        cue.end_ms - cue.start_ms <= 7000 for cue in cut_cues(transcript_of(slow), CueLimits())
    )


def test_cuts_prefer_the_end_of_a_sentence() -> None:
    segment = Segment(id=0, start=0, end=6, text="One two three four. Five six seven eight nine")
    cues = cut_cues(transcript_of(segment), CueLimits(width=26, lines=1))
    assert lines_of(cues) == [["One two three four."], ["Five six seven eight nine"]]


def test_lines_are_balanced() -> None:
    segment = Segment(id=0, start=0, end=3, text="aaaa bbbb cccc dddd eeee ffff gg")
    cues = cut_cues(transcript_of(segment), CueLimits(width=30, lines=2))
    assert lines_of(cues) == [["aaaa bbbb cccc", "dddd eeee ffff gg"]]


def test_a_short_cue_is_held_for_a_second_where_nothing_follows() -> None:
    first, second = segment_of(word(" Yes.", 0, 0.2)), segment_of(word(" No.", 0.5, 0.6))
    cues = cut_cues(transcript_of(first, second, duration=1.2), CueLimits())
    assert [(cue.start_ms, cue.end_ms) for cue in cues] == [(0, 500), (500, 1200)]


def test_a_word_that_claims_half_a_minute_leaves_the_screen_when_its_time_is_up() -> None:
    cues = cut_cues(transcript_of(segment_of(word(" Yes.", 0, 30))), CueLimits(seconds=5))
    assert [(cue.start_ms, cue.end_ms) for cue in cues] == [(0, 5000)]


def test_a_hasty_cue_is_held_until_it_is_read_where_nothing_follows() -> None:
    hasty = segment_of(word(" " + "a" * 20, 0, 0.5), word(" " + "b" * 19, 0.5, 1))
    cues = cut_cues(transcript_of(hasty), CueLimits(reading_speed=10))
    assert [(cue.start_ms, cue.end_ms) for cue in cues] == [(0, 4000)]


def test_cuts_leave_time_to_read() -> None:
    """A sentence that is over in no time stands together with what follows."""
    fast = [word(" aaaa", 0, 0.1), word(" aaa.", 0.1, 0.2)]
    slow = [word(" bbbb", 0.2 + at, 1.2 + at) for at in range(6)]
    segment = segment_of(*fast, *slow)
    hasty = cut_cues(transcript_of(segment), CueLimits(width=30, lines=1, reading_speed=100))
    calm = cut_cues(transcript_of(segment), CueLimits(width=30, lines=1, reading_speed=12))

    def speed(cues: list[Cue]) -> float:
        return max(cue.length * 1000 / (cue.end_ms - cue.start_ms) for cue in cues)

    assert speed(calm) <= 12 < speed(hasty)


def test_cues_of_overlapping_segments_overlap_and_stay_in_order_of_start() -> None:
    first = segment_of(word(" one", 0, 1), word(" two", 4, 5))
    second = segment_of(word(" three", 2, 4.5))
    cues = cut_cues(transcript_of(first, second), CueLimits())
    assert [(cue.start_ms, cue.end_ms) for cue in cues] == [(0, 1000), (2000, 4500), (4000, 5000)]


def test_glued_words_are_never_parted_and_keep_their_times() -> None:
    segment = segment_of(word(" twenty", 0, 1), word("-five", 1, 2), word(" men", 2, 3))
    cues = cut_cues(transcript_of(segment), CueLimits(width=11, lines=1))
    assert lines_of(cues) == [["twenty-five"], ["men"]]
    assert cues[1].start_ms == 2000


def test_scripts_without_spaces_break_between_characters_but_not_before_punctuation() -> None:
    segment = Segment(id=0, start=0, end=4, text="今日は天気がいいですね。散歩に行きましょう。")
    cues = cut_cues(transcript_of(segment), CueLimits(width=12, lines=1))
    assert lines_of(cues) == [["今日は天気がいいですね。"], ["散歩に行きましょう。"]]


def test_a_space_after_a_word_parts_it_from_the_next() -> None:
    segment = segment_of(
        word("one ", 0, 1), word("two", 1, 2), word(" ", 2, 2), word("three", 2, 3)
    )
    assert lines_of(cut_cues(transcript_of(segment), CueLimits())) == [["one two three"]]


def test_hebrew_points_stay_on_their_letters() -> None:
    text = "שָׁלוֹם לְכֻלָּם, מַה שְּׁלוֹמְכֶם הַיּוֹם?"
    segment = Segment(id=0, start=0, end=4, text=text)
    unmarked = RenderOptions(directional_marks=False)
    assert rendered(transcript_of(segment), "text", unmarked) == f"{text}\n"
    for max_line_width in (10, 20, 42):
        options = RenderOptions(max_line_width=max_line_width, directional_marks=False)
        srt = rendered(transcript_of(segment), "srt", options)
        shown = [line for line in srt.splitlines() if line and line[0] >= "א"]
        assert " ".join(shown) == text


def test_the_order_of_segments_does_not_matter() -> None:
    early, late = segment_of(word(" a", 0, 1)), segment_of(word(" b", 5, 6))
    shuffled = cut_cues(transcript_of(late, replace(early, id=1)), CueLimits())
    assert lines_of(shuffled) == [["a"], ["b"]]
