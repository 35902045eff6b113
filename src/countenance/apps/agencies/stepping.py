"""Proving once more who one is, for what a session alone does not permit (`Deed` with step-up)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from countenance.apps.agencies import factor_rows, lockout, proofs, session_rows
from countenance.apps.agencies.arrivals import (
    Proof,
    check_passkey,
    locked_passkey,
    locked_person,
    taken,
    use,
)
from countenance.apps.agencies.models import Factor, Person
from countenance.apps.agencies.webauthn import Pending, Purpose, Site
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.errors import NotSignedIn
from countenance.ledger.entry import Action
from countenance.policy import Actor
from countenance.tools import Tools

NOT_PROVEN = "That is not right, or was used already. Try again with the next code or the passkey."
SESSION_ENDED = "Too many tries. Your sessions were ended; sign in again."
STEPS_LOCKED = "Too many wrong codes. Wait a quarter of an hour, or use a passkey."


def _by_app(person: Person, code: str, *, tools: Tools) -> Proof | None:
    """Return what the code of a signed-in person's app proves; who they are is known, so without a decoy."""
    rows = Factor.objects.select_for_update(no_key=True)
    factor = rows.filter(person=person, kind=Factor.TOTP).first()
    code = proofs.tidy(code)
    if factor is None or not proofs.is_of_app(code):
        return None
    factor.person = person
    app = factor.secret
    at = proofs.step_of(app["secret"], code, after=app["last_step"], now=tools.clock())
    return None if at is None else Proof(factor, at)


@accountable(Action.STEPPED_UP, Action.STEP_UP_REFUSED, deed=None)
def _try_to_step_up(
    actor: Actor,
    record: Record,
    *,
    code: str | None,
    passkey: tuple[Pending | None, Mapping[str, Any], Site] | None,
    tools: Tools,
) -> datetime | str:
    """Return the moment of the proof, or what is said for want of it."""
    person = Person.objects.select_related("agency").get(pk=actor.person, agency_id=actor.agency)
    if passkey is not None:
        person = locked_person(actor.person) or person
        record.note(about=person.pk, method="passkey")
        pending, answer, site = passkey
        factor = locked_passkey(person, answer, tools=tools)
        count = check_passkey(record, factor, pending, answer, site)
        if factor is not None and count is not None:
            factor_rows.use_passkey(factor, count, tools=tools)
            return tools.clock()
        record.action = Action.STEP_UP_REFUSED  # not counted: nobody guesses a passkey
        return NOT_PROVEN
    tries = lockout.lock_steps(actor.person, tools=tools)
    locked = lockout.is_locked(tries, tools=tools)
    person = locked_person(actor.person) or person
    record.note(about=person.pk, locked=locked, method="app")
    proof = _by_app(person, code or "", tools=tools)
    right = proof is not None and not locked
    locks = lockout.count(tries, right=right, tools=tools)
    if proof is not None and right:
        use(proof, tools=tools)
        return tools.clock()
    record.action = Action.STEP_UP_REFUSED
    if locks:
        record.note(sessions_ended=session_rows.end_all(person.pk))
        return SESSION_ENDED
    return STEPS_LOCKED if locked else NOT_PROVEN


def _stepped_up(outcome: datetime | str) -> datetime:
    if isinstance(outcome, str):
        raise NotSignedIn(outcome)
    return outcome


@composed_of(_try_to_step_up)
def step_up(actor: Actor, *, code: str, tools: Tools) -> datetime:
    """Return the moment at which the signed-in person proved with their app who they are.

    The view keeps it: `sessions.stepped_up(request.session, moment)`.

    Raises:
        NotSignedIn: the code is wrong or used; recorded. Five of them, counted apart from tries to sign
            in, end every session of the person, and no code proves anything for a while.
    """
    return _stepped_up(_try_to_step_up(actor, code=code, passkey=None, tools=tools))


@composed_of(_try_to_step_up)
def step_up_with_passkey(
    actor: Actor, *, challenge: str, answer: Mapping[str, Any], site: Site, tools: Tools
) -> datetime:
    """Return the moment at which the signed-in person proved with a passkey who they are.

    Raises:
        NotSignedIn: it is not theirs, or the answer is not right; recorded. No lock-out stops it.
    """
    passkey = (taken(challenge, Purpose.PROVE, tools=tools), answer, site)
    return _stepped_up(_try_to_step_up(actor, code=None, passkey=passkey, tools=tools))
