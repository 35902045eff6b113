"""A person's own means of signing in: passkeys, authenticator app, recovery codes, password.

A person has up to ten passkeys, one app (another one replaces it) and one set of recovery codes.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import pyotp
import segno
from django.contrib.auth.hashers import check_password, is_password_usable, make_password

from countenance.apps.agencies import factor_rows, proofs, session_rows, webauthn
from countenance.apps.agencies.models import Factor, Person
from countenance.apps.agencies.webauthn import Purpose, Site
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.errors import Conflict, InputError, NotFound, StepUpNeeded, WrongState
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.tools import Tools

ISSUER = "Countenance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a page shows of one factor."""

    id: UUID
    kind: str  # Factor.PASSKEY, TOTP or RECOVERY
    name: str  # a passkey's
    added_at: datetime
    used_at: datetime | None
    left: int = 0  # of recovery codes


@composed_of()
def of(actor: Actor) -> list[Means]:
    """Return the actor's own factors, oldest first."""
    rows = Factor.objects.filter(person_id=actor.person).select_related("person")
    return [
        Means(
            id=row.pk,
            kind=row.kind,
            name=row.secret.get("name", ""),
            added_at=row.added_at,
            used_at=row.used_at,
            left=len(row.secret.get("codes", ())),
        )
        for row in rows.order_by("added_at", "pk")
    ]


def _self(actor: Actor) -> Person:
    """Return the actor's own row, locked, so that their factors change one after the other."""
    return (
        Person.objects.select_for_update(no_key=True, of=("self",))
        .select_related("agency")
        .get(pk=actor.person, agency_id=actor.agency)
    )


@composed_of()
def passkey_registration(actor: Actor, *, site: Site, tools: Tools) -> tuple[dict[str, Any], str]:
    """Return what the browser's `navigator.credentials.create` is asked, as JSON types, and its number."""
    person = Person.objects.get(pk=actor.person, agency_id=actor.agency)
    rows = Factor.objects.filter(person=person, kind=Factor.PASSKEY).select_related("person")
    return webauthn.ask_for_passkey(
        site,
        purpose=Purpose.ADD,
        user=person.pk,
        about=None,
        name=person.name,
        email=person.email,
        known=[factor_rows.passkey_of(row).credential for row in rows],
        tools=tools,
    )


@accountable(Action.FACTOR_ADDED, deed=Deed.TOKEN_MAKE)
def add_passkey(
    actor: Actor,
    record: Record,
    *,
    challenge: str,
    answer: Mapping[str, Any],
    name: str,
    site: Site,
    tools: Tools,
) -> Factor:
    """Add the passkey that answered; needs a recent proof (`StepUpNeeded`).

    Raises:
        InputError: the answer is not right, or was to another's challenge, or there are ten already.
    """
    pending = webauthn.challenges.take(challenge, Purpose.ADD, tools=tools)
    if pending.user != actor.person:
        raise InputError("This challenge was made for somebody else. Begin again.")
    passkey = webauthn.check_registration(pending, answer, site=site)
    factor = factor_rows.keep_passkey(_self(actor), passkey, name=name, tools=tools)
    record.note(about=actor.person, kind=factor.kind, factor=factor.pk)
    return factor


@composed_of()
def begin_app(*, tools: Tools) -> str:
    """Return a new secret for an authenticator app; it is kept nowhere until a code proves it."""
    return proofs.new_app_secret(tools=tools)


@composed_of()
def app_uri(secret: str, label: str) -> str:
    """Return the address by which an authenticator app takes the secret in; label: e-mail address."""
    return pyotp.TOTP(secret).provisioning_uri(name=label, issuer_name=ISSUER)


@composed_of()
def qr_svg(uri: str) -> str:
    """Return the address as a QR code: SVG markup that is safe to put into a page, without styles."""
    made = io.BytesIO()
    segno.make(uri, error="m", micro=False).save(
        made,
        kind="svg",
        xmldecl=False,
        svgns=True,
        omitsize=True,
        svgclass="qr",
        lineclass="qr-dark",
        light="#fff",
        dark="#000",
        border=4,
    )
    return made.getvalue().decode()


@accountable(Action.FACTOR_ADDED, Action.FACTOR_REMOVED, deed=Deed.TOKEN_MAKE)
def add_app(actor: Actor, record: Record, *, secret: str, code: str, tools: Tools) -> Factor:
    """Add the authenticator app that shows this code; it replaces an earlier one.

    Raises:
        InputError: the code is not of this secret.
    """
    factor = factor_rows.keep_app(
        _self(actor), secret=secret, code=code, record=record, tools=tools
    )
    record.note(about=actor.person, kind=factor.kind, factor=factor.pk)
    return factor


@accountable(Action.FACTOR_ADDED, Action.FACTOR_REMOVED, deed=Deed.TOKEN_MAKE)
def make_recovery_codes(actor: Actor, record: Record, *, tools: Tools) -> list[str]:
    """Return ten new recovery codes, shown this once; the old ones stop working."""
    factor, codes = factor_rows.keep_recovery_codes(_self(actor), record=record, tools=tools)
    record.note(about=actor.person, kind=factor.kind, factor=factor.pk)
    return codes


@accountable(Action.FACTOR_REMOVED, deed=Deed.TOKEN_MAKE)
def remove_factor(actor: Actor, record: Record, *, factor: UUID, tools: Tools) -> None:
    """Remove a factor.

    Raises:
        NotFound: it is none of the actor's own.
        Conflict: it is the last passkey or app.
    """
    person = _self(actor)
    rows = {row.pk: row for row in Factor.objects.filter(person=person)}
    row = rows.get(factor)
    if row is None:
        raise NotFound
    alone = [one for one in rows.values() if one.kind in factor_rows.PROVE_ALONE]
    if alone == [row]:
        raise Conflict(
            "This is your last means of signing in. Add another passkey or app before removing it."
        )
    row.delete()
    record.note(about=factor, kind=row.kind, person=actor.person)


@accountable(Action.PASSWORD_CHANGED, deed=Deed.TOKEN_MAKE)
def change_password(
    actor: Actor,
    record: Record,
    *,
    old: str,
    new: str,
    keep: UUID | None = None,
    tools: Tools,
) -> None:
    """Change the actor's password and end their other sessions; needs a recent proof.

    Args:
        actor: who.
        record: of the change.
        old: the present password.
        new: the next one.
        keep: the session that goes on: `request.session.row_id`. The view then calls
            `sessions.renew(request)`.
        tools: what services are given.

    Raises:
        InputError: the old one is wrong, or the new one too short, too long or the address.
    """
    person = _self(actor)
    if not check_password(old[: proofs.MAX_PASSWORD_LENGTH + 1], person.password):
        raise InputError("The present password is not right.")
    _set_password(record, person, new, keep=keep)


@composed_of()
def is_password_locked(actor: Actor) -> bool:
    """Say whether a restore locked the actor's password, so that nobody has a present one."""
    return _is_locked(Person.objects.get(pk=actor.person, agency_id=actor.agency))


@accountable(Action.PASSWORD_CHANGED, deed=Deed.TOKEN_MAKE)
def replace_locked_password(
    actor: Actor,
    record: Record,
    *,
    new: str,
    by_passkey: bool,
    keep: UUID | None = None,
    tools: Tools,  # read by the door
) -> None:
    """Set a password in place of one that a restore locked, and end the actor's other sessions.

    Args:
        actor: who.
        record: of the change.
        new: the next one.
        by_passkey: the recent proof was one by a passkey: `sessions.is_by_passkey(request.session)`. A code
            of an app is not enough where no password stands beside it.
        keep: as in `change_password`.
        tools: what services are given.

    Raises:
        StepUpNeeded: the proof is not recent, or not one by a passkey.
        WrongState: no restore locked this password; it is changed with the present one.
        InputError: the new one is too short, too long or the address.
    """
    person = _self(actor)
    if not _is_locked(person):
        raise WrongState("Your password was not locked. Change it with the present one.")
    if not by_passkey:
        raise StepUpNeeded("Prove with a passkey who you are.", rule="step_up.passkey")
    _set_password(record, person, new, keep=keep)


def _is_locked(person: Person) -> bool:
    """Say whether a password opens nothing since a restore; somebody who never had one has no entry of it."""
    entries = LedgerRow.objects.filter(action=str(Action.PASSWORD_CHANGED), about=person.pk)
    return not is_password_usable(person.password) and entries.exists()


def _set_password(record: Record, person: Person, new: str, *, keep: UUID | None) -> None:
    proofs.check_new_password(new, email=person.email)
    person.password = make_password(new)
    person.save(update_fields=("password",))
    ended = session_rows.end_all(person.pk, but=keep)
    record.note(about=person.pk, sessions_ended=ended)
