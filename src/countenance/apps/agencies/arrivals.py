"""What every way of signing in shares; called by services inside their transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from countenance.apps.agencies import factor_rows, webauthn
from countenance.apps.agencies.models import Factor, Person
from countenance.apps.agencies.webauthn import Pending, Purpose, Site
from countenance.apps.records.services import Record
from countenance.errors import CertificateMissing, InputError, NotSignedIn
from countenance.ledger.entry import Action
from countenance.policy import permit_sign_in
from countenance.tools import Tools


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who came in, and how: with a passkey, a code of an app, or a recovery code."""

    person: Person
    method: str  # Factor.PASSKEY, Factor.TOTP or Factor.RECOVERY
    recovery: bool = False  # the session may manage means of signing in only


@dataclass(frozen=True, slots=True)
class Proof:
    """A code that is right: of which factor, and which step or place it takes up."""

    factor: Factor
    at: int


def locked_person(person_id: UUID) -> Person | None:
    """Return a person with their agency, their row locked."""
    rows = Person.objects.select_for_update(no_key=True, of=("self",))
    return rows.select_related("agency").filter(pk=person_id).first()


def let_in(
    record: Record, person: Person, *, method: str, tools: Tools
) -> SignedIn | CertificateMissing:
    """Let a person in who proved who they are, unless their training has ended."""
    try:
        permit_sign_in(person.roles, trained_until=person.trained_until, today=tools.clock().date())
    except CertificateMissing as refusal:
        record.note(about=person.pk, why=refusal.rule)
        return refusal
    record.action = Action.PERSON_SIGNED_IN
    record.note(about=person.pk, method=method)
    person.last_login = tools.clock()
    person.save(update_fields=("last_login",))
    return SignedIn(person, method, recovery=method == Factor.RECOVERY)


def come_in(outcome: SignedIn | CertificateMissing | None, refused: str) -> SignedIn:
    """Return who came in, or raise why nobody did, after what was recorded is on disk."""
    if outcome is None:
        raise NotSignedIn(refused)
    if isinstance(outcome, CertificateMissing):
        raise outcome
    return outcome


def use(proof: Proof, *, tools: Tools) -> None:
    """Spend a code, so that it proves nothing again."""
    if proof.factor.kind == Factor.TOTP:
        factor_rows.use_app(proof.factor, proof.at, tools=tools)
    else:
        factor_rows.use_recovery_code(proof.factor, proof.at, tools=tools)


def check_passkey(
    record: Record,
    factor: Factor | None,
    pending: Pending | None,
    answer: Mapping[str, Any],
    site: Site,
) -> int | None:
    """Return the new sign count of a passkey that answered rightly."""
    if factor is None or pending is None:
        record.note(why="unknown passkey or challenge")
        return None
    try:
        return webauthn.check_proof(
            pending,
            answer,
            passkey=factor_rows.passkey_of(factor),
            user=factor.person.pk,
            site=site,
        )
    except InputError as wrong:
        record.note(why=wrong.detail)
        return None


def locked_passkey(
    person: Person | None, answer: Mapping[str, Any], *, tools: Tools
) -> Factor | None:
    """Return the passkey that answered, its row locked, if it is this person's."""
    if person is None:
        return None
    index = factor_rows.credential_index(webauthn.credential_id(answer), tools=tools)
    rows = Factor.objects.select_for_update(no_key=True)
    factor = rows.filter(person=person, kind=Factor.PASSKEY, credential_index=index).first()
    if factor is not None:
        factor.person = person
    return factor


def taken(challenge: str, purpose: Purpose, *, tools: Tools) -> Pending | None:
    """Take a challenge out, which is good for one answer; None if it is unknown, old or for something else."""
    try:
        return webauthn.challenges.take(challenge, purpose, tools=tools)
    except InputError:
        return None
