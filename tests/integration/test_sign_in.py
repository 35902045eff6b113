"""Signing in with a code, a recovery code or a passkey, and proving once more who one is."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest
import sign_in_help
from side_by_side import beside, result
from sign_in_help import (
    ARABIC_INDIC,
    EMAIL,
    FULL_WIDTH,
    PASSWORD,
    count,
    facts_of,
    give_codes,
    sign_in,
)

from countenance.apps.agencies import factors, lockout, signing
from countenance.apps.agencies.models import Factor, Person, SignInTries
from countenance.apps.records.models import LedgerRow
from countenance.errors import (
    CertificateMissing,
    InputError,
    NotFound,
    NotSignedIn,
    StepUpNeeded,
)

on, actor = sign_in_help.on, sign_in_help.actor


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
