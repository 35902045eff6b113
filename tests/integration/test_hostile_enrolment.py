"""Three hundred hostile files among good photos, enrolled by the product with the real engine."""

import csv
import json
import shutil
import threading
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
from homes import Home
from hostile import hostile_files

PARENT_MEMORY = 600_000
"""Kilobytes that the enrolling process may have held at most; a photo may be 64 MB in itself."""

WORKER_MEMORY = 700_000
GOOD = 24
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "frl-london-512"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Memory:
    """The most memory that a process and its children have held, and what the children may write."""

    def __init__(self, pid):
        self.pid, self.parent, self.workers, self.may_write = pid, 0, {}, {}
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self):
        while Path(f"/proc/{self.pid}").exists():
            self.parent = max(self.parent, peak(self.pid))
            for child in children(self.pid):
                self.workers[child] = max(self.workers.get(child, 0), peak(child))
                # The command has other, short-lived children too, such as those that start the database.
                if is_worker(child):
                    self.may_write[child] = file_size_limit(child) or self.may_write.get(child)
            time.sleep(0.05)


def is_worker(pid):
    try:
        return b"countenance.faces.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def peak(pid):
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def file_size_limit(pid):
    """Return the largest file that a process may write, as the system says it; None if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    except OSError:
        return None
    return next((line.split()[3:5] for line in lines if line.startswith("Max file size")), None)


def children(pid):
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.NoSuchProcess:
        return []


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory):
    """Everything enrolled once: the hostile files, what came out, what it cost."""
    folder = tmp_path_factory.mktemp("mixed")
    hostile = hostile_files(folder)
    good = sorted(SHARED.glob("*/neutral.jpg"))[:GOOD] if SHARED.is_dir() else []
    for number, path in enumerate(good):
        # Between the hostile ones, so that a worker that one of them has hurt would show.
        shutil.copy(path, folder / f"{number * 12:03}-zz-good-{path.parent.name}.jpg")
    with Home("real") as home:
        home.set_up()
        rejects = home.folder / "rejects.csv"
        began = time.monotonic()
        options = ("-g", "people", "-s", "archive", "--layout", "flat", "--rejects", rejects)
        command = home.begin("enrol", folder, *options, "--json")
        memory = Memory(command.pid)
        value = command.value()
        seconds = time.monotonic() - began
        with rejects.open(encoding="utf-8", newline="") as opened:
            rows = {row["path"]: row for row in csv.DictReader(opened)}
        found = None
        if good:
            probe = good[3].parent / "smiling.jpg"
            why = ("--case", "26-1", "--reason", "looking for a person among hostile files")
            home.run("@ask", "26-1", "people", probe)
            ran = home.run("search", probe, "-g", "people", *why, "--face", "0", "--json")
            home.run("@examined", ran["search_id"])
            found = home.run("result", ran["search_id"], "--json")
        verified = home.run("verify-ledger", "--json")
    return {
        "hostile": hostile,
        "good": good,
        "value": value,
        "rows": rows,
        "memory": memory,
        "seconds": seconds,
        "found": found,
        "verified": verified,
    }


def test_each_hostile_file_is_turned_away_in_words(enrolled, capsys):
    rows, value, memory = enrolled["rows"], enrolled["value"], enrolled["memory"]
    reasons = Counter((row["code"], row["reason"]) for row in rows.values())
    with capsys.disabled():
        print(f"\n{json.dumps(value)} in {enrolled['seconds']:.1f} s")
        for (code, reason), count in reasons.most_common(12):
            print(f"  {count:4} {code}: {reason}")
        print(
            f"  memory: parent {memory.parent / 1e3:.0f} MB, the largest of {len(memory.workers)} "
            f"workers {max(memory.workers.values()) / 1e3:.0f} MB"
        )
    assert len(enrolled["hostile"]) == 300
    for file in enrolled["hostile"]:
        row = rows.get(file.path.name)
        assert row, f"{file.what} was not turned away"
        if file.must_reject:
            assert row["code"] == "image_rejected", (file.what, row)
        assert row["code"] in {"image_rejected", "no_face_found", "quality_too_low"}
        assert len(row["reason"]) > 15, (file.what, row)
        assert row["reason"].endswith("."), (file.what, row)
        for technical in ("Error", "Traceback", "None", "/", "\\x", "object at"):
            assert technical not in row["reason"], (file.what, row)
    assert value["rejected"] == len(rows) == 300
    assert value["photos"] == 300 + len(enrolled["good"])
    assert enrolled["verified"]["verified"] is True


def test_memory_stays_bounded(enrolled):
    memory = enrolled["memory"]
    assert memory.parent > 50_000, "nothing was measured"
    assert memory.parent < PARENT_MEMORY
    assert memory.workers
    assert max(memory.workers.values()) < WORKER_MEMORY


def test_workers_may_not_write_any_file(enrolled):
    limits = enrolled["memory"].may_write
    assert limits
    assert all(limit == ["0", "0"] for limit in limits.values()), limits


def test_the_good_photos_between_them_are_enrolled_and_found(enrolled, shared_data):
    value, good = enrolled["value"], enrolled["good"]
    assert len(good) == GOOD
    assert value["enrolled"] == GOOD
    assert value["skipped"] == 0
    best = enrolled["found"]["candidates"][0]
    assert good[3].parent.name in best["subject"]
