"""Texts that DynamoDB sorts as the values they stand for, and names that always fit into a key.

DynamoDB compares strings by their UTF-8 bytes, which is the order of code points. ``#`` parts a
key: it sorts below every letter, digit, ``-`` and ``_`` of a tenant's name, so ``a`` with all that
follows it comes before ``a-1``.
"""

from __future__ import annotations

import hashlib
import struct
import zlib

from shared.adapters.aws.table_schema import SHARDS

#: Behind every key that begins with what stands before it, and before whatever comes next.
BEHIND = "$"  # the character after "#"

_SIGN = 1 << 63
_ALL = (1 << 64) - 1
_PRIORITIES = 1 << 31
#: Bytes of a name that go into a key as they are; sort keys hold 1024, partition keys 2048.
_LONGEST_NAME = 512


def time_key(seconds: float) -> str:
    """16 hex digits that sort exactly as the number does, negative ones included.

    The bits of an IEEE 754 number, read as an integer, sort like the number once the sign is
    turned around, and all bits of a negative one.
    """
    (bits,) = struct.unpack(">Q", struct.pack(">d", seconds + 0.0))  # -0.0 becomes 0.0
    return f"{bits ^ _ALL if bits & _SIGN else bits | _SIGN:016x}"


def age_key(created_at: float, record_id: str) -> str:
    """By time, ties by id."""
    return f"{time_key(created_at)}#{fitting(record_id)}"


def turn_key(priority: int, created_at: float, record_id: str) -> str:
    """Higher priority first, then older first, ties by id."""
    return f"{_PRIORITIES - priority:08x}#{age_key(created_at, record_id)}"


def fitting(name: str) -> str:
    """The name itself, or a hash of one that is too long for a key or no Unicode text."""
    data = name.encode("utf-8", "surrogatepass")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return _hashed(data)
    return name if len(data) <= _LONGEST_NAME else _hashed(data)


def _hashed(data: bytes) -> str:
    return f"~{hashlib.sha256(data).hexdigest()}"


def shard_of(name: str) -> int:
    """The same for the same name, in every process and version."""
    return zlib.crc32(name.encode("utf-8", "surrogatepass")) % SHARDS
