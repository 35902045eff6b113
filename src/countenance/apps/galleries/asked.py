"""What the approvals of this app are about, in words, for whoever decides."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from countenance.apps.agencies import queries as agencies
from countenance.apps.approvals.effects import register
from countenance.apps.galleries import queries
from countenance.apps.galleries.models import GalleryGrant
from countenance.errors import NotFound
from countenance.policy import Actor
from countenance.policy.approvals import ApprovalKind

Said = list[tuple[str, str]]

CARRY_OUT = "carry_out"


def register_all() -> None:
    """Register what this app knows; called once at start."""
    register(ApprovalKind.GALLERY_TERMS, CARRY_OUT, subject=_gallery, words=_terms)
    register(ApprovalKind.GALLERY_GRANT, CARRY_OUT, subject=_gallery, words=_grant)
    register(ApprovalKind.RETENTION_EXTENSION, CARRY_OUT, subject=_source, words=_retention)
    register(ApprovalKind.LARGE_ENROLMENT, subject=_gallery, words=_large)
    register(ApprovalKind.SENSITIVE_GALLERY, subject=_any_gallery)


def _gallery(actor: Actor, subject: UUID) -> str:
    return str(queries.gallery(actor, subject).name)


def _any_gallery(actor: Actor, subject: UUID) -> str:
    """Return the name of one's own gallery, or what a granted one is called in words."""
    try:
        return _gallery(actor, subject)
    except NotFound:
        granted = GalleryGrant.objects.filter(gallery_id=subject, grantee_id=actor.agency)
        if not granted.exists():
            raise
        return "A gallery that another agency granted"


def _source(actor: Actor, subject: UUID) -> str:
    return str(queries.source(actor, subject).name)


def _terms(actor: Actor, subject: UUID, payload: Mapping[str, Any]) -> Said:
    now = queries.gallery(actor, subject)
    return [("Sensitive", _change(_yes(now.sensitive), _yes(payload["sensitive"])))]


def _grant(actor: Actor, subject: UUID, payload: Mapping[str, Any]) -> Said:
    names = dict(agencies.directory(actor))
    grantee = UUID(payload["grantee"])
    return [
        ("Agency", names.get(grantee, f"Not listed, code {grantee}")),
        ("For searches of the kind", ", ".join(payload["kinds"])),
        ("Last day", _day(payload["until"])),
    ]


def _retention(actor: Actor, subject: UUID, payload: Mapping[str, Any]) -> Said:
    source = queries.source(actor, subject)
    return [("Kept until", _change(f"{source.retention_until:%d %B %Y}", _day(payload["until"])))]


def _large(actor: Actor, subject: UUID, payload: Mapping[str, Any]) -> Said:
    return [("From the source", str(queries.source(actor, UUID(payload["source"])).name))]


def _change(before: str, after: str) -> str:
    return f"{after}, as now" if before == after else f"{after}, instead of {before}"


def _yes(value: object) -> str:
    return "yes" if value else "no"


def _day(text: str) -> str:
    return f"{date.fromisoformat(text):%d %B %Y}"
