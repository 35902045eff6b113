"""Four-eyes: what one person asks for and another decides. One table, and the rules that read it.

A request is decided by somebody else, in time, once. An approval is then used for exactly what was
approved, while it lasts, and as often as its kind allows. Broken glass is the one kind that takes
effect at once; somebody else reviews it afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from countenance.errors import ApprovalNeeded, NotPermitted, RoleMissing, WrongState
from countenance.policy.people import Actor, Permit, Role, permit_other, permit_own


class ApprovalKind(StrEnum):
    """What needs a second person; each has its line in `KINDS`."""

    THRESHOLD_CHANGE = "threshold_change"
    GALLERY_TERMS = "gallery_terms"
    ROLE_GRANT = "role_grant"
    SENSITIVE_GALLERY = "sensitive_gallery"
    GALLERY_GRANT = "gallery_grant"
    EXPORT = "export"
    RETENTION_EXTENSION = "retention_extension"
    LARGE_ENROLMENT = "large_enrolment"
    CASE_WIDENING = "case_widening"
    CASE_ERASURE = "case_erasure"
    AUDITOR_REMOVAL = "auditor_removal"
    BREAK_GLASS = "break_glass"


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRule:
    """Who asks for a kind of approval, who decides, and what an approval is good for.

    Attributes:
        words: what it allows, as the heading of a page says it.
        ask: who may ask.
        decide: who may decide, if it is somebody else; of broken glass: who reviews it.
        waits: how long a request waits for a decision; of broken glass: for its review.
        lasts: how long an approval can be used.
        uses: how often; None: as often as needed, until it ends.
    """

    words: str
    ask: frozenset[Role]
    decide: frozenset[Role]
    waits: timedelta
    lasts: timedelta
    uses: int | None = 1


_O, _T, _I = Role.COORDINATOR, Role.STEWARD, Role.INVESTIGATOR
_E, _S, _A = Role.EXAMINER, Role.SUPERVISOR, Role.AUDITOR

_WEEK = timedelta(days=7)
GLASS_LASTS = timedelta(hours=4)
GLASS_REVIEW = timedelta(hours=72)
"""Within this time an auditor reviews what a supervisor did behind broken glass."""


def _rule(
    words: str,
    *,
    ask: tuple[Role, ...],
    decide: tuple[Role, ...],
    waits: timedelta = _WEEK,
    lasts: timedelta = _WEEK,
    uses: int | None = 1,
) -> KindRule:
    return KindRule(
        words=words,
        ask=frozenset(ask),
        decide=frozenset(decide),
        waits=waits,
        lasts=lasts,
        uses=uses,
    )


KINDS: Mapping[ApprovalKind, KindRule] = {
    ApprovalKind.THRESHOLD_CHANGE: _rule(
        "Change the operating point of a gallery", ask=(_T,), decide=(_S,)
    ),
    ApprovalKind.GALLERY_TERMS: _rule("Change the terms of a gallery", ask=(_T,), decide=(_S,)),
    ApprovalKind.ROLE_GRANT: _rule("Change a person's roles", ask=(_O,), decide=(_S, _O)),
    # For its case, and asked for again if the case goes on longer than a quarter of a year.
    ApprovalKind.SENSITIVE_GALLERY: _rule(
        "Search a sensitive gallery for a case",
        ask=(_I, _E),
        decide=(_S,),
        lasts=timedelta(days=90),
        uses=None,
    ),
    ApprovalKind.GALLERY_GRANT: _rule(
        "Grant a gallery to another agency", ask=(_T,), decide=(_O, _S)
    ),
    # A supervisor answers for what leaves the house. A second auditor may say yes as well, so that
    # no supervisor can hold up an audit of their own unit.
    ApprovalKind.EXPORT: _rule(
        "Export from the ledger", ask=(_A,), decide=(_S, _A), lasts=timedelta(days=1)
    ),
    ApprovalKind.RETENTION_EXTENSION: _rule(
        "Keep photos beyond the retention of their passport", ask=(_T,), decide=(_S,)
    ),
    ApprovalKind.LARGE_ENROLMENT: _rule(
        "Enrol more photos at once than the limit", ask=(_T,), decide=(_S,)
    ),
    ApprovalKind.CASE_WIDENING: _rule("Widen a case to one more person", ask=(_I,), decide=(_S,)),
    # Nobody makes a case disappear alone. An auditor may say yes too, where there is one supervisor.
    ApprovalKind.CASE_ERASURE: _rule("Erase a case early", ask=(_S,), decide=(_S, _A)),
    # Never the coordinators among themselves: whoever hands out roles does not get rid of oversight.
    ApprovalKind.AUDITOR_REMOVAL: _rule(
        "Take an auditor's role away", ask=(_O,), decide=(_A, _S), waits=2 * _WEEK
    ),
    ApprovalKind.BREAK_GLASS: _rule(
        "Break the glass for a case",
        ask=(_S,),
        decide=(_A,),
        waits=GLASS_REVIEW,
        lasts=GLASS_LASTS,
        uses=None,
    ),
}
"""The table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalFacts:
    """What the rules need to know of a request, from its sealed columns.

    Attributes:
        agency: whose.
        kind: what for.
        subject: the row that it is about: a gallery, a person, a case.
        asked_by: who asked; of broken glass: who broke it.
        expires_at: until when it can be decided.
        withdrawn: the asker took it back.
        decided_by: who decided; None while nobody has.
        approved: the decision was yes.
        usable_until: until when an approval can be used.
        uses: how often it was used.
        reviewed: somebody reviewed the broken glass.
        justified: what the review said.
    """

    agency: UUID
    kind: ApprovalKind
    subject: UUID
    asked_by: UUID
    expires_at: datetime
    withdrawn: bool = False
    decided_by: UUID | None = None
    approved: bool = False
    usable_until: datetime | None = None
    uses: int = 0
    reviewed: bool = False
    justified: bool = False


def permit_asking(actor: Actor, kind: ApprovalKind) -> Permit:
    """Permit whoever holds a role that asks for this kind.

    Raises:
        RoleMissing: none of the actor's roles does.
        WrongState: broken glass is not asked for.
    """
    if kind is ApprovalKind.BREAK_GLASS:
        raise WrongState("Breaking the glass takes effect at once; nobody is asked first.")
    rule = KINDS[kind]
    if not actor.roles & rule.ask:
        raise RoleMissing(f"Only {listed(rule.ask)} can ask for this.", rule=f"approval.{kind}.ask")
    return Permit(rule=f"approval.{kind}.ask")


def permit_deciding(actor: Actor, request: ApprovalFacts, *, now: datetime) -> Permit:
    """Permit another person with the right role to decide a request that still waits.

    Raises:
        SamePerson: the actor asked for it, or it is about the actor.
        RoleMissing: none of the actor's roles decides this.
        WrongState: it was decided or withdrawn already, waited too long, or is not decided but reviewed.
        NotPermitted: it is another agency's.
    """
    permit_own(actor, request.agency)
    _permit_second(actor, request)
    if request.kind is ApprovalKind.BREAK_GLASS:
        raise WrongState("Broken glass is reviewed, not approved.")
    if request.withdrawn:
        raise WrongState("The request was withdrawn. Nothing is left to decide.")
    if request.decided_by is not None:
        raise WrongState("Somebody has decided this already. Look at the decision.")
    if now > request.expires_at:
        raise WrongState("The request waited too long and has lapsed. It can be asked for again.")
    return Permit(rule=f"approval.{request.kind}.decide")


def permit_withdrawing(actor: Actor, request: ApprovalFacts) -> Permit:
    """Permit the asker to take back what nobody has decided.

    Raises:
        NotPermitted: somebody else asked for it.
        WrongState: it was decided or withdrawn already, or is broken glass.
    """
    permit_own(actor, request.agency)
    if actor.person != request.asked_by:
        raise NotPermitted(
            "Only whoever asked for it can withdraw it. You can refuse it if you may decide.",
            rule="approval.withdraw",
        )
    if request.withdrawn or request.decided_by is not None:
        raise WrongState("It was decided or withdrawn already, so it cannot be withdrawn.")
    if request.kind is ApprovalKind.BREAK_GLASS:
        raise WrongState("Broken glass cannot be taken back; an auditor reviews it.")
    return Permit(rule="approval.withdraw")


def permit_use(actor: Actor, request: ApprovalFacts, *, now: datetime) -> Permit:
    """Permit the use of an approval of the actor's agency that another person gave and that lasts.

    Raises:
        ApprovalNeeded: it is not approved, has ended, or is used up; the sentence says which.
        NotPermitted: it is another agency's.
    """
    permit_own(actor, request.agency)
    if why := why_not_usable(request, now=now):
        raise ApprovalNeeded(f"{why} {way_out(request.kind)}", rule=rule_of(request.kind))
    return Permit(rule=rule_of(request.kind))


def why_not_usable(request: ApprovalFacts, *, now: datetime) -> str:
    """Return in one sentence why this gives nothing now; empty if it can be used."""
    if request.kind is ApprovalKind.BREAK_GLASS:
        return "Broken glass approves nothing."
    if request.withdrawn:
        return "The request was withdrawn."
    if request.decided_by is None:
        lapsed = now > request.expires_at
        return (
            "The request lapsed before anybody decided it."
            if lapsed
            else "The request waits for a decision."
        )
    if not request.approved or request.decided_by == request.asked_by:
        return "The request was refused."
    return _why_over(request, KINDS[request.kind].uses, now)


def is_under_way(request: ApprovalFacts, *, now: datetime) -> bool:
    """Say whether a request waits for its decision, or was approved and can still be carried out."""
    undecided = not request.withdrawn and request.decided_by is None
    in_time = undecided and now <= request.expires_at
    return in_time or not why_not_usable(request, now=now)


def permit_review(actor: Actor, glass: ApprovalFacts) -> Permit:
    """Permit an auditor to review glass that somebody else broke; late is better than never.

    Raises:
        SamePerson: the actor broke it.
        RoleMissing: the actor is no auditor.
        WrongState: it was reviewed already, or is a request that waits for a decision.
        NotPermitted: it is another agency's.
    """
    permit_own(actor, glass.agency)
    _permit_second(actor, glass)
    if glass.kind is not ApprovalKind.BREAK_GLASS:
        raise WrongState("This is a request, which is decided and not reviewed.")
    if glass.reviewed:
        raise WrongState("Somebody has reviewed this already.")
    return Permit(rule="glass.review")


def glass_ends(glass: ApprovalFacts) -> datetime | None:
    """Return until when broken glass has its effect; None once a review found no good reason for it."""
    if glass.kind is not ApprovalKind.BREAK_GLASS or (glass.reviewed and not glass.justified):
        return None
    return glass.usable_until


def is_overdue(glass: ApprovalFacts, *, now: datetime) -> bool:
    """Say whether broken glass should have been reviewed by now."""
    return not glass.reviewed and now > glass.expires_at


def state_words(request: ApprovalFacts, *, now: datetime) -> str:
    """Return in a few words how a request stands."""
    if request.kind is ApprovalKind.BREAK_GLASS:
        return _state_of_glass(request, now)
    if request.withdrawn:
        return "Withdrawn"
    if request.decided_by is None:
        return "Lapsed" if now > request.expires_at else "Waits for a decision"
    if not request.approved:
        return "Refused"
    return _state_of_approval(request, now)


def decided_by(roles: frozenset[Role]) -> frozenset[ApprovalKind]:
    """Return the kinds that somebody with these roles decides, or reviews."""
    return frozenset(kind for kind, rule in KINDS.items() if roles & rule.decide)


def seen_by(roles: frozenset[Role]) -> frozenset[ApprovalKind]:
    """Return the kinds whose requests by others somebody with these roles reads.

    What investigators ask for is about cases, and they do not see one another's: this gives them nothing.
    """
    if Role.AUDITOR in roles:
        return frozenset(KINDS)
    readers = roles - {Role.INVESTIGATOR}
    return frozenset(kind for kind, rule in KINDS.items() if readers & (rule.decide | rule.ask))


def rule_of(kind: ApprovalKind) -> str:
    """Return the name of the rule that a refusal for lack of this approval names."""
    return f"approval.{kind}"


def way_out(kind: ApprovalKind) -> str:
    """Return in one sentence how to come by this approval."""
    rule = KINDS[kind]
    return f"Ask for approval; {listed(rule.decide)} who is somebody else can give it."


def listed(roles: frozenset[Role]) -> str:
    """Return roles as words: a supervisor or an auditor."""
    return " or ".join(f"{'an' if role[0] in 'aeiou' else 'a'} {role}" for role in sorted(roles))


def _permit_second(actor: Actor, request: ApprovalFacts) -> None:
    """Refuse the asker, whoever it is about, and whoever has no role for it."""
    permit_other(
        actor, request.asked_by, said="You asked for this yourself. Another person decides it."
    )
    permit_other(actor, request.subject, said="This is about you. Another person decides it.")
    roles = KINDS[request.kind].decide
    if not actor.roles & roles:
        raise RoleMissing(
            f"Only {listed(roles)} can decide this.", rule=f"approval.{request.kind}.decide"
        )


def _why_over(request: ApprovalFacts, uses: int | None, now: datetime) -> str:
    if request.usable_until is None or now > request.usable_until:
        return "The approval has ended."
    if uses is not None and request.uses >= uses:
        return "The approval was used already."
    return ""


def _state_of_glass(glass: ApprovalFacts, now: datetime) -> str:
    if glass.reviewed:
        return "Reviewed: good reason" if glass.justified else "Reviewed: no good reason"
    return "Review overdue" if is_overdue(glass, now=now) else "Waits for its review"


def _state_of_approval(request: ApprovalFacts, now: datetime) -> str:
    if not why_not_usable(request, now=now):
        return "Approved"
    return "Approved, and used" if request.uses else "Approved, and ended unused"
