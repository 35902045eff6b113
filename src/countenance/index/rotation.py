"""A secret rotation of a gallery's templates: scores stay, links between galleries go."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, Self

import numpy as np
from jaxtyping import Float64

from countenance.errors import IndexUnavailable, InputError
from countenance.index.base import MOST_DIMENSIONS, Templates

_MAGIC: Final = b"CNTNROTN"
_HEADER: Final = struct.Struct("<8sHI")
_VERSION: Final = 1
_TOLERANCE: Final = 1e-5


class Rotation:
    """A secret orthogonal matrix, one for each gallery and epoch.

    What it gives: templates of one person in two galleries cannot be linked by comparing them, and
    a leaked gallery is renewed by drawing another matrix. What it is not: **encryption**. It keeps
    all similarities, by design, and whoever knows as many pairs of template and rotated template as
    there are dimensions (512 pairs, for templates of 512) recovers the matrix. So templates at rest
    are sealed as well, and nothing may be called irreversible because of this.
    """

    def __init__(self, matrix: Templates) -> None:
        """Keep a matrix that is orthogonal.

        Raises:
            InputError: it is not.
        """
        held = np.array(matrix, dtype=np.float32, order="C")
        if held.ndim != 2 or held.shape[0] != held.shape[1]:  # noqa: PLR2004 - a matrix has two axes
            raise InputError("A rotation is a square matrix.")
        product = held.astype(np.float64) @ held.astype(np.float64).T
        if not (np.abs(product - np.eye(len(held))) <= _TOLERANCE).all():
            raise InputError("A rotation is an orthogonal matrix.")
        held.flags.writeable = False
        self._matrix = held

    def __repr__(self) -> str:
        """Name the size only: the matrix is secret."""
        return f"Rotation(dimensions={self.dimensions})"

    @classmethod
    def generate(cls, dimensions: int, random: Callable[[int], bytes]) -> Self:
        """Draw one evenly among all orthogonal matrices.

        Args:
            dimensions: the length of a template.
            random: returns as many unpredictable bytes as asked for (`secrets.token_bytes`).

        Raises:
            InputError: the dimensions cannot be.
        """
        if not 1 <= dimensions <= MOST_DIMENSIONS:
            raise InputError(f"Templates must have 1 to {MOST_DIMENSIONS} numbers.")
        normal = _normal(dimensions * dimensions, random).reshape(dimensions, dimensions)
        orthogonal, triangular = np.linalg.qr(normal)
        # QR leaves the signs to the library; with them from the diagonal the draw is even
        # (Mezzadri 2007, "How to generate random matrices from the classical compact groups").
        return cls((orthogonal * np.sign(np.diag(triangular))).astype(np.float32))

    @classmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview) -> Self:
        """Return the rotation that `to_bytes` wrote; the seal around it is verified before.

        Raises:
            IndexUnavailable: the bytes are no whole rotation of this version.
        """
        buffer = memoryview(data)
        message = "The rotation of the gallery cannot be read."
        if len(buffer) < _HEADER.size:
            raise IndexUnavailable(message)
        magic, version, dimensions = _HEADER.unpack_from(buffer)
        if magic != _MAGIC or version != _VERSION or not 1 <= dimensions <= MOST_DIMENSIONS:
            raise IndexUnavailable(message)
        if len(buffer) != _HEADER.size + 4 * dimensions * dimensions:
            raise IndexUnavailable(message)
        matrix = np.frombuffer(buffer[_HEADER.size :], dtype="<f4")
        try:
            return cls(matrix.reshape(dimensions, dimensions))
        except InputError as error:
            raise IndexUnavailable(message) from error

    @property
    def dimensions(self) -> int:
        """Return the length of a template."""
        return int(self._matrix.shape[0])

    def same_as(self, other: Rotation) -> bool:
        """Say whether another rotation is this one."""
        return bool(np.array_equal(self._matrix, other._matrix))  # a Rotation too

    def to_bytes(self) -> bytes:
        """Return the secret matrix as bytes, for a service to seal."""
        header = _HEADER.pack(_MAGIC, _VERSION, self.dimensions)
        return header + self._matrix.astype("<f4", copy=False).tobytes()

    def apply(self, templates: Templates) -> Templates:
        """Return the rotated templates, n × d or one of d; scores stay the same to 1e-5.

        Raises:
            InputError: the templates are of another length.
        """
        given = np.asarray(templates, dtype=np.float32)
        if given.ndim not in (1, 2) or given.shape[-1] != self.dimensions:
            raise InputError(
                f"Templates must have {self.dimensions} numbers each.", shape=given.shape
            )
        rotated: Templates = given @ self._matrix
        return rotated


def _normal(count: int, random: Callable[[int], bytes]) -> Float64[np.ndarray, " count"]:
    """Return normally distributed numbers made of random bytes (Box and Muller 1958)."""
    half = (count + 1) // 2
    drawn = np.frombuffer(random(16 * half), dtype="<u8").reshape(2, half)
    # 53 bits fill a float64 evenly; the half step keeps zero out of the logarithm.
    even = ((drawn >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    radius, angle = np.sqrt(-2 * np.log(even[0])), 2 * np.pi * even[1]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]
