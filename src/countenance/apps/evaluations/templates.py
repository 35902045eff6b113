"""From labelled photos, or a gallery's own, to templates with running numbers: what an evaluation searches with.

Photos are analysed in memory and let go; no template of a sample is stored, and no label goes any further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace

import numpy as np
from django.db.models import QuerySet

from countenance.apps.evaluations.measuring import Templates, Vectors
from countenance.apps.evaluations.sampling import Groups, Labelled
from countenance.apps.galleries.batch import main_face
from countenance.apps.galleries.models import Face, Gallery
from countenance.errors import InputError, ModelMismatch
from countenance.faces.fusing import worth
from countenance.faces.types import AnalysedFace, Analysis
from countenance.tools import Tools

Notify = Callable[[int], None]

CHUNK = 4096


def of_photos(
    photos: Sequence[Labelled], *, tools: Tools, notify: Notify | None = None
) -> Templates:
    """Analyse photos on all cores and return the template of the largest usable face of each.

    Args:
        photos: of labelled people; each is read when its turn comes, and forgotten after it.
        tools: the engine, and the randomness that mixes who is who.
        notify: called with how many are done.
    """
    vectors = np.full((len(photos), tools.engine.dimensions), np.nan, dtype=np.float32)
    qualities = [0.0] * len(photos)
    feed: Iterator[tuple[object, bytes]] = (
        (number, _read(one)) for number, one in enumerate(photos)
    )
    for done, (number, result) in enumerate(tools.engine.analyse_many(feed), start=1):
        if isinstance(result, Analysis) and any(one.template for one in result.faces):
            _take(result.faces[main_face(result)], vectors, qualities, int(str(number)))
        if notify is not None:
            notify(done)
    labels = [one.subject for one in photos]
    return _mixed(vectors, labels, [one.groups for one in photos], qualities, tools=tools)


def of_gallery(
    gallery: Gallery, *, groups: Mapping[str, Groups] | None = None, tools: Tools
) -> Templates:
    """Return every template of a gallery that can be found now, from the database.

    Args:
        gallery: of one's own.
        groups: of subjects by their label, as the steward supplies them.
        tools: the clock, the engine's dimensions, and the randomness that mixes who is who.

    Raises:
        SealBroken: a template in the database was changed.
        ModelMismatch: the gallery's templates are of another model than the engine's.
    """
    if gallery.model != tools.engine.model:
        raise ModelMismatch(gallery=gallery.model, engine=tools.engine.model)
    subjects: list[str] = []
    vectors: list[np.ndarray] = []
    said: list[Groups] = []
    qualities: list[float] = []
    unused = set(groups or {})
    for face in present(gallery, tools=tools).iterator(chunk_size=CHUNK):
        vectors.append(np.frombuffer(face.template, dtype=np.float32))
        subjects.append(str(face.subject_id))
        qualities.append(worth(face.details["quality"]))
        label = face.subject.label if groups else None
        said.append((groups or {}).get(label or "", {}))
        unused.discard(label or "")
    if not vectors:
        raise InputError("This gallery has no template that can be searched.")
    found = _mixed(np.stack(vectors), subjects, said, qualities, tools=tools)
    return replace(found, labels_of_nobody=len(unused))


def present(gallery: Gallery, *, tools: Tools) -> QuerySet[Face]:
    """Return the faces that a search would find today."""
    return (
        Face.objects.filter(
            gallery=gallery,
            removed_version=None,
            template__isnull=False,
            photo__source__removed_at=None,
            photo__source__retention_until__gte=tools.clock().date(),
        )
        .select_related("photo__gallery", "subject__gallery")
        .defer("crop", "photo__gallery__rotation")
        .order_by("pk")
    )


def _read(photo: Labelled) -> bytes:
    """Return a photo's bytes; of one that cannot be read nothing, which the engine rejects like any other."""
    try:
        return photo.read()
    except InputError:
        return b""


def _take(found: AnalysedFace, vectors: Vectors, qualities: list[float], number: int) -> None:
    if found.template is not None:
        vectors[number] = found.template.vector
        qualities[number] = worth(asdict(found.quality))


def _mixed(
    vectors: Vectors,
    subjects: Sequence[str],
    groups: Sequence[Groups],
    qualities: Sequence[float],
    *,
    tools: Tools,
) -> Templates:
    """Put rows into a drawn order and number the people in it, so that no number says who somebody is."""
    counts: dict[str, int] = {}
    photo = np.empty(len(subjects), dtype=np.int64)
    for row, subject in enumerate(subjects):
        photo[row] = counts[subject] = counts.get(subject, -1) + 1
    order = np.random.default_rng(list(tools.token_bytes(32))).permutation(len(subjects))
    numbers: dict[str, int] = {}
    people = [numbers.setdefault(subjects[row], len(numbers)) for row in order]
    return Templates(
        vectors=vectors[order],
        people=np.array(people, dtype=np.int64),
        photo=photo[order],
        qualities=[qualities[row] for row in order],
        groups=[groups[row] for row in order],
    )
