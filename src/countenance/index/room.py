"""How much memory indexes may take on this machine, and how large a machine would have to be for more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from countenance.index.threads import cores

GIB: Final = 2**30
_REST: Final = GIB
_REST_PER_CORE: Final = 300_000_000
"""What is left for all else: database, server and system; and a photo worker for each core (measured: 278 MB)."""
_COPIES: Final = 2
"""A snapshot takes as much again as the index while it is written."""
GIB_A_CORE: Final = 8
"""A machine with much memory usually has a core for so much of it."""
_SIZES: Final = tuple(GIB << power for power in range(1, 13))
"""The sizes that machines come in, 2 GiB to 4 TiB."""
_CONTROL: Final = {"memory": "memory.limit_in_bytes", "": "memory.max"}
"""Where a control group says its limit: of the first kind under its controller's name, and of the second."""


def memory_for_indexes() -> int:
    """Return the bytes of this machine, or of the container it runs in, that indexes may take."""
    return left_of(machine_memory(), cores())


def machine_memory(
    groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> int:
    """Return the bytes of memory that this process and those beside it may take.

    Args:
        groups: where the system shows control groups.
        own: the file that says which ones this process is in.
    """
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *_limits(groups, own)])


def left_of(memory: int, cores: int) -> int:
    """Return what indexes may take of so much memory, beside so many cores: half of what all else leaves."""
    return max(0, memory - _REST - _REST_PER_CORE * cores) // _COPIES


def machine_for(needed: int) -> int | None:
    """Return the memory of the smallest usual machine on which indexes may take so much; None if there is none."""
    for size in _SIZES:
        if left_of(size, max(1, size // GIB // GIB_A_CORE)) >= needed:
            return size
    return None


def _limits(groups: Path, own: Path) -> Iterator[int]:
    """Yield the limit of each control group that this process is in, and of those around it."""
    try:
        lines = own.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            if controller not in _CONTROL:
                continue
            root = groups / controller
            place = root / path.lstrip("/")
            for folder in (place, *place.parents):
                yield from _limit(folder / _CONTROL[controller])
                if folder == root:
                    break


def _limit(file: Path) -> Iterator[int]:
    try:
        said = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return  # Not shown in here, or the root, which has none.
    if said.isdecimal() and int(said) > 0:
        yield int(said)
