"""`countenance index`: where galleries are searched, moving them to Milvus and back, checking and repairing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from countenance.cli import output
from countenance.cli.options import AsJson, Commands, shown_with
from countenance.cli.session import ends_tidily, unsealed
from countenance.policy import Deed

if TYPE_CHECKING:
    from countenance.apps.galleries.distributing import Drift
    from countenance.apps.galleries.models import Collection, Gallery
    from countenance.cli.session import Session

DIFFERENT = 1
Name = Annotated[str, typer.Argument(metavar="GALLERY", help="The gallery's name.")]


@shown_with("countenance index status", "countenance index status --json", deed=Deed.GALLERY_READ)
def status(as_json: AsJson = False) -> None:
    """Say of each gallery where it is searched, how, and how far that is behind the database.

    Asks nothing of the Milvus server.
    """
    with unsealed() as session:
        from countenance.apps.galleries import queries

        found = [_described(gallery) for gallery in queries.galleries(session.actor)]
    rows = [
        (one["gallery"], one["place"], one["how"], one["templates"], one["behind"]) for one in found
    ]
    columns = ("Gallery", "Searched in", "How", "#Templates", "#Changes behind")
    output.result({"galleries": found}, output.table("", columns, rows))


@shown_with(
    'countenance index move "Missing persons" --to milvus',
    'countenance index move "Missing persons" --to memory',
    deed=Deed.INDEX_MANAGE,
)
def move(
    gallery: Name,
    to: Annotated[
        Literal["milvus", "memory"],
        typer.Option(
            help="`milvus`: the server of COUNTENANCE_MILVUS__URI. `memory`: this machine's, in the "
            "tier for its size."
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Move a gallery's index to Milvus or back; the gallery is searched all the while.

    What is new is made beside what is searched, compared with the database, and searched from then on; what was
    searched before is dropped some seconds later. In Milvus every index kind is tried on the gallery's own
    mated photos, and the fastest that finds 99.9 % of them is taken. A gallery that is in Milvus already is made
    anew there. A move that was stopped goes on where it was.
    """
    with unsealed() as session, ends_tidily():
        from countenance.apps.galleries import moving

        one = session.gallery(gallery)
        given: dict[str, Any] = {"gallery": one, "tools": session.tools, "told": output.say}
        tried = []
        if to == "milvus":
            tried = list(moving.move_to_milvus(session.actor, **given))
        else:
            moving.move_to_memory(session.actor, **given)
        value = _described(one) | {"tried": [each.as_json() for each in tried]}
        output.result(value, f"{value['gallery']}: searched in {value['place']}, {value['how']}.")


@shown_with('countenance index check "Missing persons"', deed=Deed.GALLERY_READ)
def check(gallery: Name, as_json: AsJson = False) -> None:
    """Compare what lies in Milvus with the database: all ids, and some templates number by number.

    Also measures how many mates come first as it is searched now: of photos whose subject has another, where nobody
    more alike was found than that. Exits with 1 if anything differs.
    """
    with unsealed() as session:
        from countenance.apps.galleries import distributing, probing
        from countenance.index.choosing import MATE_RECALL

        collection = _collection(session, gallery)
        drift = distributing.check(collection, tools=session.tools)
        found = probing.measured(collection, tools=session.tools)
        value = _drift(drift) | found._asdict() | {"p50_ms": round(found.p50_ms, 3)}
        mates = f"{found.recall:.2%} of {found.probes} mates come first, {found.p50_ms:.1f} ms a search."
        output.result(value, _in_words(drift), mates)
    if not drift.none or found.recall < MATE_RECALL:
        raise typer.Exit(DIFFERENT)


@shown_with('countenance index repair "Missing persons"', deed=Deed.INDEX_MANAGE)
def repair(gallery: Name, as_json: AsJson = False) -> None:
    """Make what lies in Milvus equal to the database again, and have Milvus write its files without what is gone.

    Templates that are missing there or differ are sent again, what is not in the database is removed, and what
    a move left behind is dropped.
    """
    with unsealed() as session, ends_tidily():
        from countenance.apps.galleries import distributing

        one = session.gallery(gallery)
        left = distributing.drop_retired(one, tools=session.tools)
        collection = _collection(session, gallery)
        before = distributing.repair(collection, tools=session.tools)
        value = _drift(before) | {"left_behind": left}
        output.result(value, f"Before: {_in_words(before)}", "Now equal to the database.")


@shown_with('countenance index renew "Missing persons"', deed=Deed.INDEX_MANAGE)
def renew(gallery: Name, as_json: AsJson = False) -> None:
    """Give a gallery's templates another secret rotation, for when an index or Milvus may have leaked.

    Nobody is enrolled again and no similarity changes; what leaked before compares with nothing that comes after.
    The gallery is searched all the while; one in Milvus is searched in memory until it is there again. If that was
    interrupted, run this once more, and then `countenance index move NAME --to milvus`.
    """
    with unsealed() as session, ends_tidily():
        from countenance.apps.galleries import renewing

        one = session.gallery(gallery)
        renewing.renew(session.actor, gallery=one, tools=session.tools, told=output.say)
        output.result(_described(one), f"{one.name}: its templates have another rotation.")


def _collection(session: Session, name: str) -> Collection:
    from countenance.apps.galleries import distributing
    from countenance.errors import WrongState

    collection = distributing.serving(session.gallery(name))
    if collection is None:
        raise WrongState("This gallery is searched in memory: there is nothing to compare.")
    return collection


def _described(gallery: Gallery) -> dict[str, Any]:
    from countenance.apps.galleries import distributing
    from countenance.index.kinds import Kind
    from countenance.index.plan import Tier

    collection = distributing.serving(gallery)
    value: dict[str, Any] = {
        "gallery": gallery.name,
        "templates": distributing.templates(gallery),
        "place": "memory",
        "how": Tier(gallery.tier).in_words if gallery.tier in set(Tier) else gallery.tier,
        "behind": 0,
    }
    if collection is not None:
        value |= {
            "place": "milvus",
            "how": str(Kind.from_json(collection.details["kind"])),
            "behind": gallery.version - collection.version,
            "since": collection.serving_since.isoformat() if collection.serving_since else None,
            "tried": collection.details["tried"],
        }
    return value


def _drift(drift: Drift) -> dict[str, Any]:
    return {
        "equal": drift.none,
        "templates": drift.expected,
        "held": drift.held,
        "missing": int(drift.missing.size),
        "foreign": int(drift.foreign.size),
        "changed": int(drift.changed.size),
        "compared": drift.compared,
    }


def _in_words(drift: Drift) -> str:
    if drift.none:
        return f"equal: all {drift.expected} ids, and the {drift.compared} templates that were compared."
    return (
        f"not equal: of {drift.expected} templates {drift.missing.size} are missing in Milvus, which holds "
        f"{drift.held}; {drift.foreign.size} there are not in the database, and {drift.changed.size} of "
        f"{drift.compared} that were compared differ. `countenance index repair` makes them equal."
    )


COMMANDS: Commands = {
    "status": status,
    "move": move,
    "check": check,
    "repair": repair,
    "renew": renew,
}
