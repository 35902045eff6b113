"""kill -9 at random moments of an enrolment: nothing acknowledged is lost, nothing is there twice."""

import os
import random
import signal
import time

import pytest
from homes import Home

from countenance.faces.types import Gate
from countenance.testing import FakeEngine

PEOPLE = 120
KILLS = 20
DATABASE_KILLS = 4
SEED = 20_260_314
PROBES = ("p000", "p017", "p101", "p115", "nobody")
SLOW = {"FAKE_SECONDS": "0.002"}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Photos of 120 people, with everything that can happen to a photo among them."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(PEOPLE):
        person = f"p{number:03}"
        (folder / person).mkdir()
        wishes = {"faces": 3} if number % 20 == 7 else {}
        for shot in range(1, 4):
            data = FakeEngine.photo(person, shot=shot, **wishes)
            (folder / person / f"{shot}.jpg").write_bytes(data)
        again = folder / person / "again.jpg"
        if number % 10 == 3:
            again.write_bytes(FakeEngine.photo(person, shot=1, **wishes))
        if number % 16 == 5:
            again.write_bytes(FakeEngine.photo(person, shot=7, rejected="The file is cut short."))
        if number % 16 == 6:
            again.write_bytes(FakeEngine.photo(person, shot=7, faces=0))
        if number % 16 == 9:
            again.write_bytes(FakeEngine.photo(person, shot=7, gate=Gate.UNUSABLE))
    return folder


@pytest.fixture(scope="module")
def home():
    with Home() as made:
        made.set_up()
        made.run("gallery", "create", "undisturbed", "--json")
        made.run("gallery", "create", "uploaded", "--json")
        yield made


@pytest.fixture(scope="module")
def undisturbed(home, photos):
    """The same photos, enrolled without any disturbance, and what their gallery holds."""
    value = enrol(home, photos, "undisturbed").value()
    described = home.run("@describe", "undisturbed")
    assert value["enrolled"] == described["photo"] == 3 * PEOPLE
    assert value["rejected"] == 23
    assert value["skipped"] == 10
    return described


def enrol(home, photos, gallery, **environment):
    rejects = home.folder / "rejects.csv"
    options = ("--gallery", gallery, "--source", "archive", "--rejects", rejects, "--json")
    return home.begin("enrol", photos, *options, **environment)


def kill_at_random(chance, started, words, longest):
    """Kill a command somewhere between its start and `longest` seconds after it said that it works."""
    if chance.random() < 0.8:
        started.wait_for(words)
    moment = chance.uniform(0, longest)
    time.sleep(moment)
    return started.kill(), moment


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_enrolment_killed_twenty_times_ends_like_an_undisturbed_one(
    home, photos, undisturbed, capsys
):
    chance = random.Random(SEED)
    moments, deaths = [], 0
    while deaths < KILLS:
        code, moment = kill_at_random(
            chance, enrol(home, photos, "people", **SLOW), "Looking through", 0.7
        )
        moments.append(moment)
        deaths += code == -signal.SIGKILL
        assert len(moments) < 2 * KILLS, "it always ends before it can be killed"
    final = enrol(home, photos, "people").value()
    runs = home.run("@runs", "people")
    killed_between = sum(1 for run in runs[:-1] if 0 < run["photos"] < run["total"])
    with capsys.disabled():
        print(
            f"\nseed {SEED}: {deaths} kills after {min(moments):.2f} to {max(moments):.2f} s; "
            f"{len(runs)} runs, {killed_between} killed between two batches; the last one enrolled "
            f"{final['enrolled']} and skipped {final['skipped']} of {final['photos']} photos"
        )
    assert killed_between > 2, "the kills came before anything was enrolled"
    assert sum(run["enrolled"] for run in runs) == undisturbed["photo"]
    assert home.run("@describe", "people") == undisturbed
    check_everything(home, "people", capsys)
    assert home.run("@search", "people", *PROBES) == home.run("@search", "undisturbed", *PROBES)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_enrolment_survives_the_death_of_its_database(home, photos, undisturbed, capsys):
    chance = random.Random(SEED + 1)
    home.run("gallery", "create", "database killed", "--json")
    codes = []
    for _ in range(DATABASE_KILLS):
        started = enrol(home, photos, "database killed", **SLOW)
        started.wait_for("Looking through")
        time.sleep(chance.uniform(0.1, 0.6))
        os.kill(home.postmaster(), signal.SIGKILL)
        codes.append(started.wait())
        said = started.err.read_text()
        assert codes[-1] == 0 or "The database" in said, said[-2000:]
    enrol(home, photos, "database killed").value()
    with capsys.disabled():
        print(f"\nseed {SEED + 1}: the database killed {DATABASE_KILLS} times; exit codes {codes}")
    assert any(codes)
    assert home.run("@describe", "database killed") == undisturbed
    check_everything(home, "database killed", capsys)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_upload_killed_again_and_again_is_carried_out_once(home, photos, undisturbed, capsys):
    chance = random.Random(SEED + 2)
    # Killed while it is staged: nothing was acknowledged, so nothing of it is there.
    first = home.begin("@stage", "uploaded", "archive", photos)
    time.sleep(0.4)
    first.kill()
    unfinished = [run for run in home.run("@runs", "uploaded") if not run["finished"]]
    if not unfinished:
        home.run("@stage", "uploaded", "archive", photos)
    deaths = 0
    for _ in range(6):
        code, _ = kill_at_random(chance, home.begin("@carry_out", **SLOW), "Carrying out", 0.5)
        deaths += code == -signal.SIGKILL
    home.begin("@carry_out", "finish_enrolment").wait()
    home.run("@carry_out")
    runs = home.run("@runs", "uploaded")
    with capsys.disabled():
        print(f"\nseed {SEED + 2}: the upload killed {deaths + 2} times; {runs}")
    assert [run["finished"] for run in runs] == [True]
    (run,) = runs
    assert run["photos"] == run["total"] == run["enrolled"] + run["skipped"] + run["rejected"]
    assert home.run("@describe", "uploaded") == undisturbed
    check_everything(home, "uploaded", capsys)


def check_everything(home, gallery, capsys):
    """The ledger verifies, the index starts equal, and the store holds what the rows name."""
    index = home.run("@index_agrees", gallery)
    verified = home.run("@verify")
    with capsys.disabled():
        print(f"  {index}\n  {verified}")
    assert index["same_rows"]
    assert index["same_templates"]
    assert home.run("verify-ledger", "--json")["verified"] is True
    assert verified["ledger_and_rows_differ"] == 0
    assert verified["stray"] == verified["missing"] == verified["half_written"] == 0
    assert verified["staged"] == 0
