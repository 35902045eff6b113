"""Accepting an invitation: password and first factor at once, so that nothing half-made remains.

The page keeps what was typed in its form until the factor is proven: nothing is stored before that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.hashers import make_password

from countenance.apps.agencies import factor_rows, inviting, proofs, session_rows, tokens, webauthn
from countenance.apps.agencies.models import Factor, Invitation, Person, Token
from countenance.apps.agencies.queries import UNUSABLE_LINK, invitation_by_secret, is_pending
from countenance.apps.agencies.webauthn import Passkey, Pending, Purpose, Site
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.errors import InputError, NotFound
from countenance.ledger.entry import Action
from countenance.policy import Actor, Role, permit_roles
from countenance.tools import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstApp:
    """An authenticator app as first factor: the secret of `factors.begin_app`, and a code of it."""

    secret: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstPasskey:
    """A passkey as first factor: the answer to the challenge of `passkey_registration`."""

    challenge: str
    answer: Mapping[str, Any]
    name: str
    site: Site


@composed_of()
def open_invitation(secret: str, *, tools: Tools) -> Invitation:
    """Return the invitation of this link.

    Raises:
        NotFound: there is none, or it was used, withdrawn or has expired: all the same.
    """
    invitation = invitation_by_secret(secret, tools=tools)
    inviting.take_in_keys(invitation, tools=tools)
    return invitation


@composed_of()
def passkey_registration(secret: str, *, site: Site, tools: Tools) -> tuple[dict[str, Any], str]:
    """Return what the browser of the invited person is asked to make a passkey, and its number.

    Raises:
        NotFound: as above.
    """
    invitation = invitation_by_secret(secret, tools=tools)
    details = invitation.details
    return webauthn.ask_for_passkey(
        site,
        purpose=Purpose.JOIN,
        user=_replaced(invitation) or uuid4(),
        about=invitation.pk,
        name=details["name"],
        email=details["email"],
        known=(),
        tools=tools,
    )


def _replaced(invitation: Invitation) -> UUID | None:
    text = invitation.details.get("replaces")
    return UUID(text) if text else None


def _check_passkey(
    first: FirstPasskey, invitation: Invitation, *, tools: Tools
) -> tuple[UUID, Passkey]:
    """Return whose passkey was made, and it; outside of the transaction, as a challenge works once."""
    pending: Pending = webauthn.challenges.take(first.challenge, Purpose.JOIN, tools=tools)
    if pending.about != invitation.pk or pending.user is None:
        raise InputError("This challenge was made for another invitation. Begin again.")
    return pending.user, webauthn.check_registration(pending, first.answer, site=first.site)


def _new_person(invitation: Invitation, person_id: UUID, *, tools: Tools) -> Person:
    """Return the invited person's row, not saved: with roles only if the custodian named them."""
    details = invitation.details
    roles = [Role(role) for role in details["roles"]] if invitation.by_custodian else []
    permit_roles(roles)
    return Person(
        id=person_id,
        agency=invitation.agency,
        name=details["name"],
        email=details["email"],
        email_index=bytes(invitation.email_index),
        standing={
            "roles": sorted(roles),
            "trained_until": details.get("trained_until"),
            "certified_until": details.get("certified_until"),
        },
        added_at=tools.clock(),
    )


def _emptied(person_id: UUID, invitation: Invitation, record: Record, *, at: datetime) -> Person:
    """Return an existing person without any way in: factors removed, sessions and tokens ended.

    Each thing taken away gets an entry of its own: a restore takes away again what these name.
    """
    person = (
        Person.objects.select_for_update(no_key=True, of=("self",))
        .select_related("agency")
        .filter(pk=person_id, agency_id=invitation.agency_id)
        .first()
    )
    if person is None or person.suspended:
        raise NotFound(UNUSABLE_LINK)
    factor_rows.remove_all(person, record=record)
    session_rows.end_all(person.pk)
    for token in Token.objects.filter(person=person, revoked_at=None).select_related("person"):
        tokens.revoke(token, at=at)
        record.also(Action.TOKEN_REVOKED, about=token.pk, invitation=invitation.pk)
    record.also(Action.PASSWORD_CHANGED, about=person.pk, invitation=invitation.pk)
    return person


def _lock_people(invitation: Invitation) -> None:
    """Lock whom accepting changes, before the invitation: who changes their roles locks in this order."""
    people = Person.objects.select_for_update(no_key=True).filter(agency_id=invitation.agency_id)
    if not invitation.by_custodian:
        replaced = _replaced(invitation)
        people = people.filter(pk__in=[] if replaced is None else [replaced])
    list(people.order_by("pk"))


@accountable(
    Action.PERSON_ADDED,
    Action.FACTOR_ADDED,
    Action.FACTOR_REMOVED,
    Action.PROVIDER_UNLINKED,
    Action.PASSWORD_CHANGED,
    Action.PERSON_SUSPENDED,
    Action.TOKEN_REVOKED,
    deed=None,
)
def _accept(
    actor: Actor,
    record: Record,
    *,
    invitation_id: UUID,
    password: str,
    first: FirstApp | FirstPasskey,
    passkey: Passkey | None,
    tools: Tools,
) -> tuple[Person, list[str]]:
    """Make or renew the account of an invitation, with everything that it needs, or nothing."""
    _lock_people(Invitation.objects.get(pk=invitation_id))
    invitation = (
        Invitation.objects.select_for_update(no_key=True, of=("self",))
        .select_related("agency")
        .get(pk=invitation_id)
    )
    if not is_pending(invitation, tools=tools) or invitation.agency.suspended or invitation.spent:
        raise NotFound(UNUSABLE_LINK)
    proofs.check_new_password(password, email=invitation.details["email"])
    record.note(about=actor.person, invitation=invitation.pk, invited_by=invitation.invited_by)
    if invitation.by_custodian:
        # The invitation's own entry is the custodians'; the agency reads here what they did to it.
        instead = invitation.details.get("instead", "")
        record.note(by_custodian=True, roles=invitation.details["roles"], instead=instead)
    suspended = inviting.settle(invitation, tools=tools)
    record.note(suspended=suspended)
    for holder in suspended:
        record.also(
            Action.PERSON_SUSPENDED,
            about=holder,
            reason=inviting.REPLACED,
            invitation=invitation.pk,
            by_custodian=True,
        )
    replaced = _replaced(invitation)
    if replaced is None:
        person = _new_person(invitation, actor.person, tools=tools)
        record.note(roles=person.standing["roles"])
    else:
        record.action = Action.FACTOR_ADDED
        person = _emptied(replaced, invitation, record, at=tools.clock())
    person.password = make_password(password)
    person.save()
    if isinstance(first, FirstApp):
        factor_rows.keep_app(
            person, secret=first.secret, code=first.code, record=record, tools=tools
        )
    elif passkey is not None:
        factor_rows.keep_passkey(person, passkey, name=first.name, tools=tools)
    _, codes = factor_rows.keep_recovery_codes(person, record=record, tools=tools)
    record.note(kind=Factor.TOTP if isinstance(first, FirstApp) else Factor.PASSKEY)
    invitation.accepted_at = tools.clock()
    invitation.spend()
    invitation.save(update_fields=("accepted_at", "details"))
    return person, codes


@composed_of(_accept)
def accept(
    actor: Actor, *, secret: str, password: str, first: FirstApp | FirstPasskey, tools: Tools
) -> tuple[Person, list[str]]:
    """Make the invited person's account, and return them with their recovery codes, shown this once.

    An invitation that replaces lost means of signing in sets those of the existing person anew.

    Raises:
        NotFound: the invitation does not work, or no longer.
        InputError: the password or the factor's proof is not right; everything can be tried again.
        AlreadyExists: the address was given to somebody meanwhile.
    """
    invitation = invitation_by_secret(secret, tools=tools)
    proofs.check_new_password(password, email=invitation.details["email"])
    person_id, passkey = _replaced(invitation) or uuid4(), None
    if isinstance(first, FirstPasskey):
        person_id, passkey = _check_passkey(first, invitation, tools=tools)
    return _accept(
        Actor(person=person_id, agency=invitation.agency_id),
        invitation_id=invitation.pk,
        password=password,
        first=first,
        passkey=passkey,
        tools=tools,
    )
