"""Where weights come from: the deployment's store, a hub repository, files inside a package."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

from gpu_job.models.archives import join_members
from gpu_job.models.cache import MANIFEST, Stamp, hash_file, read_manifest
from gpu_job.models.download import Downloader, DownloadFailed, OnBytes
from gpu_job.models.progress import Phase
from shared.models.registry import FileSpec, HubSource, PackageSource

HUB = "https://huggingface.co"
#: What a store answers where nothing is; S3 says 403 to who may not list.
_ABSENT = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})

#: Told the phase, the item's name, and the bytes done and expected.
Report = Callable[[Phase, str, int, int | None], None]


class Fetcher(Protocol):
    """Puts files of one model into a folder; the caller checks their content."""

    @property
    def label(self) -> str:
        """Where the bytes come from, for messages and the manifest; no credentials."""
        ...

    def fetch(self, files: tuple[FileSpec, ...], folder: Path, report: Report) -> None:
        """Write each file under `folder`.

        Raises:
            DownloadFailed: this source can't give them.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class HubFetcher:
    """Reads a Hugging Face repository through its `resolve` addresses.

    `token` (for gated repositories) goes to the hub's host only: httpx drops the header when a
    redirect leads elsewhere.
    """

    source: HubSource
    downloader: Downloader
    endpoint: str = HUB
    token: str | None = None

    @property
    def label(self) -> str:
        """``hub <repository>@<revision>``."""
        return f"hub {self.source.repo}@{self.source.revision}"

    def fetch(self, files: tuple[FileSpec, ...], folder: Path, report: Report) -> None:
        """Download each file; all of them at the commit that answered for the first."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        revision = self.source.revision
        for file in files:
            url = f"{self.endpoint}/{self.source.repo}/resolve/{revision}/{file.path}"
            try:
                answer = self.downloader.fetch(
                    url, folder / file.path, headers=headers, on_bytes=_reporter(report, file.path)
                )
            except DownloadFailed as exc:
                raise self._explained(exc) from exc
            # A branch may move between two files; a commit can't.
            revision = answer.get("x-repo-commit", revision)

    def _explained(self, exc: DownloadFailed) -> DownloadFailed:
        """The hub answers 401 or 403 for a gated repository; say what opens it."""
        if exc.status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return exc
        token = "that token's account" if self.token else "an account"
        msg = (
            f"{exc}: the repository is gated; accept its terms with {token} on the hub"
            " and set TAMLIL_HF_TOKEN"
        )
        return DownloadFailed(msg, status=exc.status)


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageFetcher:
    """Takes files out of archives on the package index that pip is configured with."""

    source: PackageSource
    downloader: Downloader
    find_archive: Callable[[str, bool], str]
    archives_dir: Path

    @property
    def label(self) -> str:
        """``package name==version …``."""
        return f"package {' '.join(self.source.archives)}"

    def fetch(self, files: tuple[FileSpec, ...], folder: Path, report: Report) -> None:
        """Download the archives that hold the wanted files, and unpack those files."""
        needed = {
            part.partition(":")[0] for file in files for part in self.source.members[file.path]
        }
        archives: dict[str, Path] = {}
        for requirement in self.source.archives:
            project = requirement.partition("==")[0]
            if project in needed:
                archives[project] = self._download(requirement, report)
        for file in files:
            report(Phase.UNPACK, file.path, 0, file.size)
            parts = [part.partition(":")[::2] for part in self.source.members[file.path]]
            located = [(archives[project], name) for project, name in parts]
            join_members(located, folder / file.path, limit=file.size)

    def _download(self, requirement: str, report: Report) -> Path:
        url = self.find_archive(requirement, self.source.sdist)
        name = url.partition("#")[0].rpartition("/")[2]
        target = self.archives_dir / name
        if not target.exists():
            self.downloader.fetch(
                url.partition("#")[0], target, headers={}, on_bytes=_reporter(report, name)
            )
        return target


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredModels:
    """The deployment's own store of weights: ``<prefix>/<model>/<files>``, as a models folder has.

    `sign` makes an address that gives an object for a while. With `only`, no other source is asked.
    """

    prefix: str
    sign: Callable[[str], str]
    only: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreFetcher:
    """Reads a model from the deployment's own store.

    The manifest that lies beside the files, where there is one, tells the hashes of those that the
    registry could not pin.
    """

    stored: StoredModels
    model: str
    downloader: Downloader

    @property
    def label(self) -> str:
        """``store <prefix>/<model>``."""
        return f"store {self.stored.prefix}/{self.model}"

    def fetch(self, files: tuple[FileSpec, ...], folder: Path, report: Report) -> None:
        """Download each file, and compare those that only the manifest knows."""
        for file in files:
            self._download(file.path, folder / file.path, report)
        loose = [file.path for file in files if file.sha256 is None]
        known = self._manifest(folder, report) if loose else {}
        for path in loose:
            if path in known and hash_file(folder / path) != known[path].sha256:
                (folder / path).unlink()
                msg = f"{path} is not the file that the manifest beside it names; dropped"
                raise DownloadFailed(msg)

    def _manifest(self, folder: Path, report: Report) -> Mapping[str, Stamp]:
        try:
            self._download(MANIFEST, folder / MANIFEST, report)
        except DownloadFailed as exc:
            if exc.status not in _ABSENT:
                raise
            return {}
        return read_manifest(folder)

    def _download(self, path: str, target: Path, report: Report) -> None:
        url = self.stored.sign(f"{self.stored.prefix}/{self.model}/{path}")
        try:
            self.downloader.fetch(url, target, headers={}, on_bytes=_reporter(report, path))
        except DownloadFailed as exc:
            if exc.status in _ABSENT:
                msg = f"{path} is not there, or may not be read"
                raise DownloadFailed(msg, status=exc.status) from exc
            raise


def _reporter(report: Report, item: str) -> OnBytes:
    return lambda done, total: report(Phase.DOWNLOAD, item, done, total)
