"""A home of the first version (see `tests/vectors/first-version`), and what can be read in it."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

from countenance.policy import SYSTEM, Role

ARCHIVE = Path(__file__).resolve().parent / "vectors" / "first-version" / "home.tar.xz"
LATE = "2199-12-31"


def unpack(into: Path) -> str:
    """Write keys and objects to a folder that is to be a home, and return the SQL of its database."""
    with tarfile.open(ARCHIVE, "r:xz") as archive:
        archive.extractall(into, filter="data")
    dump = into / "database.sql"
    text = dump.read_text(encoding="utf-8")
    dump.unlink()
    return text


def readable(session: Any) -> dict[str, Any]:
    """Return what people typed, and what was found, as far as the first version kept it."""
    from countenance.apps.agencies.models import Agency, Person
    from countenance.apps.cases.models import Case
    from countenance.apps.galleries.models import Gallery, Source
    from countenance.apps.records.objects import get_object
    from countenance.apps.searches import queries
    from countenance.apps.searches.models import Probe, Search

    return {
        "agencies": [one.name for one in Agency.objects.all() if not one.custodial],
        "people": [[one.name, one.email, sorted(one.roles)] for one in Person.objects.all()],
        "cases": [[one.reference, one.purpose, one.reason] for one in Case.objects.all()],
        "sources": [[one.name, one.passport["reference"]] for one in Source.objects.all()],
        "galleries": [one.name for one in Gallery.objects.all()],
        "probes": [len(get_object(one, tools=session.tools)) for one in Probe.objects.all()],
        "searches": [
            [one.reason, one.state, next(found.label for found in queries.candidates(one))]
            for one in Search.objects.order_by("intended_at")
        ],
    }


def staff(session: Any) -> None:
    """Give the first person every role, past the services, and add an examiner and a supervisor."""
    from countenance.apps.agencies import services
    from countenance.apps.agencies.models import Person

    first = Person.objects.select_related("agency").order_by("added_at").first()
    assert first is not None
    first.standing = {"roles": sorted(Role), "trained_until": LATE, "certified_until": LATE}
    first.save()
    for role in (Role.EXAMINER, Role.SUPERVISOR):
        person = services.add_person(
            SYSTEM,
            agency=first.agency,
            name=f"Test {role}",
            email=f"{role}@example.org",
            password=None,
            roles=[role],
            tools=session.tools,
        )
        person.standing |= {"trained_until": LATE, "certified_until": LATE}
        person.save()
