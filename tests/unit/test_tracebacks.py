"""A fault with keys at hand: no traceback, log or repr shows one."""

import logging
from uuid import UUID

import pytest
import structlog

from countenance.cli.app import app
from countenance.cli.main import _broken
from countenance.sealing.chest import Chest
from countenance.sealing.envelope import Key
from countenance.sealing.factors import Passphrase, ServiceFactor
from countenance.sealing.keyfile import Root
from countenance.sealing.keyring import Keyring
from countenance.sealing.split import Split
from countenance.web import logs

WORDS = "several plain words of a custodian"
MATERIAL = bytes(range(65, 97))
DEPLOYMENT = UUID(int=1)


def fail():
    """Raise with secrets of all kinds at hand."""
    key, passphrase, material = Key(MATERIAL), Passphrase(WORDS), MATERIAL
    held = Keyring(key, deployment=DEPLOYMENT)
    raise ValueError("a fault of ours", type(passphrase), type(held), len(material))


def shown(text):
    return [one for one in (WORDS, MATERIAL.decode(), MATERIAL.hex(), str(MATERIAL)) if one in text]


def test_the_traceback_of_a_command_shows_no_values(capsys):
    with pytest.raises(ValueError, match="fault of ours") as raised:
        fail()
    assert _broken(raised.value) > 0
    told = capsys.readouterr()
    assert "a fault of ours" in told.err
    assert shown(told.err + told.out) == []
    assert app().pretty_exceptions_enable is False


def test_the_log_shows_no_values(capsys):
    logs.configure("json")
    log = structlog.get_logger()
    try:
        fail()
    except ValueError:
        log.exception("it.failed", key=Key(MATERIAL), secret=WORDS, code=MATERIAL)
        logging.getLogger("django.request").exception("it failed: %s", WORDS)
    told = capsys.readouterr()
    assert "it.failed" in told.err
    assert shown(told.err + told.out) == []


@pytest.mark.parametrize(
    "holder",
    [
        Key(MATERIAL),
        Passphrase(WORDS),
        Split([Passphrase(WORDS)]),
        Chest({1: Key(MATERIAL)}, DEPLOYMENT),
        Keyring(Key(MATERIAL), deployment=DEPLOYMENT),
        Root(key=Key(MATERIAL), epoch=1, deployment=DEPLOYMENT),
    ],
    ids=lambda one: type(one).__name__,
)
def test_what_holds_a_secret_does_not_show_it(holder):
    assert shown(repr(holder) + str(holder) + f"{holder}") == []
    assert "ServiceFactor" in repr(ServiceFactor(type("S", (), {"kind": "transit"})()))
