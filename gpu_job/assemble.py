"""The transcription pipeline of a deployment: its settings, its stores, its engines."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

from gpu_job.engines.loader import EngineCache, EngineConfig
from gpu_job.engines.versions import library_versions
from gpu_job.engines.whisper_backend import available_cores
from gpu_job.hearing import Engines
from gpu_job.models.sources import StoredModels
from gpu_job.pipeline import TranscriptionPipeline
from gpu_job.rediarization import PipelineByKind, RediarizationPipeline
from gpu_job.steps.choose_model import ModelChooser
from gpu_job.steps.decode import decode
from gpu_job.steps.take_source import make_source_taker
from gpu_job.warming import in_background
from shared.domain.job import JobKind
from shared.domain.options import TranscriptionOptions
from shared.ports.blob_store import BlobStore
from shared.ports.platform import Platform
from shared.settings import Settings


def make_pipeline(settings: Settings, platform: Platform) -> PipelineByKind:
    """A pipeline whose models are loaded when first needed and then stay warm."""
    cache = make_cache(settings, platform.blobs)
    return PipelineByKind(
        pipelines={
            JobKind.TRANSCRIPTION: pipeline_with(cache, settings, platform),
            JobKind.REDIARIZATION: RediarizationPipeline(
                diarizer=lambda: cache.diarizer(settings.diarizer)
            ),
        }
    )


def make_cache(settings: Settings, blobs: BlobStore) -> EngineCache:
    """No model is loaded yet."""
    cache_dir = settings.models_cache_dir
    return EngineCache(
        config=EngineConfig(
            models_dir=cache_dir or settings.models_dir,
            baked=(settings.models_dir,) if cache_dir else (),
            stored=stored_models(settings, blobs),
            device=settings.device,
            compute_type=settings.compute_type,
            threads=settings.threads,
            batch_size=settings.batch_size,
            offline=settings.models_offline,
            pyannote_dir=settings.pyannote_dir,
            hf_token=settings.hf_token,
        )
    )


def stored_models(settings: Settings, blobs: BlobStore) -> StoredModels | None:
    """The deployment's own weights, if it says that it has some."""
    if settings.models_prefix is None:
        return None
    return StoredModels(
        prefix=settings.models_prefix,
        sign=lambda key: blobs.sign_download(key, expires_in=settings.download_seconds),
    )


def pipeline_with(
    cache: EngineCache, settings: Settings, platform: Platform
) -> TranscriptionPipeline:
    """A pipeline on these engines."""
    return TranscriptionPipeline(
        take_source=make_source_taker(settings, platform.blobs),
        engines=Engines(
            decode=decode,
            transcriber=cache.transcriber,
            fetch=cache.fetch,
            diarizer=lambda: cache.diarizer(settings.diarizer),
            prepare=_preparer(cache, settings),
        ),
        models=settings.model_policy,
        max_seconds=settings.max_audio_seconds,
        diarizer=settings.diarizer,
        side_by_side=_side_by_side(settings),
        libraries=library_versions(),
    )


def _preparer(cache: EngineCache, settings: Settings) -> Callable[[TranscriptionOptions], Thread]:
    chooser = ModelChooser(policy=settings.model_policy, load=cache.transcriber, fetch=cache.fetch)

    def prepare(options: TranscriptionOptions) -> Thread:
        loads: list[Callable[[], object]] = [
            lambda: cache.transcriber(chooser.first(options), options.engine)
        ]
        if options.diarize:
            loads.append(lambda: cache.diarizer(settings.diarizer))
        return in_background(loads)

    return prepare


def _side_by_side(settings: Settings) -> bool:
    """Whether transcriber and diarizer work at the same time.

    With one core they would only take turns, and both models would lie in memory for longer; a
    GPU is a second device where the diarizer runs on the CPU. Each keeps all of `threads`, so that
    whoever is left has every core: over 75 s of a dialogue on two busy cores that took 0.62 and
    0.70 of the wall time of one after the other, and no more CPU time (29 s against 30 s); with
    one thread each it was 0.52 and 0.76, and 28 s.
    """
    asked = settings.concurrent_diarization
    two_devices = settings.device == "cuda" and settings.diarizer == "embedded"
    two_cores = (settings.threads or available_cores()) > 1
    return asked == "on" or (asked == "auto" and (two_devices or two_cores))
