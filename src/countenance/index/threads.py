"""The threads that one search is split over, shared by every index of the process."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache


@cache
def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def threads() -> ThreadPoolExecutor:
    """Return the threads; work given to them must not wait for other work given to them."""
    return ThreadPoolExecutor(max_workers=cores(), thread_name_prefix="index")
