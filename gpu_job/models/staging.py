"""One pull in progress: files staged, verified against the registry, converted, installed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gpu_job.models import cache
from gpu_job.models.convert import RECIPES
from gpu_job.models.download import DownloadFailed
from gpu_job.models.progress import ModelProgress, OnProgress, Phase
from gpu_job.models.sources import Fetcher
from shared.domain.errors import ModelUnavailable
from shared.models.registry import FileSpec, ModelSpec


@dataclass(kw_only=True)
class Staging:
    """One pull in progress; `stamps` fills with what has been verified."""

    spec: ModelSpec
    models_dir: Path
    on_progress: OnProgress
    stamps: dict[str, cache.Stamp] = field(default_factory=dict)

    @property
    def stage(self) -> Path:
        """Where verified and half-done files lie; becomes the model's folder."""
        return self.models_dir / ".partial" / self.spec.name / "files"

    @property
    def archives(self) -> Path:
        """Where downloaded archives lie until the model is installed."""
        return self.models_dir / ".partial" / self.spec.name / "archives"

    def run(self, fetchers: Sequence[Fetcher]) -> Path:
        """Try the sources in order; what one verified, the next need not bring again.

        Raises:
            ModelUnavailable: none had all files with the registered content.
        """
        self.stage.mkdir(parents=True, exist_ok=True)
        reasons = []
        self._keep_verified()
        for fetcher in fetchers:
            try:
                fetcher.fetch(self._missing(), self.stage, self._reporter(fetcher.label))
                self._verify(self._missing(), fetcher.label)
            except DownloadFailed as exc:
                reasons.append(f"{fetcher.label}: {exc}")
                self._keep_verified()
                continue
            return self._install(fetcher.label)
        msg = f"model {self.spec.name} is in none of its sources; {'; '.join(reasons)}"
        raise ModelUnavailable(msg)

    def _keep_verified(self) -> None:
        """Count what an earlier source or an earlier run left, if its content is registered."""
        for file in self._missing():
            path = self.stage / file.path
            if path.is_file():
                actual = cache.hash_file(path)
                if actual == file.sha256:
                    self.stamps[file.path] = cache.stamp(path, actual)
                else:
                    path.unlink()

    def _missing(self) -> tuple[FileSpec, ...]:
        return tuple(file for file in self.spec.files if file.path not in self.stamps)

    def _verify(self, files: Sequence[FileSpec], source: str) -> None:
        known = self._first_use()
        report = self._reporter(source)
        for file in files:
            path = self.stage / file.path
            size = path.stat().st_size
            report(Phase.VERIFY, file.path, 0, size)
            actual = cache.hash_file(path)
            wanted = file.sha256 or known.get(file.path, actual)
            if actual != wanted:
                path.unlink()
                # Whatever archive it came from holds wrong bytes: never resume from it.
                shutil.rmtree(self.archives, ignore_errors=True)
                msg = f"{file.path} has sha256 {actual}, registered is {wanted}; dropped"
                raise DownloadFailed(msg)
            self.stamps[file.path] = cache.stamp(path, actual)

    def _install(self, source: str) -> Path:
        for derived in self.spec.derived:
            self._reporter(source)(Phase.CONVERT, derived.path, 0, None)
            path = self.stage / derived.path
            try:
                RECIPES[derived.recipe](self.stage / derived.source, path)
            except DownloadFailed as exc:
                msg = f"{derived.path} of model {self.spec.name} can't be made: {exc}"
                raise ModelUnavailable(msg, code="model_conversion_failed") from exc
            self.stamps[derived.path] = cache.stamp(path, cache.hash_file(path))
        cache.write_manifest(self.stage, self.stamps, source=source)
        self._remember_first_use()
        target = self.models_dir / self.spec.name
        if target.exists():
            # Something incomplete or foreign lies there; a rename replaces only an empty folder.
            shutil.rmtree(target)
        self.stage.replace(target)
        shutil.rmtree(self.archives.parent, ignore_errors=True)
        self._reporter(source)(Phase.DONE, self.spec.name, 0, None)
        return target

    def _first_use(self) -> dict[str, str]:
        """Hashes of files that the registry could not pin, from when they first came."""
        try:
            known: dict[str, str] = json.loads(self._first_use_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return known

    def _remember_first_use(self) -> None:
        loose = [file.path for file in self.spec.files if file.sha256 is None]
        if loose:
            hashes = {path: self.stamps[path].sha256 for path in loose}
            self._first_use_file.parent.mkdir(parents=True, exist_ok=True)
            self._first_use_file.write_text(json.dumps(hashes, indent=2), encoding="utf-8")

    @property
    def _first_use_file(self) -> Path:
        return self.models_dir / ".first-use" / f"{self.spec.name}.json"

    def _reporter(self, source: str) -> Callable[[Phase, str, int, int | None], None]:
        def report(phase: Phase, item: str, done: int, total: int | None) -> None:
            self.on_progress(
                ModelProgress(
                    model=self.spec.name,
                    phase=phase,
                    item=item,
                    bytes_done=done,
                    bytes_total=total,
                    source=source,
                )
            )

        return report
