"""Galleries of one agency searched by another: granted by their owner, and by nobody else.

A grant carries a proof that the owner's own key sealed. With it, and only until its date, a request of
the grantee reads the owner's photos, sources and index; it writes nothing there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from countenance import policy
from countenance.apps.agencies.models import Agency
from countenance.apps.approvals.queries import is_approved
from countenance.apps.approvals.using import use_approval
from countenance.apps.galleries.models import EnrolmentRun, Gallery, GalleryGrant
from countenance.apps.records.sealed import using_keyring
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.errors import (
    GalleryClosedToCase,
    InputError,
    KeyUnavailable,
    NotFound,
    ReasonMissing,
    WrongState,
)
from countenance.ledger.entry import Action
from countenance.policy import SYSTEM, Actor, Deed, GalleryFacts, SearchKind
from countenance.policy.approvals import ApprovalKind
from countenance.tools import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A gallery that another agency granted, as the grantee sees it."""

    grant: UUID
    gallery: UUID
    name: str
    owner: str
    kinds: frozenset[SearchKind]
    until: date
    closed: bool = False


@composed_of()
def payload(
    *, gallery: Gallery, grantee: UUID, kinds: Collection[SearchKind], until: date
) -> dict[str, object]:
    """Return what a second person approves when a gallery is granted."""
    return {
        "gallery": str(gallery.pk),
        "grantee": str(grantee),
        "kinds": sorted(kinds),
        "until": until.isoformat(),
    }


@accountable(Action.GALLERY_GRANTED, deed=Deed.GALLERY_GRANT)
def grant_gallery(
    actor: Actor,
    record: Record,
    *,
    gallery: Gallery,
    grantee: Agency,
    kinds: Collection[SearchKind],
    until: date,
    tools: Tools,
) -> GalleryGrant:
    """Let another agency search a gallery of one's own, as a second person approved it.

    Raises:
        InputError: no purpose, a date that is over, the owner itself, or the custodians.
        ApprovalNeeded: nobody else approved exactly this.
        WrongState: it is granted to this agency already.
        NotPermitted: the gallery is another agency's.
    """
    record.note(about=gallery.pk, grantee=grantee.pk, kinds=sorted(kinds), until=until)
    policy.permit_own(actor, gallery.agency_id)
    gallery = Gallery.objects.select_for_update(no_key=True).get(pk=gallery.pk)
    if not kinds:
        raise InputError("Choose at least one kind of search that the grant is for.")
    if until < tools.clock().date():
        raise InputError("The last day of a grant cannot be over.")
    if grantee.pk == actor.agency or grantee.custodial:
        raise InputError("A gallery is granted to another agency that searches.")
    if GalleryGrant.objects.filter(gallery=gallery, grantee=grantee, ended_at=None).exists():
        raise WrongState("The gallery is granted to this agency already. End that grant first.")
    use_approval(
        actor,
        record,
        kind=ApprovalKind.GALLERY_GRANT,
        subject=gallery.pk,
        payload=payload(gallery=gallery, grantee=grantee.pk, kinds=kinds, until=until),
        tools=tools,
    )
    owner = Agency.objects.get(pk=actor.agency)
    grant = GalleryGrant(
        gallery=gallery,
        agency_id=actor.agency,
        grantee=grantee,
        proof=tools.keyring.seal_grant(
            owner=actor.agency, object=gallery.pk, grantee=grantee.pk, until=until
        ),
        details={
            "grantee": str(grantee.pk),
            "kinds": sorted(kinds),
            "until": until.isoformat(),
            "gallery": gallery.name,
            "owner": owner.own_name or "",
        },
        granted_at=tools.clock(),
    )
    grant.save(force_insert=True)
    return grant


@accountable(Action.GALLERY_GRANT_ENDED, deed=Deed.GALLERY_GRANT)
def end_grant(
    actor: Actor, record: Record, *, grant: GalleryGrant, reason: str, tools: Tools
) -> None:
    """End a grant at once: its proof is destroyed, so the grantee's requests read nothing more.

    Raises:
        ReasonMissing: why is not said.
        WrongState: it has ended already.
        NotPermitted: it is another agency's.
    """
    record.note(about=grant.gallery_id, grantee=grant.grantee_id, reason=reason.strip())
    record.agency = grant.agency_id
    if actor != SYSTEM:  # Which only repeats after a restore what somebody of the owner did.
        policy.permit_own(actor, grant.agency_id)
    if not reason.strip():
        raise ReasonMissing("Say in words why the grant is ended.")
    grant = GalleryGrant.objects.select_for_update(no_key=True).get(pk=grant.pk)
    if grant.ended_at is not None:
        raise WrongState("The grant has ended already.")
    now = tools.clock()
    grant.proof, grant.ended_at = None, now
    # Sealed too: the column and the proof could be put back.
    grant.details = {**grant.details, "ended": now.isoformat()}
    grant.save(update_fields=("proof", "ended_at", "details"))


@composed_of()
def facts_of(
    actor: Actor, gallery: Gallery, *, case: UUID | None = None, tools: Tools
) -> GalleryFacts:
    """Return what policy needs to know when this actor's agency asks to search a gallery.

    Call it within `reading`, which opens what was granted.
    """
    try:
        facts = gallery.facts
        if gallery.agency_id != actor.agency:
            grant = _present_grant(actor, gallery)
            facts = replace(facts, grant=None if grant is None else grant.facts)
    except KeyUnavailable:
        if gallery.agency_id == actor.agency:
            raise
        # Never granted, or no longer: not even its terms open. Policy says the rest.
        return GalleryFacts(id=gallery.pk, agency=gallery.agency_id, closed=False)
    if facts.sensitive and case is not None:
        approved = is_approved(
            actor,
            kind=ApprovalKind.SENSITIVE_GALLERY,
            subject=gallery.pk,
            payload={"case": str(case)},
            tools=tools,
        )
        facts = replace(facts, approved=approved)
    sources = EnrolmentRun.objects.filter(gallery=gallery, enrolled__gt=0).select_related("source")
    kept = {run.source_id: run.source for run in sources if run.source.removed_at is None}
    unreleased = any(not source.facts.written_release for source in kept.values())
    return replace(facts, unreleased=unreleased)


@composed_of()
@contextmanager
def reading(actor: Actor, galleries: Sequence[Gallery], *, tools: Tools) -> Iterator[Tools]:
    """Open what was granted among these galleries, for the length of the block, and yield the tools.

    A gallery that is not granted stays shut: policy refuses it by name, and its rows do not open.
    """
    keyring = tools.keyring
    foreign = {one.agency_id: one for one in galleries if one.agency_id != actor.agency}
    if keyring.agency is None or not foreign:
        yield tools
        return
    today = tools.clock().date()
    for gallery in galleries:
        grant = None if gallery.agency_id == actor.agency else _present_grant(actor, gallery)
        if grant is None or grant.proof is None:
            continue
        try:
            keyring = keyring.lent(
                bytes(grant.proof), owner=gallery.agency_id, object=gallery.pk, today=today
            )
        except KeyUnavailable:
            continue
    with using_keyring(keyring):
        yield replace(tools, keyring=keyring)


@composed_of()
def permit_look(actor: Actor, gallery: Gallery, *, tools: Tools) -> None:
    """Permit looking at photos of a gallery that is one's own or granted; call it within `reading`.

    Raises:
        GalleryClosedToCase: it is another agency's, which does not grant it, or no longer.
    """
    if gallery.agency_id == actor.agency:
        return
    if not _opens(_present_grant(actor, gallery), actor, today=tools.clock().date()):
        raise GalleryClosedToCase(
            "This gallery is another agency's, which does not grant it to yours, or no longer.",
            rule="grant.missing",
        )


def _opens(grant: GalleryGrant | None, actor: Actor, *, today: date) -> bool:
    try:
        facts = None if grant is None else grant.facts
    except KeyUnavailable:
        return False  # It has ended: not even what it said opens any more.
    if facts is None or facts.ended:
        return False
    return facts.grantee == actor.agency and facts.until >= today


@composed_of()
def granted_to(actor: Actor, *, tools: Tools) -> list[Granted]:
    """Return the galleries that other agencies grant to the actor's now, oldest grant first."""
    rows = GalleryGrant.objects.filter(grantee_id=actor.agency, ended_at=None)
    found = []
    for grant in rows.select_related("gallery__agency").order_by("granted_at"):
        if grant.gallery.agency.suspended:
            continue
        with reading(actor, [grant.gallery], tools=tools) as lent:
            if lent.keyring is tools.keyring and tools.keyring.agency is not None:
                continue  # Its last day is over.
            facts = grant.facts
            over = facts.ended or facts.until < tools.clock().date()
            if over or facts.grantee != actor.agency:
                continue
            found.append(
                Granted(
                    grant=grant.pk,
                    gallery=grant.gallery_id,
                    name=grant.details["gallery"],
                    owner=grant.details["owner"],
                    kinds=facts.kinds,
                    until=facts.until,
                    closed=grant.gallery.closed_at is not None,
                )
            )
    return found


@composed_of()
def grants_of(actor: Actor, gallery: Gallery) -> list[GalleryGrant]:
    """Return the grants of one's own gallery, newest first, ended ones included."""
    found = GalleryGrant.objects.filter(gallery=gallery, agency_id=actor.agency)
    return list(found.order_by("-granted_at"))


@composed_of()
def searchable(actor: Actor, gallery_id: UUID) -> Gallery:
    """Return a gallery of one's own, or one that was granted, or raise NotFound."""
    gallery = Gallery.objects.filter(pk=gallery_id).select_related("agency").first()
    if gallery is None or (
        gallery.agency_id != actor.agency and not _present_grant(actor, gallery)
    ):
        raise NotFound("There is no such gallery.")
    return gallery


def _present_grant(actor: Actor, gallery: Gallery) -> GalleryGrant | None:
    if gallery.agency.suspended:
        return None  # What a suspended agency granted rests with it.
    return (
        GalleryGrant.objects.filter(gallery=gallery, grantee_id=actor.agency, ended_at=None)
        .order_by("-granted_at")
        .first()
    )


facts_of.accountable = permit_look.accountable = ()  # type: ignore[attr-defined] # these only read
payload.accountable = ()  # type: ignore[attr-defined]
