"""Admitting an agency, adding people, signing in and out."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from django.contrib.auth.hashers import check_password, make_password

from countenance.apps.agencies.models import Agency, Person
from countenance.apps.records.services import Record, accountable, composed_of, save_keys
from countenance.errors import AlreadyExists, InputError, NotSignedIn
from countenance.ledger.entry import Action
from countenance.policy import DEFAULT_PACK, Actor, Deed, Role, permit_roles
from countenance.tools import Tools

MIN_PASSWORD_LENGTH = 12
SIGN_IN_TRIES = 5
LOCK_TIME = timedelta(minutes=15)
REFUSED = "The address and the password do not belong together, or the account is locked for now."


@accountable(Action.AGENCY_ADMITTED, deed=Deed.AGENCY_ADMIT)
def admit_agency(
    actor: Actor,
    record: Record,
    *,
    name: str,
    pack: str = DEFAULT_PACK,
    listed: bool = True,
    custodial: bool = False,
    tools: Tools,
) -> Agency:
    """Admit an agency and make its keys.

    Raises:
        InputError: the name is empty.
    """
    if not name.strip():
        raise InputError("An agency needs a name.")
    name = name.strip()
    standing = {"pack": pack, "listed": listed, "custodial": custodial, "suspended": None}
    agency = Agency(name=name, own_name=name, standing=standing, admitted_at=tools.clock())
    records = tools.keyring.agency_records(agency.pk)
    save_keys(records)
    tools.keyring.add(records)
    agency.save(force_insert=True)
    record.note(about=agency.pk)
    return agency


@accountable(Action.PERSON_ADDED, deed=Deed.SET_UP)
def add_person(
    actor: Actor,
    record: Record,
    *,
    agency: Agency,
    name: str,
    email: str,
    password: str | None,
    roles: Collection[Role] = (),
    tools: Tools,
) -> Person:
    """Add a person to an agency; without a password they cannot sign in to the web app.

    Raises:
        InputError: name, address or password is not usable.
        AlreadyExists: the address is taken.
    """
    name, email = name.strip(), email.strip()
    if not name or "@" not in email:
        raise InputError("A person needs a name and an e-mail address.")
    if password is not None and len(password) < MIN_PASSWORD_LENGTH:
        raise InputError(f"A password needs at least {MIN_PASSWORD_LENGTH} characters.")
    permit_roles(roles)
    email_index = email_index_of(email, tools=tools)
    if Person.objects.filter(email_index=email_index).exists():
        raise AlreadyExists("A person with this e-mail address is already there.")
    person = Person(
        agency=agency,
        name=name,
        email=email,
        email_index=email_index,
        password=make_password(password),
        standing={"roles": sorted(roles)},
        added_at=tools.clock(),
    )
    person.save(force_insert=True)
    record.note(about=person.pk, agency=agency.pk)
    return person


def _find(email: str, *, tools: Tools) -> Person | None:
    index = email_index_of(email, tools=tools)
    return Person.objects.filter(email_index=index).select_related("agency").first()


def email_index_of(email: str, *, tools: Tools) -> bytes:
    """Return the blind index of an e-mail address."""
    return tools.keyring.blind_index(email.strip(), purpose="person.email")


email_index_of.accountable = ()  # type: ignore[attr-defined] # computes only


@accountable(Action.PERSON_SIGNED_IN, Action.PERSON_SIGN_IN_REFUSED, deed=None)
def _try_to_sign_in(
    actor: Actor, record: Record, *, person: Person | None, password: str, tools: Tools
) -> Person | None:
    """Return the person if they may come in; count the try if not.

    The row stays locked while the password is checked, so tries at the same time are counted one by one.
    """
    record.action = Action.PERSON_SIGN_IN_REFUSED
    if person is None:
        # As slow as a real check, so that time does not tell who is known.
        make_password(password)
        record.note(why="unknown address")
        return None
    person = Person.objects.select_for_update(no_key=True).get(pk=person.pk)
    locked = person.locked_until is not None and person.locked_until > tools.clock()
    right = check_password(password, person.password)
    if right and person.is_active and not locked:
        record.action = Action.PERSON_SIGNED_IN
        person.failed_sign_ins, person.locked_until = 0, None
        person.last_login = tools.clock()
    elif not locked:
        person.failed_sign_ins += 1
        if person.failed_sign_ins >= SIGN_IN_TRIES:
            person.failed_sign_ins, person.locked_until = 0, tools.clock() + LOCK_TIME
    person.save(update_fields=("failed_sign_ins", "locked_until", "last_login"))
    record.note(about=person.pk, locked=locked)
    return person if record.action is Action.PERSON_SIGNED_IN else None


@composed_of(_try_to_sign_in)
def sign_in(actor: Actor, *, email: str, password: str, tools: Tools) -> Person:
    """Return the person whose address and password these are.

    An unknown address costs the same password hash as a known one, and every refusal reads the same.

    Raises:
        NotSignedIn: unknown, wrong, locked or inactive; recorded.
    """
    found = _find(email, tools=tools)
    actor = actor if found is None else found.actor
    person = _try_to_sign_in(actor, person=found, password=password, tools=tools)
    if person is None:
        raise NotSignedIn(REFUSED)
    return person


@accountable(Action.PERSON_SIGNED_OUT, deed=Deed.OWN_ACCOUNT)
def sign_out(actor: Actor, record: Record, *, tools: Tools) -> None:
    """Record that a person signed out; the caller ends the session."""
    record.note(about=actor.person)
