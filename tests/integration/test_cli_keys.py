"""`countenance keys` as a program: what opens a home, split custody, and the memory of whatever holds keys."""

import json
import resource
import subprocess
import sys

import pytest
from homes import Home

FIRST, SECOND, THIRD = "the first plain words", "the second plain words", "the third plain words"


@pytest.fixture(scope="module")
def home():
    with Home() as made:
        for name, words in (("one", FIRST), ("two", SECOND), ("three", THIRD)):
            (made.folder / name).write_text(words + "\n")
        made.run("init", "--json", COUNTENANCE_PASSPHRASE=FIRST)
        yield made


def opens(home, *words):
    names = ("COUNTENANCE_PASSPHRASE", "COUNTENANCE_SECOND_PASSPHRASE")
    command = home.begin("keys", "status", "--json", **dict(zip(names, words, strict=False)))
    return command.wait() == 0


def test_a_home_is_opened_by_what_its_custodians_chose_last(home):
    files = {name: f"passphrase:{home.folder / name}" for name in ("one", "two", "three")}
    home.run("keys", "change-factor", "--to", files["two"], "--json", COUNTENANCE_PASSPHRASE=FIRST)
    assert opens(home, SECOND)
    assert not opens(home, FIRST)

    to = [part for name in files for part in ("--to", files[name])]
    home.run("keys", "split", *to, "--json", COUNTENANCE_PASSPHRASE=SECOND)
    assert opens(home, FIRST, SECOND)
    assert opens(home, THIRD, FIRST)
    assert not opens(home, FIRST)
    assert not opens(home, FIRST, "some other plain words")
    two = {"COUNTENANCE_PASSPHRASE": THIRD, "COUNTENANCE_SECOND_PASSPHRASE": SECOND}
    status = home.run("keys", "status", "--json", **two)
    assert (status["factor"], status["factors"]) == ("split", ["passphrase"] * 3)
    assert home.run("keys", "rotate", "--level", "root", "--json", **two)["keys_rotated"] == 1
    assert home.run("keys", "status", "--json", **two)["root"] == {"epoch": 2, "rotating": False}

    home.run("keys", "join", "--to", files["one"], "--json", **two)
    assert opens(home, FIRST)
    assert home.begin("keys", "join", "--to", files["one"], COUNTENANCE_PASSPHRASE=FIRST).wait() > 0


def test_doctor_says_that_no_core_is_dumped(home):
    command = home.begin("doctor", "--json", COUNTENANCE_PASSPHRASE=FIRST)
    command.wait()
    checks = json.loads(command.out.read_text().splitlines()[-1])["checks"]
    memory = next(one for one in checks if one["check"] == "memory")
    assert memory["state"] == "ok"


def test_a_process_that_holds_keys_dumps_no_core_and_lets_nobody_attach():
    code = (
        "from countenance.web import memory; before = memory.findings(); memory.guard(); "
        "print(len(before), memory.findings())"
    )

    def allow():
        resource.setrlimit(
            resource.RLIMIT_CORE, (1024, resource.getrlimit(resource.RLIMIT_CORE)[1])
        )

    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    wanted = allow if hard == resource.RLIM_INFINITY or hard >= 1024 else None
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=wanted,
    )
    count, found = done.stdout.split(maxsplit=1)
    assert int(count) == (2 if wanted else 1)
    assert found.strip() == "[]"


def test_keys_that_sign_are_replaced_only_with_what_unseals_and_people_read_whom_to_tell(home):
    command = ("keys", "rotate", "--level", "signing")
    first = {"COUNTENANCE_PASSPHRASE": FIRST}
    before = home.run("keys", "status", "--json", **first)["signing_keys"]
    assert home.begin(*command, "--json", COUNTENANCE_PASSPHRASE=SECOND).wait() > 0
    assert home.run("keys", "status", "--json", **first)["signing_keys"] == before
    shown = home.begin(*command, **first)
    assert shown.wait() == 0
    said = shown.out.read_text()
    for words in ("bundles of before verify with it only", "countenance witness log", "--finish"):
        assert words in said.replace("\n", " ")
    assert home.run(*command, "--json", **first)["begun"] == []
    shown = home.begin("keys", "status", **first)
    assert shown.wait() == 0
    assert "signed with the old and the new key" in shown.out.read_text().replace("\n", " ")
    after = home.run(*command, "--finish", "--json", **first)
    assert (len(after["signing_keys"]), after["handing_over"], after["followed"]) == (
        4,
        False,
        True,
    )
    assert home.begin(*command, "--finish", **first).wait() > 0
