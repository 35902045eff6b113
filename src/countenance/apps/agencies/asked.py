"""What approvals about people are about, in words, and which page carries them out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from countenance.apps.agencies import queries
from countenance.apps.approvals.effects import register
from countenance.policy import Actor
from countenance.policy.approvals import ApprovalKind


def register_all() -> None:
    """Tell the approvals about role grants and the removal of auditors."""
    for kind in (ApprovalKind.ROLE_GRANT, ApprovalKind.AUDITOR_REMOVAL):
        register(kind, "person_carry_out", subject=_subject, words=_words)


def _subject(actor: Actor, person_id: UUID) -> str:
    """Return the name of a person of the actor's agency."""
    return str(queries.person_of(actor, person_id).name)


def _words(actor: Actor, person_id: UUID, payload: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is to become of somebody, from the payload and never from who asked."""
    person = queries.person_of(actor, person_id)
    wanted = ", ".join(payload["roles"]) or "none"
    if payload.get("new_sign_in"):
        return [
            ("Person", person.name),
            ("What", "New password and new means of signing in, by a link"),
            ("Their roles, which they keep", wanted),
        ]
    return [
        ("Person", person.name),
        ("Roles they would have", wanted),
        ("Roles they have now", ", ".join(sorted(person.roles)) or "none"),
    ]
