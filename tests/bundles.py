"""A drawn case and its disclosure bundle: made-up people, patterns instead of photos, a ledger of its own.

Everything is derived from names, so the bundle is the same bytes on every machine.
"""

from __future__ import annotations

import hashlib
import importlib.util
import struct
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from countenance.bundle import contents as c
from countenance.bundle import write_bundle
from countenance.bundle.proofs import inclusion_paths
from countenance.ledger.entry import Action, Entry, canonical_json, commit
from countenance.ledger.merkle import root

START = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SIGNER = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"a key for tests only").digest())
PUBLIC = SIGNER.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
OTHER_SIGNER = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"somebody else's").digest())
MODEL = "drawn/1"
LIST = "investigation list"


def uid(name: str) -> UUID:
    return UUID(bytes=hashlib.sha256(name.encode()).digest()[:16], version=4)


def public_of(signer: Ed25519PrivateKey) -> bytes:
    return signer.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def pattern(name: str) -> bytes:
    """Return a BMP of 8 x 8 coloured squares: what stands for a photo here."""
    drawn = hashlib.shake_256(name.encode()).digest(8 * 8 * 3)
    head = struct.pack("<2sLHHL", b"BM", 54 + len(drawn), 0, 0, 54)
    return head + struct.pack("<LllHHLLllLL", 40, 8, 8, 1, 24, 0, len(drawn), 0, 0, 0, 0) + drawn


def digest(said: dict[str, Any]) -> str:
    return hashlib.sha256(canonical_json(said)).hexdigest()


class DrawnLedger:
    """The ledger of a deployment: entries of the case, and others in between."""

    def __init__(self) -> None:
        self.rows: list[tuple[Entry, bytes, bytes, bool, bool]] = []

    def add(
        self, action: str, about: UUID, *, mine: bool = True, erased: bool = False, **facts: Any
    ) -> None:
        index = len(self.rows)
        body = canonical_json({"actor": uid("who"), "agency": uid("agency"), "facts": facts})
        salt = hashlib.sha256(f"salt {index}".encode()).digest()
        at = START + timedelta(minutes=index)
        entry = Entry(Action(action), at, about, commit(body, salt))
        self.rows.append((entry, salt, body, mine, erased))

    def others(self, count: int) -> None:
        for _ in range(count):
            name = f"other {len(self.rows)}"
            self.add("photo.viewed", uid(name), mine=False)

    def ledger(self) -> c.Ledger:
        leaves = [entry.leaf() for entry, *_ in self.rows]
        mine = [index for index, row in enumerate(self.rows) if row[3]]
        paths = inclusion_paths(leaves, mine)
        entries = []
        for index in mine:
            entry, salt, body, _, erased = self.rows[index]
            entries.append(
                c.LedgerEntry(
                    index=index,
                    entry=entry.canonical(),
                    salt=None if erased else salt,
                    body=None if erased else body,
                    path=paths[index],
                )
            )
        return c.Ledger(size=len(leaves), root=root(leaves), entries=entries)


def probe(name: str, *, of: str | None = None, gone: bool = False) -> c.Probe:
    data = pattern(name)
    return c.Probe(
        id=uid(name),
        sha256=None if gone else hashlib.sha256(data).hexdigest(),
        file=None if gone else c.File(data=data, suffix="bmp"),
        derived_from=None if of is None else uid(of),
        details={} if gone else {"file_name": f"{name}.bmp", "faces": [{"box": [1.5, 2.0, 4, 4]}]},
    )


def candidate(name: str, *similarities: str) -> c.Candidate:
    faces = [(uid(f"face {name} {number}"), text) for number, text in enumerate(similarities)]
    return c.Candidate(subject=uid(name), faces=faces, details={"label": name})


def point() -> dict[str, Any]:
    """Return what was measured at the operating point of the drawn gallery."""
    return {
        "wanted_fpir": "0.01",
        "threshold": "0.4100004",
        "subjects": 1200,
        "fpir": ["0.0098", "0.0071", "0.0131"],
        "fnir": ["0.08", "0.061", "1e-01"],
        "model": MODEL,
        "evaluation": str(uid("evaluation")),
        "evaluated_on": "2026-03-01",
        "evaluated_subjects": 900,
        "mated_searches": 700,
        "non_mated_searches": 5000,
        "extrapolated": True,
        "galleries": 1,
        "sample": "a labelled sample of 900 people",
    }


def search(name: str, probes: list[str], requests: list[str], **other: Any) -> c.Search:
    gallery = c.Gallery(id=uid("gallery"), version=7, details={"name": "Drawn", "photos": 1200})
    made = c.Search(
        id=uid(name),
        probes=[uid(one) for one in probes],
        requests=[uid(one) for one in requests],
        model=MODEL,
        mode="operating point",
        state="concluded",
        answer="no_candidate",
        candidates=[],
        galleries=[gallery],
        details={"reason": "A drawn reason", "threshold": 0.41},
        point=point(),
    )
    made = replace(made, **other)
    return made if made.mode == "operating point" else replace(made, point=None)


def said(conclusion: str) -> dict[str, Any]:
    pins = [
        {"component": "nose", "on": "probe", "x": "0.250", "y": "-0.500", "note": "A bend – here"}
    ]
    return {
        "checklist": {"nose": "similar", "ears": "cannot"},
        "pins": pins,
        "conclusion": conclusion,
    }


def comparison(
    name: str, subject: str, conclusion: str, *, follows: str | None = None
) -> c.Comparison:
    return c.Comparison(
        id=uid(name),
        subject=uid(subject),
        follows=None if follows is None else uid(follows),
        said=said(conclusion),
        details={"letter": "A"},
    )


def examination(name: str, of: str, comparisons: list[c.Comparison]) -> c.Examination:
    analysis = {"checklist": {"nose": "clear", "ears": "hidden"}, "by": name}
    return c.Examination(
        id=uid(name),
        search=uid(of),
        analysis=analysis,
        comparisons=comparisons,
        details={"code": "K7PM2Q", "examiner": uid(f"examiner of {name}")},
    )


PROBES = [
    probe("photo one"),
    probe("photo two"),
    probe("part of one", of="photo one"),
    probe("photo gone", gone=True),
]
SEARCHES = [
    search(
        "search found",
        ["part of one"],
        ["request one"],
        answer="candidates",
        candidates=[candidate("Ada", "0.612345", "0.500000"), candidate("Bo", "0.410000")],
    ),
    search("search none", ["photo two", "photo one"], ["request two", "request one"]),
    search(
        "search held",
        ["photo two"],
        ["request two"],
        state="aborted",
        answer=None,
        candidates=None,
        model=None,
    ),
    search(
        "search purged", ["photo gone"], [], state="purged", answer=None, candidates=None, mode=LIST
    ),
]
EXAMINATIONS = [
    examination(
        "first",
        "search found",
        [comparison("first Ada", "Ada", "same"), comparison("first Bo", "Bo", "other_strong")],
    ),
    examination(
        "second",
        "search found",
        [
            comparison("second Bo", "Bo", "other"),
            comparison("second Ada", "Ada", "neither"),
            comparison("second Ada again", "Ada", "same_strong", follows="second Ada"),
        ],
    ),
]
REQUESTS = [("request one", "photo one", "done"), ("request two", "photo two", "declined")]


def drawn_book() -> DrawnLedger:
    """Return the ledger of the drawn case, as the program's services would have written it."""
    case = uid("case")
    book = DrawnLedger()
    book.others(3)
    book.add("authority.granted", uid("authority"))
    book.add("case.opened", case, reference="26-0001")
    for one in PROBES:
        made = "probe.added" if one.derived_from is None else "probe.derived"
        facts = {} if one.sha256 is None else {"sha256": one.sha256}
        book.add(made, one.id, case=case, **facts)
        book.others(2)
    for name, photo, state in REQUESTS:
        book.add("search.asked", uid(name), case=case, probe=uid(photo))
        if state == "declined":
            book.add("search.declined", uid(name), reason="A drawn reason")
    for one in SEARCHES:
        _searched(book, one, case)
        book.others(1)
    for one in EXAMINATIONS:
        _examined(book, one)
    book.add("lead.released", uid("lead"), search=uid("search found"))
    book.add("lead.exported", uid("lead"))
    book.add("evidence.purged", case, photos=[{"photo": uid("photo gone"), "added_at": START}])
    book.others(4)
    return book


def _searched(book: DrawnLedger, one: c.Search, case: UUID) -> None:
    first, *more = one.probes
    others = {"more": [{"probe": other, "face": 0} for other in more]} if more else {}
    if one.point is not None:
        noted = {name: one.point[name] for name in ("wanted_fpir", "subjects", "evaluation")}
        others |= {"mode": "identification", "threshold": "0.410000", **noted}
    book.add("search.intended", one.id, case=case, probe=first, reason="A drawn reason", **others)
    if one.state == "aborted":
        book.add("search.held", one.id, case=case, why="unrelated_face")
        return
    candidates = [
        [line.subject, *(f"{face}:{text}" for face, text in line.faces)]
        for line in one.candidates or ()
    ]
    purged = one.state == "purged"
    several = [[line.subject, *line.fused] for line in one.candidates or () if line.fused]
    fused = {"fused": several} if several else {}
    book.add(
        "search.concluded",
        one.id,
        erased=purged,
        answer=one.answer or "candidates",
        versions={str(uid("gallery")): 7},
        candidates=candidates,
        **fused,
    )
    if purged:
        book.add("search.purged", one.id, case=case, rule="retention.results")


def _examined(book: DrawnLedger, one: c.Examination) -> None:
    book.add("examination.begun", one.id, search=one.search)
    book.add("probe.analysed", one.id, said=digest(dict(one.analysis or {})))
    for made in one.comparisons:
        what = dict(made.said or {})
        facts = {"conclusion": what["conclusion"], "said": digest(what)}
        if made.follows is None:
            book.add("conclusion.recorded", made.id, examination=one.id, **facts)
        else:
            book.add("conclusion.followed", made.id, follows=made.follows, reason="Drawn", **facts)


def drawn_contents() -> c.Contents:
    """Return all that the drawn case discloses."""
    part = c.Edit(
        probe=uid("part of one"),
        of=uid("photo one"),
        details={"box": [1, 1, 4, 4], "quarter_turns": 0},
    )
    return c.Contents(
        deployment=uid("deployment"),
        agency=(uid("agency"), "Drawn Agency"),
        case=(uid("case"), "26-0001"),
        made_at=START + timedelta(days=1),
        probes=PROBES,
        edits=[part],
        requests=[
            c.Request(
                id=uid(name), probe=uid(photo), state=state, details={"why": "A drawn reason"}
            )
            for name, photo, state in REQUESTS
        ],
        searches=SEARCHES,
        examinations=EXAMINATIONS,
        leads=[
            c.Lead(
                id=uid("lead"),
                search=uid("search found"),
                subject=uid("Ada"),
                file=c.File(data=b"%PDF-1.7 drawn", suffix="pdf"),
                details={"number": "L-1", "outcomes": [{"outcome": "wrong"}]},
            )
        ],
        authorities=[
            c.Authority(
                id=uid("authority"),
                file=c.File(data=b"A drawn warrant.", suffix="txt"),
                details={"kind": "warrant", "until": START.date()},
            )
        ],
        model_cards=[c.ModelCard(id=MODEL, card={"licence": "Apache-2.0", "name": "Drawn"})],
        error_rates={"model": {"fpir": 0.01, "fnir": 0.08}, "examiners": []},
        ledger=drawn_book().ledger(),
    )


def drawn_bundle() -> bytes:
    """Return the drawn case's bundle."""
    return write_bundle(drawn_contents(), sign=SIGNER.sign, public_key=PUBLIC)


def independent() -> ModuleType:
    """Return the script that verifies bundles without our code."""
    path = Path(__file__).resolve().parents[1] / "docs" / "reference" / "verify_bundle.py"
    spec = importlib.util.spec_from_file_location("verify_bundle", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.stdout.buffer.write(drawn_bundle())
