"""Keeping the memory of a process that holds keys off the disk and away from other programs of the same user.

No core dump is written, and on Linux no other process of the same user may attach to this one or read its memory. What
the operating system may swap out is not in our hands: see the how-to "Run it safely".
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

_GET_DUMPABLE: Final = 3
_SET_DUMPABLE: Final = 4


def guard() -> None:
    """Write no core dumps, and let nobody attach; quietly does what the system knows of."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        _prctl(_SET_DUMPABLE, 0)


def findings() -> list[str]:
    """Return what is wrong, in words; nothing if the memory is kept."""
    try:
        import resource
    except ImportError:
        return ["this system cannot be told to write no core dumps"]
    found = []
    if resource.getrlimit(resource.RLIMIT_CORE)[0] != 0:
        found.append("core dumps may be written")
    if sys.platform != "linux":
        found.append("this system cannot keep other programs of the same user out")
    elif _prctl(_GET_DUMPABLE) != 0:
        found.append("another program of the same user may read the memory")
    return found


def _prctl(option: int, value: int = 0) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    return int(library.prctl(option, ctypes.c_ulong(value), 0, 0, 0))
