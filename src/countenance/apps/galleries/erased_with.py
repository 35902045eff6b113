"""What else is destroyed with enrolled photos and people; the apps above this one say it, from `AppConfig.ready`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from uuid import UUID

from countenance.apps.galleries.models import Gallery

Erase = Callable[..., int]

_erasers: list[Erase] = []


def register(erase: Erase) -> None:
    """Call this inside the transaction of each removal: with agencies, and `photos` and `subjects` by keyword."""
    if erase not in _erasers:
        _erasers.append(erase)


def erase_with(
    galleries: Collection[UUID],
    *,
    photos: Collection[UUID] = (),
    subjects: Collection[UUID] = (),
) -> int:
    """Destroy what names erased photos and people of these galleries, and return how much that was."""
    agencies = list(Gallery.objects.filter(pk__in=galleries).values_list("agency_id", flat=True))
    return sum(erase(agencies, photos=photos, subjects=subjects) for erase in _erasers)
