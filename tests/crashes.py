"""A home whose searches are stopped by kill -9 at named points, from the web app and the command line.

What reached the client is kept and compared with the ledger afterwards: see `World.check`.
"""

import collections
import contextlib
import http.client
import http.cookies
import json
import random
import re
import signal
import time
import urllib.parse

from browsing import TOKEN
from crash_hooks import (
    AFTER_INTENT,
    ASKED,
    LEFT,
    LOOKING,
    RESTARTING,
)
from crash_tasks import SUBJECT
from homes import Home

from countenance.ledger.receipt import Receipt
from countenance.testing import FakeEngine

SEARCH = re.compile(r"/searches/([0-9a-f-]{36})/")
CODE = re.compile(r"\b\d{8}-[0-9a-f]{8}\b")
ENDS = {"search.concluded", "search.aborted", "search.held"}
COOKIE_SECONDS = 150
REASON = "Reported missing on 3 May"


class Client:
    """Sends one request at a time, and keeps whatever came back, however little."""

    def __init__(self, address, session):
        self.host = urllib.parse.urlsplit(address).netloc
        self.cookies = {"sessionid": session}

    def ask(self, method, path, fields=None):
        """Return (status, headers, body so far); status 0 if nothing came back."""
        connection = http.client.HTTPConnection(self.host, timeout=60)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        body = None
        if fields is not None:
            body = urllib.parse.urlencode(fields)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException):
            return 0, {}, b""
        for line in answer.headers.get_all("Set-Cookie") or []:
            for name, morsel in http.cookies.SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        try:
            came = answer.read()
        except http.client.IncompleteRead as torn:
            came = torn.partial
        except (OSError, http.client.HTTPException):
            came = b""
        finally:
            connection.close()
        return answer.status, answer.headers, came


class World:
    """A home with a gallery, one search that was examined, and requests for many more."""

    def __init__(self, home, seed):
        self.home, self.chance = home, random.Random(seed)
        self.notes, self.photos = home.folder / "notes", home.folder / "probes"
        self.photos.mkdir()
        self.notes.touch()
        self.tried = []  # (point, probe, whether the database died) of each search that was stopped
        self.given = []  # what clients were given: (search id or "", receipt codes, whole receipts)
        self.looks = 0  # how often a client was shown a candidate
        self.kills = collections.Counter()
        self.waiting = []
        self._cookie, self._since = "", 0.0
        home.set_up()
        photo = home.folder / SUBJECT / "1.jpg"
        photo.parent.mkdir()
        photo.write_bytes(FakeEngine.photo("anna"))
        to = ("-g", "people", "-s", "archive", "--json")
        home.run("enrol", photo.parent, *to)
        asked = self.take()
        found = self._search(asked).value()
        self._keep(json.dumps(found))
        self.examined = found["search_id"]
        home.run("@examined", self.examined)

    def take(self):
        """Return a request that nobody has used."""
        if not self.waiting:
            made = self.home.run("@ask_many", "people", 25, self.photos)
            self.waiting, self.gallery = made["asked"], made["gallery"]
        return self.waiting.pop()

    def kill(self, point, *, database=False, web=None):
        """Stop a search of its own at a point, by the web app or the command line, whatever came of it."""
        web = self.chance.random() < 0.5 if web is None else web
        if point == LOOKING:
            self._look(point, database=database, web=web)
        else:
            asked = self.take()
            self.tried.append((point, asked["probe"], database))
            if point == RESTARTING:
                self._stopped(self._search(asked, **self._crash(AFTER_INTENT, database=False)))
                restarted = self.home.begin(
                    "gallery", "list", "--json", **self._crash(point, database=database)
                )
                self._stopped(restarted, database=database)
            elif web:
                self._by_web(point, asked, database=database)
            else:
                found = self._search(asked, **self._crash(point, database=database))
                self._stopped(found, database=database)
                self._keep(found.out.read_text())
        self.kills[point] += 1

    def _crash(self, point, *, database):
        given = {
            "CRASH_AT": point,
            "CRASH_NOTES": str(self.notes),
            "CRASH_SEED": str(self.chance.random()),
        }
        return given | ({"CRASH_DATABASE": str(self.home.database())} if database else {})

    def _search(self, asked, **environment):
        to = ("-g", "people", "--case", asked["case"], "--reason", REASON, "--json")
        environment = environment or {"CRASH_AT": "", "CRASH_SEED": "0"}
        environment["CRASH_NOTES"] = str(self.notes)
        return self.home.begin("search", asked["photo"], *to, **environment)

    @staticmethod
    def _stopped(command, *, database=False):
        code = command.wait()
        said = command.err.read_text()[-3000:]
        if database:
            # It goes on without a database, and says so in words.
            assert code > 0, (code, said)
            assert "Traceback" not in said, said
        else:
            assert code == -signal.SIGKILL, (code, said)

    def _keep(self, text):
        """Keep what a client was given, which may be torn, or an error."""
        whole = []
        with contextlib.suppress(ValueError):
            answer = json.loads(text.splitlines()[-1]) if text else {"error": "killed"}
            whole = [] if "error" in answer else [Receipt.from_dict(answer["receipt"])]
        codes = CODE.findall(text)
        named = re.findall(r'"search_id": "([0-9a-f-]{36})"', text)
        if codes or whole or named:
            self.given.append((named[0] if named else "", codes, whole))

    def cookie(self):
        """Return a session of an examiner who proved a moment ago who they are."""
        if time.monotonic() - self._since > COOKIE_SECONDS:
            self._cookie, self._since = self.home.cookie("examiner"), time.monotonic()
        return self._cookie

    def _serve(self, point, *, database):
        key = self.cookie()  # a command of its own, and the home runs one at a time
        serving = self.home.begin(
            "serve", "--port", "0", "--json", **self._crash(point, database=database)
        )
        return serving, Client(serving.address(), key)

    def _by_web(self, point, asked, *, database):
        serving, client = self._serve(point, database=database)
        try:
            self._send_search(client, asked, database=database)
        except BaseException:
            serving.kill()  # or the home would wait for it
            raise
        if database:
            serving.kill()
        else:
            self._stopped(serving)

    def _send_search(self, client, asked, *, database):
        """Send the form of a search, go where that leads, and keep what came back."""
        page = f"/probes/{asked['probe']}/"
        status, _, shown = client.ask("GET", page)
        token = TOKEN.search(shown.decode())
        assert token, (status, shown[-2000:])
        fields = {
            "csrfmiddlewaretoken": token[1],
            "face": "0",
            "galleries": self.gallery,
            "reason": REASON,
            "top": "5",
        }
        self._since = 0.0  # a search spends the proof of who one is
        status, headers, body = client.ask("POST", f"{page}search/", fields)
        assert status in ({0, 302, 500, 503} if database else {0, 302}), (status, body.decode())
        found = SEARCH.search(headers.get("Location", "")) if status == 302 else None
        if found:
            self.given.append((found[1], [], []))
            _, _, body = client.ask("GET", found[0])
            self.given.append((found[1], CODE.findall(body.decode("utf-8", "replace")), []))
        assert SUBJECT.encode() not in body, "somebody saw a candidate of a search nobody examined"

    def _look(self, point, *, database, web):
        """Look at the candidates of the search that was examined."""
        if web:
            serving, client = self._serve(point, database=database)
            status, _, body = client.ask("GET", f"/searches/{self.examined}/")
            shown = SUBJECT.encode() in body
            if database or status:
                serving.kill()
            assert database or status == 0, body.decode()
            if not database:
                self._stopped(serving)
        else:
            environment = self._crash(point, database=database)
            looking = self.home.begin(
                "result", self.examined, "--json", as_="examiner", **environment
            )
            self._stopped(looking, database=database)
            shown = SUBJECT in looking.out.read_text()
        self.looks += shown

    def check(self):
        """Start the program again, and compare what is there with what clients were given."""
        # What a killed process held may be let go a moment after it is gone: starts close intents.
        time.sleep(0.3)
        report = self.home.run("@crash_report")
        codes, entries = set(report["codes"]), report["entries"]
        states = {pk: state for pk, _, state in report["searches"]}
        of_probe = collections.defaultdict(list)
        for pk, probe, state in report["searches"]:
            of_probe[probe].append((pk, state))
        self._check_ends(states, entries)
        executed = collections.Counter(self.notes.read_text().split())
        assert set(executed) <= set(states), "an index was asked for what is not on the ledger"
        assert set(executed.values()) <= {1}
        for point, probe, database in self.tried:
            left = of_probe[probe]
            assert tuple(state for _, state in left) in LEFT[point], (point, left)
            for pk, _ in left:
                # Where only the database died, the process went on a little.
                assert database or (pk in executed) == (point in ASKED), (point, pk)
        for search, shown, whole in self.given:
            assert not search or states.get(search) == "concluded", "what was given has no outcome"
            assert set(shown) <= codes, "a receipt that was given is not on the ledger"
            for receipt in whole:
                receipt.verify()
                assert receipt.code in codes
        assert self.looks <= report["viewed"]
        return {
            "kills": sum(self.kills.values()),
            "searches on the ledger": len(entries),
            "executed": len(executed),
            "concluded": sum(state == "concluded" for state in states.values()),
            "aborted": sum(state == "aborted" for state in states.values()),
            "receipts given": sum(len(shown) for _, shown, _ in self.given),
            "entries": report["size"],
        }

    @staticmethod
    def _check_ends(states, entries):
        """Each search is on the ledger once, and has one end, which its row says too."""
        assert set(entries) == set(states)
        for search, actions in entries.items():
            assert actions[0] == "search.intended"
            assert actions.count("search.intended") == 1
            ends = [one for one in actions if one in ENDS]
            assert ends == [f"search.{states[search]}"], (search, actions, states[search])


def crash(world, point, times, *, database=False):
    """Stop searches at a point so many times, check everything, and return what is there."""
    for _ in range(times):
        world.kill(point, database=database)
    return world.check()


@contextlib.contextmanager
def world(seed):
    """Make a home for the length of a block."""
    with Home() as home:
        yield World(home, seed)
