"""Plain functions that make what a test needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from countenance.apps.agencies import services as agencies
from countenance.apps.cases import services as cases
from countenance.apps.galleries import enrolment
from countenance.apps.galleries import services as galleries
from countenance.apps.galleries.batch import Incoming
from countenance.apps.galleries.models import EnrolmentRun, Gallery, Source
from countenance.apps.searches import services as searches
from countenance.policy import SYSTEM, Actor, Role
from countenance.testing import FakeEngine

PASSPORT = {
    "owner": "The test archive",
    "lawful_basis": "Deposit agreement of 2019",
    "collected_on": "2019-05-01",
    "purpose": "Finding missing persons",
    "retention_until": "2199-12-31",
    "reference": "TA-2019-7",
    "steward": "Sam Steward",
}


def other_agency(on: Any) -> Actor:
    """Admit a second agency and return somebody of it."""
    agency = agencies.admit_agency(SYSTEM, name="Other agency", tools=on.tools)
    person = agencies.add_person(
        SYSTEM,
        agency=agency,
        name="Other Person",
        email="other@example.org",
        password=None,
        tools=on.tools,
    )
    return replace(
        person.actor,
        roles=frozenset(Role),
        certified_until=date(2199, 12, 31),
        stepped_up_at=on.tools.clock(),
    )


def make_source(on: Any, name: str = "Archive") -> Source:
    """Register a source with a full passport."""
    return galleries.register_source(on.actor, name=name, passport=PASSPORT, tools=on.tools)


def make_gallery(on: Any, name: str = "Gallery") -> Gallery:
    """Create a gallery."""
    return galleries.create_gallery(on.actor, name=name, tools=on.tools)


def incoming(label: str, data: bytes, subject: str | None = None) -> Incoming:
    """Return a photo on its way in."""
    return Incoming(
        label=label, subject=subject or label.split("/", maxsplit=1)[0], read=lambda: data
    )


def people(names: Iterable[str], shots: Iterable[int] = (1,)) -> list[Incoming]:
    """Return made-up photos, some of each person."""
    shots = list(shots)
    return [
        incoming(f"{name}/{shot}.jpg", FakeEngine.photo(name, shot=shot))
        for name in names
        for shot in shots
    ]


def enrol(on: Any, gallery: Gallery, source: Source, photos: list[Any]) -> EnrolmentRun:
    """Enrol photos."""
    return enrolment.enrol(
        on.actor,
        gallery=gallery,
        source=source,
        incoming=photos,
        total=len(photos),
        tools=on.tools,
    )


def make_case(on: Any, reference: str = "26-0001") -> Any:
    """Open a case."""
    return cases.open_case(
        on.actor,
        reference=reference,
        purpose="Find a missing person",
        reason="Reported missing on 3 May",
        tools=on.tools,
    )


def search(on: Any, case: Any, galleries: list[Gallery], photo: bytes, **wishes: Any) -> Any:
    """Add a probe to the case and search with it."""
    probe = searches.add_probe(
        on.actor, case=case, upload=photo, file_name="probe.jpg", tools=on.tools
    )
    wishes.setdefault("face", None)
    return searches.run_search(
        on.actor,
        probe=probe,
        galleries=galleries,
        reason="Reported missing on 3 May",
        tools=on.tools,
        **wishes,
    )
