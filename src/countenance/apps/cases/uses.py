"""What services of cases and searches do inside their transactions: lock, judge, count."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from countenance import policy
from countenance.apps.cases.models import Authority, Case
from countenance.policy import Actor


def lock_authority(authority_id: UUID) -> Authority:
    """Return an authority whose row stays locked until the transaction ends; lock the case before it."""
    return Authority.objects.select_for_update(no_key=True).get(pk=authority_id)


def count_use(authority: Authority, *, at: datetime) -> None:
    """Count one search under an authority that `lock_authority` returned."""
    standing = authority.standing
    authority.standing = standing | {
        "used": standing["used"] + 1,
        "first_used_at": standing["first_used_at"] or at.isoformat(),
    }
    authority.save(update_fields=("standing",))


def own_open_case(actor: Actor, case: Case, *, today: date) -> Case:
    """Lock a case and return it, if it is open and the actor belongs to it.

    Raises:
        CaseClosed, NotPermitted: it is closed, or not the actor's.
    """
    policy.permit_own(actor, case.agency_id)
    case = Case.objects.select_for_update(no_key=True).get(pk=case.pk)
    permit_work(actor, case, today=today)
    return case


def permit_work(actor: Actor, case: Case, *, today: date) -> None:
    """Permit work on a case that is open and that the actor belongs to.

    Raises:
        CaseClosed, NotPermitted: it is closed, or not the actor's.
    """
    policy.permit_case_member(actor, case.facts)
    policy.permit_case_work(actor, case.facts, today=today)
