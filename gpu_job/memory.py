"""How this process keeps the memory that its engines free.

Decoding frees and takes back the same large buffers, several times for each token. glibc gives each
of them back to the kernel, which hands it out anew page by page, zeroed: 2.4 million page faults
and a quarter of the CPU time for three and a half minutes of audio. Kept in the one heap of the
process they are taken from there; the peak is the same, since it was needed anyway.

The calls are those of mallopt(3) and malloc_trim(3).
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_KEPT_BYTES = 1 << 30
#: Up to this older versions of glibc take a threshold.
_SURELY_TAKEN_BYTES = 32 << 20


def keep_freed_memory(environment: Mapping[str, str] = os.environ) -> bool:
    """Keep what is freed for what is asked for next; returns whether that could be arranged.

    To be called before there are threads, since each would get a heap of its own. Nothing is done
    where the environment says how memory is to be allocated, or the allocator is not glibc's.
    """
    if any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in environment):
        return False
    library = _glibc()
    if library is None:
        return False
    one_heap = library.mallopt(_ARENA_MAX, 1)
    in_it = any(
        library.mallopt(_MMAP_THRESHOLD, size) for size in (_KEPT_BYTES, _SURELY_TAKEN_BYTES)
    )
    return bool(one_heap and in_it and library.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES))


def give_back_freed_memory() -> None:
    """Let the kernel have what is free: an idle process has no use for it."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    library = ctypes.CDLL(None)
    named = ("gnu_get_libc_version", "mallopt", "malloc_trim")
    return library if all(hasattr(library, name) for name in named) else None
