"""Small files that ask for gigabytes."""

from __future__ import annotations

import resource
import struct
from pathlib import Path

import pytest

from gpu_job.steps.decode import decode
from gpu_job.steps.memory_bound import memory_bound
from shared.domain.errors import SourceError

MIB = 1 << 20
#: Identity matrix of ISO/IEC 14496-12, section 8.2.2.
MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def full(kind: bytes, *parts: bytes, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", flags), *parts)


def mp4_that_states(samples: int, *, tracks: int) -> bytes:
    """An MP4 of less than 2 kB whose tables state so many samples of one byte in each track."""
    times = bytes(8)
    header = full(
        b"mvhd", times, struct.pack(">IIIH", 1000, samples, 0x10000, 256), bytes(10), MATRIX,
        bytes(24), struct.pack(">I", 2),
    )  # fmt: skip
    track = full(
        b"tkhd", times, struct.pack(">III", 1, 0, samples), bytes(16), MATRIX, bytes(8), flags=7
    )
    media = full(b"mdhd", times, struct.pack(">IIHH", 48_000, samples, 0x55C4, 0))
    handler = full(b"hdlr", bytes(4), b"soun", bytes(13))
    sound = struct.pack(">6xH8xHHHHI", 1, 1, 16, 0, 0, 48_000 << 16)
    table = box(
        b"stbl",
        full(b"stsd", struct.pack(">I", 1), box(b"mp4a", sound)),
        full(b"stts", struct.pack(">III", 1, samples, 1024)),
        full(b"stsc", struct.pack(">IIII", 1, 1, samples, 1)),
        full(b"stsz", struct.pack(">II", 1, samples)),
        full(b"stco", struct.pack(">II", 1, 100)),
    )
    places = box(b"dinf", full(b"dref", struct.pack(">I", 1), full(b"url ", flags=1)))
    inner = box(b"minf", full(b"smhd", bytes(4)), places, table)
    one = box(b"trak", track, box(b"mdia", media, handler, inner))
    brand = box(b"ftyp", b"isom", struct.pack(">I", 512), b"isom")
    return brand + box(b"moov", header, one * tracks) + box(b"mdat", bytes(100))


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_a_table_of_samples_that_are_not_there_takes_no_memory(tmp_path: Path) -> None:
    """Without a bound, FFmpeg makes an index of 2 GB for each track."""
    path = tmp_path / "a.mp4"
    path.write_bytes(mp4_that_states(80_000_000, tracks=2))
    before = peak_bytes()
    with pytest.raises(SourceError):
        decode(path, max_seconds=60, on_progress=lambda _: None, should_stop=lambda: False)
    assert peak_bytes() - before < 1200 * MIB


def test_inside_the_bound_what_is_too_much_is_refused_and_afterwards_not() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with pytest.raises(MemoryError), memory_bound(64 * MIB):
        bytearray(256 * MIB)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert len(bytearray(256 * MIB)) == 256 * MIB
