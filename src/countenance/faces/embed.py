"""Aligned crops to unit templates."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32, UInt8

from countenance.errors import ModelCardInvalid
from countenance.faces.align import align
from countenance.faces.devices import ALONE
from countenance.faces.zoo import Session


class Embedder:
    """An embedder, fed and read as its card says."""

    def __init__(self, session: Session, *, flip: bool = False, batch: int = ALONE) -> None:
        """Take an open model.

        Args:
            session: the open model.
            flip: also embed each crop mirrored and average the two; costs twice as much.
            batch: crops in one run, at most; one if the model's graph does not leave it open.

        Raises:
            ModelCardInvalid: the model gives vectors of another length than its card says.
        """
        self.card = session.card
        self._session = session
        self._flip = flip
        self._batch = batch if isinstance(session.shape[0], str) else 1
        self._wanted = np.array(self.card.landmarks)
        try:
            shape = self._raw(np.zeros((1, self.card.size, self.card.size, 3), np.uint8)).shape
        except Exception as error:
            msg = f"Model {self.card.name} does not take the input that its card describes."
            raise ModelCardInvalid(msg) from error
        if shape != (1, self.card.dimensions):
            msg = (
                f"Model {self.card.name} gives {shape[-1]} numbers, "
                f"not {self.card.dimensions} as its card says."
            )
            raise ModelCardInvalid(msg)

    def crop(
        self, pixels: UInt8[np.ndarray, "_ _ 3"], landmarks: Float[np.ndarray, "5 2"]
    ) -> UInt8[np.ndarray, "_ _ 3"]:
        """Return one face as this model wants to see it."""
        return align(pixels, landmarks, self._wanted, self.card.size)

    def embed(self, crops: UInt8[np.ndarray, "n size size 3"]) -> Float32[np.ndarray, "n d"]:
        """Return one unit vector per crop."""
        vectors = self._raw(crops)
        if self._flip:
            vectors = _unit(vectors) + _unit(self._raw(crops[:, :, ::-1]))
        return _unit(vectors)

    def _raw(self, crops: UInt8[np.ndarray, "n size size 3"]) -> Float32[np.ndarray, "n d"]:
        ordered = crops if self.card.channels == "RGB" else crops[..., ::-1]
        values = ordered.transpose(0, 3, 1, 2).astype(np.float32)
        if any(self.card.mean) or self.card.scale != 1:
            mean = np.array(self.card.mean, np.float32).reshape(1, 3, 1, 1)
            values = (values - mean) * np.float32(self.card.scale)
        values = np.ascontiguousarray(values)
        parts = [
            self._session.run(values[start : start + self._batch])[self._session.outputs[0]]
            for start in range(0, len(values), self._batch)
        ]
        return np.concatenate(parts).reshape(len(values), -1).astype(np.float32)


def _unit(vectors: Float32[np.ndarray, "n d"]) -> Float32[np.ndarray, "n d"]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units: Float32[np.ndarray, "n d"] = vectors / np.maximum(lengths, np.float32(1e-12))
    return units
