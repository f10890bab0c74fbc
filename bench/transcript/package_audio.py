"""Recordings that any machine can have: taken from packages by content, never installed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bench.audio import decoded
from bench.findings import BenchmarkBroken
from bench.transcript.recordings import write_wav
from gpu_job.engines.ports import SAMPLE_RATE
from gpu_job.models.cache import hash_file
from gpu_job.models.download import Downloader, DownloadFailed
from gpu_job.models.package_index import http_client, index_finder
from gpu_job.models.pip_config import read_package_index
from gpu_job.models.sources import Fetcher, PackageFetcher
from shared.models.registry import FileSpec, PackageSource

_CLIPS = "pytest-audioeval==0.1.3"  # MIT
_CLIPS_FOLDER = "pytest_audioeval/samples/audio"
_SAMPLE = "pyannote-audio==4.0.7"  # MIT
_SAMPLE_FOLDER = "pyannote/audio/sample"
#: Silence between clips that are joined (seconds).
_PAUSE = 0.6
#: sha256 of what is taken.
_FILES: Mapping[str, str] = {
    "en/counting.wav": "2b69b8f7894de9774e7433db6bfa1874944e25ed806826c507bed27b9e69fe15",
    "en/hello_world.wav": "264c92e881fcc3bb7585ff666d129095fb5717c2cc333d10f253a34186be78ac",
    "en/quick_brown_fox.wav": "adc24a9b99267932370842f0d5be866dc2cd09e65af9762469c198493e36870b",
    "es/conteo.wav": "4080f4ca26975a4a1c1c5310ce79743c975e1dc5c1b6655ec0f2529bb3ea8a80",
    "es/hola_mundo.wav": "ee876f57498ec0dbc0ccce2b9bc207a4df353eb1dfe47b300c3cb2c8888f95f4",
    "es/pangrama.wav": "914d8b7fe3875262c3a68b903e0decaad251130f1ddd1237414ddb51e7651ee8",
    "fr/bonjour_monde.wav": "f7190d41c9773c9337db40020c74be9e1b965fdddb1da91f90b5d57aa28d38d7",
    "fr/comptage.wav": "aee8ec3208fe97fbc708c986f30c3fd1d808b70ff1fde61a1d3cadeb85ef2c2f",
    "fr/pangrama.wav": "97aee6fca112f4c562aed53be97fb715f744f5ec072e1f4a30ffaf94324da361",
    "en/counting.txt": "0ebcf955e872b31b95b748d39aa0e6188fb79812173442193f2f155dd2eb0b0c",
    "en/hello_world.txt": "aa3ec16e6acc809d8b2818662276256abfd2f1b441cb51574933f3d4bd115d11",
    "en/quick_brown_fox.txt": "ef537f25c895bfa782526529a9b63d97aa631564d5d789c2b765448c8635fb6c",
    "es/conteo.txt": "c2573ac264cf529c7d41039aa1dac09780ae214828c43e37a201fb74079c998b",
    "es/hola_mundo.txt": "8a3b7da2428acbc74623fb5a7b306a83b62b513371171e78c048fc12fbdb6ddf",
    "es/pangrama.txt": "5bdf85c52a3ae10a8d9f5ab2b84cc2250b2897ca337b5240b8f5a24ecc712cb4",
    "fr/bonjour_monde.txt": "4178c4d4c2fd95163ebbe7eca64d886ca5e6f69a9c1f51d0760ac80207a343e6",
    "fr/comptage.txt": "006ce16b2736d208376c4f1220ecf0b82afc7ed7633b8cba784ed7e7fa491914",
    "fr/pangrama.txt": "1fee9c5f8f3ce450a79759ef205528ff0149afaa9af6862d522628cda27926f5",
}
_SAMPLE_FILES: Mapping[str, str] = {
    "sample.wav": "c319b4abca767b124e41432d364fd7df006cb26bb79d09326c487d606a134e6e",
    "sample.rttm": "d78fe62c69d8e6dcbb42c26adfce83faccb374c5a1e6d987fe37f85f1c173c87",
    "sample.stm": "f861f3004927e1c4429199f9695bfd252def75d7d5e4bdf735d3d85fd4a667f7",
}


def package_recordings(folder: Path) -> Path:
    """Bring them into `folder` in the layout of `recordings`, if they are not there.

    Raises:
        BenchmarkBroken: the package index can't be reached, or gave other bytes.
    """
    raw = folder / "raw"
    done = folder / "recordings"
    if not (done / ".complete").is_file():
        _fetch(raw)
        done.mkdir(parents=True, exist_ok=True)
        _write_sample(raw / "sample", done)
        for language in ("en", "es", "fr"):
            _join_clips(raw / "clips", language, done / "clips")
        (done / ".complete").touch()
    return done


def _fetch(raw: Path) -> None:
    wanted = (
        ("clips", _CLIPS, _CLIPS_FOLDER, _FILES),
        ("sample", _SAMPLE, _SAMPLE_FOLDER, _SAMPLE_FILES),
    )
    index = read_package_index(os.environ)
    with http_client(index) as client:
        for name, requirement, folder, files in wanted:
            project = requirement.partition("==")[0]
            source = PackageSource(
                archives=(requirement,),
                members={path: (f"{project}:{folder}/{path}",) for path in files},
            )
            fetcher = PackageFetcher(
                source=source,
                downloader=Downloader(client=client),
                find_archive=index_finder(index),
                archives_dir=raw,
            )
            _take(fetcher, files, raw / name)


def _take(fetcher: Fetcher, files: Mapping[str, str], target: Path) -> None:
    specs = tuple(FileSpec(path=path, sha256=digest) for path, digest in files.items())
    for spec in specs:
        (target / spec.path).parent.mkdir(parents=True, exist_ok=True)
    try:
        fetcher.fetch(specs, target, lambda *_: None)
    except DownloadFailed as exc:
        raise BenchmarkBroken(f"{fetcher.label}: {exc}; give recordings with --data") from exc
    for spec in specs:
        if hash_file(target / spec.path) != spec.sha256:
            raise BenchmarkBroken(f"{fetcher.label}: {spec.path} has other bytes than expected")


def _write_sample(raw: Path, target: Path) -> None:
    """A telephone call of 30 seconds; its STM lines end with what is said."""
    lines = (raw / "sample.stm").read_text(encoding="utf-8").splitlines()
    text = " ".join(line.split(maxsplit=5)[5] for line in lines)
    _write_reference(target / "telephone.json", text, "en")
    (target / "telephone.wav").write_bytes((raw / "sample.wav").read_bytes())
    (target / "telephone.rttm").write_bytes((raw / "sample.rttm").read_bytes())


def _join_clips(raw: Path, language: str, target: Path) -> None:
    pause = np.zeros(int(_PAUSE * SAMPLE_RATE), dtype=np.float32)
    pieces, texts = [], []
    for path in sorted((raw / language).glob("*.wav")):
        pieces += [decoded(path).samples[:], pause]
        texts.append(path.with_suffix(".txt").read_text(encoding="utf-8").strip())
    target.mkdir(exist_ok=True)
    write_wav(target / f"{language}.wav", np.concatenate(pieces))
    _write_reference(target / f"{language}.json", " ".join(texts), language)


def _write_reference(path: Path, text: str, language: str) -> None:
    content = {"language": language, "text": text}
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
