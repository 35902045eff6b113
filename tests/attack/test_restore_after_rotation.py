"""A backup from before every key was rotated opens and restores with its own keys, and the home goes on being served."""

import shutil

import pytest
from homes import Home
from killing_rotation import beside

from countenance.testing import FakeEngine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def homes():
    with Home() as home, Home() as other:
        yield home, other


def test_a_backup_of_before_a_rotation_is_restored_and_served(homes):
    home, other = homes
    people, backups = home.folder / "people", home.folder / "backups"
    for name in ("anna", "ben"):
        (people / name).mkdir(parents=True)
        (people / name / "1.jpg").write_bytes(FakeEngine.photo(name, shot=1))
    home.set_up()
    other.tokens = home.tokens
    home.run("enrol", people, "--gallery", "people", "--source", "archive", "--json")
    home.run("ledger", "checkpoint", "--json")
    before = home.run("backup", backups, "--json")
    home.run("keys", "rotate", "--level", "all", "--json")
    after = home.run("backup", backups, "--json")
    assert (before["read_anew"], after["read_anew"]) == (False, True)
    assert (before["copied"], after["copied"]) == (2, 0)

    (other.home / "keys").mkdir(parents=True)
    shutil.copy(home.home / "keys" / "demo-factor", other.home / "keys")
    other.run("restore", backups, "--backup", before["name"], "--json")
    done = other.run("restore", "--erasures", backups, "--json")
    assert done["by_hand"]["keys.rotated"] == 1
    # Nobody is served unless the ledger goes on from the checkpoint that came with the dump.
    serving = other.begin("serve", "--port", "0", "--json")
    serving.address()
    serving.interrupt()
    found = other.run("@search", "people", "anna", "ben")
    assert [found[name][0][0] for name in ("anna", "ben")] == ["anna", "ben"]
    assert other.run("ledger", "checkpoint", "--json")["size"] > done["known_size"]


def test_backups_of_before_and_after_keys_that_sign_were_replaced_are_restored_and_served(homes):
    home, _ = homes
    backups, rotate = home.folder / "backups", ("keys", "rotate", "--level", "signing")
    home.set_up()
    server = beside(home)
    running = server.begin("serve", "--port", "0", "--json")
    running.address()
    old = home.run("ledger", "witnesses", "--json")["log_key"]
    before = home.run("backup", backups, "--json")
    begun = home.run(*rotate, "--json")
    assert (begun["handing_over"], begun["followed"]) == (True, True)
    both = home.run("ledger", "checkpoint", "--json")["checkpoint"]
    during = home.run("backup", backups, "--json")
    ended = home.run(*rotate, "--finish", "--json")
    new = ended["signing_keys"][-1]["key"]
    last = home.run("ledger", "checkpoint", "--json")["checkpoint"]
    assert [text.count("\n— ") for text in (both, last)] == [2, 1]
    after = home.run("backup", backups, "--json")
    running.interrupt()
    server.stop()
    for one in (before, during, after):
        assert home.run("verify-backup", backups, "--backup", one["name"], "--json")

    for one, key in ((before, old), (after, new)):
        with Home() as other:
            other.tokens = home.tokens
            (other.home / "keys").mkdir(parents=True)
            shutil.copy(home.home / "keys" / "demo-factor", other.home / "keys")
            other.run("restore", backups, "--backup", one["name"], "--json")
            done = other.run("restore", "--erasures", backups, "--json")
            assert ("signing.replaced" in done["by_hand"]) == (key == old)
            serving = other.begin("serve", "--port", "0", "--json")
            serving.address()
            serving.interrupt()
            assert other.run("ledger", "witnesses", "--json")["log_key"] == key
