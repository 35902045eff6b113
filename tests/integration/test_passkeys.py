"""Signing in with a passkey, and proving once more who one is."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import sign_in_help
from authenticator import FLAG, Device
from sign_in_help import SITE, count, facts_of, give_codes, register, sign_in, with_passkey

from countenance.apps.agencies import factors, lockout, sessions, signing, stepping, webauthn
from countenance.apps.agencies.arrivals import SignedIn
from countenance.apps.agencies.models import Factor, SignInSession
from countenance.apps.agencies.webauthn import Challenges, Pending, Purpose
from countenance.errors import (
    AlreadyExists,
    Conflict,
    InputError,
    NotSignedIn,
)
from countenance.policy import SYSTEM

on, actor = sign_in_help.on, sign_in_help.actor


# Passkeys.


def test_a_passkey_asks_for_verification_and_names_nobody(on):
    options, _ = signing.passkey_challenge(site=SITE, tools=on.tools)
    asked = json.loads(json.dumps(options))["publicKey"]
    assert asked["userVerification"] == "required"
    assert not asked.get("allowCredentials")
    assert asked["rpId"] == "localhost"


def test_a_passkey_is_made_to_be_found_without_an_address(on, actor):
    options, _ = factors.passkey_registration(actor, site=SITE, tools=on.tools)
    asked = json.loads(json.dumps(options))["publicKey"]
    chosen = asked["authenticatorSelection"]
    assert (chosen["residentKey"], chosen["userVerification"]) == ("required", "required")
    assert {one["alg"] for one in asked["pubKeyCredParams"]} == {-7, -8, -257}


def test_a_passkey_lets_its_person_in(on, actor):
    device = register(on, actor)
    came = with_passkey(on, device)
    assert (came.person.pk, came.method, came.recovery) == (on.person.pk, Factor.PASSKEY, False)
    assert with_passkey(on, device).person.pk == on.person.pk
    (shown,) = (one for one in factors.of(actor) if one.kind == Factor.PASSKEY)
    assert (shown.name, shown.used_at) == ("Laptop", on.clock.now)


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://localhost"},
        {"origin": "http://localhost:8443"},
        {"origin": "https://evil.localhost:8443"},
        {"rp_id": "example.org"},
        {"flags": FLAG.UP},
        {"flags": FLAG.UV},
        {"cross_origin": True},
        {"user_handle": b"somebody else"},
    ],
)
def test_a_passkey_opens_nothing_when_anything_is_wrong(on, actor, wrong):
    device = replace(register(on, actor), **wrong)
    with pytest.raises(NotSignedIn):
        with_passkey(on, device)
    assert facts_of(on, "person.sign_in_refused")[0]["why"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://localhost"},
        {"rp_id": "example.org"},
        {"flags": FLAG.UP},
        {"flags": FLAG.UV},
        {"cross_origin": True},
        {"algorithm": -65535},
    ],
)
def test_a_passkey_that_was_made_wrongly_is_not_kept(on, actor, wrong):
    with pytest.raises(InputError):
        register(on, actor, **wrong)
    assert not Factor.objects.filter(kind=Factor.PASSKEY).exists()


def test_a_challenge_works_once_and_for_five_minutes(on, actor):
    device = register(on, actor)
    options, number = signing.passkey_challenge(site=SITE, tools=on.tools)
    answer = device.sign(options)
    sent = {"challenge": number, "answer": answer, "site": SITE, "tools": on.tools}
    signing.sign_in_with_passkey(SYSTEM, **sent)
    with pytest.raises(NotSignedIn):
        signing.sign_in_with_passkey(SYSTEM, **sent)
    options, number = signing.passkey_challenge(site=SITE, tools=on.tools)
    answer = device.sign(options)
    on.clock.move(minutes=5, seconds=1)
    with pytest.raises(NotSignedIn):
        signing.sign_in_with_passkey(SYSTEM, **sent | {"challenge": number, "answer": answer})


def test_the_answer_to_one_challenge_is_none_to_another(on, actor):
    device = register(on, actor)
    options, _ = signing.passkey_challenge(site=SITE, tools=on.tools)
    _, other = signing.passkey_challenge(site=SITE, tools=on.tools)
    with pytest.raises(NotSignedIn):
        signing.sign_in_with_passkey(
            SYSTEM, challenge=other, answer=device.sign(options), site=SITE, tools=on.tools
        )


def test_a_sign_count_that_goes_back_is_refused(on, actor):
    device = register(on, actor, counter=5)
    device.counter = 6
    with_passkey(on, device)
    for counter in (6, 5, 0):
        device.counter = counter
        with pytest.raises(NotSignedIn):
            with_passkey(on, device)
    device.counter = 7
    assert with_passkey(on, device).person.pk == on.person.pk
    assert all("went back" in one["why"] for one in facts_of(on, "person.sign_in_refused"))


def test_an_unknown_passkey_is_refused(on, actor):
    with pytest.raises(NotSignedIn):
        with_passkey(on, Device(origin=SITE.origin, rp_id=SITE.rp_id))
    for answer in ({}, {"rawId": 7}, {"rawId": "!"}, {"rawId": "AAAA", "response": []}):
        _, number = signing.passkey_challenge(site=SITE, tools=on.tools)
        with pytest.raises(NotSignedIn):
            signing.sign_in_with_passkey(
                SYSTEM, challenge=number, answer=answer, site=SITE, tools=on.tools
            )


def test_a_passkey_works_during_a_lock_out_that_strangers_caused(on, actor):
    device = register(on, actor)
    for _ in range(lockout.SIGN_IN_TRIES):
        with pytest.raises(NotSignedIn):
            sign_in(on.tools, "000000")
    assert with_passkey(on, device).person.pk == on.person.pk


def test_a_passkey_of_a_suspended_person_opens_nothing(on, actor):
    device = register(on, actor)
    on.person.standing |= {"suspended": {"since": "2026-01-01"}}
    on.person.save()
    with pytest.raises(NotSignedIn):
        with_passkey(on, device)


def test_a_passkey_is_kept_once_and_its_challenge_is_its_owners(on, actor):
    device = register(on, actor)
    with pytest.raises(AlreadyExists):
        register(on, actor, credential_id=device.credential_id)
    options, number = factors.passkey_registration(actor, site=SITE, tools=on.tools)
    other = replace(on.examiner, stepped_up_at=on.tools.clock())
    with pytest.raises(InputError, match="somebody else"):
        factors.add_passkey(
            other,
            challenge=number,
            answer=Device(origin=SITE.origin, rp_id=SITE.rp_id).make(options),
            name="",
            site=SITE,
            tools=on.tools,
        )


def test_only_so_many_challenges_are_kept_and_the_oldest_goes(on):
    few = Challenges(most=3)
    until = on.clock.now

    def pending(purpose: Purpose) -> Pending:
        return Pending(purpose=purpose, user=None, about=None, state={}, until=until)

    adding = few.put(pending(Purpose.ADD), tools=on.tools)
    numbers = [few.put(pending(Purpose.PROVE), tools=on.tools) for _ in range(4)]
    with pytest.raises(InputError):
        few.take(numbers[0], Purpose.PROVE, tools=on.tools)
    with pytest.raises(InputError):
        few.take(numbers[1], Purpose.ADD, tools=on.tools)
    assert few.take(numbers[3], Purpose.PROVE, tools=on.tools).state == {}
    assert few.take(adding, Purpose.ADD, tools=on.tools).purpose is Purpose.ADD


def test_a_passkeys_row_says_nothing_in_clear(on, actor):
    device = register(on, actor)
    row = Factor.objects.filter(kind=Factor.PASSKEY).values_list("secret", "credential_index")[0]
    assert device.credential_id not in b"".join(bytes(one) for one in row)
    assert webauthn.as_text(device.credential_id).encode() not in bytes(row[0])


# Proving once more.


def test_a_code_proves_once_more_who_one_is_and_is_used_up(on, actor):
    code = on.app.code()
    assert stepping.step_up(actor, code=code, tools=on.tools) == on.clock.now
    with pytest.raises(NotSignedIn):
        stepping.step_up(actor, code=code, tools=on.tools)
    with pytest.raises(NotSignedIn):
        sign_in(on.tools, code)
    assert (count("person.stepped_up"), count("person.step_up_refused")) == (1, 1)


def test_a_recovery_code_does_not_prove_once_more(on, actor):
    code = give_codes(on.person, tools=on.tools)[0]
    with pytest.raises(NotSignedIn):
        stepping.step_up(actor, code=code, tools=on.tools)
    assert sign_in(on.tools, code).recovery


def test_a_passkey_proves_once_more_and_another_persons_does_not(on, actor):
    device = register(on, actor)
    other = replace(on.examiner, stepped_up_at=on.tools.clock())
    anothers = register(on, other)
    for signer, right in ((device, True), (anothers, False)):
        options, number = signing.passkey_challenge(
            site=SITE, purpose=Purpose.PROVE, tools=on.tools
        )
        sent = {"challenge": number, "answer": signer.sign(options), "site": SITE}
        if right:
            at = stepping.step_up_with_passkey(actor, **sent, tools=on.tools)
            assert at == on.clock.now
        else:
            with pytest.raises(NotSignedIn):
                stepping.step_up_with_passkey(actor, **sent, tools=on.tools)


def test_wrong_proofs_are_counted_by_themselves_and_end_the_sessions(on, actor, rf):
    request = rf.get("/")
    request.session = sessions.SessionStore()
    sessions.begin(request, SignedIn(on.person, Factor.TOTP), tools=on.tools)
    request.session.save()
    said = []
    for _ in range(lockout.SIGN_IN_TRIES + 1):
        with pytest.raises(NotSignedIn) as refused:
            stepping.step_up(actor, code="000000", tools=on.tools)
        said.append(refused.value.detail)
    assert said == [stepping.NOT_PROVEN] * 4 + [stepping.SESSION_ENDED, stepping.STEPS_LOCKED]
    assert not SignInSession.objects.exists()
    assert sign_in(on.tools, on.app.code()).person.pk == on.person.pk


def test_signing_out_is_recorded(on):
    signing.sign_out(replace(on.actor, roles=frozenset()), tools=on.tools)
    assert count("person.signed_out") == 1


def test_the_last_means_of_signing_in_stays(on, actor):
    give_codes(on.person, tools=on.tools)
    app = Factor.objects.get(kind=Factor.TOTP)
    with pytest.raises(Conflict, match="last means"):
        factors.remove_factor(actor, factor=app.pk, tools=on.tools)
    register(on, actor)
    factors.remove_factor(actor, factor=app.pk, tools=on.tools)
    assert {one.kind for one in factors.of(actor)} == {Factor.PASSKEY, Factor.RECOVERY}
