"""The same with the real engine: its workers die with it, and a dead worker costs one photo."""

import contextlib
import os
import random
import shutil
import signal
import time
from pathlib import Path

import psutil
import pytest
from homes import Home

BATCH_PHOTOS = 32
PEOPLE = 60
KILLS = 5
SEED = 20_260_501

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def home():
    with Home("real") as made:
        made.set_up()
        for gallery in ("undisturbed", "workers killed"):
            made.run("gallery", "create", gallery, "--json")
        yield made


@pytest.fixture(scope="module")
def photos(shared_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    for person in sorted(shared_data.glob("frl-london-512/*/neutral.jpg"))[:PEOPLE]:
        (folder / person.parent.name).mkdir()
        for name in ("neutral.jpg", "smiling.jpg"):
            shutil.copy(person.with_name(name), folder / person.parent.name / name)
    return folder


def enrol(home, photos, gallery):
    rejects = home.folder / "rejects.csv"
    to = ("--gallery", gallery, "--source", "archive", "--rejects", rejects)
    return home.begin("enrol", photos, *to, "--json")


def workers_of(pid):
    """Return the process ids of a command's photo workers."""
    try:
        found = psutil.Process(pid).children()
    except psutil.NoSuchProcess:
        return []
    return [child.pid for child in found if is_worker(child)]


def is_worker(process):
    """Whether this is a photo worker that is at work: it may write no file any more."""
    with contextlib.suppress(psutil.Error):
        at_work = process.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
        return at_work and "countenance.faces.worker" in process.cmdline()
    return False


def is_running(pid):
    """Whether a process is there and not only waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def stored(home):
    return sum(1 for _ in (home.home / "objects").glob("??/*"))


def equal_parts(described):
    # The order in which photos are done differs between runs, so unnamed subjects may too.
    return {key: described[key] for key in ("photo", "face", "subject", "contents", "twice")}


def test_real_enrolments_killed_at_random_end_like_an_undisturbed_one(home, photos, capsys):
    chance = random.Random(SEED)
    seconds = enrol(home, photos, "undisturbed").value()["seconds"]
    undisturbed = home.run("@describe", "undisturbed")
    deaths, seen, left = 0, 0, []
    for number in range(KILLS):
        before = stored(home)
        started = enrol(home, photos, "people")
        # Every other one is killed only after it has stored a batch, however slow the machine is.
        while number % 2 and stored(home) < before + BATCH_PHOTOS and is_running(started.pid):
            time.sleep(0.01)
        started.wait_for("Looking through")
        time.sleep(chance.uniform(0.05, 0.3 if number % 2 else seconds / 4))
        workers = workers_of(started.pid)
        seen += len(workers)
        deaths += started.kill() == -signal.SIGKILL
        deadline = time.monotonic() + 60
        while any(map(is_running, workers)) and time.monotonic() < deadline:
            time.sleep(0.05)
        left += [worker for worker in workers if is_running(worker)]
    value = enrol(home, photos, "people").value()
    described, verified = home.run("@describe", "people"), home.run("@verify")
    with capsys.disabled():
        print(
            f"\nseed {SEED}: undisturbed in {seconds:.1f} s; {deaths} kills; then {value}; "
            f"of {seen} workers {len(left)} outlived their engine"
        )
    assert deaths == KILLS
    assert seen
    assert left == []
    assert value["skipped"] > 0, "the kills came before anything was enrolled"
    assert equal_parts(described) == equal_parts(undisturbed)
    assert described["photo"] == 2 * PEOPLE
    assert described["faces_and_templates"] == undisturbed["faces_and_templates"]
    assert verified["stray"] == verified["missing"] == verified["ledger_and_rows_differ"] == 0
    index = home.run("@index_agrees", "people")
    assert index["same_rows"]
    assert index["same_templates"]


def test_a_worker_that_is_killed_costs_its_photo_until_the_next_run(home, photos, capsys):
    chance = random.Random(SEED + 1)
    started, killed = enrol(home, photos, "workers killed"), 0
    while killed < 3 and is_running(started.pid):
        workers = workers_of(started.pid)
        if workers and started.wait_for("Looking through"):
            time.sleep(chance.uniform(0.3, 0.6))
            victim = chance.choice(workers)
            if is_running(victim) and is_running(started.pid):
                os.kill(victim, signal.SIGKILL)
                killed += 1
    first = started.value()
    again = enrol(home, photos, "workers killed").value()
    with capsys.disabled():
        print(f"\nseed {SEED + 1}: {killed} workers killed: {first}; again: {again}")
    assert killed
    assert first["rejected"] <= killed
    assert first["enrolled"] + first["rejected"] == 2 * PEOPLE
    assert again["enrolled"] == first["rejected"]
    assert again["rejected"] == 0
