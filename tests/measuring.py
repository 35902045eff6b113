"""Made-up samples to evaluate: folders of photos of people, and what a steward and a supervisor do with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import factories

from countenance.apps.approvals import services as approvals
from countenance.apps.approvals.models import Approval
from countenance.apps.evaluations import operating, services
from countenance.apps.evaluations.models import Evaluation, OperatingPoint
from countenance.apps.evaluations.sampling import Labelled
from countenance.apps.galleries.models import Gallery
from countenance.testing import FakeEngine

REASON = "The oversight board asked for fewer strangers on the lists"


def sample(
    names: Iterable[str], shots: Sequence[int] = (1, 2), **groups: Sequence[str]
) -> list[Labelled]:
    """Return photos of made-up people; each group is given by turns to one person after the other."""
    return [
        Labelled(
            label=f"{name}/{shot}.jpg",
            subject=name,
            read=partial(FakeEngine.photo, name, shot),
            groups={column: values[number % len(values)] for column, values in groups.items()},
        )
        for number, name in enumerate(names)
        for shot in shots
    ]


def names(number: int, kind: str = "person") -> list[str]:
    """Return so many different names."""
    return [f"{kind} {one}" for one in range(number)]


def folder(place: Path, people: Iterable[str], shots: Sequence[int] = (1, 2)) -> Path:
    """Write photos of made-up people into a folder with one for each, and return it."""
    root = place / "sample"
    for name in people:
        (root / name).mkdir(parents=True)
        for shot in shots:
            (root / name / f"{shot}.jpg").write_bytes(FakeEngine.photo(name, shot))
    return root


def filled(
    on: Any, people: Iterable[str], shots: Sequence[int] = (1,), name: str = "Gallery"
) -> Gallery:
    """Return a gallery of made-up people."""
    gallery = factories.make_gallery(on, name)
    source = factories.make_source(on, f"Source of {name}")
    factories.enrol(on, gallery, source, factories.people(people, shots))
    gallery.refresh_from_db()
    return gallery


def evaluated(
    on: Any, number: int = 60, gallery: Gallery | None = None, **groups: Any
) -> Evaluation:
    """Return the evaluation of a made-up sample."""
    return services.evaluate_sample(
        on.actor, photos=sample(names(number, "sampled"), **groups), gallery=gallery, tools=on.tools
    )


def asked(on: Any, gallery: Gallery, evaluation: Evaluation, wanted: float = 0.01) -> Approval:
    """Ask for an operating point."""
    return operating.ask_for_point(
        on.actor,
        gallery=gallery,
        evaluation=evaluation,
        wanted_fpir=wanted,
        reason=REASON,
        tools=on.tools,
    )


def approved(on: Any, approval: Approval) -> Approval:
    """Let the supervisor approve it."""
    return approvals.decide(
        on.supervisor, approval=approval, approve=True, reason="Agreed in the board", tools=on.tools
    )


def pointed(
    on: Any, gallery: Gallery, evaluation: Evaluation | None = None, wanted: float = 0.01
) -> OperatingPoint:
    """Give a gallery an operating point, by everything that this takes."""
    evaluation = evaluation or evaluated(on)
    approval = approved(on, asked(on, gallery, evaluation, wanted))
    point = operating.set_operating_point(
        on.actor, gallery=gallery, approval=approval, tools=on.tools
    )
    gallery.refresh_from_db()
    return point
