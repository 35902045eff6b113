"""Plain functions that make what a test needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import uuid4

from countenance.apps.agencies import services as agencies
from countenance.apps.agencies.models import Agency
from countenance.apps.cases import authorities
from countenance.apps.cases import services as cases
from countenance.apps.cases.documents import Document
from countenance.apps.cases.models import Authority, Case
from countenance.apps.galleries import enrolment
from countenance.apps.galleries import services as galleries
from countenance.apps.galleries.batch import Incoming
from countenance.apps.galleries.models import EnrolmentRun, Gallery, Source
from countenance.apps.searches import asking, evidence, queries
from countenance.apps.searches import services as searches
from countenance.apps.searches.models import Probe
from countenance.policy import SYSTEM, Actor, Role, SearchKind
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


def other_agency(on: Any, name: str = "Other agency", email: str = "other@example.org") -> Actor:
    """Admit a second agency and return somebody of it, who holds every role."""
    agency = agencies.admit_agency(SYSTEM, name=name, tools=on.tools)
    person = agencies.add_person(
        SYSTEM,
        agency=agency,
        name="Other Person",
        email=email,
        password=None,
        tools=on.tools,
    )
    return replace(
        person.actor,
        roles=frozenset(Role),
        certified_until=date(2199, 12, 31),
        stepped_up_at=on.tools.clock(),
    )


def acting(on: Any, *roles: Role) -> Actor:
    """Add somebody to the deployment's agency who holds these roles, and return them just stepped up."""
    person = agencies.add_person(
        SYSTEM,
        agency=on.agency,
        name=f"Only {' '.join(roles)}",
        email=f"{uuid4().hex}@example.org",
        password=None,
        roles=roles,
        tools=on.tools,
    )
    person.standing |= {"trained_until": "2199-12-31", "certified_until": "2199-12-31"}
    person.save()
    return replace(person.actor, stepped_up_at=on.tools.clock())


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


def make_authority(on: Any, galleries: Iterable[Any] = (), **overrides: Any) -> Authority:
    """Propose an authority over these galleries (or their ids) and let somebody else grant it."""
    terms: dict[str, Any] = {
        "kind": SearchKind.MISSING,
        "statute": "Missing Persons Act, section 4",
        "purpose": "Find a missing person",
        "galleries": [getattr(one, "pk", one) for one in galleries],
        "quota": 1000,
        "expires_on": date(2199, 12, 31),
        "document": Document(file_name="order.txt", data=b"The order, on paper"),
    }
    proposed = authorities.propose_authority(on.actor, **terms | overrides, tools=on.tools)
    return authorities.decide_authority(
        second_person(on), authority=proposed, grant=True, reason="In order", tools=on.tools
    )


def second_person(on: Any) -> Actor:
    """Return a supervisor of the acting person's agency who is somebody else, just stepped up."""
    supervisor = getattr(on, "supervisor", None)
    if supervisor is None or supervisor.agency != on.actor.agency:
        person = agencies.add_person(
            SYSTEM,
            agency=Agency.objects.get(pk=on.actor.agency),
            name="Second Person",
            email=f"second-{uuid4().hex}@example.org",
            password=None,
            roles=[Role.SUPERVISOR],
            tools=on.tools,
        )
        supervisor = person.actor
    return replace(supervisor, stepped_up_at=on.tools.clock())


def make_case(on: Any, reference: str = "26-0001", **overrides: Any) -> Case:
    """Open a case; if the agency has galleries, under a granted authority over all of them."""
    wishes: dict[str, Any] = {
        "purpose": "Find a missing person",
        "reason": "Reported missing on 3 May",
    }
    galleries = list(Gallery.objects.filter(agency_id=on.actor.agency))
    if galleries and "authority" not in overrides:
        wishes["authority"] = make_authority(on, galleries)
    return cases.open_case(on.actor, reference=reference, **wishes | overrides, tools=on.tools)


def cover(on: Any, case: Case, galleries: Iterable[Gallery]) -> Case:
    """Put a case under an authority that covers these galleries, unless it is already."""
    wanted = {gallery.pk for gallery in galleries}
    case = Case.objects.select_related("authority").get(pk=case.pk)
    if case.authority is not None and wanted <= case.authority.galleries:
        return case
    covered = wanted | (case.authority.galleries if case.authority else set())
    return cases.set_authority(
        on.actor, case=case, authority=make_authority(on, sorted(covered)), tools=on.tools
    )


def ask(
    on: Any, case: Any, galleries: list[Gallery], photo: bytes, file_name: str = "probe.jpg"
) -> Probe:
    """Add evidence to a case under an authority, and ask for a search with it; return the evidence."""
    case = cover(on, case, galleries)
    probe = evidence.add_probe(
        on.actor, case=case, upload=photo, file_name=file_name, tools=on.tools
    )
    if queries.open_request(probe) is None:
        asking.ask_for_search(
            on.actor,
            probe=probe,
            reason="Reported missing on 3 May",
            galleries=galleries,
            tools=on.tools,
        )
    return probe


def widen(case: Any, people: int = 50) -> None:
    """Let a case be about many people, and for long, past the services: most tests are about something else."""
    case = Case.objects.get(pk=case.pk)
    case.set_standing(people=people, expires_on="2199-12-31")
    case.save()


def set_by_hand(gallery: Gallery, least: float, *, sensitive: bool = False) -> None:
    """Give a gallery a least similarity, past the services: as homes have it of before there were operating points."""
    gallery = Gallery.objects.get(pk=gallery.pk)
    gallery.terms = {"sensitive": sensitive, "threshold": f"{least:.4f}"}
    gallery.save(update_fields=("terms",))


def search(on: Any, case: Any, galleries: list[Gallery], photo: bytes, **wishes: Any) -> Any:
    """Add evidence to the case, ask for a search with it, and have the examiner run it."""
    cover(on, case, galleries)
    widen(case)
    probe = ask(on, case, galleries, photo)
    wishes.setdefault("face", None)
    return searches.run_search(
        replace(on.examiner, stepped_up_at=on.tools.clock()),
        probe=probe,
        galleries=galleries,
        reason="Reported missing on 3 May",
        tools=on.tools,
        **wishes,
    )


def give_app(person: Any, tools: Any) -> str:
    """Give a person an authenticator app, past the services, and return its secret."""
    from countenance.apps.agencies import proofs
    from countenance.apps.agencies.models import Factor

    secret = proofs.new_app_secret(tools=tools)
    Factor(
        person=person,
        kind=Factor.TOTP,
        secret={"secret": secret, "last_step": -1},
        added_at=tools.clock(),
    ).save(force_insert=True)
    return secret


def app_code(secret: str, person: Any = None) -> str:
    """Return the code that an app shows now; as if it had not been used yet, if its person is given."""
    import pyotp

    from countenance.apps.agencies.models import Factor

    if person is not None:
        app = Factor.objects.select_related("person").get(person=person, kind=Factor.TOTP)
        app.secret |= {"last_step": -1}
        app.save()
    return str(pyotp.TOTP(secret).now())
