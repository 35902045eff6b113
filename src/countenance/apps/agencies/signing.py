"""Signing in and out.

A try costs the same whoever is named: where nobody has the address, a decoy with sealed columns of its
own takes the person's part, and its tries are counted like anybody's (`lockout`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import check_password

from countenance.apps.agencies import decoys, factor_rows, lockout, proofs, webauthn
from countenance.apps.agencies.arrivals import (
    Proof,
    SignedIn,
    check_passkey,
    come_in,
    let_in,
    locked_passkey,
    locked_person,
    taken,
    use,
)
from countenance.apps.agencies.models import Factor, Person
from countenance.apps.agencies.queries import email_index_of
from countenance.apps.agencies.webauthn import Pending, Purpose, Site
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.errors import CertificateMissing
from countenance.ledger.entry import Action
from countenance.policy import Actor
from countenance.tools import Tools

REFUSED = "The address, the password and the code do not belong together, or the account is locked for now."
REFUSED_PASSKEY = "This passkey does not open an account here, or the account is locked for now."


def _prove(factors: Mapping[str, Factor], code: str, *, tools: Tools) -> Proof | None:
    """Return what the code proves. Factors of both kinds are there, a decoy's if not the person's."""
    code = proofs.tidy(code)
    # Both are opened whichever is needed.
    app, recovery = factors[Factor.TOTP].secret, factors[Factor.RECOVERY].secret
    if proofs.is_of_app(code):
        at = proofs.step_of(app["secret"], code, after=app["last_step"], now=tools.clock())
        factor = factors[Factor.TOTP]
    else:
        hashed = proofs.recovery_hash(code, salt=recovery["salt"])
        at = proofs.index_among(recovery["codes"], hashed)
        factor = factors[Factor.RECOVERY]
    return None if at is None or factor.person.pk == decoys.NOBODY else Proof(factor, at)


def _codes_of(person: Person, *, stand_in: UUID | None, tools: Tools) -> dict[str, Factor]:
    """Return app and recovery codes of a person, a decoy's where they have none.

    They are locked, unless as many rows are to be read of anybody (`decoys.stand_in`).
    """
    if stand_in is None:
        rows = Factor.objects.select_for_update(no_key=True).filter(person_id=person.pk)
    else:
        rows = decoys.rows_of_two(person.pk, stand_in)
    found = decoys.factors(tools=tools)
    for factor in rows.filter(kind__in=found):
        theirs = factor.person_id == person.pk
        factor.person = person
        if theirs:
            found[factor.kind] = factor
    return found


def _person(person_id: UUID) -> Person | None:
    return Person.objects.select_related("agency").filter(pk=person_id).first()


def _welcome(
    person: Person, code: str, *, recovery: bool, stand_in: UUID | None, tools: Tools
) -> Proof | None:
    """Return what the code proves of a person, unless they or their agency are suspended."""
    proof = _prove(_codes_of(person, stand_in=stand_in, tools=tools), code, tools=tools)
    suspended = [person.suspended, person.agency.suspended]
    if proof is not None and proof.factor.kind == Factor.RECOVERY and not recovery:
        proof = None
    return None if any(suspended) else proof


@accountable(Action.PERSON_SIGNED_IN, Action.PERSON_SIGN_IN_REFUSED, deed=None)
def _try_to_sign_in(
    actor: Actor,
    record: Record,
    *,
    person_id: UUID | None,
    email: str,
    password: str,
    code: str,
    recovery: bool,
    tools: Tools,
) -> SignedIn | CertificateMissing | None:
    """Return who may come in; count the try if nobody may.

    The tries stay locked while password and code are checked, so those at the same time are counted
    one by one. The person's own rows are locked only for somebody who will be let in: locking them is
    work that a try with an unknown address could not do.
    """
    record.action = Action.PERSON_SIGN_IN_REFUSED
    tries = lockout.lock(email, tools=tools)
    locked = lockout.is_locked(tries, tools=tools)
    stand_in = decoys.stand_in()
    person = _person(person_id or stand_in)
    if person is None or person_id is None:
        person = decoys.person(tools=tools)
    # Everything is looked at, whatever is wrong already: the time must not tell.
    known = person.pk != decoys.NOBODY
    right = check_password(password[: proofs.MAX_PASSWORD_LENGTH + 1], person.password)
    proof = _welcome(person, code, recovery=recovery, stand_in=stand_in, tools=tools)
    welcome = None
    if known and right and proof is not None and not locked:
        welcome = locked_person(person.pk)
    if welcome is not None:
        # Read again: a suspension, another password or the same code may have come in between.
        unchanged = welcome.password == person.password
        proof = _welcome(welcome, code, recovery=recovery, stand_in=None, tools=tools)
        welcome = welcome if unchanged and proof is not None else None
    lockout.count(tries, right=welcome is not None, tools=tools)
    record.note(about=person.pk if known else None, locked=locked)
    if proof is None or welcome is None:
        return None
    use(proof, tools=tools)
    return let_in(record, welcome, method=proof.factor.kind, tools=tools)


def _who(email: str, *, tools: Tools) -> tuple[UUID | None, Actor | None]:
    row = (
        Person.objects.filter(email_index=email_index_of(email, tools=tools))
        .values_list("pk", "agency_id")
        .first()
    )
    if row is None:
        return None, None
    return row[0], Actor(person=row[0], agency=row[1])


@composed_of(_try_to_sign_in)
def sign_in(
    actor: Actor,
    *,
    email: str,
    password: str,
    code: str,
    recovery: bool = True,
    tools: Tools,
) -> SignedIn:
    """Return the person whose address, password and code these are.

    Args:
        actor: `SYSTEM`, as nobody has signed in.
        email: the address.
        password: theirs.
        code: six digits of their authenticator app, or one of their recovery codes.
        recovery: whether a recovery code is taken.
        tools: what services are given.

    Raises:
        NotSignedIn: whatever is wrong, in one sentence and at one cost; recorded.
        CertificateMissing: everything is right, but their training has ended; recorded.
    """
    decoys.make(tools=tools)
    person_id, known = _who(email, tools=tools)
    outcome = _try_to_sign_in(
        known or actor,
        person_id=person_id,
        email=email,
        password=password,
        code=code,
        recovery=recovery,
        tools=tools,
    )
    return come_in(outcome, REFUSED)


def passkey_challenge(
    *, site: Site, purpose: Purpose = Purpose.SIGN_IN, tools: Tools
) -> tuple[dict[str, Any], str]:
    """Return what the browser's `navigator.credentials.get` is asked, as JSON types, and its number.

    The dictionary is `{"publicKey": {...}}`, binary values in URL-safe base64; the answer is taken
    in the form of `PublicKeyCredential.toJSON()`. `purpose`: `SIGN_IN`, or `PROVE` to prove once more.
    """
    return webauthn.ask_for_proof(site, purpose=purpose, tools=tools)


passkey_challenge.accountable = ()  # type: ignore[attr-defined] # keeps a number in memory only


@accountable(Action.PERSON_SIGNED_IN, Action.PERSON_SIGN_IN_REFUSED, deed=None)
def _try_passkey(
    actor: Actor,
    record: Record,
    *,
    pending: Pending | None,
    answer: Mapping[str, Any],
    site: Site,
    tools: Tools,
) -> SignedIn | CertificateMissing | None:
    record.action = Action.PERSON_SIGN_IN_REFUSED
    person = locked_person(actor.person)
    factor = locked_passkey(person, answer, tools=tools)
    if person is not None:
        record.note(about=person.pk)
    count = check_passkey(record, factor, pending, answer, site)
    if person is None or factor is None or count is None:
        return None
    if person.suspended or person.agency.suspended:
        record.note(why="suspended")
        return None
    factor_rows.use_passkey(factor, count, tools=tools)
    return let_in(record, person, method=Factor.PASSKEY, tools=tools)


@composed_of(_try_passkey)
def sign_in_with_passkey(
    actor: Actor, *, challenge: str, answer: Mapping[str, Any], site: Site, tools: Tools
) -> SignedIn:
    """Return the person whose passkey answered the challenge of this number.

    A lock-out does not stop a passkey, which nobody guesses: so strangers who send wrong passwords
    lock nobody out who has one.

    Raises:
        NotSignedIn: whatever is wrong, in the same sentence; recorded.
        CertificateMissing: everything is right, but their training has ended; recorded.
    """
    index = factor_rows.credential_index(webauthn.credential_id(answer), tools=tools)
    row = (
        Factor.objects.filter(kind=Factor.PASSKEY, credential_index=index)
        .values_list("person_id", "person__agency_id")
        .first()
    )
    known = actor if row is None else Actor(person=row[0], agency=row[1])
    pending = taken(challenge, Purpose.SIGN_IN, tools=tools)
    outcome = _try_passkey(known, pending=pending, answer=answer, site=site, tools=tools)
    return come_in(outcome, REFUSED_PASSKEY)


# Whoever is signed in may sign out, also without any role.
@accountable(Action.PERSON_SIGNED_OUT, deed=None)
def sign_out(actor: Actor, record: Record, *, tools: Tools) -> None:
    """Record that a person signed out; the caller ends the session (`request.session.flush()`)."""
    record.note(about=actor.person)
