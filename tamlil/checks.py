"""What `tamlil doctor` looks at: each check says ok, warn or fail, and what to do."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

from shared.adapters.local.database import Database
from shared.domain.errors import TamlilError
from shared.models.registry import DEFAULT_MODELS
from shared.settings import Settings
from tamlil.checks_engines import engines, gpu
from tamlil.console import size_text
from tamlil.findings import Check, fail, ok, warn
from tamlil.needs import has_extra
from tamlil.samples import sample_path

GIB = 1 << 30


def run_checks(settings: Settings) -> list[Check]:
    """All checks, in the order in which they build on each other."""
    checks: tuple[Callable[[Settings], Check], ...] = (
        _python,
        _extras,
        _cores,
        _memory,
        _disk,
        _database,
        _models,
        _decoding,
        _port,
        gpu,
        engines,
    )
    return [check(settings) for check in checks]


def _python(_: Settings) -> Check:
    found = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < (3, 11):  # noqa: UP036 - somebody may run the sources without installing
        return fail("Python", found, "Tamlil needs Python 3.11 or newer.")
    return ok("Python", found)


def _extras(_: Settings) -> Check:
    missing = [extra for extra in ("api", "cpu") if not has_extra(extra)]
    if missing:
        wanted = ",".join(missing)
        return fail("extras", f"{wanted} not installed", f"pip install 'tamlil[{wanted}]'")
    return ok("extras", "api, cpu")


def _cores(settings: Settings) -> Check:
    count = _usable_cores()
    found = f"{count} usable"
    if settings.threads > count:
        advice = f"TAMLIL_THREADS is {settings.threads}; more threads than cores slow down."
        return warn("cores", found, advice)
    if count < 2:  # noqa: PLR2004 - one for the worker, one for the rest
        return warn("cores", found, "It works, at about the speed of the recording.")
    return ok("cores", found)


def _usable_cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1


def _memory(_: Settings) -> Check:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return warn("memory", "unknown", "A worker with the default models takes about 1.5 GiB.")
    if total < 2 * GIB:
        return warn("memory", size_text(total), "Below 2 GiB a worker may be killed; add swap.")
    return ok("memory", size_text(total))


def _disk(settings: Settings) -> Check:
    free = shutil.disk_usage(_existing(settings.data_dir)).free
    found = f"{size_text(free)} free for {settings.data_dir}"
    advice = "Free some, or set TAMLIL_DATA_DIR; audio and transcripts are kept there."
    if free < GIB // 2:
        return fail("disk", found, advice)
    return warn("disk", found, advice) if free < 5 * GIB else ok("disk", found)


def _database(settings: Settings) -> Check:
    try:
        database = Database(settings.data_dir)
        with database.write():
            pass
        database.close()
    except TamlilError as exc:
        return fail("database", exc.detail, f"Make {settings.data_dir} writable for this user.")
    return ok("database", f"{database.path} is writable")


def _models(settings: Settings) -> Check:
    from gpu_job.models.cache import verify

    advice = "tamlil models pull"
    checked = [verify(name, settings.models_dir) for name in DEFAULT_MODELS]
    damaged = [status.spec.name for status in checked if status.files and not status.installed]
    absent = [status.spec.name for status in checked if not status.files]
    if damaged:
        return fail("models", f"damaged: {', '.join(damaged)}", advice)
    if absent:
        return warn("models", f"not here yet: {', '.join(absent)}", advice)
    return ok("models", f"{', '.join(DEFAULT_MODELS)}: every byte is right")


def _decoding(_: Settings) -> Check:
    if not has_extra("cpu"):
        return fail("decoding", "the extra cpu is missing", "pip install 'tamlil[cpu]'")
    from gpu_job.steps.decode import decode

    try:
        audio = decode(
            sample_path(),
            max_seconds=600.0,
            on_progress=lambda _seconds: None,
            should_stop=lambda: False,
        )
    except TamlilError as exc:
        return fail("decoding", exc.detail, "Install Tamlil anew; no ffmpeg program is needed.")
    return ok("decoding", f"{audio.duration:.1f} s of sample decoded, no ffmpeg program needed")


def _port(settings: Settings) -> Check:
    from functions.local.http_server import bind

    try:
        bind(settings.host, settings.port).close()
    except TamlilError as exc:
        if _answers(settings):
            return warn("port", f"{settings.port}: a Tamlil server is running there already", "")
        return fail("port", exc.detail, "Set TAMLIL_PORT, or use: tamlil serve --port 0")
    return ok("port", f"{settings.host}:{settings.port} is free")


def _answers(settings: Settings) -> bool:
    try:
        answer = httpx.get(f"http://{settings.host}:{settings.port}/health", timeout=2.0)
    except httpx.HTTPError:
        return False
    return answer.text.replace(" ", "") == '{"status":"ok"}'


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
