"""What the demo shows of examinations, told with made-up photos: a lead, and a search that waits for an examiner."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import factories

from countenance.apps.examinations import queries
from countenance.apps.leads.models import Lead
from countenance.cli import demo_examined, demo_story
from countenance.policy import Role
from countenance.testing import FakeEngine

PASSPORT = {**factories.PASSPORT, "steward": "Stan Steiner"}


def test_the_demo_has_a_released_lead_and_a_search_that_waits_for_its_second_examiner(
    deployment: Any,
) -> None:
    cast = demo_story.Cast(deployment.tools, "a password of the demo")
    (own, source), (archive, _) = demo_story.make_galleries(cast, passport=PASSPORT)
    factories.enrol(
        cast_as(cast, Role.STEWARD), own, source, factories.people(["anna", "ben", "cleo"])
    )
    demo_story.grant_archive(cast, archive)
    probe = ("probe.jpg", FakeEngine.photo("anna", shot=9))
    demo_examined.show_examinations(cast, [own, archive], probe)
    lead = Lead.objects.get()
    assert lead.case.reference == demo_examined.LEAD_CASE
    first, second = (cast.actor(Role.EXAMINER, number=number) for number in (0, 1))
    waits = [one.case.reference for one in queries.waiting_searches(second, tools=cast.tools)]
    assert waits == [demo_examined.WAITING_CASE]
    assert list(queries.waiting_searches(first, tools=cast.tools)) == []


def cast_as(cast: demo_story.Cast, role: Role) -> Any:
    """Return what the factories work on, as somebody of the cast."""
    return SimpleNamespace(tools=cast.tools, actor=cast.actor(role))
