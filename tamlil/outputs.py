"""Where transcripts are written, and under which names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from shared.domain.errors import InvalidRequest
from shared.formats.registry import FORMATS

STDOUT = "-"


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """`folder` and `file` None: stdout. Of the two at most one is set."""

    formats: tuple[str, ...]
    folder: Path | None = None
    file: Path | None = None

    @property
    def in_files(self) -> bool:
        """Whether stdout is left for something else."""
        return self.folder is not None or self.file is not None


def is_url(source: str) -> bool:
    """Whether a source is for the server to fetch."""
    return source.lower().startswith(("http://", "https://"))


def source_name(source: str) -> str:
    """The last part of a path or URL."""
    path = unquote(urlsplit(source).path) if is_url(source) else source
    return PurePosixPath(path).name or "audio"


def plan_output(target: str | None, formats: Sequence[str], sources: Sequence[str]) -> Output:
    """Make out what ``--output`` and ``--format`` mean together.

    Raises:
        InvalidRequest: no such format, several transcripts would go into one file, or a document
            that is no text to stdout.
    """
    for name in formats:
        if name not in FORMATS:
            raise InvalidRequest(
                f"no format {name!r}; there are: {', '.join(sorted(FORMATS))}",
                code="unsupported_format",
            )
    if target is None or target == STDOUT:
        chosen = tuple(dict.fromkeys(formats)) or ("text",)
        binary = [name for name in chosen if FORMATS[name].binary]
        if binary:
            raise InvalidRequest(f"{binary[0]} is no text; give it an --output", code="no_folder")
        if len(chosen) > 1:
            raise InvalidRequest("several formats need --output with a folder", code="no_folder")
        return Output(formats=chosen)
    return _into_files(target, tuple(dict.fromkeys(formats)), sources)


def file_names(sources: Sequence[str], formats: Sequence[str]) -> list[dict[str, str]]:
    """For each source a file name per format; sources of one name never share a file."""
    stems = _stems([source_name(source) for source in sources])
    return [{name: f"{stem}.{FORMATS[name].extension}" for name in formats} for stem in stems]


def write_outputs(folder: Path, contents: Mapping[str, bytes]) -> list[Path]:
    """Write files by name into a folder, which is made if it is not there.

    Raises:
        OSError: it can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in contents.items():
        path = folder / name
        path.write_bytes(content)
        written.append(path)
    return written


def _into_files(target: str, formats: tuple[str, ...], sources: Sequence[str]) -> Output:
    path = Path(target)
    implied = _implied(path.name.lower())
    is_folder = path.is_dir() or target.endswith("/") or (implied is None and not path.suffix)
    if is_folder or len(formats) > 1 or len(sources) > 1:
        if not is_folder and (path.exists() or implied is not None):
            raise InvalidRequest(
                f"{target} is one file; several transcripts need a folder", code="no_folder"
            )
        return Output(formats=formats or ("text",), folder=path)
    return Output(formats=formats or (implied or "text",), file=path)


def _implied(file_name: str) -> str | None:
    """The format whose extension a name has; the longest, for some hold another."""
    fitting = [name for name, known in FORMATS.items() if file_name.endswith(f".{known.extension}")]
    return max(fitting, key=lambda name: len(FORMATS[name].extension), default=None)


def _stems(names: Sequence[str]) -> list[str]:
    """``a`` for ``a.mp3``; the whole name where two would be the same; then a number."""
    short = [PurePosixPath(name).stem or name for name in names]
    wanted = [
        stem if short.count(stem) == 1 else name for stem, name in zip(short, names, strict=True)
    ]
    taken: set[str] = set()
    unique = []
    for stem in wanted:
        candidate, number = stem, 2
        while candidate in taken:
            candidate, number = f"{stem}-{number}", number + 1
        taken.add(candidate)
        unique.append(candidate)
    return unique
