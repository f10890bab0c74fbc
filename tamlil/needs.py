"""What a command needs beyond the core: extras of the distribution, and model weights."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from shared.domain.errors import TamlilError
from shared.models.registry import DEFAULT_MODELS, PYANNOTE_MODEL, find_model
from shared.settings import Settings

#: A module of each extra that shows whether it is installed.
_MARKS = {"api": "uvicorn", "cpu": "faster_whisper", "gpu": "torch"}

DIARIZATION_MODELS = tuple(
    name for name in DEFAULT_MODELS if find_model(name).kind in ("segmentation", "embedding")
)


class MissingExtra(TamlilError):
    """A part of Tamlil is not installed."""

    default_code = "missing_extra"


def has_extra(extra: str) -> bool:
    """Whether the extra's libraries are installed."""
    return importlib.util.find_spec(_MARKS[extra]) is not None


def require_extras(*extras: str) -> None:
    """Check that this installation has the extras.

    Raises:
        MissingExtra: says what to install.
    """
    missing = [extra for extra in extras if not has_extra(extra)]
    if missing:
        wanted = ",".join(missing)
        raise MissingExtra(
            f"this needs the extra {wanted}: pip install 'tamlil[{wanted}]'"
            " (or use --server URL with a server that has it)"
        )


def models_for(model: str, *, diarize: bool, settings: Settings) -> list[str]:
    """What a transcription takes; the settings choose the diarizer."""
    speakers = _diarization_models(settings) if diarize else ()
    return [find_model(model).name, *speakers]


def _diarization_models(settings: Settings) -> tuple[str, ...]:
    if settings.diarizer == "embedded":
        return DIARIZATION_MODELS
    return () if settings.pyannote_dir else (PYANNOTE_MODEL,)


def pull_models(
    names: Iterable[str], models_dir: Path, *, quiet: bool = False, hf_token: str | None = None
) -> dict[str, Path]:
    """Bring models into the cache with a progress bar; quick for those that are there.

    Raises:
        MissingExtra: the extra ``cpu`` is not installed.
        ModelUnavailable: a name is unknown, or no source gave the right bytes.
    """
    require_extras("cpu")
    from gpu_job.models.progress import ModelProgress
    from gpu_job.models.pull import ensure

    console = Console(stderr=True, highlight=False)
    hidden = quiet or not console.is_terminal
    found: dict[str, Path] = {}
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        console=console,
        disable=hidden,
    ) as progress:
        for name in names:
            task = progress.add_task(name, total=None, start=True, visible=False)

            def draw(news: ModelProgress, task: int = int(task)) -> None:
                progress.update(
                    progress.task_ids[task],
                    visible=True,
                    description=f"{news.model}: {news.phase} {news.item}",
                    completed=news.bytes_done,
                    total=news.bytes_total,
                )

            found[name] = ensure(name, models_dir, on_progress=draw, hf_token=hf_token)
            progress.update(task, visible=False)
    return found
