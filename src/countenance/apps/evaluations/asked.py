"""What the approvals of this app are about, in words, for whoever decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from countenance.apps.approvals.effects import Compared, register
from countenance.apps.evaluations import changing, comparing
from countenance.apps.galleries import queries as galleries
from countenance.policy import Actor
from countenance.policy.approvals import ApprovalKind


def register_all() -> None:
    """Register what this app knows; called once at start."""
    register(
        ApprovalKind.THRESHOLD_CHANGE,
        "point_carry_out",
        subject=_gallery,
        words=_change,
        compare=_compare,
    )


def _gallery(actor: Actor, subject: UUID) -> str:
    return str(galleries.gallery(actor, subject).name)


def _change(actor: Actor, subject: UUID, payload: Mapping[str, Any]) -> list[tuple[str, str]]:
    return changing.in_words(payload, _sample(actor, subject, payload))


def _compare(actor: Actor, subject: UUID, payload: Mapping[str, Any]) -> Compared:
    return comparing.compared(payload, _sample(actor, subject, payload))


def _sample(actor: Actor, subject: UUID, payload: Mapping[str, Any]) -> str:
    """Return what was measured, of a payload that says what its evaluation says.

    Raises:
        ValueError: somebody wrote it by hand, or its evaluation is not what it was.
    """
    gallery = galleries.gallery(actor, subject)
    if not changing.is_as_written(gallery, payload, tools=None):
        raise ValueError("The figures are not the evaluation's.")
    return changing.said_of(changing.evaluation_of(gallery, payload))
