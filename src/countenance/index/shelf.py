"""The indexes that a process holds in memory, one for each gallery."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np

from countenance.errors import IndexUnavailable
from countenance.index.base import Hit, Index, Rows, Template, Templates, check_k
from countenance.index.rotation import Rotation

_AT_ONCE = 4096
_SHORTEST = 1e-6


@dataclass(frozen=True, slots=True)
class Shelved:
    """The index of one gallery, the gallery's version that it shows, and its secret rotation."""

    index: Index
    version: int
    rotation: Rotation | None = None


class Shelf:
    """The galleries that can be searched in this process, safe to use from many threads.

    Templates come in as the model made them and are rotated here, both enrolled ones and the probe,
    so no caller can forget it. A gallery without a rotation is kept as it is (tests, evaluation).
    """

    def __init__(self) -> None:
        """Start with no gallery."""
        self._lock = threading.Lock()
        self._held: dict[UUID, Shelved] = {}

    def put(
        self, gallery: UUID, index: Index, *, version: int, rotation: Rotation | None = None
    ) -> None:
        """Hold the index of a gallery, instead of the one held before.

        The index's templates are rotated already if there is a rotation.
        """
        with self._lock:
            self._held[gallery] = Shelved(index, version, rotation)

    def get(self, gallery: UUID) -> Shelved:
        """Return what is held for a gallery.

        Raises:
            IndexUnavailable: the gallery is not on the shelf.
        """
        with self._lock:
            held = self._held.get(gallery)
        if held is None:
            raise IndexUnavailable("The index of this gallery is not loaded.", gallery=str(gallery))
        return held

    def version(self, gallery: UUID) -> int | None:
        """Return the gallery's version that is held, None if it is not on the shelf."""
        with self._lock:
            held = self._held.get(gallery)
        return None if held is None else held.version

    def galleries(self) -> list[UUID]:
        """Return the galleries that are held."""
        with self._lock:
            return list(self._held)

    def drop(self, gallery: UUID) -> bool:
        """Let go of a gallery; return whether it was held."""
        with self._lock:
            return self._held.pop(gallery, None) is not None

    def clear(self) -> None:
        """Let go of every gallery, as when the deployment is sealed."""
        with self._lock:
            self._held.clear()

    def add(
        self, gallery: UUID, rows: Rows, templates: Templates, *, model: str, version: int
    ) -> None:
        """Add templates as the model made them, and note the gallery's new version.

        Raises:
            IndexUnavailable: the gallery is not on the shelf.
            ModelMismatch: the templates are of another model.
            InputError: as `Index.add`.
        """
        held = self.get(gallery)
        held.index.add(rows, _rotated(held, templates), model=model)
        self._note(gallery, held, version)

    def remove(self, gallery: UUID, rows: Rows, *, version: int) -> int:
        """Remove rows, note the gallery's new version, and return how many were there.

        Raises:
            IndexUnavailable: the gallery is not on the shelf.
        """
        held = self.get(gallery)
        removed = held.index.remove(rows)
        self._note(gallery, held, version)
        return removed

    def search(
        self, template: Template, *, galleries: Sequence[UUID], k: int, model: str
    ) -> list[tuple[UUID, Hit]]:
        """Return the `k` most similar rows over exactly these galleries.

        In descending similarity; equal ones in the order of galleries given, then by row.

        Raises:
            IndexUnavailable: a gallery is not on the shelf; none is left out silently.
            ModelMismatch: the probe is of another model than a gallery.
            InputError: as `Index.search`.
        """
        check_k(k)
        # All are fetched before any is searched, so that a missing one costs no work.
        held = {gallery: self.get(gallery) for gallery in galleries}
        found = [
            (gallery, hit)
            for gallery, shelved in held.items()
            for hit in shelved.index.search(_rotated(shelved, template), k=k, model=model)
        ]
        # The sort is stable, and each gallery's own hits are in order already.
        found.sort(key=lambda pair: -pair[1].similarity)
        return found[:k]

    def similarities(
        self, template: Template, *, gallery: UUID, groups: Sequence[Sequence[int]]
    ) -> list[float]:
        """Return the similarity of a template to the mean of each group of rows, as the index keeps them.

        Rows that are not there are passed over; a group without any has -1. Searches find out with this whom to
        look at closely; what they record is computed from the sealed templates.

        Raises:
            IndexUnavailable: the gallery is not on the shelf, or its index does not answer.
        """
        held = self.get(gallery)
        wanted = np.unique(np.array([row for group in groups for row in group], dtype=np.int64))
        kept: dict[int, Template] = {}
        for start in range(0, wanted.size, _AT_ONCE):
            kept |= held.index.templates(wanted[start : start + _AT_ONCE])
        probe = _rotated(held, template)
        found = []
        for group in groups:
            templates = [kept[row] for row in group if row in kept]
            mean = np.sum(templates, axis=0) if templates else -probe
            found.append(float(mean @ probe / max(float(np.linalg.norm(mean)), _SHORTEST)))
        return found

    def memory(self) -> dict[UUID, int]:
        """Return the bytes that each gallery's index holds."""
        with self._lock:
            held = dict(self._held)
        return {gallery: shelved.index.nbytes for gallery, shelved in held.items()}

    def _note(self, gallery: UUID, held: Shelved, version: int) -> None:
        with self._lock:
            # Another index may have been put in the meantime; its version is not this one's.
            now = self._held.get(gallery)
            if now is not None and now.index is held.index:
                self._held[gallery] = replace(now, version=max(version, now.version))


def _rotated(held: Shelved, templates: Templates) -> Templates:
    return templates if held.rotation is None else held.rotation.apply(templates)
