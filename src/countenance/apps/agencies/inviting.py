"""Invitations: how anybody comes to have an account.

The custodian invites the first people of an agency, with their roles, because somebody has to begin;
from then on its coordinator invites, without roles, and a second person agrees to each role. A link
works once, for 72 hours, and only its hash is kept.
"""

from __future__ import annotations

import base64
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from countenance.apps.agencies import queries
from countenance.apps.agencies.models import Agency, Invitation, Person, SignInSession
from countenance.apps.agencies.queries import email_index_of, secret_hash
from countenance.apps.records.keys import load_keys
from countenance.apps.records.services import Record, accountable
from countenance.errors import (
    AlreadyExists,
    Conflict,
    InputError,
    NotPermitted,
    RoleMissing,
    Suspended,
    WrongState,
)
from countenance.ledger.entry import Action
from countenance.policy import SYSTEM, Actor, Deed, Role, permit_own, permit_roles
from countenance.tools import Tools

INVITATION_LASTS = timedelta(hours=72)
SECRET_BYTES = 32
REPLACED = "Replaced by the custodian."
LET_IN_BY_AGENCY = (
    "This person is in the agency already, which lets its people in anew itself: its coordinator asks, and "
    "a second person agrees. A custodian lets in the coordinator only, and nobody who holds another role."
)
FIRST_ROLES = (Role.COORDINATOR, Role.SUPERVISOR, Role.AUDITOR)
"""What a custodian may appoint in an agency: those without whom nobody there can agree to anything."""


@accountable(Action.PERSON_INVITED, deed=Deed.PERSON_INVITE)
def invite_person(
    actor: Actor, record: Record, *, name: str, email: str, tools: Tools
) -> tuple[Invitation, str]:
    """Invite somebody into the coordinator's agency, without any role; return the link's secret too.

    Raises:
        RoleMissing: the actor is not this agency's coordinator.
        InputError: name or address is not usable.
        AlreadyExists: somebody of the agency has the address, or an invitation to it is pending.
    """
    _permit_coordinator(actor)
    name, email = _checked(name, email)
    index = email_index_of(email, tools=tools)
    # Whether another agency knows the address is not said here: see `settle`.
    if Person.objects.filter(email_index=index, agency_id=actor.agency).exists():
        raise AlreadyExists("A person of your agency has this e-mail address already.")
    agency = Agency.objects.get(pk=actor.agency)
    _refuse_second(agency, index, by_custodian=False, tools=tools)
    details = {"name": name, "email": email, "roles": []}
    return _invite(actor, record, agency=agency, details=details, by_custodian=False, tools=tools)


@accountable(Action.PERSON_INVITED, deed=Deed.PERSON_INVITE)
def invite_first(  # one keyword for each thing that vetting found
    actor: Actor,
    record: Record,
    *,
    agency: Agency,
    role: Role,
    name: str,
    email: str,
    instead: str = "",
    trained_until: date | None = None,
    tools: Tools,
) -> tuple[Invitation, str]:
    """Invite, as custodian, an agency's first coordinator, supervisor or auditor, or a further custodian.

    Custodians cannot read who is in an agency. They know whom they invited; that nobody else holds the
    role is judged with the agency's own keys when the invitation is accepted (`settle`).

    Args:
        actor: a custodian, or the machine itself.
        record: what the entry says.
        agency: where to.
        role: which of `FIRST_ROLES`; in the custodians' own agency `custodian`.
        name: whom.
        email: their address; of somebody who is in the agency already, it lets them back in, as its
            coordinator and only if they hold no other role.
        instead: why whoever holds the role now is lost to it; they are suspended on acceptance.
        trained_until: the last day of their training, if it was part of the vetting.
        tools: the keys and the clock.

    Raises:
        RoleMissing: the actor is no custodian, or the role is not one that custodians give.
        NotPermitted: the agency has somebody in this role, and no reason says why they are lost.
        AlreadyExists: the address is another agency's, or an invitation is pending.
        Suspended: the agency is suspended.
    """
    if actor != SYSTEM and Role.CUSTODIAN not in actor.roles:
        raise RoleMissing(
            "Only a custodian invites an agency's first people.", rule="agency.first_people"
        )
    record.note(about=agency.pk)
    _permit_first_role(agency, role)
    name, email = _checked(name, email)
    index = email_index_of(email, tools=tools)
    known = Person.objects.filter(email_index=index).only("pk", "agency_id").first()
    if known is not None and known.agency_id != agency.pk:
        raise AlreadyExists("This e-mail address belongs to an account of another agency.")
    _refuse_second(agency, index, by_custodian=True, tools=tools)
    if not agency.custodial:
        if known is not None and role is not Role.COORDINATOR:
            raise NotPermitted(LET_IN_BY_AGENCY, rule="agency.first_people")
        _permit_first(agency, role, instead=instead.strip(), tools=tools)
    details: dict[str, Any] = {"name": name, "email": email, "roles": [str(role)]}
    if instead.strip():
        details["instead"] = instead.strip()
    if known is not None:
        details["replaces"] = str(known.pk)
    if trained_until is not None:
        details["trained_until"] = trained_until.isoformat()
    return _invite(actor, record, agency=agency, details=details, by_custodian=True, tools=tools)


@accountable(Action.INVITATION_WITHDRAWN, deed=Deed.PERSON_INVITE)
def withdraw_invitation(
    actor: Actor, record: Record, *, invitation: Invitation, tools: Tools
) -> Invitation:
    """Take an invitation back; its link opens nothing any more.

    Raises:
        NotPermitted: it is another agency's, or the other side's.
        WrongState: it was accepted or withdrawn already.
    """
    record.note(about=invitation.pk)
    invitation = Invitation.objects.select_for_update(no_key=True).get(pk=invitation.pk)
    if invitation.by_custodian:
        if actor != SYSTEM and Role.CUSTODIAN not in actor.roles:
            raise RoleMissing(
                "A custodian wrote this invitation. Ask a custodian to withdraw it.",
                rule="invitation.own_only",
            )
    else:
        permit_own(actor, invitation.agency_id)
        _permit_coordinator(actor)
    if invitation.accepted_at is not None:
        raise WrongState("This invitation was accepted already. Suspend the person instead.")
    if invitation.withdrawn_at is not None:
        raise WrongState("This invitation was withdrawn already.")
    return _withdrawn(invitation, at=tools.clock())


def _invite(
    actor: Actor,
    record: Record,
    *,
    agency: Agency,
    details: dict[str, Any],
    by_custodian: bool,
    tools: Tools,
) -> tuple[Invitation, str]:
    """Store an invitation and return it with the secret of its link, which is kept nowhere."""
    now = tools.clock()
    drawn = tools.token_bytes(SECRET_BYTES)
    secret = base64.urlsafe_b64encode(drawn).decode().rstrip("=")
    invitation = Invitation(
        agency=agency,
        by_custodian=by_custodian,
        details=details,
        email_index=email_index_of(details["email"], tools=tools),
        secret_hash=secret_hash(secret),
        invited_by=actor.person,
        invited_at=now,
        expires_at=now + INVITATION_LASTS,
    )
    invitation.save(force_insert=True)
    record.note(
        about=invitation.pk,
        agency=agency.pk,
        roles=details["roles"],
        replaces=details.get("replaces"),
        instead=details.get("instead", ""),
    )
    return invitation, secret


def _withdrawn(invitation: Invitation, *, at: datetime) -> Invitation:
    """Write down that an invitation was taken back."""
    invitation.withdrawn_at = at
    invitation.spend()
    invitation.save(update_fields=("withdrawn_at", "details"))
    return invitation


def invite_again(
    actor: Actor, record: Record, *, person: Person, tools: Tools
) -> tuple[Invitation, str]:
    """Store an invitation that lets a known person in anew; part of `staff.reinvite_person`."""
    details = {
        "name": person.name,
        "email": person.email,
        "roles": sorted(person.roles),
        "replaces": str(person.pk),
    }
    withdraw_all(person, tools=tools)
    return _invite(
        actor, record, agency=person.agency, details=details, by_custodian=False, tools=tools
    )


def withdraw_all(person: Person, *, tools: Tools) -> int:
    """Withdraw what lets a person in anew, where the roles it was approved for change; return how many.

    Part of a service that has locked the person: whoever accepts locks the person first as well.
    """
    pending = Invitation.objects.select_for_update(no_key=True).filter(
        agency_id=person.agency_id,
        by_custodian=False,
        email_index=bytes(person.email_index),
        accepted_at=None,
        withdrawn_at=None,
    )
    return len([_withdrawn(one, at=tools.clock()) for one in pending])


invite_again.accountable = withdraw_all.accountable = ()  # type: ignore[attr-defined] # parts of services


def settle(invitation: Invitation, *, tools: Tools) -> list[UUID]:
    """Judge, when an invitation is accepted, what needs the agency's own keys; return who was suspended.

    Part of the transaction of whoever accepts, before the person's row is made or changed. The first
    holder of a role is appointed by the custodian; after that the agency itself decides, unless the
    custodian wrote down why the one who holds it is lost. That one is suspended, so nobody
    is joined by a second coordinator whom their agency did not choose.

    Raises:
        NotPermitted: somebody holds the role, and no reason says why they are lost to it; or whoever
            is let in anew has other roles than those for which that was approved.
        AlreadyExists: the address was given to somebody meanwhile.
        RolesConflict: whoever is let in anew holds a role that excludes the new one.
    """
    details = invitation.details
    replaced = UUID(details["replaces"]) if details.get("replaces") else None
    index = bytes(invitation.email_index)
    others = Person.objects.filter(email_index=index)
    if (others if replaced is None else others.exclude(pk=replaced)).exists():
        raise AlreadyExists(
            "This e-mail address cannot be used here. Ask to be invited with another one."
        )
    take_in_keys(invitation, tools=tools)
    agency = Agency.objects.get(pk=invitation.agency_id)
    roles = {Role(role) for role in details["roles"]}
    if replaced is not None:
        _permit_anew(replaced, roles, invitation, custodial=agency.custodial)
    if not invitation.by_custodian:
        return []
    if replaced is not None:
        _give(replaced, roles)
    if agency.custodial:
        return []
    team = Person.objects.select_for_update(no_key=True).filter(agency=agency)
    holders = [
        one
        for one in team.order_by("pk")
        if one.pk != replaced and one.roles & roles and not one.suspended
    ]
    if holders and not details.get("instead"):
        raise NotPermitted(_has_one(roles.pop()), rule="agency.first_people")
    for one in holders:
        suspended = {"since": tools.clock().isoformat(), "reason": REPLACED}
        one.standing = {**(one.standing or {}), "suspended": suspended}
        one.save(update_fields=("standing",))
        SignInSession.objects.filter(person=one).delete()
    return [one.pk for one in holders]


def _permit_anew(
    person_id: UUID, roles: set[Role], invitation: Invitation, *, custodial: bool
) -> None:
    """Permit to let in anew who has the roles that two people saw, or whom a custodian may let in.

    Raises:
        NotPermitted: their roles are others.
    """
    held = Person.objects.get(pk=person_id).roles
    if not invitation.by_custodian:
        if held != roles:
            raise NotPermitted(
                "The roles of this account were changed after this invitation was approved. Ask for "
                "another one.",
                rule="invitation.roles",
            )
    elif not custodial and not (held | roles <= {Role.COORDINATOR}):
        raise NotPermitted(LET_IN_BY_AGENCY, rule="agency.first_people")


def take_in_keys(invitation: Invitation, *, tools: Tools) -> None:
    """Take in the keys of an agency that was admitted on the command line while this process served."""
    if not tools.keyring.knows(invitation.agency_id):
        tools.keyring.add(load_keys())


def _give(person_id: UUID, roles: set[Role]) -> None:
    """Give somebody who is let in anew what the custodian named, if it goes with what they hold.

    Raises:
        RolesConflict: it does not.
    """
    one = Person.objects.select_for_update(no_key=True).get(pk=person_id)
    wanted = one.roles | roles
    permit_roles(wanted)
    one.standing = {**(one.standing or {}), "roles": sorted(str(role) for role in wanted)}
    one.save(update_fields=("standing",))


settle.accountable = take_in_keys.accountable = ()  # type: ignore[attr-defined] # a part of accepting


def _permit_coordinator(actor: Actor) -> None:
    """Refuse custodians, who invite first people only, and the program itself."""
    if Role.COORDINATOR not in actor.roles:
        raise RoleMissing(
            "An agency's own coordinator does this. A custodian invites its first people only.",
            rule="agency.first_people",
        )


def _permit_first_role(agency: Agency, role: Role) -> None:
    """Permit the roles that a custodian gives in this agency."""
    if agency.suspended:
        raise Suspended("This agency is suspended. Restore it first.")
    given = (Role.CUSTODIAN,) if agency.custodial else FIRST_ROLES
    if role not in given:
        raise NotPermitted(
            f"A custodian does not make anybody {role} here. The agency's coordinator asks for it, and a "
            "second person agrees.",
            rule="agency.first_people",
        )


def _permit_first(agency: Agency, role: Role, *, instead: str, tools: Tools) -> None:
    """Permit one invitation a role, and another only for somebody who is lost."""
    sent = [
        one for one in queries.custodian_invitations(agency) if str(role) in one.details["roles"]
    ]
    if any(queries.is_pending(one, tools=tools) for one in sent):
        raise Conflict(
            f"An invitation for this agency's {role} is pending. Withdraw it to send another."
        )
    if any(one.accepted_at for one in sent) and not instead:
        raise NotPermitted(_has_one(role), rule="agency.first_people")


def _has_one(role: Role) -> str:
    return (
        f"This agency has its {role}, and invites further people itself. If that one is lost to it, "
        "say why; they are suspended when the new one accepts."
    )


def _refuse_second(agency: Agency, index: bytes, *, by_custodian: bool, tools: Tools) -> None:
    """Refuse a second pending invitation to one address."""
    sent = Invitation.objects.filter(agency=agency, by_custodian=by_custodian, email_index=index)
    if any(queries.is_pending(one, tools=tools) for one in sent):
        raise AlreadyExists(
            "An invitation to this e-mail address is pending. Withdraw it to send another."
        )


def _checked(name: str, email: str) -> tuple[str, str]:
    name, email = name.strip(), email.strip()
    if not name or "@" not in email or len(email) > 254 or len(name) > 200:  # noqa: PLR2004
        raise InputError("A person needs a name and an e-mail address.")
    return name, email
