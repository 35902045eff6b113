"""A deployment's life in which everything that may be secret is one: planted, used, removed."""

from __future__ import annotations

import contextlib
import csv
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from countenance.drill.browser import Browser
from countenance.drill.crew import LATE, OK, UUID, Member, engage, named
from countenance.drill.examining import SECOND, Examining
from countenance.drill.home import Home, Piece, files_of, pieces_of, read
from countenance.drill.host import Run
from countenance.drill.office import Office
from countenance.drill.saying import found, require
from countenance.drill.town import Town
from countenance.policy import Role
from countenance.testing import FakeEngine

PASSPORT = ("owner", "lawful-basis", "purpose", "reference", "steward")
DATES = ("--collected-on", "2020-02-02", "--retention-until", "2199-12-31")
PHOTOS = 24
PEOPLE = 12
REFUSED = 422
TICK = 0.005

Notify = Callable[[str], None]


class Watch:
    """Keeps what appears in a folder, however short it is there."""

    def __init__(self, folder: Path) -> None:
        """Name the folder."""
        self.folder, self._stop = folder, threading.Event()
        self.seen: dict[Path, bytes] = {}
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop looking."""
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(TICK):
            for folder, _, names in os.walk(self.folder):
                for path in (Path(folder, name) for name in names):
                    with contextlib.suppress(OSError):
                        if path.is_file():
                            self.seen[path] = path.read_bytes()


class Life(Town):
    """One deployment, sealed or not, and all the secrets that it was given."""

    def __init__(self, folder: Path, run: Run, *, sealed: bool) -> None:
        """Make the home in an empty folder; nothing is done in it yet."""
        super().__init__(folder / "desk", seed=6 + sealed)
        passphrase = self.plant("passphrase", after=" opens it")
        self.home = Home(folder, run, passphrase=passphrase, sealed=sealed)
        self.desk.mkdir()
        self.backups = self.home.folder / "backups"
        self.logs: list[Path] = []
        self.passing: dict[Path, bytes] = {}
        self.early: list[Piece] = []

    def live(self, notify: Notify) -> None:
        """Do everything once; `notify` is told what is done next."""
        with Watch(self.home.tmp) as watch:
            notify("people join")
            link = self._init()
            with self.serving() as address:
                self._settle(address, link)
                self._staff(address)
            notify("photos are enrolled")
            self._collect()
            self._enrol()
            self._propose()
            self.older = self.home.terminal / "older-values.json"
            self.home.task("keep_values", self.older)
            notify("cases are worked on")
            with self.serving() as address:
                self.arrive(address)
                office = Office(self)
                office.live()
                self._stray(address)
            notify("a search is run and examined")
            self._search(office)
            self._keep_signing_key()
            notify("photos and people are removed")
            self._back_up()
            self._remove()
        self.passing = watch.seen

    def run(self, *command: object, as_: Role | None = None) -> Any:
        """Run a command in the home and return its JSON."""
        return self.home.run(*command, as_=as_)

    def _init(self) -> str:
        """Make the deployment; return the custodian's link."""
        self.invited = named(self.garden)
        options = ("--name", self.invited[0], "--email", self.invited[1])
        return str(self.run("init", *options)["invitation"])

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        """Serve for a block, with the log in a file; return the address."""
        serving = self.home.begin("serve", "--port", "0", "--json")
        self.logs.append(serving.err)
        try:
            yield serving.address()
        finally:
            serving.interrupt()

    def _member(self, address: str, role: Role, **invited: Any) -> Member:
        self.crew[role] = Member(self.garden, address, role, **invited)
        return self.crew[role]

    def arrive(self, address: str) -> None:
        """Let everybody go on where the web app is now, having just proved who they are."""
        for member in self.crew.values():
            member.at(address)
            member.prove()

    def _settle(self, address: str, link: str) -> None:
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
        self.other = found(UUID, page)[0]
        self._invite_stranger(custodian)
        document = found(rf"/vetting/{UUID}/", custodian.browser.get(f"/agencies/{self.other}/"))
        custodian.browser.get(document[0])
        require(custodian.browser.status == OK, document[0])

    def _agency(self, kind: str, *, listed: bool) -> list[tuple[str, str]]:
        return [
            ("name", self.plant(kind)),
            ("pack", "default"),
            *([("listed", "on")] if listed else []),
            ("checked_by", self.plant("vetting")),
            ("checked_on", "2026-01-15"),
            ("what", self.plant("vetting")),
        ]

    def _papers(self) -> list[tuple[str, str, bytes]]:
        name = self.plant("vetting file name", after=".pdf")
        return [("documents", name, b"%PDF-1.7\n" + self.garden.bytes("vetting document"))]

    def _invite_stranger(self, custodian: Member) -> None:
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

    def _staff(self, address: str) -> None:
        """Let the coordinator engage everybody else; then everybody makes a token."""
        by, supervisor = self.crew[Role.COORDINATOR], self.crew[Role.SUPERVISOR]
        for role in (Role.STEWARD, Role.INVESTIGATOR, Role.EXAMINER, Role.AUDITOR):
            engage(self._member(address, role), role, by=by, supervisor=supervisor)
        second = self.crew[SECOND] = Member(self.garden, address, Role.EXAMINER)
        engage(second, Role.EXAMINER, by=by, supervisor=supervisor)
        self.crew[Role.EXAMINER].add_app()
        self.home.tokens = {role: member.token() for role, member in self.crew.items()}

    def _collect(self) -> None:
        """Register sources and galleries, and admit and suspend from the command line."""
        self.sources = [self.plant("source") for _ in range(4)]
        for source in self.sources:
            texts = [part for entry in PASSPORT for part in (f"--{entry}", self.plant("passport"))]
            self.run("source", "add", source, *texts, *DATES, as_=Role.STEWARD)
        self.galleries = [self.plant("gallery") for _ in range(2)]
        for gallery in self.galleries:
            self.run("gallery", "create", gallery, as_=Role.STEWARD)
        paper = self.file(
            "vetting file name", ".pdf", b"%PDF-1.7\n" + self.garden.bytes("vetting document")
        )
        checked = ("--checked-by", self.plant("vetting"), "--checked-on", "2026-01-15")
        third = self.plant("agency, unlisted")
        what = ("--what", self.plant("vetting"), "--document", paper, "--unlisted")
        self.run("agency", "admit", third, *checked, *what, as_=Role.CUSTODIAN)
        why = ("--reason", self.reason("suspension's reason"))
        self.run("agency", "suspend", third, *why, as_=Role.CUSTODIAN)
        invited = self.plant("invited e-mail", before="mail.", after="@example.org")
        link = self.home.run(
            "person", "invite", self.plant("invited person"), invited, as_=Role.COORDINATOR
        )
        self.garden.given("invitation secret", link["link"].rstrip("/").rpartition("/")[2])

    def _enrol(self) -> None:
        """Enrol by a manifest, twice, with photos among them that are turned away."""
        rows = [("path", "subject", "external id", "notes")]
        self.subjects = [self.plant("subject") for _ in range(PEOPLE)]
        for number in range(PHOTOS):
            made = self.photo(f"person {number % PEOPLE}", shot=number // PEOPLE)
            path = self.file("file name", ".jpg", made)
            texts = (self.plant("external id"), self.plant("note"))
            rows.append((path.name, self.subjects[number % PEOPLE], *texts))
        for refused in (
            FakeEngine.photo("x", faces=0),
            FakeEngine.photo("x", rejected="The file is cut short."),
        ):
            path = self.file("rejected file name", ".jpg", refused)
            rows.append((path.name, self.plant("rejected subject"), "", ""))
        manifest = self.desk / "manifest.csv"
        with manifest.open("w", encoding="utf-8", newline="") as opened:
            csv.writer(opened).writerows(rows)
        to = ("--gallery", self.galleries[0], "--source", self.sources[0])
        for _ in range(2):
            self.run(
                "enrol", manifest, *to, "--rejects", self.desk / "rejects.csv", as_=Role.STEWARD
            )

    def _propose(self) -> None:
        """Propose authorities, with and without a document."""
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

    def _stray(self, address: str) -> None:
        """Type wrong things, as a stranger and as somebody who is signed in."""
        stranger = Browser(address.replace("127.0.0.1", "localhost"))
        email = self.plant("typed e-mail", before="mail.", after="@example.org")
        fields = [("email", email), ("password", self.plant("typed password")), ("code", "123456")]
        stranger.send("/sign-in/", fields)
        require(stranger.status == REFUSED, stranger.text)
        stranger.get(f"/invitation/{self.plant('typed invitation', before='x')}/")
        inside = self.crew[Role.SUPERVISOR].browser
        for path in (f"/photos/{self.plant('path')}/", f"/?{self.plant('query')}", "/ledger/"):
            inside.get(path)

    def _search(self, office: Office) -> None:
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
        ran = self.run("search", probe, *to, *why, as_=Role.EXAMINER)
        require(ran["to_examine"] == len(self.subjects), ran)
        require(ran["candidates"] == [], ran)
        with self.serving() as address:
            self.arrive(address)
            page = f"/searches/{ran['search_id']}/"
            Examining(self).examine(page, said="cannot", conclusion="neither")
        shown = self.run("result", ran["search_id"], as_=Role.EXAMINER)
        require(shown["candidates"][0]["subject"] == self.subjects[0], shown)
        self.run("case", "close", case, "--reason", self.reason("closing reason"), as_=me)

    def _keep_signing_key(self) -> None:
        """Take note of what bundles are signed with."""
        key = self.home.task("signing_key")
        self.garden.given("signing key, as it is kept", bytes.fromhex(key["kept"]))
        self.signs = self.garden.given("signing key, as it signs", bytes.fromhex(key["signs"]))

    def _back_up(self) -> None:
        """Make a backup, and keep the objects as they are before anything is removed."""
        self.run("backup", self.backups)
        self.early += [("backup", read(path)) for path in files_of(self.backups)]
        for place, data in pieces_of(self.home.home, self.home.database()):
            if place == "object store":
                self.early.append((place, data))
        # Removing somebody destroys the gallery's.
        self.snapshots = {one.replace("-", "") for one in self.home.task("snapshots")}

    def _remove(self) -> None:
        steward = Role.STEWARD
        listed = self.run("photo", "list", "--gallery", self.galleries[0], as_=steward)["photos"]
        why = ("--reason", self.plant("removal reason"))
        self.run("photo", "remove", listed[0]["id"], *why, as_=steward)
        self.shown = [one["id"] for one in listed if one["subject"] != self.subjects[3]][1:3]
        why = ("--reason", self.plant("removal reason"))
        of = ("--gallery", self.galleries[0])
        self.run("subject", "remove", self.subjects[3], *of, *why, as_=steward)
        why = ("--reason", self.plant("removal reason"))
        self.run("source", "remove", self.sources[3], *why, as_=steward)

    def pieces(self) -> Iterator[Piece]:
        """Yield everything that is on the disk now, the terminal's window apart."""
        yield from self.home.pieces()
        for log in self.logs:
            yield "logs", log.read_bytes()
        for path, data in self.passing.items():
            yield "temporary files", str(path).encode() + data

    def requests(self) -> int:
        """Return how many lines the logs of the web app have."""
        return sum(log.read_bytes().count(b"\n") for log in self.logs)

    def written_elsewhere(self) -> list[str]:
        """Return the files that a process of ours opened for writing and that are not in its home."""
        written = self.home.writes.read_text().splitlines()
        allowed = (
            f"{self.home.home}/",
            f"{self.backups}/",
            str(self.desk / "rejects.csv"),
            "/dev/null",
        )
        # A number is a file that is open already, and was judged when it was opened.
        return sorted(
            {path for path in written if not path.startswith(allowed) and not path.isdecimal()}
        )
