"""Pulling a model: try its sources in order, check the bytes, convert, move into the cache at once.

Work happens under ``<models_dir>/.partial/<name>``, so a reader sees a whole model or none, a
broken pull resumes, and a lock file lets one process pull while others wait for its result.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from gpu_job.models import cache
from gpu_job.models.download import Downloader
from gpu_job.models.package_index import http_client, index_finder
from gpu_job.models.pip_config import PackageIndex, read_package_index
from gpu_job.models.progress import OnProgress, ignore_progress
from gpu_job.models.sources import (
    HUB,
    Fetcher,
    HubFetcher,
    PackageFetcher,
    StoredModels,
    StoreFetcher,
)
from gpu_job.models.staging import Staging
from shared.domain.errors import ModelUnavailable
from shared.models.registry import HubSource, ModelSpec, find_model, load_registry

MakeFetchers = Callable[[ModelSpec, Path], Sequence[Fetcher]]


def pull(
    name: str,
    models_dir: Path,
    registry: Mapping[str, ModelSpec] | None = None,
    on_progress: OnProgress = ignore_progress,
    *,
    environ: Mapping[str, str] | None = None,
    make_fetchers: MakeFetchers | None = None,
    hf_token: str | None = None,
    stored: StoredModels | None = None,
) -> Path:
    """Bring a model into the cache and return its folder; quick when it is there already.

    Args:
        name: a model's name or alias.
        models_dir: the cache's root; made if absent.
        registry: the packaged one by default.
        on_progress: called often, from this thread.
        environ: where pip's and the hub's variables are read; the process's own by default.
        make_fetchers: replaces the sources (tests).
        hf_token: for gated repositories of the hub; ``HF_TOKEN`` of `environ` by default.
        stored: the deployment's own store, asked before every other source.

    Raises:
        ModelUnavailable: unknown name, no source gave the registered bytes, or the cache can't be
            written (code ``models_dir_unusable``).
    """
    spec = find_model(name, registry if registry is not None else load_registry())
    try:
        return _pull(spec, models_dir, on_progress, environ, make_fetchers, hf_token, stored)
    except OSError as exc:
        msg = f"models folder {models_dir} can't be used: {exc.strerror}"
        raise ModelUnavailable(msg, code="models_dir_unusable") from exc


def _pull(
    spec: ModelSpec,
    models_dir: Path,
    on_progress: OnProgress,
    environ: Mapping[str, str] | None,
    make_fetchers: MakeFetchers | None,
    hf_token: str | None,
    stored: StoredModels | None,
) -> Path:
    with _locked(models_dir, spec.name):
        status = cache.inspect(spec, models_dir / spec.name)
        if status.installed:
            cache.restamp(status)
            return status.path
        work = Staging(spec=spec, models_dir=models_dir, on_progress=on_progress)
        if make_fetchers is not None:
            return work.run(make_fetchers(spec, work.archives))
        settings = dict(os.environ if environ is None else environ)
        if hf_token:
            settings["HF_TOKEN"] = hf_token
        index = read_package_index(settings)
        with http_client(index) as client:
            downloader = Downloader(client=client)
            own: Sequence[Fetcher] = ()
            if stored is not None:
                own = (StoreFetcher(stored=stored, model=spec.name, downloader=downloader),)
                if stored.only:
                    return work.run(own)
            public = _fetchers(spec, work.archives, downloader, index, settings)
            return work.run([*own, *public])


def ensure(
    name: str,
    models_dir: Path,
    registry: Mapping[str, ModelSpec] | None = None,
    on_progress: OnProgress = ignore_progress,
    *,
    baked: Sequence[Path] = (),
    offline: bool = False,
    hf_token: str | None = None,
    stored: StoredModels | None = None,
) -> Path:
    """Return a model's verified folder: a baked one, the cached one, or a fresh pull.

    Args:
        name: a model's name or alias.
        models_dir: the cache's root.
        registry: the packaged one by default.
        on_progress: hears of a pull.
        baked: read-only roots with the cache's layout, used in place (container images).
        offline: never go to a source, but to `stored`.
        hf_token: see `pull`.
        stored: see `pull`.

    Raises:
        ModelUnavailable: nowhere here and `offline`, or no source gave the registered bytes.
    """
    spec = find_model(name, registry if registry is not None else load_registry())
    for root in (*baked, models_dir):
        status = cache.inspect(spec, root / spec.name)
        if status.installed:
            cache.restamp(status)
            return status.path
    if stored is not None:
        stored = replace(stored, only=stored.only or offline)
    elif offline:
        msg = f"model {spec.name} is not in {models_dir} and this process is told to stay offline"
        raise ModelUnavailable(msg)
    return pull(spec.name, models_dir, registry, on_progress, hf_token=hf_token, stored=stored)


def _fetchers(
    spec: ModelSpec,
    archives: Path,
    downloader: Downloader,
    index: PackageIndex,
    environ: Mapping[str, str],
) -> Sequence[Fetcher]:
    endpoint = environ.get("HF_ENDPOINT") or HUB
    token = environ.get("HF_TOKEN") or None
    find = index_finder(index)
    return [
        HubFetcher(source=source, downloader=downloader, endpoint=endpoint, token=token)
        if isinstance(source, HubSource)
        else PackageFetcher(
            source=source, downloader=downloader, find_archive=find, archives_dir=archives
        )
        for source in spec.sources
    ]


@contextmanager
def _locked(models_dir: Path, name: str) -> Iterator[None]:
    """Hold the model's lock file; the kernel frees it when the process dies."""
    folder = models_dir / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
