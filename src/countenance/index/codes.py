"""Templates as codes of a few bits a number, all of them compared with a probe by FAISS's fast scan."""

from __future__ import annotations

from copy import copy
from typing import Any, Final, Self

import faiss
import numpy as np
from jaxtyping import Float32, UInt8

from countenance.index.base import Rows, Template, Templates
from countenance.index.pages import gathered

_BITS: Final = 4
_WIDE: Final = 256
_SAMPLE: Final = 64
_CHUNK: Final = 65_536

Centroids = Float32[np.ndarray, " c"]
Packed = UInt8[np.ndarray, " b"]


class Codes:
    """A product quantiser (Jégou, Douze and Schmid 2011) and the codes of some templates, by position.

    Each two numbers of a template (four, from 256 on) become 4 bits, and a search sums one table entry for
    each of them in registers (André, Kermarrec and Le Scouarnec 2015): every template is looked at, in
    about 2.5 ns. The sums are approximate, so the best few hundred are compared again by their kept rows.

    Nothing but `wipe` changes an object, so any number of threads may search it.
    """

    def __init__(self, dimensions: int, centroids: Centroids) -> None:
        """Start without codes, from the centroids of a quantiser that was trained."""
        # FAISS's own types leave out much of what this uses.
        index: Any = faiss.IndexPQFastScan(
            dimensions, sub_vectors(dimensions), _BITS, faiss.METRIC_INNER_PRODUCT
        )
        faiss.copy_array_to_vector(np.ascontiguousarray(centroids), index.pq.centroids)
        index.is_trained = True
        self._index = index

    @classmethod
    def trained(cls, sample: Templates) -> Self:
        """Return a quantiser for templates like these, n × d, without codes.

        At least 16 are needed; FAISS draws some 4,000 of many, always the same ones.
        """
        _one_thread()
        dimensions = sample.shape[1]
        quantiser = faiss.ProductQuantizer(dimensions, sub_vectors(dimensions), _BITS)
        quantiser.cp.min_points_per_centroid = 1  # FAISS prints a warning for fewer than it likes
        quantiser.train(np.ascontiguousarray(sample))
        return cls(dimensions, faiss.vector_to_array(quantiser.centroids))

    def __len__(self) -> int:
        """Return the number of codes."""
        return int(self._index.ntotal)

    @property
    def nbytes(self) -> int:
        """Return the memory of the codes, in bytes."""
        return int(self._index.codes.size())

    @property
    def centroids(self) -> Centroids:
        """Return a copy of what makes the quantiser: sub-vectors × 16 × numbers in each."""
        return faiss.vector_to_array(self._index.pq.centroids)

    def same_quantiser(self, other: Codes) -> bool:
        """Say whether the codes of both mean the same."""
        return np.array_equal(self.centroids, other.centroids)

    def empty(self) -> Codes:
        """Return the same quantiser without codes."""
        return Codes(self._index.d, self.centroids)

    def extended(self, templates: Templates) -> Codes:
        """Return a copy with the codes of more templates behind; searches of this one go on."""
        _one_thread()
        grown: Any = faiss.clone_index(self._index)
        for start in range(0, len(templates), _CHUNK):
            grown.add(np.ascontiguousarray(templates[start : start + _CHUNK]))
        return self._over(grown)

    def without(self, positions: Rows) -> Codes:
        """Return a copy from which these positions are taken out; those behind move up."""
        rest: Any = faiss.clone_index(self._index)
        rest.remove_ids(positions)
        return self._over(rest)

    def nearest(self, probe: Template, count: int) -> tuple[Template, Rows]:
        """Return approximate similarities of the most similar, descending, and their positions."""
        _one_thread()
        similarities, positions = self._index.search(probe[np.newaxis], min(count, len(self)))
        # Where FAISS finds fewer, what is missing comes last, as position -1.
        found = int(np.count_nonzero(positions[0] >= 0))
        return similarities[0][:found], positions[0][:found]

    def _over(self, index: Any) -> Codes:
        other = copy(self)
        other._index = index  # noqa: SLF001 # a copy of this object
        gathered(other.packed())
        return other

    def wipe(self, positions: Rows) -> None:
        """Overwrite these codes with noise, which says nothing and is hardly ever near a probe.

        One fixed code for all would bring all of them up for a probe that happens to be near it.
        """
        packer, per_block = self._index.get_CodePacker(), self._index.bbs
        blocks = self.packed().reshape(-1, self._index.get_block_stride())
        noise = np.random.default_rng(positions).integers(
            0, 256, (len(positions), packer.code_size), dtype=np.uint8
        )
        for position, code in zip(positions.tolist(), noise, strict=True):
            block = position // per_block
            packer.pack_1(code, position % per_block, blocks[block : block + 1])

    def packed(self) -> Packed:
        """Return a view of the codes as FAISS lays them out; it lives as long as this object."""
        if not self.nbytes:
            return np.empty(0, dtype=np.uint8)
        return faiss.rev_swig_ptr(self._index.codes.get(), self.nbytes)

    def loaded(self, packed: Packed, templates: Templates, sample: Rows) -> Codes | None:
        """Return this quantiser with codes that `packed` returned before, None if they are others.

        Args:
            packed: the codes, maybe of another version of FAISS, which may lay them out otherwise.
            templates: the kept templates of the positions in `sample`, compared with their codes.
            sample: some positions; the highest tells how many codes there are.
        """
        index, count = self._index, int(sample.max()) + 1
        if packed.size != -(-count // index.bbs) * index.get_block_stride():
            return None
        index.codes.resize(packed.size)
        gathered(self.packed())
        np.copyto(self.packed(), packed)
        index.ntotal, index.ntotal2 = count, -(-count // index.bbs) * index.bbs
        expected = index.pq.decode(index.pq.compute_codes(np.ascontiguousarray(templates)))
        found = np.stack([index.reconstruct(int(position)) for position in sample])
        # A number that lies between two centroids may fall to either; another layout is wrong everywhere.
        agree = (found == expected).mean() if len(sample) else 1.0
        return self if agree > 0.99 else None  # noqa: PLR2004


def sub_vectors(dimensions: int) -> int:
    """Return into how many codes of 4 bits a template of this length is cut."""
    for numbers in (4, 2) if dimensions >= _WIDE else (2,):
        if dimensions % numbers == 0:
            return dimensions // numbers
    return dimensions


def sampled(count: int) -> Rows:
    """Return the positions by which loaded codes are checked: spread over all, with the last."""
    return np.unique(np.linspace(0, count - 1, min(count, _SAMPLE)).astype(np.int64))


def _one_thread() -> None:
    # For calls of this thread: OpenMP's teams spin while they wait, and searches are split already.
    faiss.omp_set_num_threads(1)
