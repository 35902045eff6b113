"""Which passwords may be used: long, of any signs, taken as they are, and none that many people have."""

from __future__ import annotations

import math

import pytest
import sign_in_help
from sign_in_help import EMAIL, PASSWORD, count, sign_in

from countenance.apps.agencies import factors, proofs
from countenance.errors import CountenanceError, InputError

on, actor = sign_in_help.on, sign_in_help.actor


def test_a_password_has_twelve_characters_at_least_and_as_many_as_a_form_takes():
    proofs.check_new_password("twelve signs", email=EMAIL)
    proofs.check_new_password("x" * 64 + "y" * 960, email=EMAIL)
    for wrong in ("eleven sign", "z" * 1025, ""):
        with pytest.raises(InputError):
            proofs.check_new_password(wrong, email=EMAIL)


@pytest.mark.parametrize(
    "password",
    [
        "twelve twelve",
        "999999999999998",
        "ÄÖÜäöüßéèêñç",
        "🙂🙃🙂🙃🙂🙃🙂🙃🙂🙃🙂🙃",
        "            .",
    ],
)
def test_a_password_is_of_any_characters(password):
    proofs.check_new_password(password, email=EMAIL)


def test_a_common_password_is_refused():
    long_enough = [one for one in proofs._common_passwords() if len(one) >= 12]
    assert len(proofs._common_passwords()) > 10_000
    assert long_enough
    for one in (*long_enough, *(each.upper() for each in long_enough)):
        with pytest.raises(InputError, match="Many people"):
            proofs.check_new_password(one, email=EMAIL)
    with pytest.raises(InputError, match="address"):
        proofs.check_new_password(f" {EMAIL.upper()}", email=EMAIL)


def test_a_password_is_taken_exactly_as_it_was_given(on, actor):
    new = "  Long, with SPACES and Ä  "
    factors.change_password(actor, old=PASSWORD, new=new, keep=None, tools=on.tools)
    for near in (new.strip(), new.lower(), new.replace("Ä", "A"), new[:-1], new + " "):
        with pytest.raises(CountenanceError):
            sign_in(on.tools, on.app.code(), password=near)
    before = count("person.signed_in")
    on.clock.move(minutes=20)
    sign_in(on.tools, on.app.code(), password=new)
    assert count("person.signed_in") == before + 1


def test_a_recovery_code_has_enough_bits():
    assert proofs._SIGNS_IN_A_CODE * math.log2(len(set(proofs._SIGNS))) >= 80
