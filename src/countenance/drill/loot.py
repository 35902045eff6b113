"""What a life left behind, place by place: how many bytes, which planted secrets, what may be a key."""

from __future__ import annotations

import collections
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from countenance.drill import trial
from countenance.drill.plants import Plant, Scanner

if TYPE_CHECKING:
    from countenance.drill.home import Piece
    from countenance.drill.life import Life

OBJECTS, SNAPSHOTS = "object store", "index snapshots"
DUMP, BACKUP = "database dump", "backup"
LITTLE = frozenset({"keys", "other files of the home", "logs", "temporary files"})
"""Where files are small, and nothing is sealed as a whole: a key could begin at any byte."""

HASHED = {
    "password": "an Argon2 hash is kept",
    "invitation secret": "its SHA-256 is kept",
    "token": "its SHA-256 is kept",
    "session key": "its SHA-256 is kept",
    "recovery code": "a salted scrypt hash is kept",
}
NEVER_STORED = {
    "passphrase": "only what it opens is kept",
    "form's cookie": "it is kept in the browser only",
    "authenticator secret, raw": "it is kept as base32 text, which is planted as well",
    "signing key, as it signs": "it is derived anew whenever something is signed",
    "authenticator secret, unused": "it was offered on a page, and never taken",
    "typed e-mail": "nobody has this address",
    "typed password": "it is nobody's",
    "typed invitation": "it is nobody's",
    "path": "it was asked for only",
    "query": "it was asked for only",
    "rejected subject": "nobody was enrolled under this name",
}
"""What not even a deployment without a cipher stores in clear, and why."""

_INSERTED = re.compile(rb"^INSERT INTO public\.(\w+) ", re.MULTILINE)


@dataclass
class Place:
    """One place on the disk: what was searched there, and the numbers of the plants found."""

    size: int = 0
    files: int = 0
    found: set[int] = field(default_factory=set)


class Loot:
    """Everything that one life left, searched for everything that it was given."""

    def __init__(self, life: Life) -> None:
        """Name the life; nothing is searched yet."""
        self.life = life
        self.places: dict[str, Place] = {}
        self.plants: list[Plant] = []
        self.keys: set[bytes] = set()
        self.rows: collections.Counter[str] = collections.Counter()
        self._scanner: Scanner | None = None

    def gather(self) -> None:
        """Search the home while its database runs: once all plants are made."""
        self.plants = list(self.life.garden.plants)
        self._scanner = Scanner(self.plants)
        dump = self.life.home.dump()
        self.rows = collections.Counter(name.decode() for name in _INSERTED.findall(dump))
        self.look((DUMP, dump))
        for piece in (*self.life.early, *self.life.pieces()):
            self.look(piece)

    def gather_stopped(self) -> None:
        """Search the home again, powered off: what was in the database's memory is in its files now."""
        for piece in self.life.pieces():
            self.look(piece)

    def look(self, piece: Piece) -> set[int]:
        """Search one piece, and return the numbers of the plants found in it."""
        if self._scanner is None:
            self._scanner = Scanner(self.plants)
        place, data = piece
        found = self._scanner.scan(data)
        name = data[:200].partition(b"\n")[0].rpartition(b"/")[2].decode("latin-1")
        for one in (place, SNAPSHOTS) if name in self.life.snapshots else (place,):
            there = self.places.setdefault(one, Place())
            there.size += len(data)
            there.files += 1
            there.found |= found
        small = place in LITTLE and len(data) <= trial.SMALL
        self.keys |= trial.key_like(data.partition(b"\n")[2] or data, everywhere=small)
        return found

    def size(self, places: tuple[str, ...]) -> int:
        """Return how many bytes were searched in some places."""
        return sum(self.places[one].size for one in places if one in self.places)

    def files(self, place: str) -> int:
        """Return how many files were searched in a place."""
        return self.places[place].files if place in self.places else 0

    def found(self, places: tuple[str, ...]) -> list[tuple[str, str]]:
        """Return the kind and place of each plant found in some places."""
        return sorted(
            (self.plants[number].kind, place)
            for place in places
            if place in self.places
            for number in self.places[place].found
        )


@dataclass(frozen=True)
class Control:
    """How many of the plants that are stored the same search found where nothing is sealed."""

    planted: int
    found: int
    missed: dict[str, int]
    kinds: int

    @property
    def passed(self) -> bool:
        """Say whether the search finds what there is: 99 of 100 at least."""
        return self.planted > 0 and self.found * 100 >= self.planted * 99


def control_of(loot: Loot) -> Control:
    """Return what the search found of all that a life without a cipher stores."""
    plants = loot.plants
    stored = {
        number
        for number, plant in enumerate(plants)
        if plant.kind not in {**HASHED, **NEVER_STORED}
    }
    found: set[int] = set()
    for place in loot.places.values():
        found |= place.found & stored
    missed = collections.Counter(plants[number].kind for number in stored - found)
    kinds = len({plants[number].kind for number in stored})
    return Control(planted=len(stored), found=len(found), missed=dict(missed), kinds=kinds)
