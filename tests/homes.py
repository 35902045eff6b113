"""A home of its own for a test, in which commands run as processes: see `forked`."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from countenance.cli.app import command as tree
from countenance.drill import home as drill
from countenance.policy import DEEDS, Role
from countenance.web.postgres import LocalPostgres

HERE = Path(__file__).resolve().parent


ORDER = (
    Role.STEWARD,
    Role.INVESTIGATOR,
    Role.EXAMINER,
    Role.SUPERVISOR,
    Role.AUDITOR,
    Role.COORDINATOR,
    Role.CUSTODIAN,
)


def role_for(words):
    """Return the first role that may do what a command asks for; None if it needs nobody."""
    node = tree()
    for word in words:
        node = getattr(node, "commands", {}).get(word)
        if node is None:
            return None
        if not hasattr(node, "commands"):
            break
    deed = getattr(getattr(node, "callback", None), "deed", None)
    return None if deed is None else next(role for role in ORDER if role in DEEDS[deed].roles)


class Home:
    """A deployment with demo keys in a folder of its own, driven by the command line."""

    def __init__(self, *words, environment=None):
        # Not pytest's own folder, which is closed to the database's user.
        self.folder = Path(tempfile.mkdtemp(prefix="countenance-home-"))
        self.folder.chmod(0o755)
        self.home = self.folder / "home"
        self.terminal = self.folder / "terminal"
        self.tmp = self.folder / "tmp"
        self.terminal.mkdir()
        self.tmp.mkdir()
        self.tmp.chmod(0o1777)
        self.commands = 0
        self.tokens = {}
        self.environment = {
            **{key: value for key, value in os.environ.items() if "COUNTENANCE" not in key},
            "COUNTENANCE_HOME": str(self.home),
            "PYTHONPATH": str(HERE),
            "TMPDIR": str(self.tmp),
            **(environment or {}),
        }
        self.environment.pop("DJANGO_SETTINGS_MODULE", None)
        self.server = subprocess.Popen(
            [sys.executable, HERE / "forked.py", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self.environment,
            cwd=self.folder,
        )
        self._listen()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def begin(self, *command, as_=None, **environment):
        """Start a command and return it.

        It acts with the token of a role that may do it, or `as_` another; as nobody before `set_up`.
        """
        self.commands += 1
        words = [str(part) for part in command]
        role = as_ or role_for(words)
        if role in self.tokens:
            environment = {"COUNTENANCE_TOKEN": self.tokens[role], **environment}
        return Command(self, words, environment)

    def run(self, *command, as_=None, **environment):
        """Run a command to its end and return its JSON."""
        return self.begin(*command, as_=as_, **environment).value()

    def set_up(self, gallery="people"):
        """Make keys, a person for each role, a source with its passport, and a gallery."""
        self.run("init", "--demo-keys", "--json")
        self.tokens = self.run("@people")
        self.add_source()
        self.run("gallery", "create", gallery, "--json")

    def cookie(self, role="everybody"):
        """Return the key of a new session of whoever holds a role, stepped up just now."""
        return self.run("@session_of", role)["key"]

    def add_source(self, name="archive"):
        passport = {
            "owner": "The test archive",
            "lawful-basis": "Deposit agreement of 2019",
            "collected-on": "2019-05-01",
            "purpose": "Finding missing persons",
            "retention-until": "2199-12-31",
            "reference": "TA-2019-7",
            "steward": "Sam Steward",
        }
        options = [part for key, value in passport.items() for part in (f"--{key}", value)]
        self.run("source", "add", name, *options, "--json")

    def postmaster(self):
        """Return the process id of the database's main process."""
        return int((self.database() / "cluster" / "postmaster.pid").read_text().splitlines()[0])

    def database(self):
        """Return the folder of the database."""
        note = self.home / "database.json"
        return (
            Path(json.loads(note.read_text())["place"]) if note.exists() else self.home / "database"
        )

    def stop(self):
        """Stop everything, the database last."""
        if not self.server.stdin.closed:
            self.server.stdin.close()
            self.server.wait(timeout=60)
            self.server.stdout.close()

    def close(self):
        """Stop everything and remove the folder."""
        self.stop()
        LocalPostgres(self.home).destroy()
        shutil.rmtree(self.folder)

    def order(self, command, out, err, environment):
        order = {"command": command, "out": str(out), "err": str(err), "environment": environment}
        self.server.stdin.write(json.dumps(order) + "\n")
        self.server.stdin.flush()
        return self._listen()["pid"]

    def _listen(self):
        line = self.server.stdout.readline()
        assert line, "the forking process has ended"
        return json.loads(line)

    def ended(self):
        return self._listen()["code"]


class Command(drill.Command):
    """A command on its way, of which a test also waits for what it says."""

    def wait_for(self, words):
        """Wait for something that the command says; tell whether it did, before it ended or a minute was over."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.err.exists() and words in self.err.read_text():
                return True
            if not Path(f"/proc/{self.pid}").exists():
                return False
            time.sleep(0.005)
        return False
