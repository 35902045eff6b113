"""What the approvals of this app are about, in words, for whoever decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from countenance.apps.approvals.effects import Compared, register
from countenance.apps.evaluations import changing, comparing
from countenance.apps.galleries import queries as galleries
from countenance.errors import InputError
from countenance.ledger.entry import canonical_json
from countenance.policy import Actor
from countenance.policy.approvals import ApprovalKind
from countenance.tools import Tools


def register_all() -> None:
    """Register what this app knows; called once at start."""
    register(
        ApprovalKind.THRESHOLD_CHANGE,
        "point_carry_out",
        subject=_gallery,
        words=_change,
        compare=_compare,
        check=_check,
    )


def _gallery(actor: Actor, subject: UUID) -> str:
    return str(galleries.gallery(actor, subject).name)


def _change(actor: Actor, subject: UUID, payload: Mapping[str, Any]) -> list[tuple[str, str]]:
    return changing.in_words(payload, _sample(actor, subject, payload))


def _compare(actor: Actor, subject: UUID, payload: Mapping[str, Any]) -> Compared:
    return comparing.compared(payload, _sample(actor, subject, payload))


def _check(actor: Actor, subject: UUID, payload: Mapping[str, Any], tools: Tools) -> None:
    """Refuse what the program does not write itself at this moment: whoever approves relies on each figure.

    Raises:
        InputError: somebody wrote it by hand, or the gallery changed meanwhile.
    """
    gallery = galleries.gallery(actor, subject)
    evaluation = changing.evaluation_of(gallery, payload)
    now = changing.change_of(gallery, evaluation, float(payload["wanted_fpir"]), tools=tools)
    if canonical_json(now) != canonical_json(payload):
        raise InputError(
            "These are not the figures of the evaluation and the gallery now. Ask on the gallery's page, or with "
            "`countenance operating-point ask`, which computes them."
        )


def _sample(actor: Actor, subject: UUID, payload: Mapping[str, Any]) -> str:
    """Return what was measured, of a payload that says what its evaluation says.

    Raises:
        ValueError: somebody wrote it by hand, or its evaluation is not what it was.
    """
    gallery = galleries.gallery(actor, subject)
    if not changing.is_as_written(gallery, payload, tools=None):
        raise ValueError("The figures are not the evaluation's.")
    return changing.said_of(changing.evaluation_of(gallery, payload))
