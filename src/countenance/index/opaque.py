"""Row ids as numbers that tell nothing, for an index that lies on other machines."""

from __future__ import annotations

from typing import Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from countenance.errors import InputError
from countenance.index.base import Rows

KEY_BYTES: Final = 32
_ROUNDS: Final = 8
_HALF: Final = np.uint64(32)
_LOW: Final = np.uint64(2**32 - 1)
_LEAST_FOREIGN: Final = np.uint64(2**63)


class OpaqueIds:
    """A secret permutation of the row ids, 0 to 2^63 - 1, and the way back.

    Row ids count up through all galleries of a deployment, so in clear they would say which templates
    of two galleries were enrolled together, and when. It is a Feistel network of eight rounds over 64
    bits with AES-256 as its round function (Luby and Rackoff 1988), walked until the number is not
    negative (Black and Rogaway 2002).
    """

    def __init__(self, key: bytes) -> None:
        """Keep the key, one for each collection.

        Raises:
            InputError: it is not of 32 bytes.
        """
        if len(key) != KEY_BYTES:
            raise InputError(f"A key of row ids has {KEY_BYTES} bytes.")
        # One block for each number, each another input: this mode is the bare block cipher here.
        self._cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305

    def __repr__(self) -> str:
        """Say nothing: the key is secret."""
        return "OpaqueIds()"

    def hide(self, rows: Rows) -> Rows:
        """Return the ids under which rows are known outside."""
        return self._walked(rows, range(_ROUNDS))

    def show(self, ids: Rows) -> Rows:
        """Return the rows that are known under these ids."""
        return self._walked(ids, range(_ROUNDS - 1, -1, -1))

    def _walked(self, numbers: Rows, rounds: range) -> Rows:
        out = np.asarray(numbers, dtype=np.int64).astype(np.uint64)
        pending = np.arange(out.size)
        while pending.size:
            out[pending] = self._permuted(out[pending], rounds)
            pending = pending[out[pending] >= _LEAST_FOREIGN]
        return out.astype(np.int64)

    def _permuted(self, numbers: np.ndarray, rounds: range) -> np.ndarray:
        left, right = numbers >> _HALF, numbers & _LOW
        backwards = rounds.step < 0
        for number in rounds:
            if backwards:
                left, right = right ^ self._mixed(left, number), left
            else:
                left, right = right, left ^ self._mixed(right, number)
        return (left << _HALF) | right

    def _mixed(self, halves: np.ndarray, number: int) -> np.ndarray:
        blocks = np.zeros((halves.size, 2), dtype="<u8")
        blocks[:, 0], blocks[:, 1] = halves, number
        encryptor = self._cipher.encryptor()
        mixed = encryptor.update(blocks.tobytes()) + encryptor.finalize()
        return np.frombuffer(mixed, dtype="<u8")[::2] & _LOW
