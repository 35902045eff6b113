"""The rows that an approximate search is re-ranked by: half-precision numbers, or one byte each."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import numpy as np

from countenance.index.base import Rows, Templates

_LEVELS: Final = 127


class Precision(StrEnum):
    """How exactly a template is kept.

    Measured on unit vectors of 128 numbers: HALF moves a similarity by 0.00001 (standard deviation), BYTE
    by 0.0005. Thresholds are similarities, so HALF is what a gallery gets wherever memory allows it.
    """

    HALF = "fp16"
    BYTE = "int8"

    @property
    def number(self) -> np.dtype[Any]:
        """Return how one number of a template is stored."""
        return np.dtype("<f2") if self is Precision.HALF else np.dtype("i1")


class Kept:
    """Templates in reduced precision, by position, with room for `capacity` of them.

    A template kept in bytes is a direction of whole numbers from -127 to 127 and the one factor that
    gives it length 1, so that its similarity to itself stays 1 whatever was rounded.
    """

    def __init__(self, capacity: int, dimensions: int, precision: Precision) -> None:
        """Make room; memory that was never written to is not yet taken."""
        self.precision = precision
        self.numbers: np.ndarray[Any, Any] = np.zeros((capacity, dimensions), precision.number)
        self.factors = np.zeros(capacity if precision is Precision.BYTE else 0, dtype=np.float32)

    def nbytes(self, size: int) -> int:
        """Return the memory of the first `size` templates, in bytes."""
        return int(self.numbers[:size].nbytes + self.factors[:size].nbytes)

    def write(self, start: int, templates: Templates) -> None:
        """Keep these templates, n × d, from a position on."""
        numbers, factors = _reduced(templates, self.precision)
        self.numbers[start : start + len(numbers)] = numbers
        if self.precision is Precision.BYTE:
            self.factors[start : start + len(numbers)] = factors

    def read(self, positions: Rows | slice) -> Templates:
        """Return the templates at these positions as they are kept, n × d."""
        numbers = self.numbers[positions].astype(np.float32)
        if self.precision is Precision.BYTE:
            numbers *= self.factors[positions][:, np.newaxis]
        return numbers

    def wipe(self, positions: Rows) -> None:
        """Leave nothing of the templates at these positions."""
        self.numbers[positions] = 0
        if self.precision is Precision.BYTE:
            self.factors[positions] = 0


def rounded(templates: Templates, precision: Precision) -> Templates:
    """Return the templates as they come back after being kept; doing it twice changes nothing more."""
    numbers, factors = _reduced(templates, precision)
    back = numbers.astype(np.float32)
    if precision is Precision.BYTE:
        back *= factors[:, np.newaxis]
    return back


def _reduced(
    templates: Templates, precision: Precision
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    if precision is Precision.HALF:
        return templates.astype(np.float16), np.empty(0, dtype=np.float32)
    highest = np.abs(templates).max(axis=1, initial=0, keepdims=True)
    numbers = np.rint(templates * (_LEVELS / highest)).astype(np.int8)
    lengths = np.linalg.norm(numbers.astype(np.float32), axis=1)
    return numbers, (1 / lengths).astype(np.float32)
