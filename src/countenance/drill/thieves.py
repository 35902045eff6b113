"""The thieves of the threat table: what each one holds, and what it could read, count and change with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from countenance.drill import trial
from countenance.drill.loot import BACKUP, DUMP, OBJECTS, SNAPSHOTS
from countenance.drill.outcomes import ACCEPTED, OPENED

if TYPE_CHECKING:
    from countenance.drill.channels import Tried
    from countenance.drill.loot import Loot

DISK = (
    "database files",
    "write-ahead log",
    OBJECTS,
    "keys",
    "other files of the home",
    "logs",
    "temporary files",
)
ALL = (*DISK, DUMP, BACKUP)
NOTHING = "nothing: what was stolen is a copy"

Count = Callable[["Loot"], int]


def _rows(*tables: str) -> Count:
    return lambda loot: sum(loot.rows[one] for one in tables)


def _others(loot: Loot) -> int:
    return sum(loot.rows.values())


IN_ROWS: Mapping[str, Count] = {
    "agencies": _rows("agencies_agency"),
    "accounts, and which agency each belongs to": _rows("agencies_person"),
    "cases and authorities, and when each ends": _rows("cases_case", "cases_authority"),
    "searches, and in which case and state each is": _rows("searches_search"),
    "photos, faces and subjects of each gallery": _rows(
        "galleries_photo", "galleries_face", "galleries_subject"
    ),
    "entries of the ledger: kind of action, time, and about which row": _rows("records_ledgerrow"),
    "keys: kind, agency and epoch of each": _rows("records_keyrow"),
    "rows of all tables, with ids, times, and lengths of what is sealed": _others,
}
IN_OBJECTS: Mapping[str, Count] = {
    "sealed objects: when each was written, and its size class": lambda loot: loot.files(OBJECTS)
}
IN_BACKUP: Mapping[str, Count] = {
    "sealed files of the backup, and the size of each": lambda loot: loot.files(BACKUP)
}
IN_SNAPSHOTS: Mapping[str, Count] = {
    "parts of index snapshots, and the size class of each": lambda loot: loot.files(SNAPSHOTS)
}
IN_LOGS: Mapping[str, Count] = {
    "requests: time, route, status and a number of the request": lambda loot: loot.life.requests()
}
IN_WAL: Mapping[str, Count] = {
    "bytes of changes: how much was written, and in which order": lambda loot: loot.size(
        ("write-ahead log",)
    )
}


@dataclass
class Thief:
    """One thief, and what came of it.

    Attributes:
        name: who it is.
        holds: what was stolen, in a sentence.
        searched: how many bytes were searched.
        tries: how many tries were made beside the search.
        could_count: what it could count, and how many there were here.
        could_change: what it could change that the product takes as it is.
        noticed: what it could change that the product refuses or finds, and how.
        found: the kind of each secret that it could read, or what it could do, and where; never the secret.
    """

    name: str
    holds: str
    searched: int = 0
    tries: int = 0
    could_count: dict[str, int] = field(default_factory=dict)
    could_change: list[str] = field(default_factory=list)
    noticed: dict[str, str] = field(default_factory=dict)
    found: list[tuple[str, str]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return it in JSON's own types."""
        return {
            "name": self.name,
            "holds": self.holds,
            "findings": len(self.found),
            "found": [{"what": what, "where": where} for what, where in self.found],
            "bytes_searched": self.searched,
            "tries": self.tries,
            "could_count": list(self.could_count),
            "counted": self.could_count,
            "could_change": self.could_change,
            "noticed": self.noticed,
        }


STOLEN: tuple[tuple[str, str, tuple[str, ...], tuple[Mapping[str, Count], ...]], ...] = (
    (
        "the powered-off disk",
        "Every file of the home folder and of the database, after everything was stopped.",
        DISK,
        (IN_ROWS, IN_OBJECTS, IN_LOGS),
    ),
    ("a database dump", "The whole database, as pg_dump writes it.", (DUMP,), (IN_ROWS,)),
    (
        "a backup",
        "What `countenance backup` made, from before photos and people were removed.",
        (BACKUP,),
        (IN_BACKUP,),
    ),
    (
        "the object store",
        "Every sealed photo, probe, video, document and snapshot.",
        (OBJECTS,),
        (IN_OBJECTS,),
    ),
    ("index snapshots", "The parts of each gallery's sealed index.", (SNAPSHOTS,), (IN_SNAPSHOTS,)),
    (
        "logs and temporary files",
        "The logs of the web app and the database, and every temporary file, however short it was there.",
        ("logs", "temporary files"),
        (IN_LOGS,),
    ),
    (
        "the write-ahead log",
        "Every change of the database, as it was written first.",
        ("write-ahead log",),
        (IN_WAL,),
    ),
)
"""Thieves of what is stored: name, what was stolen, the places that are searched, what can be counted."""


def of_stored(loot: Loot) -> list[Thief]:
    """Return the thieves of what is stored, with what each found."""
    thieves = []
    for name, holds, places, counts in STOLEN:
        thief = Thief(name, holds, searched=loot.size(places), could_change=[NOTHING])
        thief.found = loot.found(places)
        for count in counts:
            thief.could_count |= {what: of(loot) for what, of in count.items() if of(loot)}
        thieves.append(thief)
    written = loot.life.written_elsewhere()
    logs = next(one for one in thieves if one.name == "logs and temporary files")
    logs.found += [("a file that was written outside of the home", "the machine") for _ in written]
    return thieves


def of_subsets(loot: Loot, locks: list[dict[str, str]]) -> Thief:
    """Return the thief who holds any of the artefacts together, without what unseals."""
    opened = trial.opened(loot.keys, locks)
    return Thief(
        "any of these together",
        "Every subset of the above, without what unseals: each artefact was searched, and whatever in any of them may be "
        "a key was tried on a value of each of the deployment's keys.",
        searched=loot.size(ALL),
        tries=len(loot.keys) * len(locks),
        could_count={"what each of them shows alone": len(ALL)},
        could_change=[NOTHING],
        found=[("a key that opens " + what, "an artefact") for _, what in opened],
    )


SECRETS = (
    "password",
    "session key",
    "form's cookie",
    "token",
    "invitation secret",
    "recovery code",
    "authenticator secret",
    "authenticator secret, raw",
    "credential id",
    "signing key, as it is kept",
    "signing key, as it signs",
)
"""The application secrets that leak one at a time, each beside all artefacts."""


def of_secrets(loot: Loot, locks: list[dict[str, str]], unsealed_by: Iterable[str]) -> Thief:
    """Return the thief who holds all artefacts and one leaked secret."""
    secrets = [plant for plant in loot.plants if plant.kind in SECRETS]
    tried = {key: plant.kind for plant in secrets for key in trial.of_secret(plant.value)}
    opened = trial.opened(tried, locks)
    found = [(f"a {tried[key]} that opens {what}", "all artefacts") for key, what in opened]
    found += [(f"a {kind} that unseals", "all artefacts") for kind in unsealed_by]
    return Thief(
        "one leaked secret beside all of these",
        "All artefacts and one secret of the application, each tried as a key and one of each kind as the passphrase: "
        f"{', '.join(sorted({one.kind for one in secrets}))}.",
        searched=loot.size(ALL),
        tries=len(tried) * len(locks) + len(SECRETS),
        could_count={"what each of them shows alone": len(ALL)},
        could_change=[NOTHING],
        found=found,
    )


WAYS = {
    "exchange": "a sealed value put into another row or column",
    "put back": "an older value of a column that gives power put back",
    "move": "power taken from another row, or written",
    "ledger": "entries changed, exchanged, taken out or cut off",
    "take away": "rows that give power deleted",
}


def of_credential(loot: Loot, read: bytes, changes: list[dict[str, Any]], shown: Tried) -> Thief:
    """Return the thief with a credential of the database, who reads everything and changes rows."""
    thief = Thief(
        "a leaked database credential",
        "Any SQL as the program's own role, while the product serves.",
        searched=len(read),
        tries=sum(one["tries"] for one in changes) + shown.tries,
        could_count={what: count(loot) for what, count in IN_ROWS.items()},
    )
    thief.found = [
        (loot.plants[one].kind, "what SQL reads") for one in sorted(loot.look(("SQL", read)))
    ]
    thief.found += [(what, "a page of the web app") for what in shown.findings]
    must_fail = {"exchange", "move", "ledger"}
    by_way: dict[str, set[str]] = {}
    for one in changes:
        if one["came"] == OPENED or (one["came"] == ACCEPTED and one["way"] in must_fail):
            thief.found.append((f"{one['way']}: {one['what']}", "rows"))
        elif one["came"] == ACCEPTED:
            thief.could_change.append(
                f"an older value of {one['what']} put back"
                if one["way"] == "put back"
                else one["what"]
            )
        else:
            by_way.setdefault(one["way"], set()).add(one["came"])
    thief.noticed = {WAYS[way]: "; ".join(sorted(ways)) for way, ways in by_way.items()}
    if shown.refused:
        thief.noticed["rows exchanged while the web app serves"] = "refused on the page"
    return thief


def of_channel(name: str, holds: str, tried: Tried, *, could_change: list[str]) -> Thief:
    """Return a thief who came through the web app."""
    return Thief(
        name,
        holds,
        tries=tried.tries,
        could_change=could_change,
        noticed=dict.fromkeys(sorted(set(tried.refused)), "refused"),
        found=[(what, "the web app") for what in tried.findings],
    )
