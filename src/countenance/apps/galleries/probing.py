"""How many mates are found in a gallery's collection in Milvus, measured with the gallery's own photos."""

from __future__ import annotations

from itertools import groupby, islice
from operator import itemgetter
from typing import Final

import numpy as np
from django.db.models import Count

from countenance.apps.galleries.distributing import index_of, present, read
from countenance.apps.galleries.models import Collection, Gallery
from countenance.apps.galleries.nearest import ROWS
from countenance.errors import IndexUnavailable
from countenance.index.choosing import PROBES, Measured, Probes, drawn, mate_recall
from countenance.index.rotation import Rotation
from countenance.tools import Tools

_DRAWN_FROM: Final = 4096
_PHOTOS: Final = 8  # of one subject, from which the most alike to the first is taken


def probes_of(gallery: Gallery, *, tools: Tools, count: int = PROBES) -> Probes:
    """Return mated probes of the gallery: photos of subjects who have another, then drawn ones.

    Raises:
        IndexUnavailable: the gallery is empty, so nothing can be measured.
        SealBroken: a template in the database was changed.
    """
    rotation = Rotation.from_bytes(gallery.rotation)
    parts = []
    pairs = _mates(gallery, count)
    if pairs:
        probes = rotation.apply(np.stack([probe for _, probe, _ in pairs]))
        mates = rotation.apply(np.stack([mate for _, _, mate in pairs]))
        own = np.array([row for row, _, _ in pairs], dtype=np.int64)
        parts.append(Probes(probes, np.sum(probes * mates, axis=1), own))
    if len(pairs) < count:
        random = np.random.default_rng(list(tools.token_bytes(16)))
        rows = np.fromiter(present(gallery).values_list("pk", flat=True), dtype=np.int64)
        if not rows.size:
            raise IndexUnavailable("The gallery is empty: there is nothing to measure with.")
        some = random.choice(rows, size=min(rows.size, _DRAWN_FROM), replace=False)
        templates = rotation.apply(np.stack(list(read(gallery, some.tolist()).values())))
        parts.append(drawn(templates, count - len(pairs), random))
    return Probes(
        np.concatenate([part.templates for part in parts]),
        np.concatenate([part.similarities for part in parts]),
        np.concatenate([part.own for part in parts]),
    )


def _mates(gallery: Gallery, count: int) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Return row and template of a photo of each subject that has several, and its most alike other photo's."""
    several = present(gallery).values("subject_id").annotate(n=Count("pk")).filter(n__gt=1)
    subjects = list(several.order_by("subject_id").values_list("subject_id", flat=True)[:count])
    filed = present(gallery).filter(subject_id__in=subjects).order_by("subject_id", "pk")
    groups = [
        [row for row, _ in islice(group, _PHOTOS)]
        for _, group in groupby(filed.values_list("pk", "subject_id"), key=itemgetter(1))
    ]
    held = read(gallery, [row for rows in groups for row in rows])
    pairs = []
    for rows in groups:
        there = [row for row in rows if row in held]
        if len(there) > 1:
            probe, others = held[there[0]], np.stack([held[row] for row in there[1:]])
            pairs.append((there[0], probe, others[np.argmax(others @ probe)]))
    return pairs


def measured(collection: Collection, *, tools: Tools, count: int = PROBES) -> Measured:
    """Return how many mates a collection finds as it is now, and how fast.

    Raises:
        IndexUnavailable: Milvus does not answer, or the gallery is empty.
    """
    index = index_of(collection, tools=tools)
    index.open()
    return mate_recall(index, probes_of(collection.gallery, tools=tools, count=count), k=ROWS)
