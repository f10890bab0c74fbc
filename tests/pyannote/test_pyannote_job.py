"""A job from its audio to its transcript, with pyannote's real code as the diarizer."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import pytest

from gpu_job.assemble import make_pipeline
from gpu_job.engines.ports import SAMPLE_RATE, never
from gpu_job.exit_codes import ExitCode
from gpu_job.steps.decode import decode
from tests.support.platform import make_deployment, make_settings
from tests.support.pyannote_folder import build
from tests.support.weights import SAMPLE, models_dir, require
from tests.support.workers import make_worker, result_of, submit

pytestmark = pytest.mark.models


def _first_turns() -> bytes:
    """The sample's first 16 seconds, in which each voice has a turn, as a WAV file."""
    decoded = decode(SAMPLE, max_seconds=60, on_progress=lambda _: None, should_stop=never)
    samples = np.round(decoded.samples[0 : 16 * SAMPLE_RATE] * 32_767).astype("<i2")
    stream = io.BytesIO()
    with wave.open(stream, "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(SAMPLE_RATE)
        target.writeframes(samples.tobytes())
    return stream.getvalue()


def test_a_job_gets_its_speakers_from_the_diarizer_that_the_settings_name(tmp_path: Path) -> None:
    require("base", "segmentation-3.0", "ecapa")
    settings = make_settings(
        tmp_path / "data",
        models_dir=models_dir(),
        models_offline=True,
        device="cpu",
        diarizer="pyannote",
        pyannote_dir=build(tmp_path / "pipeline"),
    )
    with make_deployment(tmp_path / "data") as deployment:
        platform = deployment.platform
        job = submit(platform, audio=_first_turns(), diarize=True)
        worker = make_worker(platform, make_pipeline(settings, platform), execution="e1", job=600)
        assert worker.run(job.id) is ExitCode.OK
        result = result_of(platform, job)
    assert [total.label for total in result.speakers] == ["SPEAKER_00", "SPEAKER_01"]
    said = {
        label: " ".join(s.text for s in result.segments if s.speakers == (label,))
        for label in ("SPEAKER_00", "SPEAKER_01")
    }
    assert "movable types" in said["SPEAKER_00"]
    assert "Dashwood" in said["SPEAKER_01"]
    assert result.timings["diarize"] > 0
