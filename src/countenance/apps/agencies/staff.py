"""The people of an agency: their roles, training and suspension. What a coordinator does for others.

Nobody changes anything of their own here. Giving a role needs a second person's approval; taking one
away does not, except an auditor's: an agency does not get rid of its oversight with one signature.
That, and suspending an auditor, needs a supervisor or another auditor who agrees; a custodian can
appoint another auditor in the place of one who is lost.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

from countenance.apps.agencies.inviting import invite_again, withdraw_all
from countenance.apps.agencies.models import Agency, Invitation, Person, SignInSession
from countenance.apps.approvals.models import Approval
from countenance.apps.approvals.services import ask
from countenance.apps.approvals.using import use_approval
from countenance.apps.records.services import Record, accountable, composed_of, record_refusal
from countenance.errors import InputError, NotPermitted, ReasonMissing, WrongState
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed, Role, permit_other, permit_own, permit_roles
from countenance.policy.approvals import ApprovalKind
from countenance.tools import Tools

OWN = "Nobody changes their own account here. Ask another coordinator of your agency."
IN_WORDS: dict[Role, str] = {
    Role.CUSTODIAN: "runs the machine and admits agencies",
    Role.COORDINATOR: "invites people and looks after roles and authorities",
    Role.STEWARD: "looks after sources, galleries and enrolment",
    Role.INVESTIGATOR: "opens cases, adds evidence and asks for searches",
    Role.EXAMINER: "runs searches and examines candidates",
    Role.SUPERVISOR: "grants authorities and approves requests",
    Role.AUDITOR: "reads the ledger and reviews what was done",
}


def roles_payload(roles: Collection[Role]) -> dict[str, Any]:
    """Return what a second person approves when these roles are to be somebody's."""
    return {"roles": sorted(str(role) for role in roles)}


def recovery_payload(person: Person) -> dict[str, Any]:
    """Return what a second person approves when somebody with roles is to be let in anew."""
    return {**roles_payload(person.roles), "new_sign_in": True}


roles_payload.accountable = recovery_payload.accountable = ()  # type: ignore[attr-defined] # compute only


@composed_of(ask)
def ask_for_roles(
    actor: Actor, *, person: Person, roles: Collection[Role], reason: str, tools: Tools
) -> Approval:
    """Ask a second person to agree that somebody holds exactly these roles.

    Raises:
        RolesConflict: two of the roles exclude each other.
        NotPermitted: the person is the actor, of another agency, or the role is not an agency's to give.
        InputError: they hold these roles already.
        ReasonMissing: the reason is vague.
    """
    wanted = frozenset(roles)
    try:
        _permit_change(actor, person, wanted)
    except NotPermitted as refusal:
        record_refusal(
            actor,
            deed=Deed.ROLES_CHANGE,
            refusal=refusal,
            tools=tools,
            asked="person.roles_changed",
        )
        raise
    if wanted == person.roles:
        raise InputError(f"{person.name} holds exactly these roles already.")
    said = ", ".join(sorted(wanted)) or "no role"
    return ask(
        actor,
        kind=_kind_of_change(person.roles, wanted),
        subject=person.pk,
        summary=f"Make {person.name}: {said} (now: {', '.join(sorted(person.roles)) or 'no role'}).",
        payload=roles_payload(wanted),
        reason=reason,
        tools=tools,
    )


@accountable(Action.ROLES_CHANGED, deed=Deed.ROLES_CHANGE)
def change_roles(
    actor: Actor, record: Record, *, person: Person, roles: Collection[Role], tools: Tools
) -> Person:
    """Give somebody exactly these roles; a role more, or an auditor's taken away, uses an approval.

    Their sessions end, so that what they may do now is what their next sign-in finds; an invitation that
    would let them in anew is withdrawn, because nobody approved that for these roles.

    Raises:
        ApprovalNeeded: nobody else agreed to exactly these roles.
        RolesConflict: two of the roles exclude each other.
        NotPermitted: the person is the actor, of another agency, or the role is not an agency's to give.
        WrongState: they hold exactly these roles already.
    """
    record.note(about=person.pk)
    _permit_change(actor, person, roles)
    person = _locked(person)
    wanted, held = frozenset(roles), person.roles
    record.note(before=sorted(held), roles=sorted(wanted))
    if wanted == held:
        raise WrongState(f"{person.name} holds exactly these roles already.")
    if needs_approval(held, wanted):
        use_approval(
            actor,
            record,
            kind=_kind_of_change(held, wanted),
            subject=person.pk,
            payload=roles_payload(wanted),
            tools=tools,
        )
    _write(person, roles=sorted(str(role) for role in wanted))
    withdrawn = withdraw_all(person, tools=tools)
    record.note(sessions_ended=_end_sessions(person), invitations_withdrawn=withdrawn)
    return person


def needs_approval(held: Collection[Role], wanted: Collection[Role]) -> bool:
    """Say whether a second person has to agree to a change of roles."""
    return bool(set(wanted) - set(held)) or Role.AUDITOR in set(held) - set(wanted)


needs_approval.accountable = ()  # type: ignore[attr-defined] # computes only


@accountable(Action.TRAINING_RECORDED, deed=Deed.TRAINING_RECORD)
def record_training(
    actor: Actor,
    record: Record,
    *,
    person: Person,
    trained_until: date | None,
    certified_until: date | None,
    tools: Tools,
) -> Person:
    """Record until when somebody's training and examiner's certificate last; None: there is none.

    Raises:
        NotPermitted: the person is the actor, or of another agency.
    """
    record.note(about=person.pk)
    _permit_about(actor, person)
    person = _locked(person)
    dates = {"trained_until": _iso(trained_until), "certified_until": _iso(certified_until)}
    _write(person, **dates)
    record.note(trained_until=dates["trained_until"], certified_until=dates["certified_until"])
    return person


@accountable(Action.PERSON_SUSPENDED, deed=Deed.PERSON_SUSPEND)
def suspend_person(
    actor: Actor, record: Record, *, person: Person, reason: str, tools: Tools
) -> Person:
    """Suspend somebody: their sessions end at once, and their tokens stop working.

    Raises:
        ReasonMissing: why is not said.
        ApprovalNeeded: they are an auditor, and nobody else agreed to that.
        NotPermitted: the person is the actor, or of another agency.
        WrongState: they are suspended already.
    """
    record.note(about=person.pk, reason=reason.strip())
    _check_reason(reason)
    _permit_about(actor, person)
    person = _locked(person)
    if person.suspended:
        raise WrongState("This person is suspended already.")
    if Role.AUDITOR in person.roles:
        use_approval(
            actor,
            record,
            kind=ApprovalKind.AUDITOR_REMOVAL,
            subject=person.pk,
            payload=roles_payload(person.roles - {Role.AUDITOR}),
            tools=tools,
        )
    _write(person, suspended={"since": tools.clock().isoformat(), "reason": reason.strip()})
    record.note(sessions_ended=_end_sessions(person))
    return person


@accountable(Action.PERSON_RESTORED, deed=Deed.PERSON_SUSPEND)
def restore_person(
    actor: Actor, record: Record, *, person: Person, reason: str, tools: Tools
) -> Person:
    """Lift somebody's suspension; they sign in anew.

    Raises:
        ReasonMissing: why is not said.
        NotPermitted: the person is the actor, or of another agency.
        WrongState: they are not suspended.
    """
    record.note(about=person.pk, reason=reason.strip())
    _check_reason(reason)
    _permit_about(actor, person)
    person = _locked(person)
    if not person.suspended:
        raise WrongState("This person is not suspended.")
    person.is_active = True
    _write(person, suspended=None)
    person.save(update_fields=("is_active",))
    return person


@accountable(Action.PERSON_INVITED, deed=Deed.PERSON_INVITE)
def reinvite_person(
    actor: Actor, record: Record, *, person: Person, tools: Tools
) -> tuple[Invitation, str]:
    """Let somebody in anew who lost every means of signing in; return the link's secret too.

    Their sessions end at once; password and other means are replaced when the link is used. Whoever
    holds the link has the account, so for somebody who has roles a second person has to agree.

    Raises:
        ApprovalNeeded: they have roles, and nobody else agreed.
        NotPermitted: the person is the actor, or of another agency.
        WrongState: they are suspended.
    """
    record.note(about=person.pk)
    _permit_recovery(actor, person)
    person = _locked(person)
    if person.suspended:
        raise WrongState("This person is suspended. Lift that first.")
    if person.roles:
        use_approval(
            actor,
            record,
            kind=_kind_of_recovery(person),
            subject=person.pk,
            payload=recovery_payload(person),
            tools=tools,
        )
    ended = _end_sessions(person)
    record.note(person=person.pk, sessions_ended=ended)
    return invite_again(actor, record, person=person, tools=tools)


@composed_of(ask)
def ask_for_recovery(actor: Actor, *, person: Person, reason: str, tools: Tools) -> Approval:
    """Ask a second person to agree that somebody who has roles is let in anew.

    Raises:
        NotPermitted: the person is the actor, or of another agency.
        ReasonMissing: the reason is vague.
    """
    try:
        _permit_recovery(actor, person)
    except NotPermitted as refusal:
        record_refusal(
            actor, deed=Deed.PERSON_INVITE, refusal=refusal, tools=tools, asked="person.invited"
        )
        raise
    return ask(
        actor,
        kind=_kind_of_recovery(person),
        subject=person.pk,
        summary=f"Let {person.name} set a new password and new means of signing in.",
        payload=recovery_payload(person),
        reason=reason,
        tools=tools,
    )


def _kind_of_change(held: Collection[Role], wanted: Collection[Role]) -> ApprovalKind:
    """Return which approval a change of roles needs; losing an auditor weighs more than a new role."""
    lost = set(held) - set(wanted)
    return ApprovalKind.AUDITOR_REMOVAL if Role.AUDITOR in lost else ApprovalKind.ROLE_GRANT


def _kind_of_recovery(person: Person) -> ApprovalKind:
    """Return which approval a recovery needs: an auditor's account is not taken over either."""
    auditor = Role.AUDITOR in person.roles
    return ApprovalKind.AUDITOR_REMOVAL if auditor else ApprovalKind.ROLE_GRANT


def _permit_about(actor: Actor, person: Person) -> None:
    """Permit what concerns somebody else of the actor's agency."""
    permit_own(actor, person.agency_id)
    permit_other(actor, person.pk, said=OWN)


def _permit_recovery(actor: Actor, person: Person) -> None:
    """Permit to let somebody in anew, who is no custodian."""
    _permit_about(actor, person)
    if Role.CUSTODIAN in person.roles:
        raise NotPermitted(
            "To let a custodian in anew, invite their e-mail address as custodian once more.",
            rule="roles.custodian",
        )


def _permit_change(actor: Actor, person: Person, roles: Collection[Role]) -> None:
    """Permit roles that an agency gives, that go together, for somebody else of it."""
    _permit_about(actor, person)
    if Role.CUSTODIAN in roles or Agency.objects.get(pk=person.agency_id).custodial:
        raise NotPermitted(
            "Custodians are invited by a custodian, into an agency of their own, and hold no other role.",
            rule="roles.custodian",
        )
    permit_roles(roles)


def _locked(person: Person) -> Person:
    return Person.objects.select_for_update(no_key=True).get(pk=person.pk)


def _write(person: Person, **standing: object) -> None:
    person.standing = {**(person.standing or {}), **standing}
    person.save(update_fields=("standing",))


def _end_sessions(person: Person) -> int:
    """End every session of somebody, in this transaction."""
    ended, _ = SignInSession.objects.filter(person=person).delete()
    return ended


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise ReasonMissing("Say in words why; your oversight body reads it.")


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
