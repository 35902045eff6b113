"""What tests of examinations need: a search with candidates, examiners, and somebody who fills in checklists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from factories import acting, enrol, make_case, make_gallery, make_source, people, search

from countenance.apps.agencies.models import Agency
from countenance.apps.examinations import queries, services, taking
from countenance.examination.components import Answer, Component, Visibility
from countenance.examination.scale import Conclusion
from countenance.policy import DEFAULT_PACK, Actor, Role, packs
from countenance.policy.packs.results import Verifiers
from countenance.testing import FakeEngine

NAMES = ("anna", "ben", "cleo", "dora", "emil", "fay")
ANALYSIS = {"marks": {str(one): {"said": str(Visibility.CLEAR)} for one in Component}}


@dataclass
class Bench:
    """A gallery of people with several photos, a search in it, and three examiners."""

    on: Any
    gallery: Any
    case: Any
    search: Any
    examiners: list[Actor]

    @property
    def first(self) -> Actor:
        """Return the first examiner, just stepped up."""
        return self.examiner(0)

    @property
    def second(self) -> Actor:
        """Return the second examiner, just stepped up."""
        return self.examiner(1)

    @property
    def third(self) -> Actor:
        """Return the third examiner, just stepped up."""
        return self.examiner(2)

    def examiner(self, number: int) -> Actor:
        """Return an examiner, just stepped up."""
        return replace(self.examiners[number], stepped_up_at=self.on.tools.clock())

    def another_search(self, person: str = "ben", shot: int = 8, top: int = 4) -> Any:
        """Return one search more."""
        photo = FakeEngine.photo(person, shot=shot)
        return search(self.on, self.case, [self.gallery], photo, top=top)


def bench(on: Any, *, top: int = 4, examiners: int = 3) -> Bench:
    """Make a bench."""
    gallery = make_gallery(on)
    enrol(on, gallery, make_source(on), people(NAMES, shots=(1, 2, 3)))
    case = make_case(on)
    found = search(on, case, [gallery], FakeEngine.photo("anna", shot=9), top=top)
    crew = [acting(on, Role.EXAMINER) for _ in range(examiners)]
    return Bench(on, gallery, case, found, crew)


def checklist(conclusion: Conclusion, *, note: str = "") -> dict[str, Any]:
    """Return a whole checklist that speaks for a conclusion."""
    said = {1: Answer.SIMILAR, 0: Answer.CANNOT, -1: Answer.DIFFERENT}[conclusion.direction]
    marks = {str(one): {"said": str(said), "note": note} for one in Component}
    return {"marks": marks, "note": note}


def say_nothing_else(_: Any) -> Conclusion:
    """Conclude of each candidate that nothing speaks either way."""
    return Conclusion.NEITHER


def conclude_all(
    actor: Actor,
    examination: Any,
    *,
    tools: Any,
    concluding: Callable[[Any], Conclusion] = say_nothing_else,
    note: str = "",
) -> Any:
    """Carry an examination through to its end, and return it as it is recorded."""
    if examination.analysis is None:
        analysis = {**ANALYSIS, "note": note}
        services.record_analysis(actor, examination=examination, checklist=analysis, tools=tools)
    examination.refresh_from_db()
    for one in queries.comparisons(examination):
        step = concluding(one)
        services.record_conclusion(
            actor,
            comparison=one,
            checklist=checklist(step, note=note),
            conclusion=str(step),
            tools=tools,
        )
    return queries.examination(actor, examination.pk)


def begin(actor: Actor, *, search: Any, tools: Any) -> Any:
    """Begin an examination of this search, which the actor did not run: of those, services only let one draw."""
    drawn = taking.Drawn(search=search, planned=None, due=False)
    made = taking._begin(actor, examination=uuid4(), drawn=drawn, candidates=[], tools=tools)
    # Most tests are about what comes after, and look at other pages beside it.
    made.about = {**made.about, "drawn": False}
    made.save(update_fields=("about",))
    return made


def drawing(made: Bench, *, control: bool) -> Any:
    """Return tools with which the next draw is a control, or is none."""
    tools = made.on.tools

    def drawn(length: int) -> bytes:
        if length == taking.DRAW_BYTES:
            return (b"\x00" if control else b"\xff") * length
        of: bytes = tools.token_bytes(length)
        return of

    return replace(tools, token_bytes=drawn)


def examine(actor: Actor, found: Any, *, tools: Any, **how: Any) -> Any:
    """Begin an examination of a search and carry it through."""
    begun = begin(actor, search=found, tools=tools)
    return conclude_all(actor, begun, tools=tools, **how)


def examined(on: Any, found: Any, *examiners: Actor) -> Any:
    """Have a search examined by these examiners, else by the one who ran it and another; return it.

    From then on they, and whoever oversees them, may see what it found.
    """
    crew = list(examiners) or [replace(on.examiner, stepped_up_at=on.tools.clock())]
    while len(crew) < 2:  # two examine a search
        crew.append(acting(on, Role.EXAMINER))
    for one in crew:
        examine(one, found, tools=on.tools)
    found.refresh_from_db()
    return found


def agency_under(made: Bench, monkeypatch: Any, rule: Verifiers) -> None:
    """Put the agency under a pack that is the house rules but for how many examine."""
    house = packs.PACKS[DEFAULT_PACK]
    rules = tuple(one for one in house.rules if not isinstance(one, Verifiers))
    pack = replace(house, name="made-up", title="Made up", rules=(*rules, rule))
    monkeypatch.setattr(packs, "PACKS", MappingProxyType({**packs.PACKS, pack.name: pack}))
    agency = Agency.objects.get(pk=made.first.agency)
    agency.standing = {**agency.standing, "pack": pack.name}
    agency.save()
