"""How templates of labelled photos become trials: who is searched against whom.

Similarities are cosines, kept with six decimals: that is what 32-bit templates carry.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from countenance.errors import InputError
from countenance.evaluation.trials import KEPT, Trials

Templates: TypeAlias = Float32[np.ndarray, "n d"]
Block: TypeAlias = Float32[np.ndarray, "b s"]
Codes: TypeAlias = Int64[np.ndarray, " n"]
Weights: TypeAlias = Float32[np.ndarray, " n"]

DECIMALS: Final = 6
_CELLS: Final = 16_000_000
"""So many similarities are held at once: 64 MB of them as they are computed."""


def leave_one_out(
    templates: Templates,
    subjects: Sequence[str | int],
    *,
    model: str,
    groups: Sequence[str] = (),
    qualities: Sequence[float] = (),
    fused: bool = False,
    weights: Sequence[float] = (),
    singles: bool = False,
) -> Trials:
    """Search each photo of the subjects that have several, and return what came of it.

    Each such photo is searched twice: against the gallery with the other photos of its subject (mated),
    and against the gallery without its subject (non-mated). Subjects with one photo are only found.

    Args:
        templates: one a photo, of any length; a row that is not finite is a photo without a face.
        subjects: of whom each photo is.
        model: whose templates these are.
        groups: the group of each photo, as the steward labelled it; empty if none did.
        qualities: the quality of each photo; empty if not measured.
        fused: compare with one template a subject, the mean of its photos, instead of with the most
            similar of them.
        weights: how much each photo counts in that mean, as `faces.fusing` weighs them; empty for all the same.
        singles: search the subjects with one photo too, each a non-mated search.

    Raises:
        InputError: labels and templates are not of one length, or fewer than two subjects have a face.
    """
    codes = _codes(subjects)
    if len(codes) != len(templates):
        raise InputError("There is one subject for each template.")
    counting = _weights(weights, len(templates))
    several = np.bincount(codes, minlength=1)[codes] > 1
    gallery = _Gallery.of(templates, codes, counting if fused else None)
    chosen = np.flatnonzero(several if not singles else np.ones(len(codes), dtype=bool))
    found = _searched(gallery, templates[chosen], codes[chosen], own=_Own(chosen, counting[chosen]))
    return _trials(
        model,
        gallery,
        found,
        codes[chosen],
        mated=several[chosen],
        groups=[groups[int(i)] for i in chosen] if len(groups) else (),
        qualities=[qualities[int(i)] for i in chosen] if len(qualities) else (),
    )


def against(
    gallery: Float32[np.ndarray, "g d"],
    gallery_subjects: Sequence[str | int],
    probes: Float32[np.ndarray, "p d"],
    probe_subjects: Sequence[str | int],
    *,
    model: str,
    groups: Sequence[str] = (),
    qualities: Sequence[float] = (),
    fused: bool = False,
    weights: Sequence[float] = (),
) -> Trials:
    """Search probes that are apart from the gallery, and return what came of it.

    A probe whose subject is in the gallery is searched twice, as in `leave_one_out`; one whose subject
    is not there is a non-mated search. `weights` are of the gallery's photos.

    Raises:
        InputError: labels and templates are not of one length, or the gallery is empty.
    """
    codes = _codes([*gallery_subjects, *probe_subjects])
    enrolled, searched = codes[: len(gallery)], codes[len(gallery) :]
    if len(gallery_subjects) != len(gallery) or len(probe_subjects) != len(probes):
        raise InputError("There is one subject for each template.")
    counting = _weights(weights, len(gallery))
    made = _Gallery.of(gallery, enrolled, counting if fused else None)
    found = _searched(made, probes, searched, own=None)
    return _trials(
        model,
        made,
        found,
        searched,
        mated=np.isin(searched, enrolled),
        groups=groups,
        qualities=qualities,
    )


@dataclass(frozen=True, slots=True)
class _Gallery:
    """The templates that probes are compared with, in the order of their subjects."""

    templates: Float32[np.ndarray, "t d"]  # of unit length; one a subject if fused
    rows: Int64[np.ndarray, " rows"]  # where each came from; empty if fused
    present: Int64[np.ndarray, " s"]  # the subjects that have a template, in order
    starts: Int64[np.ndarray, " s"]  # where each subject's templates begin
    sums: Float32[np.ndarray, "s d"] | None  # of each subject's templates by weight, if fused

    @classmethod
    def of(cls, templates: Templates, codes: Codes, weights: Weights | None) -> _Gallery:
        rows = np.flatnonzero(np.isfinite(templates).all(axis=1))
        rows = rows[np.argsort(codes[rows], kind="stable")]
        if not len(rows):
            raise InputError("No photo of the gallery has a face.")
        ordered = unit(templates[rows])
        present, starts = np.unique(codes[rows], return_index=True)
        if weights is None:
            return cls(ordered, rows, present, starts, None)
        sums = np.add.reduceat(ordered * weights[rows, None], starts, axis=0)
        return cls(unit(sums), rows[:0], present, np.arange(len(present)), sums)


def unit(templates: Templates) -> Templates:
    """Return templates at unit length; a template of zeros stays as it is."""
    lengths = np.linalg.norm(templates, axis=1, keepdims=True)
    return (templates / np.where(lengths > 0, lengths, 1)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Found:
    """Of each probe: its mate's similarity and rank, and the most similar other subjects."""

    own: Float64[np.ndarray, " n"]
    ranks: Codes
    others: Float64[np.ndarray, "n k"]
    who: Int64[np.ndarray, "n k"]


@dataclass(frozen=True, slots=True)
class _Own:
    """Where each probe itself is among the templates of the gallery, and how much it counts there."""

    rows: Codes
    weights: Weights

    def part(self, block: Codes) -> _Own:
        return _Own(self.rows[block], self.weights[block])


def _searched(gallery: _Gallery, probes: Templates, codes: Codes, *, own: _Own | None) -> _Found:
    """Compare each probe with each subject, a block of probes at a time."""
    kept = min(KEPT, len(gallery.present))
    mates = np.full(len(probes), -np.inf)
    ranks = np.zeros(len(probes), dtype=np.int64)
    others = np.full((len(probes), kept), -np.inf)
    who = np.full((len(probes), kept), -1, dtype=np.int64)
    with_face = np.flatnonzero(np.isfinite(probes).all(axis=1))
    for block in _blocks(with_face, len(gallery.templates)):
        itself = None if own is None else own.part(block)
        seen = _similarities(gallery, probes[block], codes[block], itself)
        place = np.searchsorted(gallery.present, codes[block])
        place = np.minimum(place, len(gallery.present) - 1)
        there = gallery.present[place] == codes[block]
        rows = np.flatnonzero(there)
        mate = np.full(len(block), -np.inf, dtype=np.float32)
        mate[rows] = seen[rows, place[rows]]
        seen[rows, place[rows]] = -np.inf
        before = (seen >= mate[:, None]).sum(axis=1) + 1
        ranks[block] = np.where(np.isneginf(mate), 0, before)
        mates[block] = _rounded(mate)
        places = np.argpartition(seen, seen.shape[1] - kept, axis=1)[:, -kept:]
        top = _rounded(np.take_along_axis(seen, places, axis=1))
        order = np.lexsort((gallery.present[places], -top), axis=1)
        others[block] = np.take_along_axis(top, order, axis=1)
        who[block] = gallery.present[np.take_along_axis(places, order, axis=1)]
    return _Found(mates, ranks, others, who)


def _rounded(similarities: Float32[np.ndarray, ...]) -> Float64[np.ndarray, ...]:
    rounded: Float64[np.ndarray, ...] = np.round(similarities.astype(np.float64), DECIMALS)
    return rounded


def _similarities(gallery: _Gallery, probes: Templates, codes: Codes, own: _Own | None) -> Block:
    """Return the similarity of each probe to each subject; a probe is not compared with itself."""
    ready = unit(probes)
    seen: Block = ready @ gallery.templates.T
    if gallery.sums is not None:
        _without_itself(gallery, ready, codes, own, seen)
    elif own is not None:
        place = np.full(int(gallery.rows.max()) + 1, -1)
        place[gallery.rows] = np.arange(len(gallery.rows))
        seen[np.arange(len(seen)), place[own.rows]] = -np.inf
    if gallery.sums is not None:
        return seen
    best: Block = np.maximum.reduceat(seen, gallery.starts, axis=1)
    return best


def _without_itself(
    gallery: _Gallery, probes: Templates, codes: Codes, own: _Own | None, seen: Block
) -> None:
    """Take each probe out of its subject's fused template, where it is in it."""
    if own is None or gallery.sums is None:
        return
    place = np.searchsorted(gallery.present, codes)
    rest = gallery.sums[place] - probes * own.weights[:, None]
    lengths = np.linalg.norm(rest, axis=1)
    alone = lengths < 1e-3  # noqa: PLR2004 # nothing is left but the rounding of the sum
    mates = (unit(rest) * probes).sum(axis=1)
    seen[np.arange(len(seen)), place] = np.where(alone, -np.inf, mates)


def _blocks(rows: Codes, width: int) -> Iterator[Codes]:
    step = max(1, _CELLS // max(1, width))
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


def _trials(
    model: str,
    gallery: _Gallery,
    found: _Found,
    codes: Codes,
    *,
    mated: Bool[np.ndarray, " n"],
    groups: Sequence[str],
    qualities: Sequence[float],
) -> Trials:
    inside = bool(np.isin(codes, gallery.present).any())
    return Trials(
        model=model,
        subjects=len(gallery.present),
        others=len(gallery.present) - inside,
        mated=found.own[mated],
        ranks=found.ranks[mated],
        mated_subjects=codes[mated],
        non_mated=found.others,
        nearest=found.who,
        non_mated_subjects=codes,
        mated_groups=tuple(
            group for group, is_mated in zip(groups, mated, strict=False) if is_mated
        ),
        non_mated_groups=tuple(groups),
        qualities=np.array(qualities, dtype=np.float64)[mated] if len(qualities) else np.empty(0),
    )


def _weights(given: Sequence[float], photos: int) -> Weights:
    """Return how much each photo counts, as float32.

    Raises:
        InputError: there are some, and not one for each photo.
    """
    if len(given) not in {0, photos}:
        raise InputError("There is one weight for each photo of the gallery.")
    return np.array(given, dtype=np.float32) if len(given) else np.ones(photos, np.float32)


def _codes(subjects: Sequence[str | int]) -> Codes:
    """Return a number for each label, the same for the same label."""
    numbers: dict[str | int, int] = {}
    return np.array([numbers.setdefault(one, len(numbers)) for one in subjects], dtype=np.int64)
