"""What the serving process tidies at start: interrupted work and objects that no row names."""

from __future__ import annotations

import time
from collections.abc import Iterator
from uuid import UUID

from countenance.apps.cases.models import Authority
from countenance.apps.agencies import lockout
from countenance.apps.agencies.session_rows import SessionStore
from countenance.apps.galleries.models import IndexSnapshot, Photo, StagedPhoto
from countenance.apps.searches.models import Probe
from countenance.tools import Tools

GRACE_SECONDS = 3600.0
"""An object younger than this may belong to a transaction that has not committed yet."""


def sweep_objects(*, tools: Tools, grace: float = GRACE_SECONDS) -> int:
    """Delete what a crash left in the store, half written or without a row, and return how many."""
    named = set(_named_objects())
    stray = [
        object_id
        for object_id in tools.store.ids()
        if object_id not in named and _age(object_id, tools) > grace
    ]
    for object_id in stray:
        tools.store.delete(object_id)
    return len(stray) + tools.store.sweep(older_than=grace)


def clear_sessions() -> None:
    """Delete the sessions that have ended, and old tries to sign in."""
    SessionStore.clear_expired()
    lockout.forget_old()


def _named_objects() -> Iterator[UUID]:
    yield from Photo.objects.filter(removed_at=None).values_list("pk", flat=True).iterator()
    yield from StagedPhoto.objects.values_list("pk", flat=True).iterator()
    yield from Authority.objects.values_list("pk", flat=True).iterator()
    yield from Probe.objects.values_list("pk", flat=True).iterator()
    for parts in IndexSnapshot.objects.values_list("parts", flat=True):
        yield from (UUID(part) for part in parts)


def _age(object_id: UUID, tools: Tools) -> float:
    changed = tools.store.changed(object_id)
    return 0.0 if changed is None else time.time() - changed
