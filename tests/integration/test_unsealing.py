"""Making the keys and opening them: interrupted, it goes on; failed, it stays shut; open, it is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from countenance import config as settings
from countenance.apps.agencies.models import Invitation, Person
from countenance.apps.records import services as records
from countenance.apps.records.models import KeyRow, LedgerHead, LedgerRow
from countenance.apps.searches import services as searches
from countenance.cli.deployment import set_up
from countenance.config import Config
from countenance.errors import AlreadyExists, KeyUnavailable, Sealed
from countenance.sealing import factors as sealing_factors
from countenance.sealing.factors import FileFactor, Passphrase
from countenance.sealing.split import Split
from countenance.testing import FakeEngine
from countenance.web import wiring

PERSON = {"name": "Test Person", "email": "person@example.org"}
PASSPHRASE = "a passphrase for tests only"


class Interrupted(BaseException):
    """As a Ctrl-C or a power cut."""


@pytest.fixture
def home(transactional_db: None, tmp_path: Path) -> Iterator[Config]:
    """Return the settings of a home in which nothing is yet."""
    before = settings.current()
    made = before.model_copy(update={"home": tmp_path})
    settings.install(made)
    wiring.use_engine(lambda _: FakeEngine())
    yield made
    wiring.seal()
    settings.install(before)


@pytest.fixture
def factor(home: Config) -> FileFactor:
    return FileFactor(home.file_factor)


def _interrupt_once(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
    """Let a call fail once, as if the process had been killed there."""

    def fail(*_: Any, **__: Any) -> Any:
        monkeypatch.undo()
        raise Interrupted

    monkeypatch.setattr(module, name, fail)


def _unsealed_entries() -> int:
    return LedgerRow.objects.filter(action="deployment.unsealed").count()


def test_a_set_up_interrupted_after_the_key_file_goes_on_with_the_same_keys(
    home: Config, factor: FileFactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    _interrupt_once(monkeypatch, records, "initialise")
    with pytest.raises(Interrupted):
        set_up(factor, **PERSON)
    key_file = home.key_file.read_bytes()
    assert wiring.is_sealed()
    assert not LedgerHead.objects.exists()
    set_up(factor, **PERSON)
    assert home.key_file.read_bytes() == key_file
    wiring.seal()
    assert wiring.unseal(factor).keyring.deployment
    assert Invitation.objects.get().details["name"] == PERSON["name"]


def test_a_set_up_interrupted_after_the_ledger_goes_on_and_ends_once(
    home: Config, factor: FileFactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from countenance.apps.agencies import services as agencies

    _interrupt_once(monkeypatch, agencies, "admit_agency")
    with pytest.raises(Interrupted):
        set_up(factor, **PERSON)
    wiring.seal()
    key_file, keys = home.key_file.read_bytes(), KeyRow.objects.count()
    set_up(factor, **PERSON)
    assert KeyRow.objects.filter(agency=None).count() == keys
    with pytest.raises(AlreadyExists):
        set_up(factor, **PERSON)
    assert home.key_file.read_bytes() == key_file
    assert Invitation.objects.count() == 1
    assert not Person.objects.exists()


def test_an_interrupted_set_up_keeps_its_key_file_from_another_passphrase(
    home: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    _interrupt_once(monkeypatch, records, "initialise")
    with pytest.raises(Interrupted):
        set_up(Passphrase(PASSPHRASE), **PERSON)
    key_file = home.key_file.read_bytes()
    for other in (Passphrase("another passphrase"), FileFactor(home.file_factor)):
        with pytest.raises(KeyUnavailable):
            set_up(other, **PERSON)
        assert wiring.is_sealed()
    assert home.key_file.read_bytes() == key_file
    set_up(Passphrase(PASSPHRASE), **PERSON)
    assert home.key_file.read_bytes() == key_file


def test_a_database_that_holds_a_ledger_gets_no_new_keys(
    home: Config, factor: FileFactor, deployment_made: None
) -> None:
    home.key_file.rename(home.key_file.with_suffix(".lost"))
    wiring.seal()
    with pytest.raises(AlreadyExists):
        wiring.initialise(factor)
    assert not home.key_file.exists()
    assert wiring.is_sealed()


@pytest.fixture
def deployment_made(factor: FileFactor) -> None:
    wiring.initialise(factor)


@pytest.mark.parametrize(
    ("module", "name"), [(searches, "abort_abandoned_searches"), (records, "note_unsealed")]
)
def test_an_unsealing_that_fails_half_way_stays_sealed(
    factor: FileFactor,
    deployment_made: None,
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    name: str,
) -> None:
    wiring.seal()
    _interrupt_once(monkeypatch, module, name)
    with pytest.raises(Interrupted):
        wiring.unseal(factor, serving=True)
    assert wiring.is_sealed()
    with pytest.raises(Sealed):
        wiring.current()
    with pytest.raises(Sealed):
        _ = Person(email=b"").seal_column(b"anything", "column")
    assert _unsealed_entries() == 0
    wiring.unseal(factor, serving=True)
    assert _unsealed_entries() == 1


def test_only_a_process_that_stays_unsealed_for_others_makes_an_entry(
    factor: FileFactor, deployment_made: None
) -> None:
    wiring.seal()
    wiring.unseal(factor)
    assert _unsealed_entries() == 0
    wiring.seal()
    wiring.unseal(factor, serving=True)
    assert _unsealed_entries() == 1


def test_the_passphrase_typed_into_the_first_page_makes_one_entry(home: Config) -> None:
    wiring.initialise(Passphrase(PASSPHRASE))
    wiring.seal()
    with pytest.raises(KeyUnavailable):
        wiring.unseal_with_passphrase("not this passphrase")
    assert wiring.is_sealed()
    assert _unsealed_entries() == 0
    wiring.unseal_with_passphrase(PASSPHRASE)
    wiring.unseal_with_passphrase(PASSPHRASE)
    assert _unsealed_entries() == 1


def test_what_anybody_typed_first_does_not_keep_two_custodians_out(
    home: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing_factors, "_PASSES", 1)
    monkeypatch.setattr(sealing_factors, "_MEMORY_KIB", 1024)
    words = [f"the passphrase of custodian {number}" for number in range(3)]
    wiring.initialise(Split([Passphrase(one) for one in words]))
    wiring.seal()
    assert wiring.unseal_with_passphrase("whatever anybody types") is None
    for wrong in (words[0], "something else again"):
        with pytest.raises(KeyUnavailable):
            wiring.unseal_with_passphrase(wrong)
    assert wiring.unseal_with_passphrase(words[2])
    wiring.seal()
    # Forgotten with the keys, and after ten minutes.
    assert wiring.unseal_with_passphrase(words[0]) is None
    monkeypatch.setattr(wiring, "_WAITS", 0.0)
    assert wiring.unseal_with_passphrase(words[1]) is None
    assert wiring.is_sealed()
