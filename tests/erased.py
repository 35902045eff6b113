"""People erased after a backup, and what the live deployment, its dump and the restored backup give back of them."""

import shutil
import time
from pathlib import Path

from homes import Home

from countenance.testing import FakeEngine

STAYING = ("anna", "ben", "cleo", "dora")


class Erased:
    """A deployment that was backed up, erased people, was lost, and was restored."""

    def __init__(self, count):
        self.count = count
        self.home = Home()
        self.other = Home()
        # A forking process runs one command at a time, and this one serves meanwhile.
        self.server = Home(environment={"COUNTENANCE_HOME": str(self.home.home)})
        self.backups = self.home.folder / "backups"
        self.noted = self.home.folder / "noted.json"

    def close(self):
        for home in (self.server, self.home, self.other):
            home.close()

    def live(self):
        """Enrol, search, back up while it serves, erase, and search again."""
        home, folder = self.home, self.home.folder / "people"
        names = [f"erased-{number:04}" for number in range(self.count)]
        for name in (*names, *STAYING):
            (folder / name).mkdir(parents=True)
            (folder / name / "1.jpg").write_bytes(FakeEngine.photo(name, shot=1))
        home.set_up()
        self.differing = [home.run("@differing")]
        home.run("enrol", folder, "--gallery", "people", "--source", "archive", "--json")
        self.before = self.found(home)
        self.remembered = home.run("@remember", self.noted)
        serving = self.server.begin("serve", "--port", "0", "--json")
        serving.address()
        cut(home.begin("backup", self.backups, "--json"), self.backups)
        self.backup = home.run("backup", self.backups, "--json")
        self.again = home.run("backup", self.backups, "--json")
        serving.interrupt()
        self.erased = home.run("@erase", self.noted)
        home.run("backup", self.backups, "--erasures-only", "--json")
        self.after = self.found(home)
        self.recovered_live = home.run("@recover", self.noted)
        self.differing.append(home.run("@differing"))

    def restored(self):
        """Restore into another home, search it before the erasures are repeated, and after."""
        other = self.other
        keys = other.home / "keys"
        keys.mkdir(exist_ok=True)
        shutil.copy(self.home.home / "keys" / "demo-factor", keys / "demo-factor")
        other.tokens = self.home.tokens
        name = self.backup["name"]
        first = other.begin("restore", self.backups, "--backup", name, "--json")
        # It may have been faster than whoever was to kill it.
        if cut(first, other.home / "objects") == 0:
            self.restore = first.value()
        else:
            self.restore = other.run("restore", self.backups, "--backup", name, "--json")
        self.refused = other.begin("ledger", "export", other.folder / "none", "--json")
        self.refused.wait()
        self.not_served = other.begin("serve", "--port", "0", "--json")
        self.not_served.wait()
        self.control = other.run("@recover", self.noted)
        self.replay = other.run("restore", "--erasures", self.backups, "--json")
        self.recovered = other.run("@recover", self.noted)
        self.later = self.found(other)
        self.differing.append(other.run("@differing"))

    def found(self, home):
        """Return of each who stays whom a search finds, and how alike; those who will be erased are left out."""
        lists = home.run("@search", "people", *STAYING)
        return {
            name: [one for one in found if not one[0].startswith("erased-")]
            for name, found in lists.items()
        }


def cut(command, place):
    """Kill a command as soon as it has written a file into a folder, and return its exit code."""
    while Path(f"/proc/{command.pid}").exists():
        if any(path.is_file() for path in place.rglob("*")):
            break
        time.sleep(0.002)
    return command.kill()
