"""Rotating everything while it is killed again and again, and somebody else searches all the while."""

import json
import random
import subprocess
import sys
import time

from homes import HERE, Home

SEED = 20_261_123


def beside(home):
    """Return the same home driven by another process: one command of each runs at the same time."""
    other = Home.__new__(Home)
    other.__dict__ = dict(home.__dict__) | {"commands": 500}
    other.server = subprocess.Popen(
        [sys.executable, HERE / "forked.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=other.environment,
        cwd=other.folder,
    )
    other._listen()
    return other


def rotated_under_fire(home, *, photos, kills, longest, objects):
    """Fill a home, rotate everything, killed this often, and return what was seen."""
    chance = random.Random(SEED)
    home.set_up()
    home.run("@fill", "people", photos, "objects" if objects else "none")
    noted, stop = home.folder / "noted.json", home.folder / "stop"
    home.run("@note_everything", noted)
    before = home.run("keys", "status", "--json")
    other = beside(home)
    searching = other.begin("@keep_searching", "people", stop)
    command = ("keys", "rotate", "--level", "all", *(("--objects",) if objects else ()), "--json")
    codes, began = [], time.monotonic()
    try:
        while codes.count(-9) < kills:
            running = home.begin(*command)
            if chance.random() < 0.7:  # a part that an earlier run has done is not said again
                running.wait_for("Sealing anew" if chance.random() < 0.6 else "Other keys")
            time.sleep(chance.uniform(0, longest))
            codes.append(running.kill())
        last = home.run(*command)
        while last["continued"]:
            last = home.run(*command)
        seconds = time.monotonic() - began
    finally:
        stop.touch()
        code = searching.wait()
        other.stop()
    assert code == 0, searching.err.read_text()[-3000:]
    return {
        "codes": codes,
        "seconds": round(seconds, 1),
        "last": last,
        "searches": json.loads(searching.out.read_text().splitlines()[-1]),
        "before": before,
        "after": home.run("keys", "status", "--json"),
        "compared": home.run("@compare_everything", noted),
    }


def check(seen, *, kills):
    """Everything is there, under new keys; the old ones are gone; and no search failed."""
    assert seen["codes"].count(-9) == kills
    assert seen["compared"]["missing"] == []
    assert seen["compared"]["other"] == []
    after = seen["after"]
    assert (after["left"], after["unfinished"], after["root"]["rotating"]) == (0, False, False)
    assert after["root"]["epoch"] > seen["before"]["root"]["epoch"]
    kept = {"blind-index", "signing", "checkpoint"}
    assert all(one["retired"] == [] for one in after["keys"])
    assert all(one["epoch"] > 1 for one in after["keys"] if one["kind"] not in kept)
    searches = seen["searches"]
    assert searches["searches"] == searches["found"] > 3
