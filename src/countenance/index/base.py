"""The protocol of an index, what every index must keep to, and the checks that all of them share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

import numpy as np
from jaxtyping import Float32, Int64

from countenance.errors import InputError, ModelMismatch

Rows: TypeAlias = Int64[np.ndarray, " n"]
Template: TypeAlias = Float32[np.ndarray, " d"]
Templates: TypeAlias = Float32[np.ndarray, "n d"]

MOST_CANDIDATES: Final = 10_000
"""The largest `k`: more rows than any review could take, few enough to rank at once."""

MOST_DIMENSIONS: Final = 4096
LONGEST_MODEL: Final = 200
UNIT_TOLERANCE: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Hit:
    """One row of an index and its similarity to the probe; it never leaves the services."""

    row: int
    similarity: float


class Index(Protocol):
    """Templates of one gallery, found again by similarity.

    **Recall contract.** Of the mated probes whose mate an exact search ranks first, an index must
    rank at least 99.9 % first, at every size it is used for. An index that cannot show this in
    `tests/bench` is not used: a person who is in the gallery and is not found is the worst error.

    Every index also keeps to this:

    - Similarity is the cosine of two unit vectors. Hits come in descending similarity, and equal
      similarities in ascending row, so the same question has the same answer.
    - What `add` returned from is found by the next search, what `remove` returned from is not.
    - Any number of threads may search while one or more add and remove.
    - Templates are compared within one model only; another model is refused by its name.
    - The index is derived from the database and may be thrown away at any moment.
    """

    @property
    def model(self) -> str:
        """Return the id of the only model whose templates are taken."""

    @property
    def dimensions(self) -> int:
        """Return the length of a template."""

    @property
    def nbytes(self) -> int:
        """Return the memory that the index holds, in bytes."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def add(self, rows: Rows, templates: Templates, *, model: str) -> None:
        """Add templates under their row ids; a row that is there already is replaced.

        Raises:
            ModelMismatch: the templates are of another model.
            InputError: a row id is negative or given twice, or a template is not a finite unit
                vector of the index's length. Nothing is added then.
        """

    def remove(self, rows: Rows) -> int:
        """Remove these rows and return how many were there; unknown rows are passed over."""

    def search(self, template: Template, *, k: int, model: str) -> list[Hit]:
        """Return the at most `k` most similar rows.

        Raises:
            ModelMismatch: the probe's template is of another model.
            InputError: the template is not a finite unit vector of the index's length, or `k` is
                not from 1 to `MOST_CANDIDATES`.
        """

    def rows(self) -> Rows:
        """Return a copy of all row ids, in no particular order."""

    def templates(self, rows: Rows) -> dict[int, Template]:
        """Return the templates of those of these rows that are here, by row, as they are kept."""

    def to_bytes(self) -> bytes:
        """Return the whole index as bytes, for a service to seal."""


def check_model(own: str, other: str) -> None:
    """Refuse templates of another model than the index's own.

    Raises:
        ModelMismatch: the two are not the same.
    """
    if own != other:
        raise ModelMismatch(
            f"The index holds templates of the model {own}, these are of {other}.",
            own=own,
            other=other,
        )


def check_rows(rows: Rows) -> Rows:
    """Return the row ids as a contiguous int64 array, refusing all that is none.

    Raises:
        InputError: not a flat array of whole numbers, or one is negative or given twice.
    """
    given = np.asarray(rows)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise InputError("Row ids must be a flat array of whole numbers.")
    if given.dtype.kind == "u" and given.size and given.max() > np.iinfo(np.int64).max:
        raise InputError("A row id is too large.")
    checked = np.ascontiguousarray(given, dtype=np.int64)
    if checked.size and checked.min() < 0:
        raise InputError("A row id cannot be negative.")
    if np.unique(checked).size != checked.size:
        raise InputError("A row id is given twice.")
    return checked


def check_templates(templates: Templates, dimensions: int) -> Templates:
    """Return the templates as a contiguous float32 array, refusing all that is none.

    Raises:
        InputError: wrong shape, not finite, or not of length 1.
    """
    given = np.asarray(templates)
    if given.dtype.kind != "f":
        raise InputError("Templates must be floating-point numbers.")
    if given.ndim != 2 or given.shape[1] != dimensions:  # noqa: PLR2004 - a matrix has two axes
        raise InputError(
            f"Templates must have {dimensions} numbers each.",
            expected=dimensions,
            shape=given.shape,
        )
    checked = np.ascontiguousarray(given, dtype=np.float32)
    squares = np.einsum("ij,ij->i", checked, checked)
    # A comparison with NaN is false, so this also refuses what is not finite.
    if not (np.abs(squares - 1) <= 2 * UNIT_TOLERANCE).all():
        raise InputError("A template is not a finite vector of length 1.")
    return checked


def check_added(rows: Rows, templates: Templates, dimensions: int) -> tuple[Rows, Templates]:
    """Return what is added to an index as its arrays take it, refusing what `Index.add` does not take.

    Raises:
        InputError: rows or templates are not what they should be, or not as many of one as of the other.
    """
    ids = check_rows(rows)
    checked = check_templates(templates, dimensions)
    if ids.size != len(checked):
        raise InputError("There must be one row id for each template.")
    return ids, checked


def check_probe(template: Template, dimensions: int) -> Template:
    """Return one template as a contiguous float32 vector.

    Raises:
        InputError: wrong shape, not finite, or not of length 1.
    """
    given = np.asarray(template)
    if given.ndim != 1:
        raise InputError("A probe must be one template.", shape=given.shape)
    checked: Template = check_templates(given[np.newaxis], dimensions)[0]
    return checked


def check_k(k: int) -> None:
    """Refuse a number of candidates that no search can return.

    Raises:
        InputError: `k` is not from 1 to `MOST_CANDIDATES`.
    """
    if not 1 <= k <= MOST_CANDIDATES:
        raise InputError(f"The number of candidates must be from 1 to {MOST_CANDIDATES}.", k=k)
