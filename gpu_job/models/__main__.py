"""Pull models from the command line of an image: ``python -m gpu_job.models NAME...``.

It needs neither settings nor the command line `tamlil`, so that the layer with the weights depends
on little code and stays in the build's cache. Each file is printed with its sha256, as a line that
fits into ``shared/models/registry.toml``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gpu_job.models.cache import ModelStatus, verify
from gpu_job.models.pull import pull
from shared.domain.errors import ModelUnavailable
from shared.models.registry import ModelSpec, find_model


def run(arguments: Sequence[str]) -> int:
    """Pull and verify; 0, or 1 with the reason on standard error."""
    given = _parser().parse_args(arguments)
    token = _read(given.token_file)
    try:
        specs = [find_model(name) for name in " ".join(given.names).split()]
        if given.pinned:
            _refuse_unpinned(specs)
        for spec in specs:
            pull(spec.name, given.models_dir, hf_token=token)
            status = verify(spec.name, given.models_dir)
            if not status.installed:
                raise ModelUnavailable(f"{spec.name} is damaged in {given.models_dir}")
            _print(status)
    except ModelUnavailable as exc:
        sys.stderr.write(f"{exc.detail}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gpu_job.models", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="models; may be one text of several"
    )
    parser.add_argument("--models-dir", type=Path, required=True, help="the models folder")
    parser.add_argument(
        "--pinned", action="store_true", help="refuse models whose hashes the registry lacks"
    )
    parser.add_argument(
        "--token-file", type=Path, help="holds a hub token for gated models; may be absent"
    )
    return parser


def _read(path: Path | None) -> str | None:
    if path is None or not path.is_file():
        return None
    return path.read_text(encoding="utf-8").strip() or None


def _refuse_unpinned(specs: Sequence[ModelSpec]) -> None:
    for spec in specs:
        loose = [file.path for file in spec.files if file.sha256 is None]
        if loose:
            msg = f"the registry has no sha256 of {spec.name}: {', '.join(loose)}"
            raise ModelUnavailable(msg)


def _print(status: ModelStatus) -> None:
    sys.stdout.write(f"# {status.spec.name}\n")
    for file in status.files:
        line = f'path = "{file.path}", size = {file.size}, sha256 = "{file.sha256}"'
        sys.stdout.write(f"  {{ {line} }},\n")


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
