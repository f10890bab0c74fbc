"""Which package index this machine is told to use, read the way pip reads it.

pip's own precedence: environment variables over configuration files, and later files over earlier
ones (global, user, virtual environment, `PIP_CONFIG_FILE`). Nothing of pip is imported: an
environment made by uv has none. See https://pip.pypa.io/en/stable/topics/configuration/.
"""

from __future__ import annotations

import configparser
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PYPI = "https://pypi.org/simple/"
_SECTIONS = ("global", "download")


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageIndex:
    """Index addresses in order of preference; `cert` is a file of trusted authorities."""

    index_urls: tuple[str, ...]
    find_links: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    cert: str | None = None


def read_package_index(
    environ: Mapping[str, str], files: Sequence[Path] | None = None
) -> PackageIndex:
    """Merge the configuration files and `PIP_*` variables into one answer.

    Raises:
        configparser.Error: a configuration file is malformed.
    """
    values = _from_files(config_files(environ) if files is None else files)
    values |= {
        name.removeprefix("PIP_").lower().replace("_", "-"): value
        for name, value in environ.items()
        if name.startswith("PIP_") and value
    }
    first = () if _is_true(values.get("no-index", "")) else (values.get("index-url", PYPI),)
    extra = () if not first else tuple(values.get("extra-index-url", "").split())
    return PackageIndex(
        index_urls=first + extra,
        find_links=tuple(values.get("find-links", "").split()),
        trusted_hosts=tuple(values.get("trusted-host", "").split()),
        cert=values.get("cert"),
    )


def config_files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Return where pip looks on this platform, from the weakest to the strongest."""
    chosen = environ.get("PIP_CONFIG_FILE")
    if chosen == "/dev/null":
        return ()
    home = Path(environ.get("HOME", "~")).expanduser()
    shared = environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":")
    user = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    places: Iterator[Path] = iter(
        (
            *(Path(folder) / "pip" / "pip.conf" for folder in reversed(shared) if folder),
            Path("/etc/pip.conf"),
            home / ".pip" / "pip.conf",
            user / "pip" / "pip.conf",
            Path(sys.prefix) / "pip.conf",
        )
    )
    return (*places, Path(chosen)) if chosen else tuple(places)


def _from_files(files: Sequence[Path]) -> dict[str, str]:
    values: dict[str, str] = {}
    for file in files:
        parser = configparser.RawConfigParser()
        parser.read(file, encoding="utf-8")
        for section in _SECTIONS:
            if parser.has_section(section):
                values |= {key.replace("_", "-"): value for key, value in parser.items(section)}
    return values


def _is_true(value: str) -> bool:
    return value.strip().lower() in ("1", "true", "yes", "on")
