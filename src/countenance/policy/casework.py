"""Who belongs to a case: its investigator, its members, and those who answer for all cases of an agency."""

from __future__ import annotations

from countenance.errors import NotPermitted
from countenance.policy.facts import CaseFacts
from countenance.policy.people import Actor, Permit, Role, permit_own

OF_ALL_CASES = frozenset({Role.EXAMINER, Role.SUPERVISOR, Role.AUDITOR})
"""Roles that see every case of their agency; an investigator sees their own."""


def sees_every_case(actor: Actor) -> bool:
    """Say whether the actor sees the cases of other investigators of the agency."""
    return not actor.roles.isdisjoint(OF_ALL_CASES)


def permit_case_member(actor: Actor, case: CaseFacts) -> Permit:
    """Permit work on a case to its investigator, its members, and those who see every case.

    Raises:
        NotPermitted: the case is another agency's, or another investigator's.
    """
    permit_own(actor, case.agency)
    if sees_every_case(actor) or actor.person in {case.opened_by, *case.members}:
        return Permit(rule="case.member")
    raise NotPermitted(
        "You are not a member of this case. Its investigator or a supervisor can add you.",
        rule="case.member",
    )


def permit_case_lead(actor: Actor, case: CaseFacts) -> Permit:
    """Permit changes of a case to the investigator who opened it and to supervisors.

    Raises:
        NotPermitted: the case is another agency's, or somebody else leads it.
    """
    permit_own(actor, case.agency)
    if actor.person == case.opened_by or Role.SUPERVISOR in actor.roles:
        return Permit(rule="case.lead")
    raise NotPermitted(
        "Only the investigator who opened the case or a supervisor does this. Ask one of them.",
        rule="case.lead",
    )


def permit_case_erasure(case: CaseFacts, *, held: bool, needed: bool, running: bool) -> Permit:
    """Permit that what there is of a closed case is destroyed before its time, if nothing keeps it.

    Args:
        case: which.
        held: a legal hold is on.
        needed: a lead has no outcome yet.
        running: a search of it has not ended.

    Raises:
        NotPermitted: the case is open, or one of these keeps it.
    """
    rule = "case.erasure"
    if not case.closed:
        raise NotPermitted("Close the case first; only a closed case can be erased.", rule=rule)
    if held:
        raise NotPermitted(
            "A legal hold is on, so nothing of this case is destroyed. A supervisor can lift it.",
            rule=rule,
        )
    if needed:
        raise NotPermitted(
            "A lead of this case has no outcome yet, so nothing of it is destroyed. "
            "Say what came of it, or withdraw it.",
            rule=rule,
        )
    if running:
        raise NotPermitted(
            "A search of this case is still running. Try again when it has ended.", rule=rule
        )
    return Permit(rule=rule)
