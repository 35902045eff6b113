"""The inbox: what waits on each person, and nothing that they may not know."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import cli_fixtures
import factories
import pytest
from cli_fixtures import Cli, token
from clients import client_of
from django.urls import reverse

from countenance.apps.agencies import inviting
from countenance.apps.agencies.models import Person
from countenance.apps.approvals import services as approvals
from countenance.apps.cases import authorities
from countenance.apps.cases import services as cases
from countenance.apps.cases.models import Authority
from countenance.apps.galleries.models import Gallery, Source
from countenance.apps.records import waiting
from countenance.apps.records.waiting import NOBODY, YOU, Waiting
from countenance.apps.searches import asking
from countenance.apps.searches.models import SearchRequest
from countenance.policy import Role, SearchKind
from countenance.policy.approvals import ApprovalKind
from countenance.testing import FakeEngine

cli = cli_fixtures.cli
DAY = timedelta(days=1)


@pytest.fixture
def asked(deployment: Any) -> Any:
    """A request for a search that waits; an investigator asked who has no other role."""
    source = factories.make_source(deployment)
    gallery = factories.make_gallery(deployment)
    factories.enrol(deployment, gallery, source, factories.people(["anna", "ben"]))
    deployment.case = factories.make_case(deployment)
    deployment.probe = factories.ask(
        deployment, deployment.case, [gallery], FakeEngine.photo("anna", 2)
    )
    deployment.person.standing |= {"roles": [str(Role.INVESTIGATOR)]}
    deployment.person.save()
    deployment.actor = replace(deployment.actor, roles=frozenset({Role.INVESTIGATOR}))
    deployment.request = SearchRequest.objects.get()
    return deployment


def _inbox(on: Any, who: Any, later: timedelta = timedelta()) -> waiting.Inbox:
    now = on.tools.clock() + later
    return waiting.inbox(who, tools=replace(on.tools, clock=lambda: now))


def _words(things: list[Waiting]) -> list[str]:
    return [one.what for one in things]


def test_a_request_waits_on_examiners_and_on_nobody_else(asked: Any) -> None:
    examiner = factories.acting(asked, Role.EXAMINER)
    (one,) = _inbox(asked, examiner).on_you
    assert one.what == "Run or decline the search asked for in case 26-0001"
    assert (one.since, one.whose) == (asked.request.asked_at, YOU)
    assert one.href == reverse("probe", args=[asked.probe.pk])
    own = _inbox(asked, asked.actor)
    assert own.on_you == []
    assert [(o.what, o.whose) for o in own.on_others] == [
        ("You asked for a search in case 26-0001", "An examiner")
    ]
    for role in set(Role) - {Role.EXAMINER}:
        assert _inbox(asked, factories.acting(asked, role)).on_you == [], role
    stranger = factories.other_agency(asked)
    assert _inbox(asked, replace(stranger, roles=frozenset({Role.EXAMINER}))).on_you == []


def test_a_declined_request_waits_on_whoever_asked_until_they_ask_anew(asked: Any) -> None:
    asking.decline_request(
        replace(asked.examiner, stepped_up_at=asked.tools.clock()),
        request=asked.request,
        reason="The photo shows somebody from behind",
        tools=asked.tools,
    )
    (one,) = _inbox(asked, asked.actor).on_you
    assert one.what == "Read why the search in case 26-0001 was declined, and ask anew"
    assert one.href == reverse("case", args=[asked.case.pk])
    asked.case.refresh_from_db()
    cases.close_case(asked.actor, case=asked.case, reason="Found", tools=asked.tools)
    assert _inbox(asked, asked.actor).on_you == []


def test_an_answer_is_listed_for_two_weeks_and_does_not_count(asked: Any) -> None:
    asked.request.state = "done"
    asked.request.answered_at = asked.tools.clock()
    asked.request.answer = {"by": str(asked.examiner.person), "search": "x"}
    asked.request.save()
    found = _inbox(asked, asked.actor)
    assert found.on_you == []
    assert [one.whose for one in found.answered] == [NOBODY]
    assert waiting.count(asked.actor, tools=asked.tools) == 0
    assert _inbox(asked, asked.actor, 15 * DAY).answered == []


def test_an_authority_waits_on_supervisors_but_never_on_whoever_proposed_it(asked: Any) -> None:
    proposed = _proposed(asked)
    (one,) = _inbox(asked, factories.acting(asked, Role.SUPERVISOR)).on_you
    assert one.what == "Grant or refuse an authority: Order 17 Gs 4/26"
    assert one.urgent is False
    assert _words(_inbox(asked, asked.actor).on_you) == [
        "Put a document to the authority that you proposed: Order 17 Gs 4/26"
    ]
    used = Authority.objects.get(pk=proposed.pk)
    used.standing = used.standing | {"used": 1, "first_used_at": asked.tools.clock().isoformat()}
    used.save()
    (one,) = _inbox(asked, factories.acting(asked, Role.SUPERVISOR)).on_you
    assert one.urgent is True


def _proposed(on: Any) -> Authority:
    return authorities.propose_authority(
        on.actor,
        kind=SearchKind.MISSING,
        statute="Order 17 Gs 4/26",
        purpose="Find a missing person",
        galleries=[Gallery.objects.get().pk],
        quota=10,
        expires_on=date(2199, 5, 3),
        tools=on.tools,
    )


def test_an_approval_waits_on_whoever_decides_and_then_on_whoever_carries_it_out(
    asked: Any,
) -> None:
    steward = factories.acting(asked, Role.STEWARD)
    one = approvals.ask(
        steward,
        kind=ApprovalKind.RETENTION_EXTENSION,
        subject=Source.objects.get().pk,
        payload={"until": "2200-12-31"},
        summary="Keep the photos until the end of 2200",
        reason="The archive was told on 3 May to keep them",
        tools=asked.tools,
    )
    supervisor = factories.acting(asked, Role.SUPERVISOR)
    assert _words(_inbox(asked, supervisor).on_you) == [
        "Approve or refuse: keep photos beyond the retention of their passport"
    ]
    (mine,) = _inbox(asked, steward).on_others
    assert mine.whose == "A supervisor"
    approvals.decide(supervisor, approval=one, approve=True, reason="In order", tools=asked.tools)
    assert _inbox(asked, supervisor).on_you == []
    assert _words(_inbox(asked, steward).on_you) == [
        "Carry out what was approved: keep photos beyond the retention of their passport"
    ]


def test_broken_glass_is_urgent_for_auditors(asked: Any) -> None:
    approvals.break_glass(
        replace(asked.supervisor, stepped_up_at=asked.tools.clock()),
        case_id=asked.case.pk,
        reason="A child is missing since this morning",
        tools=asked.tools,
    )
    (one,) = _inbox(asked, factories.acting(asked, Role.AUDITOR)).on_you
    assert (one.what, one.urgent) == ("Review a broken glass", True)


def test_a_steward_is_told_of_sources_whose_time_is_nearly_over(asked: Any) -> None:
    steward = factories.acting(asked, Role.STEWARD)
    source = Source.objects.get()
    last = asked.tools.clock().date() + timedelta(days=20)
    source.retention_until = last
    source.passport = {**source.passport, "retention_until": last.isoformat()}
    source.save()
    (one,) = _inbox(asked, steward).on_you
    assert one.what.startswith("Remove the photos of Archive by ")
    assert one.urgent is False
    assert _inbox(asked, steward, 15 * DAY).on_you[0].urgent is True
    assert "ended on" in _inbox(asked, steward, 25 * DAY).on_you[0].what
    assert _inbox(asked, steward, 25 * DAY).on_you[0].since == one.since  # as it was told of


def test_a_coordinator_is_told_of_trainings_and_invitations_that_end_soon(asked: Any) -> None:
    coordinator = factories.acting(asked, Role.COORDINATOR)
    examiner = factories.acting(asked, Role.EXAMINER)
    person = Person.objects.get(pk=examiner.person)
    until = asked.tools.clock().date() + timedelta(days=10)
    person.standing = {**person.standing, "certified_until": until.isoformat()}
    person.save()
    (one,) = _inbox(asked, coordinator).on_you
    assert one.what.startswith(f"Record the next certificate of {person.name}")
    (own,) = _inbox(asked, examiner).on_others
    assert own.what.startswith("Your certificate ends on ")
    assert own.whose == "Your coordinator"
    invitation, _ = inviting.invite_person(
        coordinator, name="Nina New", email="nina@example.org", tools=asked.tools
    )
    left = invitation.expires_at - asked.tools.clock()
    assert len(_inbox(asked, coordinator).on_you) == 1
    later = _inbox(asked, coordinator, left - timedelta(hours=2)).on_you
    assert "Ask Nina New to accept the invitation, which ends within a day" in _words(later)


def test_one_altered_row_hides_no_other_thing_and_is_said(asked: Any) -> None:
    supervisor = factories.acting(asked, Role.SUPERVISOR, Role.EXAMINER)
    Authority.objects.filter(pk=_proposed(asked).pk).update(expires_on=date(2198, 1, 1))
    found = _inbox(asked, supervisor)
    assert found.unreadable is True
    assert "Run or decline the search asked for in case 26-0001" in _words(found.on_you)
    page = client_of(asked, supervisor).get(reverse("inbox")).content.decode()
    assert "cannot be read" in page


def test_urgent_things_come_first_and_then_the_oldest(
    asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = asked.tools.clock()
    made = [
        Waiting(what="new", since=now, href="/a/"),
        Waiting(what="old", since=now - DAY, href="/b/"),
        Waiting(what="urgent", since=now, href="/c/", urgent=True),
    ]
    monkeypatch.setattr(waiting, "_sources", [lambda actor, *, tools: made])
    assert _words(_inbox(asked, asked.actor).on_you) == ["urgent", "old", "new"]


def test_the_page_begins_everybodys_work_and_the_menu_counts_in_words(asked: Any) -> None:
    examiner = client_of(asked, factories.acting(asked, Role.EXAMINER))
    assert examiner.get("/").headers["Location"] == reverse("inbox")
    page = examiner.get(reverse("inbox")).content.decode()
    assert "Run or decline the search asked for in case 26-0001" in page
    assert '1<span class="sr"> waiting</span>' in page
    auditor = client_of(asked, factories.acting(asked, Role.AUDITOR))
    assert "Nothing waits on you." in auditor.get(reverse("inbox")).content.decode()


def test_the_command_says_the_same(cli: Cli, asked: Any) -> None:
    examiner = Person.objects.get(pk=factories.acting(asked, Role.EXAMINER).person)
    code, out = cli("inbox", as_=[token(examiner.actor, asked.tools)])
    assert code == 0
    (one,) = out["waiting_on_you"]
    assert one["what"] == "Run or decline the search asked for in case 26-0001"
    assert one["since"] == asked.request.asked_at.isoformat()
    assert json.dumps(out["waiting_on_others"]) == "[]"
