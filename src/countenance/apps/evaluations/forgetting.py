"""What is destroyed here: trials that a gallery's own photos were searched in, and templates for selftests."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from countenance.apps.evaluations.models import KeptTrials, NonMates, SampleKind
from countenance.apps.galleries.models import Photo, Subject
from countenance.apps.records.objects import delete_objects
from countenance.tools import Tools


def forget_with(
    agencies: Collection[UUID], *, photos: Collection[UUID], subjects: Collection[UUID]
) -> int:
    """Destroy the trials of evaluations of those galleries that photos or people are removed from.

    Called inside the transaction of the removal. With the row goes the key; the bytes in the store, which
    nothing opens any more, go with the next sweep. Returns 0, because no control was destroyed.
    """
    galleries = [
        *Photo.objects.filter(pk__in=photos).values_list("gallery_id", flat=True).distinct(),
        *Subject.objects.filter(pk__in=subjects).values_list("gallery_id", flat=True).distinct(),
    ]
    of_own = Q(evaluation__kind=str(SampleKind.GALLERY), evaluation__gallery__in=galleries)
    KeptTrials.objects.filter(of_own, evaluation__agency__in=agencies).delete()
    return 0


def forget_non_mates(sample: NonMates, *, tools: Tools) -> None:
    """Destroy locked templates with their key, and their bytes once that is committed."""
    sample.destroy_key()
    sample.details, sample.ended_at = None, tools.clock()
    sample.save(update_fields=("object_key", "details", "ended_at"))
    transaction.on_commit(lambda: delete_objects([sample.pk], tools=tools))
