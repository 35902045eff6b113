"""Large pages change where bytes lie, never what they are."""

import mmap
import platform
import re
from pathlib import Path

import numpy as np
import pytest

from countenance.index.pages import LARGE, gathered

SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def in_large_pages(address):
    """Return how many bytes of the mapping that holds an address lie in large pages."""
    found = False
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        if match := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            found = int(match[1], 16) <= address < int(match[2], 16)
        elif found and line.startswith("AnonHugePages:"):
            return int(line.split()[1]) * 1024
    return 0


@pytest.mark.parametrize("size", [0, 1, 4096, LARGE - 1, 2 * LARGE + 12345])
def test_no_byte_changes(size):
    before = np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8)
    data = before.copy()
    gathered(data)
    assert np.array_equal(data, before)


def test_bytes_that_were_there_before_are_laid_out_in_large_pages():
    if not SETTING.exists() or "[never]" in SETTING.read_text(encoding="utf-8"):
        pytest.skip("this system has no large pages")
    if tuple(int(part) for part in platform.release().split(".")[:2]) < (6, 1):
        pytest.skip("this Linux cannot gather at once what lies in small pages")
    with mmap.mmap(-1, 8 * LARGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as held:
        data = np.frombuffer(held, dtype=np.uint8)
        data[:] = 7
        address = data.ctypes.data
        before = in_large_pages(address)
        gathered(data)
        after = in_large_pages(address)
        del data
    if before == after:
        pytest.skip("no 2 MB of memory in one piece are free, or they lie so already")
    assert after >= 4 * LARGE
