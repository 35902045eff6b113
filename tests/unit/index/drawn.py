"""Unit vectors drawn at random, and the plain answer that an index must give."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MODEL = "test-model"


def unit_vectors(count: int, dimensions: int, *, seed: int) -> NDArray[np.float32]:
    """Return vectors of length 1, evenly in all directions."""
    drawn = np.random.default_rng(seed).standard_normal((count, dimensions))
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return drawn.astype(np.float32)


def brute_force(
    held: dict[int, NDArray[np.float32]], probe: NDArray[np.float32], k: int
) -> list[tuple[int, float]]:
    """Return the best `k` rows by comparing one at a time and sorting all."""
    every = [
        (row, float(np.float32(min(1.0, max(-1.0, np.sum(np.float64(template) * probe))))))
        for row, template in held.items()
    ]
    return sorted(every, key=lambda pair: (-pair[1], pair[0]))[:k]
