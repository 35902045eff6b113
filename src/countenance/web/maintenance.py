"""What the serving process tidies at start: interrupted work and objects that no row names."""

from __future__ import annotations

import time
from collections.abc import Iterator
from uuid import UUID

from django.apps import apps

from countenance.apps.agencies import lockout
from countenance.apps.agencies.session_rows import SessionStore
from countenance.apps.galleries.models import IndexSnapshot
from countenance.apps.records.sealed import ObjectSealedModel
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
    """Yield the id of every object that may belong to a row: of each kind that has a key, none forgotten.

    Rows of some kinds have no object; naming them costs little, missing a kind would cost its documents.
    """
    for model in apps.get_models():
        if issubclass(model, ObjectSealedModel):
            rows = model._default_manager.exclude(object_key=None)  # noqa: SLF001 # Django's public name
            yield from rows.values_list("pk", flat=True).iterator()
    for parts in IndexSnapshot.objects.values_list("parts", flat=True):
        yield from (UUID(part) for part in parts)


def _age(object_id: UUID, tools: Tools) -> float:
    changed = tools.store.changed(object_id)
    return 0.0 if changed is None else time.time() - changed
