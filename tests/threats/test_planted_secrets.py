"""More than 400 secrets are planted in a deployment's life; nothing on its disk holds any of them.

The same search of the same life with the cipher taken out finds them, so it can.
"""

import collections

import pytest
from threats.life import Life
from threats.plants import Scanner

HASHED = {
    "password": "an Argon2 hash is kept",
    "invitation secret": "its SHA-256 is kept",
    "token": "its SHA-256 is kept",
    "session key": "its SHA-256 is kept",
    "recovery code": "a salted scrypt hash is kept",
}
NEVER_STORED = {
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
"""What not even the build without a cipher stores in clear, and why."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Search:
    """What was searched, place by place, and which plants were found there."""

    def __init__(self, life):
        self.life, self.table, self.scanner = life, {}, None
        self._early = []

    def look(self, place, data):
        """Search some bytes; what comes before all plants are made waits for its turn."""
        if self.scanner is None:
            self._early.append((place, data))
            return
        size, found = self.table.get(place, (0, set()))
        self.table[place] = (size + len(data), found | self.scanner.scan(data))

    def run(self):
        """Live the life, and search everything that it leaves."""
        self.life.live(self.look)
        self.scanner = Scanner(self.life.garden.plants)
        for place, data in self._early:
            self.look(place, data)
        for place, data in self.life.places():
            self.look(f"{place}, running", data)
        self.look("database dump", self.life.dump())
        self.life.home.stop()
        # A stop is a checkpoint: everything that was in memory is now in the files.
        for place, data in self.life.places():
            self.look(f"{place}, stopped", data)

    def found(self, place=""):
        """Return the numbers of the plants found in places of this name, or anywhere."""
        return set().union(*(found for name, (_, found) in self.table.items() if place in name))

    def show(self, title):
        """Print the table."""
        plants = self.scanner.plants
        print(f"\n{title}: {len(plants)} plants in {self.scanner.forms} forms")
        for place, (size, found) in sorted(self.table.items()):
            print(f"  {place:30} {size:12,} bytes  {len(found):4} found")
        print(f"  of {dict(collections.Counter(plant.kind for plant in plants))}")


@pytest.fixture
def lived():
    """Return a function that lives a life and searches what it left."""
    lives = []

    def live(*, sealed):
        lives.append(Life(sealed=sealed))
        search = Search(lives[-1])
        search.run()
        return search

    yield live
    for life in lives:
        life.home.close()


def test_nothing_on_the_disk_holds_a_secret(lived, capsys):
    search = lived(sealed=True)
    with capsys.disabled():
        search.show("sealed")
    life, sizes = search.life, {place: size for place, (size, _) in search.table.items()}
    assert len({plant.value for plant in life.garden.plants}) >= 400
    assert sizes["write-ahead log, running"] > 1_000_000
    assert sizes["database files, stopped"] > 1_000_000
    assert sizes["database dump"] > 100_000
    assert sizes["object store, stopped"] > 10_000
    assert sizes["log of the web app, stopped"] > 100, "an empty log says nothing by its silence"
    assert [search.scanner.plants[number] for number in search.found()] == []
    assert "temporary files, stopped" not in sizes
    assert_nothing_was_written_elsewhere(life)


def assert_nothing_was_written_elsewhere(life):
    """No process of ours opened a file for writing but in the home, and none made a temporary one."""
    written = life.writes.read_text().splitlines()
    allowed = (f"{life.home.home}/", str(life.desk / "rejects.csv"), "/dev/null")
    # A number is a file that is open already, and was judged when it was opened.
    elsewhere = {path for path in written if not path.startswith(allowed) and not path.isdecimal()}
    assert elsewhere == set()
    assert any("/objects/incoming/" in path for path in written)


def test_the_same_search_finds_the_secrets_where_nothing_is_sealed(lived, capsys):
    search = lived(sealed=False)
    plants = search.scanner.plants
    never = {**HASHED, **NEVER_STORED}
    assert never.keys() <= {plant.kind for plant in plants}
    expected = {n for n, plant in enumerate(plants) if plant.kind not in never}
    found = search.found() & expected
    missed = dict(collections.Counter(plants[n].kind for n in expected - found))
    with capsys.disabled():
        search.show("with the cipher taken out")
        print(f"  {len(found)} of {len(expected)} that are stored were found; missed: {missed}")
        count = collections.Counter(plant.kind for plant in plants)
        for title, reasons in (("hashed only", HASHED), ("never stored", NEVER_STORED)):
            said = "; ".join(f"{count[kind]} {kind}: {why}" for kind, why in reasons.items())
            print(f"  {sum(count[kind] for kind in reasons)} {title}: {said}")
    assert len(expected) >= 250
    assert len(found) >= 0.99 * len(expected)
    for place in ("database dump", "write-ahead log", "database files", "object store"):
        assert len(search.found(place)) > 20, place
    # What the search never finds, sealed or not, would be no secret kept but one never looked for.
    assert {plants[n].kind for n in found} == {plants[n].kind for n in expected}
