"""The whole flow, with real models on a real recording of two voices."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import jiwer
import pytest

from tamlil.samples import sample_path
from tests.support.command import Command

_MOST_WORD_ERRORS = 0.05
_MOST_SECONDS_WRONG = 2.0


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The user's models, and nothing else of theirs."""
    kept = {"TAMLIL_MODELS_DIR"}
    env: dict[str, str | None] = {
        name: None for name in os.environ if name.startswith("TAMLIL_") and name not in kept
    }
    return Command(env=env | {"TAMLIL_DATA_DIR": str(tmp_path / "data")})


def words(text: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9 ]", " ", text.lower()).split())


@pytest.mark.models
def test_the_demo_transcribes_two_voices_and_verifies_its_webhook(
    command: Command, tmp_path: Path
) -> None:
    output = tmp_path / "demo"
    result = command.run("demo", "--output", output)
    assert result.exit_code == 0, result.stderr
    assert "standardwebhooks verified it" in result.stdout
    reference = json.loads(sample_path("two_voices.json").read_text())
    transcript = json.loads((output / "two_voices.json").read_text())
    assert jiwer.wer(words(reference["text"]), words(transcript["text"])) <= _MOST_WORD_ERRORS
    assert len(transcript["speakers"]) == 2
    assert _seconds_wrong(transcript, reference) <= _MOST_SECONDS_WRONG
    assert (output / "two_voices.srt").read_text().startswith("1\n00:00:0")
    assert (output / "two_voices.vtt").read_text().startswith("WEBVTT")


def _seconds_wrong(transcript: dict[str, object], reference: dict[str, object]) -> float:
    """Seconds of words that are not ascribed to the voice that speaks them."""
    segments, turns = transcript["segments"], reference["turns"]
    assert isinstance(segments, list)
    assert isinstance(turns, list)
    found = [word for segment in segments for word in segment["words"]]
    labels = sorted({word["speaker"] for word in found})
    names = dict(zip(labels, ("F", "M"), strict=True))
    if found[0]["speaker"] != labels[0]:
        names = dict(zip(labels, ("M", "F"), strict=True))
    wrong = 0.0
    for word in found:
        middle = (word["start"] + word["end"]) / 2
        speaking = [turn for turn in turns if turn["start"] <= middle <= turn["end"]]
        if speaking and speaking[0]["speaker"] != names[word["speaker"]]:
            wrong += word["end"] - word["start"]
    return wrong
