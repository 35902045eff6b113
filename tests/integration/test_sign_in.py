"""Signing in with a code, a recovery code or a passkey, and proving once more who one is."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from authenticator import FLAG, Device
from side_by_side import beside, result
from sign_in_help import EMAIL, PASSWORD, give_app, give_codes, sign_in, with_clock

from countenance.apps.agencies import factors, lockout, sessions, signing, webauthn
from countenance.apps.agencies.models import Factor, Person, SignInSession, SignInTries
from countenance.apps.agencies.webauthn import Challenges, Pending, Purpose, Site
from countenance.apps.records import services as records
from countenance.apps.records.models import LedgerRow
from countenance.errors import (
    AlreadyExists,
    CertificateMissing,
    Conflict,
    InputError,
    NotFound,
    NotSignedIn,
    StepUpNeeded,
)
from countenance.policy import SYSTEM

SITE = Site(rp_id="localhost", origin="https://localhost:8443")
ARABIC_INDIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


@pytest.fixture
def on(deployment: Any) -> Any:
    deployment.tools, deployment.clock = with_clock(deployment.tools)
    deployment.app = give_app(deployment.person, tools=deployment.tools)
    return deployment


@pytest.fixture
def actor(on: Any) -> Any:
    return replace(on.actor, stepped_up_at=on.tools.clock())


def facts_of(on: Any, action: str) -> list[dict[str, Any]]:
    bodies = [
        records.unseal_body(row, keyring=on.tools.keyring)
        for row in LedgerRow.objects.filter(action=action).order_by("index")
    ]
    return [json.loads(body[1])["facts"] for body in bodies if body]


def count(action: str) -> int:
    return LedgerRow.objects.filter(action=action).count()


# Codes of an app.


def test_address_password_and_code_let_their_person_in(on):
    came = sign_in(on.tools, on.app.code())
    assert (came.person.pk, came.method, came.recovery) == (on.person.pk, Factor.TOTP, False)
    assert facts_of(on, "person.signed_in")[0]["method"] == "totp"
    assert Person.objects.get(pk=on.person.pk).last_login == on.clock.now


def test_the_code_before_counts_and_those_further_away_do_not(on):
    for steps in (-2, 1, 2):
        with pytest.raises(NotSignedIn):
            sign_in(on.tools, on.app.code(steps))
    assert sign_in(on.tools, on.app.code(-1)).person.pk == on.person.pk
    assert sign_in(on.tools, on.app.code()).person.pk == on.person.pk


@pytest.mark.parametrize(
    "spelling",
    [
        lambda code: code,
        lambda code: f" {code} ",
        lambda code: f"{code[:3]} {code[3:]}",
        lambda code: f"{code[:3]}-{code[3:]}",
        lambda code: f"{code[:3]}\u00a0{code[3:]}",
        lambda code: f"{code}\n",
        lambda code: f"\u200b{code}",
        lambda code: f"0{code}",
        lambda code: code.translate(ARABIC_INDIC),
        lambda code: code.translate(FULL_WIDTH),
    ],
)
def test_a_used_code_comes_back_in_no_spelling(on, spelling):
    code = on.app.code()
    sign_in(on.tools, code)
    with pytest.raises(NotSignedIn):
        sign_in(on.tools, spelling(code))
    assert count("person.signed_in") == 1


def test_an_earlier_code_does_not_work_after_a_later_one(on):
    earlier = on.app.code(-1)
    sign_in(on.tools, on.app.code())
    with pytest.raises(NotSignedIn):
        sign_in(on.tools, earlier)


def test_a_code_may_be_written_in_groups(on):
    code = on.app.code()
    assert sign_in(on.tools, f"{code[:3]} {code[3:]}").person.pk == on.person.pk


@pytest.mark.parametrize("how", [ARABIC_INDIC, FULL_WIDTH])
def test_other_digits_are_no_code(on, how):
    with pytest.raises(NotSignedIn):
        sign_in(on.tools, on.app.code().translate(how))


def test_of_two_with_the_same_code_at_once_one_comes_in(on):
    code = on.app.code()
    tries = [beside(lambda: sign_in(on.tools, code)) for _ in range(4)]
    came = 0
    for one in tries:
        try:
            result(one)
            came += 1
        except NotSignedIn:
            pass
    assert (came, count("person.signed_in")) == (1, 1)


@pytest.mark.parametrize("code", ["", " ", "000000", "abcdef", "1" * 5000, "\ud800", "\0"])
def test_what_is_no_code_lets_nobody_in(on, code):
    with pytest.raises(NotSignedIn):
        sign_in(on.tools, code)


def test_password_and_address_alone_let_nobody_in_who_has_no_factor(deployment):
    supervisor = "supervisor@example.org"
    for code in ("", "000000", "0000-0000-0000-0000"):
        with pytest.raises(NotSignedIn):
            sign_in(deployment.tools, code, email=supervisor)


def test_an_odd_address_is_an_unknown_one(on):
    for email in ("", "\0", "\ud800", "x" * 5000, "e\u0301@example.org"):
        with pytest.raises(NotSignedIn):
            sign_in(on.tools, on.app.code(), email=email)


# Recovery codes.


def test_a_recovery_code_lets_in_once_to_manage_means_of_signing_in(on):
    code = give_codes(on.person, tools=on.tools)[3]
    came = sign_in(on.tools, code.upper().replace("-", " "))
    assert (came.method, came.recovery) == (Factor.RECOVERY, True)
    for spelling in (code, code.replace("-", ""), code.upper(), f" {code}"):
        with pytest.raises(NotSignedIn):
            sign_in(on.tools, spelling)
    (shown,) = (one for one in factors.of(on.actor) if one.kind == Factor.RECOVERY)
    assert (shown.left, shown.used_at) == (9, on.clock.now)


def test_new_recovery_codes_end_the_old_ones(on, actor):
    old = give_codes(on.person, tools=on.tools)
    new = factors.make_recovery_codes(actor, tools=on.tools)
    assert len(set(new)) == 10
    assert not set(old) & set(new)
    with pytest.raises(NotSignedIn):
        sign_in(on.tools, old[0])
    assert sign_in(on.tools, new[0]).recovery


def test_recovery_codes_are_kept_as_hashes(on):
    codes = give_codes(on.person, tools=on.tools)
    kept = str(Factor.objects.get(kind=Factor.RECOVERY).secret)
    for code in codes:
        assert code not in kept
        assert code.replace("-", "") not in kept


# Who may not come in, with everything right.


def test_five_wrong_tries_lock_for_a_quarter_of_an_hour(on):
    for _ in range(lockout.SIGN_IN_TRIES):
        with pytest.raises(NotSignedIn):
            sign_in(on.tools, on.app.code(), password="wrong")
    on.clock.move(minutes=14, seconds=59)
    with pytest.raises(NotSignedIn) as refused:
        sign_in(on.tools, on.app.code())
    assert refused.value.detail == signing.REFUSED
    on.clock.move(seconds=2)
    assert sign_in(on.tools, on.app.code()).person.pk == on.person.pk


def test_wrong_codes_count_like_wrong_passwords_and_right_ones_begin_anew(on):
    for _ in range(lockout.SIGN_IN_TRIES - 1):
        with pytest.raises(NotSignedIn):
            sign_in(on.tools, "000000")
    sign_in(on.tools, on.app.code())
    assert SignInTries.objects.get().failed == 0


def test_an_unknown_address_is_counted_and_locked_alike(on):
    for _ in range(lockout.SIGN_IN_TRIES + 1):
        with pytest.raises(NotSignedIn):
            sign_in(on.tools, "000000", email="nobody@example.org")
    assert [one["locked"] for one in facts_of(on, "person.sign_in_refused")] == [False] * 5 + [True]
    tries = SignInTries.objects.get()
    assert tries.locked_until is not None


def test_the_tries_of_an_address_do_not_say_whose_they_are(on):
    sign_in(on.tools, on.app.code())
    assert bytes(SignInTries.objects.get().address_index) != bytes(on.person.email_index)


def test_suspended_people_and_those_of_suspended_agencies_are_refused_alike(on):
    on.person.standing |= {"suspended": {"since": "2026-01-01"}}
    on.person.save()
    with pytest.raises(NotSignedIn, match=r"do not belong together"):
        sign_in(on.tools, on.app.code())
    on.person.standing |= {"suspended": None}
    on.person.save()
    on.agency.standing |= {"suspended": {"since": "2026-01-01"}}
    on.agency.save()
    with pytest.raises(NotSignedIn, match=r"do not belong together"):
        sign_in(on.tools, on.app.code())


def test_training_that_has_ended_is_said_to_those_who_proved_who_they_are_only(on):
    on.person.standing |= {"trained_until": "2020-01-01"}
    on.person.save()
    with pytest.raises(CertificateMissing, match="Your training ended on 01 January 2020"):
        sign_in(on.tools, on.app.code())
    assert count("person.sign_in_refused") == 1
    on.clock.move(seconds=30)
    with pytest.raises(NotSignedIn):
        sign_in(on.tools, on.app.code(), password="wrong")


def test_a_refused_try_is_on_the_ledger_of_the_persons_agency(on):
    for email, agency in ((EMAIL, on.agency.pk), ("nobody@example.org", None)):
        with pytest.raises(NotSignedIn):
            sign_in(on.tools, "000000", email=email)
        newest = LedgerRow.objects.order_by("-index")[0]
        assert (newest.action, newest.agency) == ("person.sign_in_refused", agency)


# Managing factors.


def test_an_app_is_added_with_a_code_that_proves_it_and_replaces_the_one_before(on, actor):
    secret = factors.begin_app(tools=on.tools)
    with pytest.raises(InputError, match="not the code"):
        factors.add_app(actor, secret=secret, code="000000", tools=on.tools)
    assert sign_in(on.tools, on.app.code()).person.pk == on.person.pk
    on.clock.move(seconds=60)
    new = replace(on.app, secret=secret)
    code = new.code()
    factors.add_app(actor, secret=secret, code=code, tools=on.tools)
    for used in (code, on.app.code(), on.app.code(-1)):
        with pytest.raises(NotSignedIn):
            sign_in(on.tools, used)
    on.clock.move(seconds=30)
    assert sign_in(on.tools, new.code()).person.pk == on.person.pk


@pytest.mark.parametrize("secret", ["", "A", "a" * 32, "A" * 31, "A" * 33, "é" * 32, "=" * 32])
def test_only_secrets_of_our_making_become_an_app(on, actor, secret):
    with pytest.raises(InputError):
        factors.add_app(actor, secret=secret, code="000000", tools=on.tools)


def test_factors_change_only_after_a_recent_proof(on):
    stale = replace(on.actor, stepped_up_at=None)
    with pytest.raises(StepUpNeeded):
        factors.make_recovery_codes(stale, tools=on.tools)
    with pytest.raises(StepUpNeeded):
        factors.remove_factor(stale, factor=uuid4(), tools=on.tools)


def test_the_last_means_of_signing_in_stays(on, actor):
    give_codes(on.person, tools=on.tools)
    app = Factor.objects.get(kind=Factor.TOTP)
    with pytest.raises(Conflict, match="last means"):
        factors.remove_factor(actor, factor=app.pk, tools=on.tools)
    register(on, actor)
    factors.remove_factor(actor, factor=app.pk, tools=on.tools)
    assert {one.kind for one in factors.of(actor)} == {Factor.PASSKEY, Factor.RECOVERY}


def test_nobody_removes_anothers_factor(on):
    other = replace(on.examiner, stepped_up_at=on.tools.clock())
    with pytest.raises(NotFound):
        factors.remove_factor(other, factor=Factor.objects.get().pk, tools=on.tools)


def test_a_changed_password_opens_and_the_old_one_does_not(on, actor):
    new = "another long password"
    with pytest.raises(InputError, match="not right"):
        factors.change_password(actor, old="wrong", new=new, tools=on.tools)
    for bad in ("short", "x" * 1025):
        with pytest.raises(InputError):
            factors.change_password(actor, old=PASSWORD, new=bad, tools=on.tools)
    with pytest.raises(InputError, match="no password"):
        factors.change_password(actor, old=PASSWORD, new=EMAIL.upper(), tools=on.tools)
    factors.change_password(actor, old=PASSWORD, new=new, tools=on.tools)
    with pytest.raises(NotSignedIn):
        sign_in(on.tools, on.app.code(-1))
    assert sign_in(on.tools, on.app.code(), password=new).person.pk == on.person.pk


def test_the_qr_code_carries_no_style_and_no_script(on):
    uri = factors.app_uri(factors.begin_app(tools=on.tools), EMAIL)
    svg = factors.qr_svg(uri)
    assert uri.startswith("otpauth://totp/Countenance:")
    assert svg.startswith("<svg")
    for forbidden in ("style", "script", "on", "href", "<?"):
        assert f"{forbidden}=" not in svg
        assert f"<{forbidden}" not in svg


# Passkeys.


def register(on: Any, actor: Any, **wrong: Any) -> Device:
    device = Device(**{"origin": SITE.origin, "rp_id": SITE.rp_id} | wrong)
    options, number = factors.passkey_registration(actor, site=SITE, tools=on.tools)
    factors.add_passkey(
        actor,
        challenge=number,
        answer=device.make(options),
        name="Laptop",
        site=SITE,
        tools=on.tools,
    )
    return device


def with_passkey(on: Any, device: Device) -> Any:
    options, number = signing.passkey_challenge(site=SITE, tools=on.tools)
    return signing.sign_in_with_passkey(
        SYSTEM, challenge=number, answer=device.sign(options), site=SITE, tools=on.tools
    )


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
    assert signing.step_up(actor, code=code, tools=on.tools) == on.clock.now
    with pytest.raises(NotSignedIn):
        signing.step_up(actor, code=code, tools=on.tools)
    with pytest.raises(NotSignedIn):
        sign_in(on.tools, code)
    assert (count("person.stepped_up"), count("person.step_up_refused")) == (1, 1)


def test_a_recovery_code_does_not_prove_once_more(on, actor):
    code = give_codes(on.person, tools=on.tools)[0]
    with pytest.raises(NotSignedIn):
        signing.step_up(actor, code=code, tools=on.tools)
    assert sign_in(on.tools, code).recovery


def test_a_passkey_proves_once_more_and_another_persons_does_not(on, actor):
    device = register(on, actor)
    other = replace(on.examiner, stepped_up_at=on.tools.clock())
    anothers = register(on, other)
    for signer, right in ((device, True), (anothers, False)):
        options, number = signing.passkey_challenge(site=SITE, tools=on.tools)
        sent = {"challenge": number, "answer": signer.sign(options), "site": SITE}
        if right:
            at = signing.step_up_with_passkey(actor, **sent, tools=on.tools)
            assert at == on.clock.now
        else:
            with pytest.raises(NotSignedIn):
                signing.step_up_with_passkey(actor, **sent, tools=on.tools)


def test_wrong_proofs_count_with_wrong_tries_and_end_the_sessions(on, actor, rf):
    request = rf.get("/")
    request.session = sessions.SessionStore()
    sessions.begin(request, signing.SignedIn(on.person, Factor.TOTP), tools=on.tools)
    request.session.save()
    for _ in range(2):
        with pytest.raises(NotSignedIn):
            sign_in(on.tools, "000000")
    said = []
    for _ in range(3):
        with pytest.raises(NotSignedIn) as refused:
            signing.step_up(actor, code="000000", tools=on.tools)
        said.append(refused.value.detail)
    assert said == [signing.NOT_PROVEN, signing.NOT_PROVEN, signing.SESSION_ENDED]
    assert not SignInSession.objects.exists()
    with pytest.raises(NotSignedIn):
        sign_in(on.tools, on.app.code())


def test_signing_out_is_recorded(on):
    signing.sign_out(replace(on.actor, roles=frozenset()), tools=on.tools)
    assert count("person.signed_out") == 1
