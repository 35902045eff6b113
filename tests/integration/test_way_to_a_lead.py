"""The way of supervisor, investigator and auditor through what examiners recorded: every page leads on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import cli_fixtures
import pytest
from cli_fixtures import Cli, token
from clients import client_of
from examining import begin
from factories import acting
from leading import OTHER, SAME, World, about_first, prepared

from countenance.apps.agencies.models import Person
from countenance.apps.examinations import closing
from countenance.apps.examinations.models import Comparison
from countenance.apps.leads.models import Lead
from countenance.apps.records import waiting
from countenance.apps.records.waiting import NOBODY, YOU
from countenance.policy import Role

cli = cli_fixtures.cli
WHY = "The bridge of the nose differs, seen on the second photo"
SEARCHED = "The search that you asked for in case 26-0001: "


@pytest.fixture
def agreed(deployment: Any) -> World:
    return prepared(deployment, about_first, about_first)


def things(world: World, actor: Any, later: timedelta = timedelta()) -> waiting.Inbox:
    now = world.tools.clock() + later
    return waiting.inbox(actor, tools=replace(world.tools, clock=lambda: now))


def asked_of(world: World, actor: Any) -> list[tuple[str, str]]:
    """Return what the inbox says of the search that somebody asked for, and whose step is next."""
    found = things(world, actor)
    every = [*found.on_others, *found.answered]
    return [(one.what, one.whose) for one in every if one.what.startswith(SEARCHED)]


def text_of(client: Any, href: str) -> str:
    page = client.get(href)
    assert page.status_code == 200, href
    return page.content.decode()


def test_a_supervisor_goes_from_the_inbox_to_the_lead_and_back(agreed: World) -> None:
    supervisor = replace(agreed.supervisor, stepped_up_at=agreed.tools.clock())
    search, case = agreed.made.search, agreed.made.case
    (one,) = things(agreed, supervisor).on_you
    name = f"search {search.pk.hex[:8]}, case {case.reference}"
    assert one.what == f"Release a lead or close {name}: the examiners agree on 1 candidate"
    assert one.href == f"/searches/{search.pk}/consolidation/"
    client = client_of(agreed.made.on, supervisor)
    page = text_of(client, one.href)
    for link in ("release/1/", "close/"):
        assert f'href="/searches/{search.pk}/{link}"' in page
    assert "Agreed: 1 candidate." in page
    client.post(f"/searches/{search.pk}/release/1/")
    lead = Lead.objects.get()
    for href in (one.href, f"/searches/{search.pk}/", f"/cases/{case.pk}/", "/searches/"):
        assert f'href="/leads/{lead.pk}/"' in text_of(client, href), href
    assert "Release candidate 1" not in text_of(client, one.href)
    back = text_of(client, f"/leads/{lead.pk}/")
    assert f'href="/searches/{search.pk}/"' in back
    assert f'href="{one.href}"' in back


def test_a_disagreement_is_said_to_a_supervisor_and_waits_on_examiners(deployment: Any) -> None:
    world = prepared(deployment, about_first, lambda _: OTHER)
    found = things(world, world.supervisor)
    assert found.on_you == []
    (one,) = found.on_others
    assert one.what.endswith("disagree on 1 candidate")
    assert one.whose == "An examiner"
    client = client_of(deployment, world.supervisor)
    page = text_of(client, one.href)
    assert "In disagreement: 1 candidate." in page
    assert "release/1/" not in page


def test_nothing_is_said_of_a_search_before_both_recorded(deployment: Any) -> None:
    world = prepared(deployment, about_first)
    begun = begin(world.made.second, search=world.made.search, tools=world.tools)
    supervisor = things(world, world.supervisor)
    assert (supervisor.on_you, supervisor.on_others) == ([], [])
    assert asked_of(world, world.investigator) == [
        (f"{SEARCHED}candidates are being examined", "An examiner")
    ]
    client = client_of(deployment, world.supervisor)
    page = text_of(client, f"/searches/{world.made.search.pk}/")
    assert "consolidation" not in page
    assert "Candidates are being examined." in page
    assert client.get(f"/searches/{world.made.search.pk}/consolidation/").status_code == 404
    begun.refresh_from_db()
    assert begun.recorded_at is None


def test_an_examiner_who_could_still_be_asked_reads_nothing_of_what_came_of_it(
    deployment: Any,
) -> None:
    # A lead of one candidate, while the examiners disagree on another one: a third may be asked.
    world = prepared(deployment, about_first, lambda row: SAME if row.about["rank"] < 3 else OTHER)
    lead, search = world.release(), world.made.search
    here = (f"/searches/{search.pk}/", f"/cases/{world.made.case.pk}/", "/searches/", "/inbox/")
    for actor in (world.made.third, acting(deployment, Role.EXAMINER, Role.SUPERVISOR)):
        for href in here:
            page = text_of(client_of(deployment, actor), href)
            assert str(lead.pk) not in page
            assert "lead was released" not in page
            assert "Examined;" not in page
        found = things(world, actor)
        said = " ".join(one.what for one in (*found.on_you, *found.on_others))
        assert search.pk.hex[:8] not in said


def test_an_investigator_is_told_what_came_of_a_request_step_by_step(agreed: World) -> None:
    assert asked_of(agreed, agreed.investigator) == [
        (f"{SEARCHED}examined; not decided yet", "A supervisor")
    ]
    lead = agreed.release()
    assert asked_of(agreed, agreed.investigator) == [(f"{SEARCHED}a lead was released", NOBODY)]
    client = client_of(agreed.made.on, member_of(agreed))
    page = text_of(client, f"/searches/{agreed.made.search.pk}/")
    assert "<strong>A lead was released.</strong>" in page
    assert f'href="/leads/{lead.pk}/"' in page
    assert "consolidation" not in page
    assert f'href="/leads/{lead.pk}/"' in text_of(client, f"/cases/{agreed.made.case.pk}/")


def test_an_investigator_is_asked_what_came_of_a_lead_until_it_is_said(agreed: World) -> None:
    lead = agreed.release()
    (one,) = things(agreed, agreed.investigator).on_you
    assert one.what == f"Read lead {lead.number}, and say what came of it"
    assert (one.href, one.since, one.whose) == (f"/leads/{lead.pk}/", lead.released_at, YOU)
    client = client_of(agreed.made.on, member_of(agreed))
    client.post(f"/leads/{lead.pk}/outcome/", {"outcome": "wrong", "note": "He was abroad"})
    assert things(agreed, agreed.investigator).on_you == []


def test_an_investigator_reads_that_no_lead_came_of_it_or_why_it_was_closed(
    deployment: Any,
) -> None:
    world = prepared(deployment, lambda _: OTHER)
    supervisor = replace(world.supervisor, stepped_up_at=world.tools.clock())
    closing.close_search(supervisor, search=world.made.search, reason=WHY, tools=world.tools)
    assert asked_of(world, world.investigator) == [
        (f"{SEARCHED}closed before all candidates were compared", NOBODY)
    ]
    (one,) = things(world, world.investigator).answered
    assert one.href == f"/searches/{world.made.search.pk}/"
    page = text_of(client_of(deployment, member_of(world)), one.href)
    assert WHY in page
    assert "You can ask for other galleries" in page


def test_nobody_is_sent_to_a_closed_search(deployment: Any) -> None:
    world = prepared(deployment, lambda _: OTHER, lambda _: OTHER)
    found = things(world, world.supervisor)
    if not found.on_you:  # closed by the program, since all is compared
        assert asked_of(world, world.investigator) == [
            (f"{SEARCHED}examined; no lead was released", NOBODY)
        ]


def test_a_search_that_nobody_compares_for_two_weeks_waits_on_supervisors(deployment: Any) -> None:
    world = prepared(deployment)
    assert things(world, world.supervisor).on_you == []
    (one,) = things(world, world.supervisor, timedelta(days=15)).on_you
    assert one.what.startswith("Find an examiner for search ")
    page = text_of(client_of(deployment, world.supervisor), one.href)
    assert f'href="/searches/{world.made.search.pk}/close/"' in page


def test_earlier_conclusions_stay_beside_those_that_followed_them(deployment: Any) -> None:
    world = prepared(deployment, about_first, lambda _: OTHER)
    search = world.made.search
    first = search.examinations.get(examiner_id=world.made.first.person)
    row = next(one for one in first.comparisons.all() if one.about["rank"] == 1)
    client = client_of(deployment, world.made.first)
    here = f"/searches/{search.pk}/consolidation/"
    follow = f"/examinations/{first.pk}/follow/{row.pk}/"
    assert f'href="{follow}"' in text_of(client, here)
    # The whole checklist is there, as it was said, with the photos that it was said of.
    page = text_of(client, follow)
    assert page.count('value="similar" autocomplete="off"') == 12
    assert page.count("checked>Similar") == 12
    assert "data-pair" in page
    sent = {f"said-{name}": "different" for name in row.said["checklist"]["marks"]}
    sent |= {"pins-nose": "[[0.1,0.4]]", "note-nose": "The bridge is wider", "note": "A twin?"}
    nothing = client.post(follow, {**sent, "conclusion": "other", "reason": ""})
    assert nothing.status_code == 422
    assert "The bridge is wider" in nothing.content.decode()
    vague = client.post(follow, {**sent, "conclusion": "other", "reason": "mistake"})
    assert vague.status_code == 422
    assert Comparison.objects.exclude(follows=None).count() == 0
    done = client.post(follow, {**sent, "conclusion": "other", "reason": WHY})
    assert done["Location"] == f"{here}#c1"
    page = text_of(client, here)
    for said in (WHY, "Before: Support for one person", "Before: Similar", "A twin?", "Pin 1"):
        assert said in page, said
    later = Comparison.objects.get(follows=row)
    assert f'href="/examinations/{first.pk}/follow/{later.pk}/"' in page
    assert follow not in page
    assert client.get(f"/examinations/{first.pk}/follow/{later.pk}/").status_code == 200


def test_a_third_examiner_has_a_column_and_answers_that_differ_are_marked_by_words(
    deployment: Any,
) -> None:
    world = prepared(deployment, about_first, lambda _: OTHER, about_first)
    page = text_of(
        client_of(deployment, world.supervisor),
        f"/searches/{world.made.search.pk}/consolidation/",
    )
    table = page.split("What the examiners wrote of candidate 1")[1].split("</table>")[0]
    assert table.count('role="columnheader"') == 4
    assert table.count("They differ") == 12
    assert "3 examiners have recorded." in page


def test_the_page_stays_when_the_search_is_closed(deployment: Any) -> None:
    world = prepared(deployment, about_first, lambda _: OTHER)
    supervisor = replace(world.supervisor, stepped_up_at=world.tools.clock())
    closing.close_search(supervisor, search=world.made.search, reason=WHY, tools=world.tools)
    here = f"/searches/{world.made.search.pk}/"
    link = f'href="{here}consolidation/"'
    assert link in text_of(client_of(deployment, supervisor), here)
    auditor = client_of(deployment, acting(deployment, Role.AUDITOR))
    assert link in text_of(auditor, here)
    assert 'href="/examinations/controls/"' in text_of(auditor, f"{here}consolidation/")
    page = text_of(client_of(deployment, world.made.first), f"{here}consolidation/")
    assert "it by another one" in page
    assert "only be followed by a more careful one" in page
    assert WHY in page


def member_of(world: World) -> Any:
    """Return an investigator who is a member of the case."""
    actor = acting(world.made.on, Role.INVESTIGATOR)
    case = world.made.case
    case.refresh_from_db()
    case.members = [str(actor.person)]
    case.save()
    return actor


def test_the_commands_say_what_came_of_a_search_to_whoever_may_know(
    cli: Cli, agreed: World
) -> None:
    lead, search = agreed.release(), agreed.made.search
    code, out = cli("result", str(search.pk), as_=agreed.supervisor)
    assert code == 0
    assert out["came_of"]["words"] == "A lead was released"
    pages = {one["words"]: one["address"] for one in out["came_of"]["pages"]}
    assert pages[f"Lead {lead.number}"] == f"/leads/{lead.pk}/"
    assert pages["Compare the examinations"] == f"/searches/{search.pk}/consolidation/"
    code, out = cli("result", str(search.pk), as_=agreed.made.third)
    assert "came_of" not in out or out["came_of"] is None
    asking = Person.objects.get(pk=agreed.made.on.actor.person)
    asking.standing = {**asking.standing, "roles": [str(Role.INVESTIGATOR)]}
    asking.save()
    code, out = cli("inbox", as_=[token(asking.actor, agreed.tools)])
    assert code == 0
    assert [one["address"] for one in out["waiting_on_you"]] == [f"/leads/{lead.pk}/"]
    assert [one["what"] for one in out["answered"]] == [f"{SEARCHED}a lead was released"]
