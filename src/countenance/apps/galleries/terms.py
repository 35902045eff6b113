"""What two people decide about a gallery or a source: terms, and keeping photos for longer."""

from __future__ import annotations

from datetime import date

from countenance import policy
from countenance.apps.approvals.using import use_approval
from countenance.apps.galleries.models import Gallery, Source
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.errors import InputError, SourceClosed
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed, packs
from countenance.policy.approvals import ApprovalKind
from countenance.tools import Tools

LARGE_ENROLMENT = 10_000
"""From this many photos on, an enrolment needs a second person's approval."""


@composed_of()
def terms_payload(*, sensitive: bool) -> dict[str, object]:
    """Return what a second person approves when a gallery's terms change."""
    return {"sensitive": sensitive}


@accountable(Action.GALLERY_TERMS_CHANGED, deed=Deed.GALLERY_TERMS)
def change_terms(
    actor: Actor,
    record: Record,
    *,
    gallery: Gallery,
    sensitive: bool,
    tools: Tools,
) -> Gallery:
    """Change a gallery's terms, as a second person approved; its operating point stays as it is.

    Args:
        actor: a steward of the owner.
        record: filled in by `@accountable`.
        gallery: the gallery.
        sensitive: each case needs an approval before it searches here.
        tools: keys and clock.

    Raises:
        ApprovalNeeded: nobody else approved exactly this.
        NotPermitted: it is another agency's.
    """
    wanted = terms_payload(sensitive=sensitive)
    record.note(about=gallery.pk, before=gallery.terms, after=wanted)
    policy.permit_own(actor, gallery.agency_id)
    gallery = Gallery.objects.select_for_update(no_key=True).get(pk=gallery.pk)
    use_approval(
        actor,
        record,
        kind=ApprovalKind.GALLERY_TERMS,
        subject=gallery.pk,
        payload=wanted,
        tools=tools,
    )
    gallery.terms = {**(gallery.terms or {}), **wanted}
    gallery.save(update_fields=("terms",))
    return gallery


@accountable(Action.GALLERY_TERMS_CHANGED, deed=Deed.SET_UP)
def begin_terms_anew(actor: Actor, record: Record, *, gallery: Gallery, tools: Tools) -> None:
    """Let a gallery of a backup have no terms, although the ledger knows that it got some: they are lost."""
    gallery = Gallery.objects.select_for_update(no_key=True).get(pk=gallery.pk)
    gallery.terms = gallery.terms or {}
    gallery.save(update_fields=("terms",))
    record.note(about=gallery.pk, after=gallery.terms, restored=True)


@accountable(Action.RETENTION_EXTENDED, deed=Deed.RETENTION_EXTEND)
def extend_retention(
    actor: Actor, record: Record, *, source: Source, until: date, tools: Tools
) -> Source:
    """Keep a source's photos for longer than its passport said, as a second person approved.

    Raises:
        InputError: the new last day is not later than the present one.
        SourceClosed: the source was removed.
        ForbiddenByPack: the agency's policy pack does not allow that long.
        ApprovalNeeded: nobody else approved exactly this.
        NotPermitted: it is another agency's.
    """
    record.note(about=source.pk, before=source.retention_until, after=until)
    policy.permit_own(actor, source.agency_id)
    source = Source.objects.select_for_update(no_key=True).get(pk=source.pk)
    if source.removed_at is not None:
        raise SourceClosed("The source was removed; its photos are destroyed already.")
    source.check_links()
    if until <= source.retention_until:
        raise InputError("The new last day must be later than the present one.")
    source.retention_until = until
    source.passport = {**source.passport, "retention_until": until.isoformat()}
    packs.permit_source(
        packs.terms_of(source.agency.pack), source.facts, today=tools.clock().date()
    )
    use_approval(
        actor,
        record,
        kind=ApprovalKind.RETENTION_EXTENSION,
        subject=source.pk,
        payload={"until": until.isoformat()},
        tools=tools,
    )
    source.save(update_fields=("retention_until", "passport"))
    return source


@composed_of()
def permit_large(
    actor: Actor, record: Record, *, gallery: Gallery, source: Source, tools: Tools
) -> None:
    """Use the approval of a large enrolment, within the transaction of the service that needs it.

    Raises:
        ApprovalNeeded: no second person approved one from this source into this gallery.
    """
    use_approval(
        actor,
        record,
        kind=ApprovalKind.LARGE_ENROLMENT,
        subject=gallery.pk,
        payload={"source": str(source.pk)},
        tools=tools,
    )


# Called inside of services; they record it.
terms_payload.accountable = permit_large.accountable = ()  # type: ignore[attr-defined]
