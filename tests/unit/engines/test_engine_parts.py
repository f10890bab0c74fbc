from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_job.engines import silero_vad
from gpu_job.engines.interruptible import engine_errors, run_interruptibly
from gpu_job.engines.loader import (
    DIARIZERS,
    ENGINES,
    EngineCache,
    EngineConfig,
    load_faster_whisper,
)
from gpu_job.engines.onnx_session import OnnxSession
from gpu_job.engines.ports import Transcriber, never
from gpu_job.engines.readable_segments import MAX_CHARACTERS, MAX_SECONDS, split_segment
from gpu_job.engines.silero_vad import SileroVad
from gpu_job.steps.decode import decode
from shared.domain.errors import ModelUnavailable, Stopped, UnsupportedOption, WorkerError
from shared.domain.transcript import Segment, Word
from shared.models.registry import ModelSpec
from shared.settings import Settings
from tests.support.weights import SAMPLE
from tests.support.whisper import ScriptedWhisper, silence, spoken


def _texts(segment: Segment) -> list[str]:
    return [piece.text for piece in split_segment(segment)]


def test_sentences_become_segments() -> None:
    assert _texts(spoken(0, "It", "works.", "Does", "it?", "Yes")) == [
        "It works.",
        "Does it?",
        "Yes",
    ]


def test_titles_and_initials_end_no_sentence() -> None:
    assert _texts(spoken(0, "Mr.", "J.", "Dashwood", "came.")) == ["Mr. J. Dashwood came."]


def test_a_pause_ends_a_segment() -> None:
    words = (*spoken(0, "one", "two").words, *spoken(3, "three").words)
    segment = Segment(id=0, start=0, end=4, text="one two three", words=words)
    assert _texts(segment) == ["one two", "three"]


def test_a_long_sentence_is_cut_at_a_comma_near_its_middle() -> None:
    segment = spoken(
        0, *"a b, c d e f g h i j k l m n o, p q r s t u v w x y z aa bb, cc dd ee ff".split()
    )
    pieces = split_segment(segment)
    assert pieces[0].text.endswith("o,")
    assert [word for piece in pieces for word in piece.words] == list(segment.words)
    assert [(piece.start, piece.end) for piece in pieces] == [
        (piece.words[0].start, piece.words[-1].end) for piece in pieces
    ]


@given(
    st.lists(st.sampled_from(["word", "end.", "clause,", "…", "x" * 50]), min_size=1, max_size=80)
)
def test_splitting_keeps_every_word_and_the_limits(texts: list[str]) -> None:
    segment = spoken(0, *texts)
    pieces = split_segment(segment)
    assert [word for piece in pieces for word in piece.words] == list(segment.words)
    several = [piece for piece in pieces if len(piece.words) > 1]
    assert all(len(piece.text) <= MAX_CHARACTERS for piece in several)
    assert all(piece.end - piece.start <= MAX_SECONDS for piece in several)


def test_a_segment_takes_up_to_eight_seconds() -> None:
    assert MAX_SECONDS == 8.0
    assert len(_texts(spoken(0, *["word"] * 16))) == 1
    assert len(_texts(spoken(0, *["word"] * 17))) == 2


def test_a_segment_without_words_is_left_alone() -> None:
    segment = Segment(id=0, start=0, end=60, text="One. Two.")
    assert split_segment(segment) == (segment,)


def test_the_real_vad_hears_nothing_in_silence_or_noise_and_stops_when_told() -> None:
    noise = np.random.default_rng(1).normal(0, 0.003, 16_000 * 5).astype(np.float32)
    assert SileroVad().speech_regions(noise, should_stop=lambda: False) == ()
    assert SileroVad().speech_regions(silence(3), should_stop=lambda: False) == ()
    with pytest.raises(Stopped):
        SileroVad().speech_regions(noise, should_stop=lambda: True)


def test_the_result_and_the_fault_of_native_work_come_back() -> None:
    assert run_interruptibly(lambda: 42, lambda: False) == 42
    with pytest.raises(ZeroDivisionError):
        run_interruptibly(lambda: 1 // 0, lambda: False)


def test_work_that_never_began_is_not_started_after_a_stop() -> None:
    began = threading.Event()
    with pytest.raises(Stopped):
        run_interruptibly(began.set, lambda: True)
    assert not began.is_set()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (MemoryError(), "out_of_memory"),
        (RuntimeError("CUDA failed with error out of memory"), "out_of_memory"),
        (RuntimeError("std::bad_alloc"), "out_of_memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."), "out_of_memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out_of_memory"),
        (RuntimeError("cuBLAS failed"), "engine_failed"),
        (ValueError("bad shape"), "engine_failed"),
    ],
)
def test_native_faults_become_retryable_worker_errors(fault: Exception, code: str) -> None:
    with pytest.raises(WorkerError) as caught, engine_errors("whisper"):
        raise fault
    assert (caught.value.code, caught.value.retryable) == (code, True)


def test_a_network_that_is_no_network_is_a_worker_error(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"not a network")
    with pytest.raises(WorkerError, match=r"x\.onnx can't be loaded"):
        OnnxSession(tmp_path / "x.onnx")


def _cache(loaded: list[str], models_dir: Path) -> EngineCache:
    def load(config: EngineConfig, model: ModelSpec) -> Transcriber:
        time.sleep(0.05)  # long enough for others to ask meanwhile
        loaded.append(model.name)
        from gpu_job.engines.faster_whisper_engine import FasterWhisperTranscriber

        return FasterWhisperTranscriber(backend=ScriptedWhisper(), model=model, vad=SileroVad())

    config = EngineConfig(models_dir=models_dir, offline=True)
    return EngineCache(config=config, engines=MappingProxyType({"faster-whisper": load}))


def test_the_same_model_stays_warm_and_another_takes_its_place(tmp_path: Path) -> None:
    loaded: list[str] = []
    cache = _cache(loaded, tmp_path)
    first = cache.transcriber("turbo")
    assert cache.transcriber("large-v3-turbo") is first
    assert cache.transcriber("base") is not first
    cache.transcriber("turbo")
    assert loaded == ["large-v3-turbo", "base", "large-v3-turbo"]


def test_whoever_asks_while_a_model_loads_gets_that_one(tmp_path: Path) -> None:
    loaded: list[str] = []
    cache = _cache(loaded, tmp_path)
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: id(cache.transcriber("base")), range(8)))
    assert (len(found), loaded) == (1, ["base"])


def test_an_unknown_engine_or_model_is_refused(tmp_path: Path) -> None:
    cache = _cache([], tmp_path)
    with pytest.raises(UnsupportedOption, match="available: faster-whisper"):
        cache.transcriber("base", engine="other")
    with pytest.raises(UnsupportedOption, match="does not transcribe"):
        cache.transcriber("ecapa")
    with pytest.raises(ModelUnavailable):
        cache.transcriber("nobody-knows")
    with pytest.raises(UnsupportedOption, match="available: embedded, pyannote"):
        cache.diarizer("nobody-knows")


def test_missing_weights_say_so_when_offline(tmp_path: Path) -> None:
    cache = EngineCache(config=EngineConfig(models_dir=tmp_path, offline=True))
    loads = (
        lambda: cache.transcriber("base"),
        cache.diarizer,
        lambda: cache.diarizer("pyannote"),
    )
    for load in loads:
        with pytest.raises(ModelUnavailable, match="stay offline"):
            load()


def test_the_alias_of_the_older_service_is_the_same_engine() -> None:
    assert ENGINES["stable-whisper"] is ENGINES["faster-whisper"] is load_faster_whisper


def test_the_setting_of_the_diarizer_knows_the_names_that_are_registered() -> None:
    assert get_args(Settings.model_fields["diarizer"].annotation) == tuple(DIARIZERS)


def test_words_of_no_length_can_be_split() -> None:
    words = tuple(
        Word(word=" x." if n % 3 else " y,", start=1, end=1, probability=1) for n in range(9)
    )
    segment = Segment(id=0, start=1, end=1, text="", words=words)
    assert sum(len(piece.words) for piece in split_segment(segment)) == 9


def test_the_vad_gives_the_same_whatever_windows_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = decode(SAMPLE, max_seconds=60, on_progress=lambda _: None, should_stop=never).samples
    whole = SileroVad().speech_regions(sample, should_stop=never)
    monkeypatch.setattr(silero_vad, "_BLOCK_FRAMES", 37)
    assert SileroVad().speech_regions(sample, should_stop=never) == whole
    assert len(whole) > 5
