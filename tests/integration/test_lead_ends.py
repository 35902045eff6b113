"""A lead that nobody says the outcome of keeps what it stands on for a time only, and is asked about before."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from clients import client_of
from django.urls import reverse
from factories import acting, other_agency
from leading import World, about_first, prepared

from countenance.apps.agencies.models import Agency
from countenance.apps.cases import holding
from countenance.apps.cases import services as cases
from countenance.apps.cases.models import Case
from countenance.apps.leads import queries, services, withdrawing
from countenance.apps.leads.ending import ending
from countenance.apps.leads.models import Lead, Outcome
from countenance.apps.records.waiting import YOU, Waiting
from countenance.apps.searches import retention
from countenance.apps.searches.models import Probe, Search
from countenance.policy import SYSTEM, Actor, Role

DAY = timedelta(days=1)
YEAR = 365 * DAY


@pytest.fixture
def closed(deployment: Any) -> World:
    """A closed case with a lead that nobody said the outcome of."""
    world = prepared(deployment, about_first, about_first)
    world.release()
    case = Case.objects.get(pk=world.made.case.pk)
    cases.close_case(world.investigator, case=case, reason="He was found", tools=world.tools)
    world.made.case = Case.objects.get(pk=case.pk)
    return world


def at(world: World, later: timedelta) -> Any:
    now = world.tools.clock() + later
    return replace(world.tools, clock=lambda: now)


def turn(tools: Any) -> tuple[int, int]:
    return (
        retention.purge_ended_results(SYSTEM, tools=tools),
        retention.purge_ended_evidence(SYSTEM, tools=tools),
    )


def asked(world: World, who: Actor, later: timedelta) -> list[Waiting]:
    return list(ending(who, tools=at(world, later)))


def end_of(world: World) -> datetime:
    closed_at: datetime = world.made.case.closed_at
    return closed_at + 3 * YEAR


def test_what_a_lead_stands_on_is_kept_until_its_time_is_over_and_then_destroyed(
    closed: World,
) -> None:
    assert turn(at(closed, 3 * YEAR - DAY)) == (0, 0)
    assert turn(at(closed, 3 * YEAR + DAY)) == (1, 1)
    assert Lead.objects.get().destroyed
    gone = Search.objects.get(pk=closed.made.search.pk)
    assert gone.outcome is None
    assert "Nobody said what came of a lead" in gone.certificate["says"]
    assert "1095 days at most" in gone.certificate["says"]
    assert not Probe.objects.filter(purged_at=None).exists()


def test_once_the_outcome_is_said_the_usual_time_counts(closed: World) -> None:
    services.record_outcome(
        closed.investigator, lead=Lead.objects.get(), outcome=Outcome.RIGHT, tools=closed.tools
    )
    assert turn(at(closed, YEAR - DAY)) == (0, 0)
    assert turn(at(closed, YEAR + DAY)) == (1, 1)
    assert "Nobody said" not in Search.objects.get(pk=closed.made.search.pk).certificate["says"]


def test_the_investigator_is_asked_ninety_days_before_and_urgently_at_last(closed: World) -> None:
    mine = closed.investigator
    assert asked(closed, mine, 3 * YEAR - 91 * DAY) == []
    (one,) = asked(closed, mine, 3 * YEAR - 89 * DAY)
    end = end_of(closed)
    number = Lead.objects.get().number
    assert one.what == (
        f"Say what came of lead {number}: what it stands on is destroyed on {end.day} {end:%B %Y}"
    )
    assert (one.since, one.whose, one.urgent) == (end - 90 * DAY, YOU, False)
    assert one.href == reverse("lead_outcome", args=[Lead.objects.get().pk])
    assert client_of(closed.made.on, mine).get(one.href).status_code == 200
    (late,) = asked(closed, mine, 3 * YEAR - 13 * DAY)
    assert (late.urgent, late.since) == (True, one.since)
    (seen,) = asked(closed, closed.supervisor, 3 * YEAR - 89 * DAY)
    assert (seen.whose, seen.what) == ("The case's investigator", one.what)


def test_nobody_else_is_asked_and_nobody_once_it_is_said_or_a_hold_is_on(closed: World) -> None:
    on, later = closed.made.on, 3 * YEAR - 10 * DAY
    for who in (
        acting(on, Role.EXAMINER),
        acting(on, Role.INVESTIGATOR),
        acting(on, Role.AUDITOR),
        replace(other_agency(on), roles=frozenset({Role.INVESTIGATOR, Role.SUPERVISOR})),
    ):
        assert asked(closed, who, later) == [], who
    supervisor = replace(closed.supervisor, stepped_up_at=closed.tools.clock())
    holding.hold_case(
        supervisor, case=closed.made.case, reason="The trial goes on", tools=closed.tools
    )
    assert asked(closed, closed.investigator, later) == []
    holding.release_case(
        supervisor, case=closed.made.case, reason="The trial is over", tools=closed.tools
    )
    assert len(asked(closed, closed.investigator, later)) == 1
    services.record_outcome(
        closed.investigator, lead=Lead.objects.get(), outcome=Outcome.WRONG, tools=closed.tools
    )
    assert not queries.has_open_lead(closed.made.case)
    assert asked(closed, closed.investigator, later) == []


def test_a_lead_that_was_withdrawn_keeps_nothing_and_nobody_is_asked_about_it(
    closed: World,
) -> None:
    withdrawing.withdraw_lead(
        replace(closed.supervisor, stepped_up_at=closed.tools.clock()),
        lead=Lead.objects.get(),
        reason="Both examiners took back what they had said",
        tools=closed.tools,
    )
    assert asked(closed, closed.investigator, 3 * YEAR - 10 * DAY) == []
    assert not queries.has_open_lead(closed.made.case)
    assert turn(at(closed, YEAR + DAY)) == (1, 1)


def test_a_stricter_pack_gives_less_time(closed: World) -> None:
    agency = Agency.objects.get(pk=closed.made.on.agency.pk)
    agency.standing = {**agency.standing, "pack": "archive"}
    agency.save()
    assert len(asked(closed, closed.investigator, 300 * DAY)) == 1
    assert turn(at(closed, 364 * DAY)) == (0, 0)
    assert turn(at(closed, 366 * DAY)) == (1, 1)


def test_the_page_of_a_case_says_the_same_to_everybody_whether_there_is_a_lead_or_not(
    closed: World,
) -> None:
    page = reverse("case", args=[closed.made.case.pk])
    text = client_of(closed.made.on, closed.investigator).get(page).content.decode()
    end = end_of(closed)
    assert f"at most until {end.day} {end:%b %Y}" in text
    assert "lead of this case" not in text
    services.record_outcome(
        closed.investigator, lead=Lead.objects.get(), outcome=Outcome.RIGHT, tools=closed.tools
    )
    text = client_of(closed.made.on, closed.investigator).get(page).content.decode()
    assert f"at most until {end.day} {end:%b %Y}" in text
