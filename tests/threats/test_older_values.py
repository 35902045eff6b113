"""An older value of a means of signing in is found once that was used; what is no difference raises no alarm."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from authenticator import Device
from django.db import connection
from sign_in_help import actor, give_codes, on, sign_in  # noqa: F401 # fixtures

from countenance.apps.agencies import factors, signing
from countenance.apps.agencies.models import Factor
from countenance.apps.agencies.webauthn import Site
from countenance.apps.records import compared
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.sealed import column_of, digest_of
from countenance.cli import doctor, doctor_rows
from countenance.cli.doctor import State
from countenance.policy import SYSTEM
from countenance.sealing.chest import FIRST_EPOCH
from countenance.sealing.envelope import KEY_SIZE, Key
from countenance.sealing.keyring import Keyring

SITE = Site(rp_id="localhost", origin="https://localhost:8443")


def differing(on: Any, **how: Any) -> set[str]:  # noqa: F811 # its fixture
    found = compared.compare_rows(on.tools.keyring, **how).differences
    return {one.row for one in found if one.row.startswith("agencies_factor.")}


def raw(factor: Factor) -> bytes:
    with connection.cursor() as cursor:
        cursor.execute("select secret from agencies_factor where id = %s", [factor.pk])
        return bytes(cursor.fetchone()[0])


def put_back(factor: Factor, older: bytes) -> None:
    with connection.cursor() as cursor:
        cursor.execute("update agencies_factor set secret = %s where id = %s", [older, factor.pk])
        assert cursor.rowcount == 1


class Passkey:
    """A passkey of the person, whose device counts its uses or always says nought."""

    def __init__(self, on: Any, actor: Any, *, counts: bool) -> None:  # noqa: F811 # fixtures
        self.on, self.counts = on, counts
        self.device = Device(origin=SITE.origin, rp_id=SITE.rp_id)
        options, number = factors.passkey_registration(actor, site=SITE, tools=on.tools)
        answer = self.device.make(options)
        factors.add_passkey(
            actor, challenge=number, answer=answer, name="Mine", site=SITE, tools=on.tools
        )

    def use(self) -> None:
        """Sign in with it."""
        self.device.counter += self.counts
        options, number = signing.passkey_challenge(site=SITE, tools=self.on.tools)
        answer = self.device.sign(options)
        signing.sign_in_with_passkey(
            SYSTEM, challenge=number, answer=answer, site=SITE, tools=self.on.tools
        )


@pytest.mark.parametrize("kind", [Factor.TOTP, Factor.RECOVERY, Factor.PASSKEY])
def test_a_used_code_or_passkey_that_is_put_back_is_found(on: Any, actor: Any, kind: str) -> None:  # noqa: F811
    if kind == Factor.PASSKEY:
        passkey = Passkey(on, actor, counts=True)
        use = passkey.use
    else:
        recovery = give_codes(on.person, tools=on.tools)[0]
        code = recovery if kind == Factor.RECOVERY else on.app.code()

        def use() -> None:
            sign_in(on.tools, code)

    factor = Factor.objects.get(person=on.person, kind=kind)
    older = raw(factor)
    use()
    assert differing(on) == set()
    put_back(factor, older)
    assert differing(on) == {column_of(factor, "secret")}
    assert differing(on, most=1) == {column_of(factor, "secret")}, "also if it is read by shares"


def test_a_passkey_whose_device_does_not_count_has_no_older_value(on: Any, actor: Any) -> None:  # noqa: F811
    """What is put back is what stands there, sealed another time."""
    passkey = Passkey(on, actor, counts=False)
    factor = Factor.objects.get(person=on.person, kind=Factor.PASSKEY)
    older, said = raw(factor), factor.secret
    passkey.use()
    assert raw(factor) != older
    assert Factor.objects.get(pk=factor.pk).secret == said
    put_back(factor, older)
    assert differing(on) == set()


def test_what_the_ledger_repeats_of_a_column_is_guessed_by_nobody_without_the_key(
    on: Any,  # noqa: F811 # fixtures
) -> None:
    factors = Factor.objects.filter(person=on.person, kind=Factor.TOTP)
    name, value = column_of(factors.get(), "secret"), b'{"used":true}'
    said = digest_of(name, value)
    assert said == digest_of(name, value)
    assert said not in {digest_of(f"{name}0", value), digest_of(name, value + b" ")}
    another = Key(bytes(KEY_SIZE))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Keyring, "key", lambda *_, **__: (another, FIRST_EPOCH))
        assert digest_of(name, value) != said


def test_what_is_written_while_rows_are_compared_is_no_difference(on: Any) -> None:  # noqa: F811
    factor = Factor.objects.get(person=on.person, kind=Factor.TOTP)
    sign_in(on.tools, on.app.code())
    before, entries = raw(factor), LedgerRow.objects.count()

    def sign_in_meanwhile() -> None:
        try:
            on.clock.move(minutes=5)
            sign_in(on.tools, on.app.code())
        finally:
            connection.close()

    def notify(done: int, _: int) -> None:
        if done == 0:
            thread = threading.Thread(target=sign_in_meanwhile)
            thread.start()
            thread.join()

    assert differing(on, notify=notify) == set()
    assert raw(factor) != before, "somebody did sign in"
    assert LedgerRow.objects.count() > entries
    assert differing(on) == set()


def test_a_large_ledger_is_compared_only_if_it_is_asked_for(
    on: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    factor = Factor.objects.get(person=on.person, kind=Factor.TOTP)
    older = raw(factor)
    sign_in(on.tools, on.app.code())
    put_back(factor, older)
    monkeypatch.setattr(doctor_rows, "MOST_UNASKED", 3)
    unasked = doctor._rows(on.tools, asked=False)
    assert unasked.state is State.WARNING
    assert "about 1 minute" in unasked.found
    assert "doctor --rows" in unasked.way_out
    asked = doctor._rows(on.tools, asked=True)
    assert asked.state is State.PROBLEM
    monkeypatch.setattr(doctor_rows, "MOST_UNASKED", LedgerRow.objects.count())
    assert doctor._rows(on.tools, asked=False) == asked
