from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gpu_job import assemble
from gpu_job.assemble import make_cache, pipeline_with
from tests.support.platform import make_deployment, make_settings


@pytest.mark.parametrize(
    ("cores", "settings", "expected"),
    [
        (2, {}, True),
        (1, {}, False),
        (8, {"threads": 1}, False),
        (1, {"device": "cuda"}, True),
        (1, {"device": "cuda", "diarizer": "pyannote"}, False),
        (1, {"concurrent_diarization": "on"}, True),
        (8, {"concurrent_diarization": "off"}, False),
    ],
)
def test_both_engines_work_at_once_where_there_is_room_for_both(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cores: int,
    settings: dict[str, Any],
    expected: bool,  # noqa: FBT001 - a parameter
) -> None:
    monkeypatch.setattr(assemble, "available_cores", lambda: cores)
    chosen = make_settings(tmp_path, **settings)
    with make_deployment(tmp_path) as deployment:
        pipeline = pipeline_with(
            make_cache(chosen, deployment.platform.blobs), chosen, deployment.platform
        )
    assert pipeline.side_by_side is expected
