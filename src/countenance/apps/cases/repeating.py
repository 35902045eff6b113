"""Narrowing again, after a restore, the authorities and cases that were narrowed since the backup.

Who may do that is not asked: that was judged when it was done first. By whom and why is lost.
"""

from __future__ import annotations

from uuid import UUID

from countenance.apps.cases.models import Authority, Case
from countenance.apps.cases.uses import lock_authority
from countenance.apps.records.restoring import DONE_BEFORE
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.tools import Tools


@accountable(Action.AUTHORITY_REVOKED, deed=Deed.SET_UP)
def revoke_lost(
    actor: Actor,  # judged and recorded by the door
    record: Record,
    *,
    authority: Authority,
    tools: Tools,
) -> None:
    """Take back an authority of a backup."""
    authority = lock_authority(authority.pk)
    authority.check_links()
    record.note(about=authority.pk, reason=DONE_BEFORE)
    record.agency = authority.agency_id
    now = tools.clock()
    made = {"by": None, "at": now.isoformat(), "reason": DONE_BEFORE}
    authority.standing = authority.standing | {"revoked": made}
    authority.revoked_at = now
    authority.save()


@accountable(Action.CASE_HELD, deed=Deed.SET_UP)
def hold_lost(
    actor: Actor,  # judged and recorded by the door
    record: Record,
    *,
    case: Case,
    tools: Tools,
) -> None:
    """Keep everything of a case of a backup until the hold is lifted."""
    case = _locked(record, case)
    case.set_standing(hold={"by": None, "at": tools.clock().isoformat(), "reason": DONE_BEFORE})
    case.save(update_fields=("standing",))


@accountable(Action.CASE_CLOSED, deed=Deed.SET_UP)
def close_lost(
    actor: Actor,  # judged and recorded by the door
    record: Record,
    *,
    case: Case,
    tools: Tools,
) -> None:
    """Close a case of a backup for good; its clocks begin now."""
    case = _locked(record, case)
    case.check_links()
    case.closed_at, case.closing_reason = tools.clock(), DONE_BEFORE
    case.set_standing(closed=True, closed_at=case.closed_at.isoformat())
    case.save()


@accountable(Action.CASE_ERASURE_ORDERED, deed=Deed.SET_UP)
def order_erasure_lost(
    actor: Actor,  # judged and recorded by the door
    record: Record,
    *,
    case: Case,
    tools: Tools,
) -> None:
    """Let the clock destroy what a backup brought back of a case that was erased before its time."""
    case = _locked(record, case)
    case.check_links()
    case.set_standing(erasure={"by": None, "at": tools.clock().isoformat(), "reason": DONE_BEFORE})
    case.save(update_fields=("standing", "erase_from"))


@composed_of(revoke_lost)
def revoke_authority_again(actor: Actor, *, about: UUID, tools: Tools) -> int:
    """Take back the authority of this id if it is there; return how many."""
    rows = [
        one
        for one in Authority.objects.filter(pk=about)
        if not one.standing["revoked"] and not one.standing["refused"]
    ]
    for authority in rows:
        revoke_lost(actor, authority=authority, tools=tools)
    return len(rows)


@composed_of(hold_lost)
def hold_case_again(actor: Actor, *, about: UUID, tools: Tools) -> int:
    """Set the hold on the case of this id if it is there; return how many."""
    rows = [one for one in Case.objects.filter(pk=about) if one.hold is None]
    for case in rows:
        hold_lost(actor, case=case, tools=tools)
    return len(rows)


@composed_of(close_lost)
def close_case_again(actor: Actor, *, about: UUID, tools: Tools) -> int:
    """Close the case of this id if it is there; return how many."""
    rows = Case.objects.filter(pk=about, closed_at=None)
    for case in rows:
        close_lost(actor, case=case, tools=tools)
    return len(rows)


@composed_of(order_erasure_lost)
def order_erasure_again(actor: Actor, *, about: UUID, tools: Tools) -> int:
    """Order again that the case of this id is erased, if it is there; return how many."""
    rows = [one for one in Case.objects.filter(pk=about) if one.erasure is None]
    for case in rows:
        order_erasure_lost(actor, case=case, tools=tools)
    return len(rows)


def _locked(record: Record, case: Case) -> Case:
    """Lock a case of a backup and return it as it is now, with what the entry says of each of these."""
    case = Case.objects.select_for_update(no_key=True).get(pk=case.pk)
    record.note(about=case.pk, reason=DONE_BEFORE)
    record.agency = case.agency_id
    return case
