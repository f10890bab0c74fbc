"""What is compared: warm processes that all answer the same question about a recording."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx

from bench.child import Child
from bench.client import Caller
from bench.embedded import embedded_server, make_settings
from bench.findings import BenchmarkBroken
from bench.transcript.recordings import Recording, parse_rttm
from bench.usage import Meter
from gpu_job.engines.capacity import batch_size_here
from gpu_job.engines.whisper_backend import available_cores, resolve_device
from shared.domain.options import TranscriptionOptions
from shared.domain.transcript import Turn
from shared.settings import worker_environment

_LONGEST_SECONDS = 3600.0
_IDLE_SECONDS = 36_000.0
#: Peers fetch nothing and report nothing while they are measured.
_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "PYANNOTE_METRICS_ENABLED": "0",
    "PYTHONWARNINGS": "ignore",
}
_MIB = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """What a system made of a recording; `words` counts those with times of their own.

    `lengths` are its segments' (seconds).

    `text` is None where it does not transcribe, `turns` where it does not tell speakers apart.
    `diarizer` is the wall and CPU time of that part alone, where a system tells it.
    """

    text: str | None = None
    lengths: tuple[float, ...] = ()
    words: int = 0
    turns: tuple[Turn, ...] | None = None
    diarizer: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One system on one recording: seconds, seconds of CPU, MiB of the process tree."""

    wall: float
    cpu: float
    peak: float
    heard: Heard


class System(Protocol):
    """A process tree with its models loaded."""

    name: str
    #: Seconds from the start of the process, or of loading, until it could work.
    load_seconds: float

    def run(self, recording: Recording) -> Run:
        """Do the whole work, decoding included."""
        ...

    def suspended(self) -> AbstractContextManager[None]:
        """Stop the processes while another system works."""
        ...


class PeerSystem:
    """A child that answers ``{"audio": path}``."""

    def __init__(self, name: str, child: Child) -> None:
        self.name = name
        self.load_seconds: float = child.ready["load_seconds"]
        self._child = child

    def run(self, recording: Recording) -> Run:
        """From asking until everything is there."""
        with Meter(self._child.tree) as meter:
            found = self._child.ask({"audio": str(recording.path)}, seconds=_LONGEST_SECONDS)
        return _as_run(meter, _heard(found))

    def suspended(self) -> AbstractContextManager[None]:
        """Stop the child."""
        return self._child.suspended()


class OurSystem:
    """The embedded server with its worker; one job for each question."""

    def __init__(self, name: str, child: Child, caller: Caller, *, diarize: bool) -> None:
        self.name = name
        self.load_seconds = 0.0
        self._child = child
        self._caller = caller
        self._options = {"diarize": "true"} if diarize else {}

    def run(self, recording: Recording) -> Run:
        """From the first byte of the submit until the caller holds the transcript."""
        with Meter(self._child.tree) as meter:
            job = self._caller.transcribe(recording.path, self._options, seconds=_LONGEST_SECONDS)
            transcript = self._caller.rendered(job, "json").json()
        # The first job loads the models, which none after it does.
        self.load_seconds = max(self.load_seconds, job["timings"].get("load", 0.0))
        segments = transcript["segments"]
        return _as_run(
            meter,
            Heard(
                text=transcript["text"],
                lengths=tuple(segment["end"] - segment["start"] for segment in segments),
                words=sum(len(segment["words"]) for segment in segments),
                turns=self._turns(job, transcript) if self._options else None,
            ),
        )

    def suspended(self) -> AbstractContextManager[None]:
        """Stop the server and its worker."""
        return self._child.suspended()

    def _turns(self, job: dict[str, Any], transcript: dict[str, Any]) -> tuple[Turn, ...]:
        """The turns as a user gets them, made of words."""
        if not any(segment["speakers"] for segment in transcript["segments"]):
            return ()
        found = parse_rttm(self._caller.rendered(job, "rttm").text)
        return tuple(turn for turns in found.values() for turn in turns)


@dataclass(frozen=True, kw_only=True, slots=True)
class Starter:
    """Starts systems in `folder` and ends them with `stack`.

    `peers` is the Python of the environment that holds whisperX, if there is one.
    """

    stack: ExitStack
    folder: Path
    peers: Path | None

    def ours(self, *, diarize: bool) -> OurSystem:
        """A server with a worker of its own."""
        name = "Tamlil, diarized" if diarize else "Tamlil"
        place = self.folder / ("diarized" if diarize else "plain")
        settings = make_settings(place, worker_idle_seconds=_IDLE_SECONDS)
        child = self.stack.enter_context(embedded_server(settings, log=place.with_suffix(".log")))
        http = httpx.Client(
            base_url=child.ready["url"], headers={"X-API-Key": child.ready["token"]}, timeout=60.0
        )
        self.stack.enter_context(http)
        return OurSystem(name, child, Caller(http=http), diarize=diarize)

    def batched(self) -> PeerSystem:
        """faster-whisper's batched pipeline."""
        return self._peer("faster-whisper {version}, batched", "bench.raw_whisper")

    def sequential(self) -> PeerSystem:
        """faster-whisper's first way: one window after the other, with context."""
        name = "faster-whisper {version}, sequential"
        return self._peer(name, "bench.raw_whisper", "--sequential")

    def own_diarizer(self) -> PeerSystem:
        """Our diarizer without anything around it."""
        return self._peer("Tamlil's diarizer alone", "bench.own_diarizer")

    def whisperx(self, *, diarize: bool) -> PeerSystem | None:
        """whisperX, with pyannote.audio after it; None where it can't be had."""
        if self.peers is None:
            return None
        settings = make_settings(self.folder / "peers")
        models = settings.models_dir
        fitted = batch_size_here(resolve_device(settings.device), models / settings.default_model)
        arguments = [
            str(models / settings.default_model),
            str(settings.threads or available_cores()),
            str(settings.batch_size or fitted),
            str(TranscriptionOptions().beam_size),
        ]
        name = "whisperX {version}, no word times"
        if diarize:
            arguments += ["--diarize", str(models / "ecapa" / "ecapa.onnx")]
            name = "whisperX {version} + pyannote.audio {pyannote}, weights of 2.1"
        try:
            return self._peer(
                name, "bench.peers.whisperx_child", *arguments, python=str(self.peers)
            )
        except BenchmarkBroken as exc:  # the others still count
            print(f"whisperX does not start: {exc}", file=sys.stderr)
            return None

    def _peer(
        self, name: str, module: str, *arguments: str, python: str = sys.executable
    ) -> PeerSystem:
        env = worker_environment(make_settings(self.folder / "peers")) | _QUIET
        log = self.folder / f"{module}{len(arguments)}.log"
        child = Child(module, *arguments, env=env, log=log, python=python)
        self.stack.enter_context(child)
        return PeerSystem(name.format_map(child.ready), child)


def _as_run(meter: Meter, heard: Heard) -> Run:
    return Run(wall=meter.wall, cpu=meter.cpu, peak=meter.peak_bytes / _MIB, heard=heard)


def _heard(found: Mapping[str, Any]) -> Heard:
    turns = found.get("turns")
    return Heard(
        text=found.get("text"),
        lengths=tuple(found.get("lengths", ())),
        words=found.get("words", 0),
        turns=None if turns is None else tuple(_turn(*turn) for turn in turns),
        diarizer=found.get("diarizer", {}),
    )


def _turn(start: float, end: float, speaker: str) -> Turn:
    return Turn(start=start, end=end, speaker=speaker)
