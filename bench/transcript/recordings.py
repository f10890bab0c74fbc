"""Recordings with what is said in them and by whom, read from a folder.

A folder holds audio files; a subfolder is a set that is scored as one. Beside ``name.flac`` lies

- ``name.json``: a list of ``{"text": …}`` in order, or an object with ``text`` and ``language``
  (English if absent). Items, or the object's ``turns``, may also say ``speaker``, ``start`` and
  ``end`` in seconds.
- ``name.rttm``, or one ``reference.rttm`` for the folder: who speaks when, overlap included.
- ``reference.uem`` for the folder: which part of each file is scored (all of it if absent).

What has neither words nor speakers is left out.
"""

from __future__ import annotations

import json
import wave
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.audio import decoded
from gpu_job.engines.ports import SAMPLE_RATE, Audio
from shared.domain.transcript import Turn

AUDIO = frozenset({".flac", ".mp3", ".m4a", ".ogg", ".wav"})
#: Most that the diarizer may miss: of talk across each other in a room, and of turns in order.
DER_LIMIT_OVERLAPPING, DER_LIMIT_IN_TURN = 33.0, 9.5
#: Two voices on a telephone, of pyannote.audio's package: easier than a room.
_DER_LIMITS = {"telephone": 8.0}

Span = tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """An audio file of `seconds` in the set `group`; `text` or `turns` may be unknown.

    `scored` is the part in which speakers are scored.
    """

    path: Path
    group: str
    seconds: float
    scored: Span
    language: str = "en"
    text: str | None = None
    turns: tuple[Turn, ...] = ()


def read_folder(folder: Path) -> tuple[Recording, ...]:
    """All recordings with a reference, in order of their names.

    Raises:
        ValueError: a reference is not of the form that this module describes.
    """
    found = list(_read(folder, group=None))
    for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
        found += _read(inner, group=inner.name)
    return tuple(found)


def repeated(recording: Recording, target: Path, *, seconds: float) -> Recording:
    """The recording as often as it takes to fill `seconds`, written as 16-bit WAV to `target`."""
    times = int(np.ceil(seconds / recording.seconds))
    samples = decoded(recording.path).samples[:]
    write_wav(target, np.tile(samples, times))
    length = len(samples) / SAMPLE_RATE
    text = None if recording.text is None else " ".join([recording.text] * times)
    turns = tuple(
        replace(turn, start=turn.start + shift, end=turn.end + shift)
        for shift in (length * number for number in range(times))
        for turn in recording.turns
    )
    total = length * times
    return replace(
        recording, path=target, seconds=total, scored=(0.0, total), text=text, turns=turns
    )


def write_wav(target: Path, samples: Audio) -> None:
    """Mono, 16 bit, 16 kHz."""
    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(as_pcm(samples))


def as_pcm(samples: Audio) -> bytes:
    """Samples in -1..1 as signed 16-bit integers, little endian."""
    return np.clip(np.round(samples * 32768), -32768, 32767).astype("<i2").tobytes()


def parse_rttm(text: str) -> Mapping[str, tuple[Turn, ...]]:
    """Turns by file, from NIST's RTTM.

    Raises:
        ValueError: a line is too short or its times are no numbers.
    """
    found: dict[str, list[Turn]] = defaultdict(list)
    for line in text.splitlines():
        fields = line.split()
        if fields and fields[0] == "SPEAKER":
            if len(fields) < 8:
                raise ValueError(f"not a line of RTTM: {line}")
            start = float(fields[3])
            turn = Turn(start=start, end=start + float(fields[4]), speaker=fields[7])
            found[fields[1]].append(turn)
    return {name: tuple(sorted(turns, key=lambda t: t.start)) for name, turns in found.items()}


def parse_uem(text: str) -> Mapping[str, Span]:
    """The scored part of each file: from its first line's start to its last line's end."""
    found: dict[str, Span] = {}
    for line in text.splitlines():
        if fields := line.split():
            start, end = float(fields[2]), float(fields[3])
            known = found.get(fields[0], (start, end))
            found[fields[0]] = (min(known[0], start), max(known[1], end))
    return found


def overlaps(turns: Sequence[Turn]) -> bool:
    """Whether anybody speaks while another does."""
    latest = 0.0
    for turn in sorted(turns, key=lambda turn: turn.start):
        if turn.start < latest:
            return True
        latest = max(latest, turn.end)
    return False


def der_limit(recordings: Sequence[Recording]) -> float:
    """The diarization error rate (percent) that a set may have at most."""
    known = _DER_LIMITS.get(recordings[0].group)
    if known is not None:
        return known
    if any(overlaps(recording.turns) for recording in recordings):
        return DER_LIMIT_OVERLAPPING
    return DER_LIMIT_IN_TURN


def _read(folder: Path, *, group: str | None) -> Iterator[Recording]:
    all_turns = parse_rttm(_content(folder / "reference.rttm"))
    all_scored = parse_uem(_content(folder / "reference.uem"))
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in AUDIO:
            continue
        text, language, turns = _words(path.with_suffix(".json"))
        own = parse_rttm(_content(path.with_suffix(".rttm")))
        turns = tuple(turn for each in own.values() for turn in each) or all_turns.get(
            path.stem, turns
        )
        if text is None and not turns:
            continue
        seconds = decoded(path).duration
        yield Recording(
            path=path,
            group=group or path.stem,
            seconds=seconds,
            scored=all_scored.get(path.stem, (0.0, seconds)),
            language=language,
            text=text,
            turns=turns,
        )


def _content(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _words(path: Path) -> tuple[str | None, str, tuple[Turn, ...]]:
    """Text, language and turns of a reference; nothing if there is none."""
    if not path.is_file():
        return None, "en", ()
    content: Any = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(content, list):
        content = {"turns": content}
    items: list[dict[str, Any]] = content.get("turns", [])
    text = content.get("text") or " ".join(item["text"] for item in items)
    turns = tuple(
        Turn(start=item["start"], end=item["end"], speaker=item["speaker"])
        for item in items
        if {"start", "end", "speaker"} <= set(item)
    )
    return text or None, content.get("language", "en"), turns
