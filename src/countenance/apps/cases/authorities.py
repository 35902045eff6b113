"""Authorities: one person proposes, another one grants or refuses, and either side can take it back."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any
from uuid import UUID

from countenance import policy
from countenance.apps.cases.coverage import coverable
from countenance.apps.cases.documents import Document, format_of
from countenance.apps.cases.models import Authority
from countenance.apps.cases.uses import lock_authority
from countenance.apps.records.objects import get_object, put_object
from countenance.apps.records.services import Record, accountable
from countenance.errors import InputError, NotFound, ReasonMissing, WrongState
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed, SearchKind
from countenance.policy.searching import permit_proposer
from countenance.tools import Tools

MAX_QUOTA = 10_000


@accountable(Action.AUTHORITY_PROPOSED, deed=Deed.AUTHORITY_PROPOSE)
def propose_authority(
    actor: Actor,
    record: Record,
    *,
    kind: SearchKind,
    statute: str,
    purpose: str,
    galleries: Collection[UUID],
    quota: int,
    expires_on: date,
    offence: str = "",
    note: str = "",
    document: Document | None = None,
    tools: Tools,
) -> Authority:
    """Propose an authority; a supervisor who is somebody else grants or refuses it.

    Args:
        actor: a coordinator or an investigator.
        record: filled in by `@accountable`.
        kind: which kind of search it is for.
        statute: the statute, or the reference of the warrant or order.
        purpose: what the searches are to find out.
        galleries: ids of those that it covers: the agency's own, or granted to it.
        quota: how many searches.
        expires_on: its last day.
        offence: the code of the offence in the policy pack's list, where there is one.
        note: anything else that whoever decides should know.
        document: the warrant, order or request itself; sealed.
        tools: keys, store, clock.

    Raises:
        InputError: something is missing, over, or of no known gallery.
    """
    details = {
        "kind": str(SearchKind(kind)),
        "statute": statute.strip(),
        "purpose": purpose.strip(),
        "offence": offence.strip(),
        "galleries": sorted({str(one) for one in galleries}),
        "quota": quota,
        "expires_on": expires_on.isoformat(),
        "note": note.strip(),
        "document": None,
    }
    _check(actor, details, expires_on=expires_on, tools=tools)
    authority = Authority(
        agency_id=actor.agency,
        details=details,
        standing=_standing(actor),
        expires_on=expires_on,
        proposed_by_id=actor.person,
        proposed_at=tools.clock(),
    )
    if document is not None:
        _put(authority, document, tools=tools)
    authority.save(force_insert=True)
    record.note(about=authority.pk, **authority.details)
    return authority


@accountable(Action.AUTHORITY_DOCUMENTED, deed=Deed.AUTHORITY_PROPOSE)
def attach_document(
    actor: Actor, record: Record, *, authority: Authority, document: Document, tools: Tools
) -> Authority:
    """Put a document to an authority that the actor proposed and nobody has decided about yet.

    Raises:
        InputError: it is not a document that is kept.
        WrongState: the authority was decided about, or has a document.
        NotPermitted: it is another agency's, or somebody else proposed it.
    """
    record.note(about=authority.pk)
    policy.permit_own(actor, authority.agency_id)
    authority = lock_authority(authority.pk)
    authority.check_links()
    permit_proposer(actor, authority.proposed_by_id)
    if authority.decision or authority.standing["revoked"]:
        raise WrongState(
            "It was decided about already. Propose a new authority with this document."
        )
    if authority.document is not None:
        raise WrongState("It has a document already. Propose a new authority with this one.")
    _put(authority, document, tools=tools)
    authority.save()
    record.note(document=authority.document)
    return authority


@accountable(Action.AUTHORITY_GRANTED, Action.AUTHORITY_REFUSED, deed=Deed.AUTHORITY_DECIDE)
def decide_authority(
    actor: Actor, record: Record, *, authority: Authority, grant: bool, reason: str, tools: Tools
) -> Authority:
    """Grant or refuse an authority that somebody else proposed.

    Raises:
        SamePerson: the actor proposed it.
        ReasonMissing: why is not said.
        WrongState: it was decided about, taken back, or has ended.
        NotPermitted: it is another agency's.
    """
    record.action = Action.AUTHORITY_GRANTED if grant else Action.AUTHORITY_REFUSED
    record.note(about=authority.pk, reason=reason.strip())
    policy.permit_own(actor, authority.agency_id)
    authority = lock_authority(authority.pk)
    authority.check_links()
    policy.permit_other(
        actor,
        authority.proposed_by_id,
        said="Nobody decides about an authority that they proposed. Another supervisor can.",
    )
    if not reason.strip():
        raise ReasonMissing("Say in words why you grant or refuse it.")
    _check_undecided(authority)
    now = tools.clock()
    if grant and authority.expires_on < now.date():
        raise WrongState("Its last day is over. Propose a new authority.")
    made = {"by": str(actor.person), "at": now.isoformat(), "reason": reason.strip()}
    authority.standing = authority.standing | {"granted" if grant else "refused": made}
    authority.decided_by_id, authority.decided_at = actor.person, now
    authority.save()
    return authority


@accountable(Action.AUTHORITY_REVOKED, deed=Deed.AUTHORITY_REVOKE)
def revoke_authority(
    actor: Actor, record: Record, *, authority: Authority, reason: str, tools: Tools
) -> Authority:
    """Take back an authority, granted or not; no search runs under it from now on.

    Raises:
        ReasonMissing: why is not said.
        WrongState: it was refused or taken back already.
        NotPermitted: it is another agency's.
    """
    record.note(about=authority.pk, reason=reason.strip())
    policy.permit_own(actor, authority.agency_id)
    authority = lock_authority(authority.pk)
    authority.check_links()
    if not reason.strip():
        raise ReasonMissing("Say in words why it is taken back.")
    if authority.standing["revoked"] or authority.standing["refused"]:
        raise WrongState("It was refused or taken back already.")
    now = tools.clock()
    made = {"by": str(actor.person), "at": now.isoformat(), "reason": reason.strip()}
    authority.standing = authority.standing | {"revoked": made}
    authority.revoked_by_id, authority.revoked_at = actor.person, now
    authority.save()
    return authority


@accountable(Action.AUTHORITY_VIEWED, deed=Deed.AUTHORITY_READ)
def view_authority_document(
    actor: Actor, record: Record, *, authority: Authority, tools: Tools
) -> bytes:
    """Return the bytes of an authority's document.

    Raises:
        NotFound: it has none.
        NotPermitted: it is another agency's.
    """
    record.note(about=authority.pk)
    policy.permit_own(actor, authority.agency_id)
    if authority.document is None:
        raise NotFound("This authority has no document.")
    return get_object(authority, tools=tools)


def _standing(actor: Actor) -> dict[str, Any]:
    """Return the standing of an authority that the actor proposes."""
    nothing_yet = dict.fromkeys(("granted", "refused", "revoked", "first_used_at"))
    return {"proposed_by": str(actor.person), "used": 0, **nothing_yet}


def _check(actor: Actor, details: dict[str, Any], *, expires_on: date, tools: Tools) -> None:
    if not details["statute"] or not details["purpose"]:
        raise InputError("An authority needs a statute or warrant, and a purpose.")
    if not 1 <= details["quota"] <= MAX_QUOTA:
        raise InputError(f"An authority allows between 1 and {MAX_QUOTA} searches.")
    if expires_on < tools.clock().date():
        raise InputError("The last day of an authority cannot be over.")
    if not details["galleries"]:
        raise InputError("Choose at least one gallery that it covers.")
    known = {str(one.id) for one in coverable(actor, tools=tools) if not one.closed}
    if not known.issuperset(details["galleries"]):
        raise InputError(
            "One of these galleries is closed, or neither your agency's own nor granted to it."
        )


def _check_undecided(authority: Authority) -> None:
    if authority.standing["revoked"]:
        raise WrongState("It was taken back. Propose a new authority.")
    if authority.decision:
        raise WrongState("It was decided about already.")


def _put(authority: Authority, document: Document, *, tools: Tools) -> None:
    authority.details = authority.details | {
        "document": {
            "file_name": document.file_name,
            "bytes": len(document.data),
            "format": format_of(document.data),
        }
    }
    put_object(authority, document.data, tools=tools)
