"""The breach drill as its command runs it; once it is over, values are left in clear where it has looked.

What the thieves find then, and what the search of a live home finds with and without the cipher, is written into a
file for the test. The drill itself is not changed by it, except that passphrases and passwords are stretched less:
nothing in it tries many of them, so how long one takes is no part of what it shows.
"""

import json
import sys
from pathlib import Path

import psycopg
from django.contrib.auth.hashers import Argon2PasswordHasher

from countenance.cli.main import run
from countenance.drill import against, breach, thieves
from countenance.drill.loot import DUMP, Loot
from countenance.sealing import factors
from countenance.web.postgres import LocalPostgres

PASSES, MEMORY_KIB = 1, 1024
noted = {}


def main(out, notes):
    rob, control = breach.rob, breach._control

    def robbed(life, notify):
        loot, found = rob(life, notify)
        noted["places"] = {name: place.size for name, place in loot.places.items()}
        noted["plants"] = len({plant.value for plant in loot.plants})
        noted["against"] = against.search(life.home.home, lambda _: None)
        noted["addresses"] = addresses(life) if noted["against"]["found"] else []
        noted["careless"] = careless(life)
        return loot, found

    def controlled(life):
        made = control(life)
        noted["kinds"] = made.kinds
        noted["against the control"] = against.search(life.home.home, lambda _: None)
        return made

    breach.rob, breach._control = robbed, controlled
    factors._PASSES, factors._MEMORY_KIB = PASSES, MEMORY_KIB
    Argon2PasswordHasher.time_cost, Argon2PasswordHasher.memory_cost = PASSES, MEMORY_KIB
    code = run(["drill", "breach", "--json", "--out", out])
    Path(notes).write_text(json.dumps(noted))
    return code


def addresses(life):
    """Return each e-mail address that lies in clear, with what stands around it; all of them are made up."""
    return [
        f"{place}: {data[max(0, one.start() - 100) : one.end() + 100]!r}"
        for place, data in against._pieces(life.home.home)
        for one in against.FORMS["an e-mail address"].finditer(data)
    ]


def careless(life):
    """Leave an unsealed name in a log and a row, and return which thieves find something."""
    name, address = life.invited
    with life.logs[-1].open("a") as log:
        log.write(json.dumps({"event": "request", "route": f"/people/{name}/"}) + "\n")
    with LocalPostgres(life.home.home) as postgres:
        with psycopg.connect(postgres.ensure_running()) as connection:
            connection.execute("create table left_in_clear (said text)")
            connection.execute("insert into left_in_clear values (%s)", [address])
        loot = Loot(life)
        loot.plants = life.garden.plants
        loot.rows.update({"agencies_person": 1})
        for place in ("object store", "index snapshots", "write-ahead log", "backup"):
            loot.look((place, b""))
        loot.look((DUMP, life.home.dump()))
        for place, data in life.pieces():
            # No thief below holds the database's files alone, which are most of what there is.
            if place != "database files":
                loot.look((place, data))
    return {one.name: one.found for one in thieves.of_stored(loot)}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
