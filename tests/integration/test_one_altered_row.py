"""One row that somebody altered in the database hides no other, and stops nobody's work."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from clients import client_of
from django.urls import reverse
from examining import Bench, begin, bench, examine
from factories import acting

from countenance.apps.examinations import standings, taking
from countenance.apps.examinations.models import Closing, Examination, ExaminationState
from countenance.apps.leads import afterwards, disclosure
from countenance.apps.leads import services as leads
from countenance.apps.leads.withdrawing import withdraw_lead
from countenance.apps.records.waiting import inbox
from countenance.errors import WrongState
from countenance.examination.scale import Conclusion
from countenance.policy import Actor, Role

SAME, OTHER = Conclusion.SAME_STRONG, Conclusion.OTHER_STRONG
WHY = "The court asked for it on 4 May"


@pytest.fixture
def made(deployment: Any) -> Bench:
    return bench(deployment)


def about_anna(row: Any) -> Conclusion:
    return SAME if row.about["rank"] == 1 else OTHER


def supervisor_of(made: Bench) -> Actor:
    return replace(acting(made.on, Role.SUPERVISOR), stepped_up_at=made.on.tools.clock())


def examined(made: Bench, found: Any) -> None:
    for actor in (made.first, made.second):
        examine(actor, found, tools=made.on.tools, concluding=about_anna)


def test_a_search_that_somebody_closed_in_the_database_hides_no_other(made: Bench) -> None:
    other = made.another_search()
    forged = Closing(search=made.search, agency_id=made.first.agency, at=made.on.tools.clock())
    forged.details = {"links": {}, "compared": True, "reason": ""}
    forged.save(force_insert=True)
    supervisor = supervisor_of(made)
    said = afterwards.came_of(supervisor, [made.search, other])
    assert said[made.search.pk].words == afterwards.ALTERED
    assert said[other.pk].words == afterwards.EXAMINING
    shown = client_of(made.on, supervisor).get(reverse("searches"))
    assert shown.status_code == 200
    assert afterwards.ALTERED in shown.content.decode()


def test_an_altered_examination_hides_nothing_else_that_waits(made: Bench) -> None:
    other = made.another_search()
    for found in (made.search, other):
        examined(made, found)
    broken = Examination.objects.filter(search=made.search).first()
    assert broken is not None
    Examination.objects.filter(pk=broken.pk).update(examiner_id=made.third.person)
    found = inbox(supervisor_of(made), tools=made.on.tools)
    assert found.unreadable
    assert [one for one in found.on_you if str(other.pk)[:8] in one.what]


def test_an_altered_control_is_left_out_of_the_measure_and_counted(made: Bench) -> None:
    always = replace(made.on.tools, token_bytes=bytes)
    control = taking.take_examination(made.first, tools=always)
    Examination.objects.filter(pk=control.pk).update(state=ExaminationState.RECORDED)
    found = standings.measured(made.first.person, agency=made.first.agency)
    assert (found.recorded, found.unreadable) == (0, 1)


def test_a_third_examiner_at_work_is_disclosed_to_nobody(made: Bench) -> None:
    tools = made.on.tools
    examine(made.first, made.search, tools=tools, concluding=about_anna)
    examine(made.second, made.search, tools=tools, concluding=lambda _: OTHER)
    auditor = acting(made.on, Role.AUDITOR)
    disclosure.permit_blindly(auditor, made.case, tools=tools)
    begin(made.third, search=made.search, tools=tools)
    with pytest.raises(WrongState, match="all its examiners"):
        disclosure.permit_blindly(auditor, made.case, tools=tools)


def test_a_candidate_whose_lead_was_withdrawn_can_be_released_again(made: Bench) -> None:
    tools, supervisor = made.on.tools, supervisor_of(made)
    examined(made, made.search)
    subject = UUID(made.search.outcome["candidates"][0]["subject"])

    def release() -> Any:
        return leads.release_lead(supervisor, search=made.search, subject=subject, tools=tools)

    first = release()
    withdraw_lead(supervisor, lead=first, reason=WHY, tools=tools)
    second = release()
    assert second.number != first.number
    assert {link.href for link in afterwards.links_from(supervisor, made.search)} >= {
        reverse("lead", args=[one.pk]) for one in (first, second)
    }
