"""Who is waited for before old keys are destroyed, and a follower that meets what nobody expected."""

import threading
import time

import psycopg
import pytest
from django.db import InterfaceError, connection

from countenance import config
from countenance.apps.records import presence
from countenance.errors import Unavailable
from countenance.sealing.factors import FileFactor
from countenance.web import following, wiring


@pytest.fixture
def other(deployment):
    """Return a session of the same database, as another process has it."""
    with psycopg.connect(**connection.get_connection_params()) as made:
        yield made


def test_a_transaction_that_has_written_nothing_yet_is_waited_for(other):
    other.execute("SELECT 1")
    with pytest.raises(Unavailable, match="began before the new keys"):
        presence.settle(wait=0.2)
    other.rollback()
    presence.settle(wait=5.0)


def test_a_dump_of_the_database_is_not_waited_for(other):
    other.execute("SET application_name TO 'pg_dump'")
    other.commit()
    other.execute("SELECT 1")
    presence.settle(wait=5.0)


def test_a_process_with_the_keys_of_before_is_waited_for_and_named(other):
    other.execute(
        "SELECT pg_advisory_lock_shared(%s, %s)", [presence.KEYS, presence.generation() - 1]
    )
    other.commit()
    with pytest.raises(Unavailable, match="did not take in the new keys"):
        presence.settle(wait=0.2)


@pytest.fixture
def follower(deployment):
    made = following.Follower(
        deployment.tools.keyring,
        config.current().key_file,
        lost=lambda _: None,
        ended=wiring.seal,
    )
    yield made
    made.stop()


def failing_once(monkeypatch, error):
    """Have the next look at the stored keys fail, and say when there was another one."""
    real, calls, again = presence.generation, [], threading.Event()

    def called():
        calls.append(None)
        if len(calls) == 1:
            raise error
        again.set()
        return real()

    monkeypatch.setattr(presence, "generation", called)
    return again


@pytest.mark.parametrize("error", [InterfaceError("gone"), TypeError("unexpected")])
def test_a_follower_goes_on_after_any_error(follower, monkeypatch, error):
    monkeypatch.setattr(following, "EVERY", 0.01)
    again = failing_once(monkeypatch, error)
    follower.start_holding()
    assert again.wait(60)
    monkeypatch.undo()
    held = presence.generation()
    deadline = time.monotonic() + 60
    while follower._held.get(presence.KEYS) != held and time.monotonic() < deadline:
        time.sleep(0.01)
    assert follower._held[presence.KEYS] == held
    assert not wiring.is_sealed()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_process_whose_follower_ends_unasked_is_sealed(deployment, monkeypatch):
    class Ended(BaseException):
        """What no thread survives."""

    wiring.seal()
    wiring.unseal(FileFactor(config.current().file_factor))
    (follower,) = wiring._followers
    failing_once(monkeypatch, Ended())
    follower._thread.join(60)
    assert wiring.is_sealed()
