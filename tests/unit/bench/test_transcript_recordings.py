from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench.transcript.recordings import (
    Recording,
    der_limit,
    overlaps,
    parse_rttm,
    parse_uem,
    read_folder,
    repeated,
    write_wav,
)
from shared.domain.transcript import Turn


def sound(path: Path, *, seconds: float = 1.0) -> Path:
    write_wav(path, np.linspace(-0.5, 0.5, int(seconds * 16_000), dtype=np.float32))
    return path


def turn(speaker: str, start: float, end: float) -> Turn:
    return Turn(start=start, end=end, speaker=speaker)


def test_a_list_of_items_is_joined_to_the_text(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    (tmp_path / "a.json").write_text(json.dumps([{"text": "one"}, {"text": "two"}]))
    (found,) = read_folder(tmp_path)
    assert (found.text, found.language, found.group, found.turns) == ("one two", "en", "a", ())
    assert found.seconds == pytest.approx(1.0)
    assert found.scored == (0.0, found.seconds)


def test_an_object_names_language_text_and_turns(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    item = {"speaker": "F", "start": 0.1, "end": 0.9, "text": "bonjour"}
    (tmp_path / "a.json").write_text(json.dumps({"language": "fr", "text": "oui", "turns": [item]}))
    (found,) = read_folder(tmp_path)
    assert (found.language, found.text, found.turns) == ("fr", "oui", (turn("F", 0.1, 0.9),))


def test_a_file_of_its_own_says_better_who_speaks(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    item = {"speaker": "F", "start": 0.1, "end": 0.9, "text": "yes"}
    (tmp_path / "a.json").write_text(json.dumps([item]))
    (tmp_path / "a.rttm").write_text("SPEAKER a 1 0.25 0.5 <NA> <NA> G <NA> <NA>\n")
    (found,) = read_folder(tmp_path)
    assert found.turns == (turn("G", 0.25, 0.75),)


def test_a_subfolder_is_one_set_with_one_reference(tmp_path: Path) -> None:
    inner = tmp_path / "meetings"
    inner.mkdir()
    for name in ("m1", "m2", "unknown"):
        sound(inner / f"{name}.wav", seconds=2.0)
    (inner / "reference.rttm").write_text(
        "SPEAKER m1 1 0.0 1.0 <NA> <NA> A <NA> <NA>\nSPEAKER m2 1 0.5 1.0 <NA> <NA> B <NA> <NA>\n"
    )
    (inner / "reference.uem").write_text("m1 NA 0.0 1.5\n")
    first, second = read_folder(tmp_path)
    assert (first.group, second.group) == ("meetings", "meetings")
    assert (first.scored, second.scored) == ((0.0, 1.5), (0.0, 2.0))
    assert (first.text, second.turns) == (None, (turn("B", 0.5, 1.5),))


def test_audio_without_a_reference_is_left_out(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    assert read_folder(tmp_path) == ()


def test_repeating_repeats_words_and_turns_with_the_audio(tmp_path: Path) -> None:
    once = Recording(
        path=sound(tmp_path / "a.wav"),
        group="a",
        seconds=1.0,
        scored=(0.0, 1.0),
        text="yes",
        turns=(turn("A", 0.25, 0.5),),
    )
    found = repeated(once, tmp_path / "long.wav", seconds=2.5)
    assert (found.seconds, found.scored, found.text) == (3.0, (0.0, 3.0), "yes yes yes")
    assert [item.start for item in found.turns] == [0.25, 1.25, 2.25]


def test_a_line_that_is_no_rttm_is_refused() -> None:
    with pytest.raises(ValueError, match="RTTM"):
        parse_rttm("SPEAKER a 1 0.0")


def test_other_lines_of_rttm_are_passed_over() -> None:
    assert parse_rttm("SPKR-INFO a 1 <NA> <NA> <NA> unknown A <NA> <NA>\n\n") == {}


def test_the_scored_part_goes_from_the_first_line_to_the_last() -> None:
    assert parse_uem("a NA 2 4\na NA 6 8\nb NA 0 1\n") == {"a": (2.0, 8.0), "b": (0.0, 1.0)}


def test_talk_across_each_other_may_be_missed_more_often() -> None:
    def recording(*turns: Turn) -> Recording:
        return Recording(path=Path("a.wav"), group="a", seconds=9, scored=(0, 9), turns=turns)

    in_turn = recording(turn("A", 0, 2), turn("B", 2, 4))
    across = recording(turn("A", 0, 5), turn("B", 1, 2), turn("A", 6, 7))
    assert not overlaps(in_turn.turns)
    assert overlaps(across.turns)
    assert (der_limit([in_turn]), der_limit([in_turn, across])) == (9.5, 33.0)
