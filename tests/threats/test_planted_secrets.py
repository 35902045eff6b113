"""The breach drill: hundreds of planted secrets, of which no thief finds any, and its control nearly all.

One drill is run as a process, as its command runs it; what it found is looked at here.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from countenance.cli import drill as command
from countenance.cli.main import run
from countenance.drill import against, report, thieves, trial
from countenance.drill.breach import Result
from countenance.drill.loot import HASHED, NEVER_STORED, Control
from countenance.drill.paper import statement
from countenance.drill.thieves import Thief
from countenance.errors import BadProof
from countenance.tools import utc_now

HERE = Path(__file__).resolve().parent
PUBLISHED = HERE.parents[1] / "docs" / "reference" / "breach_drill.json"
COMMAND = """
import signal, sys
from countenance.cli.main import run
signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever started the tests may ignore it
sys.exit(run())
"""
WORDS = ("name", "holds", "findings", "could_count", "could_change", "noticed")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def drill(folder, *words, **options):
    """Start the drill, with its throw-away homes in a folder."""
    inherited = {key: value for key, value in os.environ.items() if "COUNTENANCE" not in key}
    paths = os.pathsep.join((str(HERE.parent), str(HERE)))
    inherited.pop("DJANGO_SETTINGS_MODULE", None)
    folder.mkdir()
    environment = {**inherited, "TMPDIR": str(folder), "PYTHONPATH": paths}
    return subprocess.Popen([sys.executable, *words], env=environment, text=True, **options)


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Return what one drill printed, its files, and what the test's own script noted; one for all workers of a run."""
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "drill"
    place.mkdir(exist_ok=True)
    out, notes, printed = place / "drill.json", place / "notes.json", place / "printed.json"
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not printed.exists():
            printed.write_text(play(place, out, notes))
    return json.loads(printed.read_text()), out, json.loads(notes.read_text())


def play(place, out, notes):
    """Play one drill in a folder, and return what it printed."""
    errors = place / "errors"
    words = (HERE / "drilled.py", out, notes)
    with errors.open("w") as said:
        process = drill(place / "tmp", *words, stdout=subprocess.PIPE, stderr=said)
        printed, _ = process.communicate(timeout=580)
    assert process.returncode == 0, errors.read_text()[-5000:] + printed[-5000:]
    assert list((place / "tmp").iterdir()) == [], "the throw-away homes are removed"
    return printed


def test_no_thief_finds_anything_and_each_searched_something(played, capsys):
    value, _, noted = played
    with capsys.disabled():
        print("\n" + statement(value))
        for one in value["thieves"]:
            print(
                f"  {one['name']:40} {one['findings']:4} of {one['bytes_searched']:12,} bytes, {one['tries']:,} tries"
            )
        print(f"  control: {value['control']}")
    assert [(one["name"], one["found"]) for one in value["thieves"] if one["found"]] == []
    assert all(one["bytes_searched"] or one["tries"] for one in value["thieves"])
    assert {name for name, *_ in thieves.STOLEN} < {one["name"] for one in value["thieves"]}
    assert noted["plants"] >= 400
    sizes = noted["places"]
    assert sizes["write-ahead log"] > 1_000_000
    assert sizes["database files"] > 1_000_000
    assert sizes["database dump"] > 100_000
    assert sizes["object store"] > 10_000
    assert sizes["backup"] > 10_000
    assert sizes["logs"] > 100, "an empty log says nothing by its silence"
    assert "temporary files" not in sizes


def test_the_same_search_finds_the_secrets_where_nothing_is_sealed(played):
    value, _, noted = played
    control = value["control"]
    assert control["planted"] >= 250
    assert control["found"] >= 0.99 * control["planted"]
    # What the search never finds, sealed or not, would be no secret kept but one never looked for.
    assert noted["kinds"] > 30
    assert (
        set(control["missed"]) & {"person", "e-mail", "photo", "template", "case reference"}
        == set()
    )
    assert not HASHED.keys() & NEVER_STORED.keys()


def test_a_value_left_in_clear_in_a_log_or_a_row_is_found(played):
    found = played[2]["careless"]
    assert ["person", "logs"] in found["logs and temporary files"]
    assert ["e-mail", "database dump"] in found["a database dump"]
    assert ["e-mail", "write-ahead log"] in found["the write-ahead log"]
    assert found["the object store"] == []


def test_a_finding_or_a_weak_control_ends_the_command_with_one(monkeypatch, tmp_path, capsys):
    good = Control(planted=300, found=300, missed={}, kinds=40)
    weak = Control(planted=300, found=296, missed={"person": 4}, kinds=40)
    robbed = Thief("a database dump", "The whole database.", found=[("person", "database dump")])
    clean = Thief("a database dump", "The whole database.")
    for thief, control, code in ((clean, good, 0), (robbed, good, 1), (clean, weak, 1)):
        result = Result(
            at=utc_now(), thieves=(thief,), control=control, planted=400, signs=bytes(32)
        )
        monkeypatch.setattr(command, "_play", lambda _, result=result: result)
        assert run(["drill", "breach", "--out", str(tmp_path / "drill.json")]) == code
        said = capsys.readouterr().out
        assert ("FOUND by a database dump: person in database dump" in said) == bool(thief.found)


def test_the_report_is_signed_and_no_other_is_taken(played, tmp_path):
    value, out, _ = played
    document = json.loads(out.read_text())
    assert report.checked(out.read_bytes(), key=value["public_key"]) == document["report"]
    assert out.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    assert run(["drill", "check", str(out), "--key", value["public_key"]]) == 0
    changed = tmp_path / "changed.json"
    document["report"]["thieves"][0]["findings"] = 1
    changed.write_text(json.dumps(document))
    assert run(["drill", "check", str(changed)]) == 70
    with pytest.raises(BadProof):
        report.checked(out.read_bytes(), key="00" * 32)
    for nonsense in (b"", b"[]", b"{}", b'{"report": 1}'):
        with pytest.raises(BadProof):
            report.checked(nonsense)


def test_the_published_page_says_what_a_new_drill_finds(played):
    def words(report):
        return [{name: one[name] for name in WORDS} for one in report["thieves"]]

    published = json.loads(PUBLISHED.read_text())["report"]
    assert words(published) == words(played[0])


def test_a_live_home_is_searched_without_knowing_its_secrets(played):
    noted = played[2]
    assert noted["against"]["found"] == [], noted["addresses"]
    assert noted["against"]["places"]["database files"]["bytes_searched"] > 1_000_000
    found = {one["what"] for one in noted["against the control"]["found"]}
    assert {"a JPEG photo", "a template", "an e-mail address", "a PDF document"} <= found


@pytest.mark.parametrize("kind", [*against.BEGINNINGS])
def test_what_lies_in_clear_is_told_as_it_is_and_as_text(kind):
    beginning = against.BEGINNINGS[kind][0]
    for written in (beginning, b"\\x" + (beginning + bytes(40)).hex().encode()):
        assert kind in set(against.in_clear(b"before " + written + b" after"))


def test_every_key_like_value_is_tried_and_a_true_one_opens():
    from uuid import UUID

    from countenance.sealing.envelope import Context, Key, seal

    key, context = (
        Key(bytes(range(32))),
        Context(deployment=UUID(int=1), agency=None, kind="x", object="y"),
    )
    sealed = seal(b"a name", key=key, context=context, epoch=1)
    lock = {"what": "x", "sealed": sealed.hex(), "bound": context.encode(1).hex()}
    hidden = b"password: " + key.material.hex().encode() + b"\n"
    assert trial.opened(trial.key_like(hidden), [lock]) == [(key.material, "x")]
    assert trial.opened(trial.key_like(b"a" + key.material, everywhere=True), [lock])
    assert trial.opened(trial.of_secret("password"), [lock]) == []


def test_a_drill_that_is_interrupted_leaves_nothing_behind(tmp_path):
    folder = tmp_path / "tmp"
    process = drill(folder, "-c", COMMAND, "drill", "breach", stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not list(folder.glob("*/sealed/home/keys/root.json")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    try:
        _, said = process.communicate(timeout=60)
    finally:
        process.terminate()
    assert process.returncode == 130, said
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "clear",
    [
        b"\0person@example.org\0",
        b'"anna@cafe.de"',
        b"<zoe1@abc.de>",
        # Their endings stand in names of actions.
        b"anna@police.se",
        b"thomas@research.com",
        b"maria@footage.ended.de",
    ],
)
def test_an_address_in_clear_is_told_from_compressed_text_with_a_sign_between(clear):
    kind = "an e-mail address"
    assert kind in set(against.in_clear(clear))
    digits = b"8 3f9a0c@0c1d3.ab\0 12ab34ff@00cc.de,"
    action = (
        b"1c871943\x08f45z$foot@age.en\xbf\x1a\n3\x80"  # footage.ended, as a drill once found it
    )
    assert kind not in set(against.in_clear(digits + action))
    assert kind in set(against.in_clear(action + clear))
