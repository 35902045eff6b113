"""One examiner is enough where a policy pack names the law that says so, from the search to the lead; else not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from clients import client_of
from django.urls import reverse
from examining import Bench, agency_under, bench, checklist, examine
from factories import acting

from countenance.apps.examinations import queries, services
from countenance.apps.examinations.permits import examiners_of, standings_of
from countenance.apps.leads import services as leads
from countenance.apps.searches.models import Search
from countenance.errors import LeadNotSupported, NotPermitted
from countenance.examination.combine import Standing
from countenance.examination.scale import Conclusion
from countenance.policy import DEFAULT_PACK, Role, packs
from countenance.policy.packs.results import Verifiers, Waiver

SAME, OTHER = Conclusion.SAME, Conclusion.OTHER
LAW, SECTION = "A law that was made up", "section 9"
WHY = "The moles on the left cheek were overlooked on 3 May"


@pytest.fixture
def made(deployment: Any) -> Bench:
    return bench(deployment)


@pytest.fixture
def waived(made: Bench, monkeypatch: Any) -> Bench:
    agency_under(made, monkeypatch, Waiver(law=LAW, section=SECTION))
    return made


@pytest.fixture
def three(made: Bench, monkeypatch: Any) -> Bench:
    agency_under(made, monkeypatch, Verifiers(law=LAW, section=SECTION, least=3))
    return made


def about_anna(comparison: Any) -> Conclusion:
    return SAME if comparison.about["rank"] == 1 else OTHER


def again(made: Bench) -> Search:
    return Search.objects.get(pk=made.search.pk)


def supervisor(made: Bench) -> Any:
    return replace(acting(made.on, Role.SUPERVISOR), stepped_up_at=made.on.tools.clock())


def first_of(made: Bench) -> UUID:
    return UUID(made.search.outcome["candidates"][0]["subject"])


def test_a_sole_examiner_is_enough_under_a_law_that_waives_the_second(waived: Bench) -> None:
    tools = waived.on.tools
    assert examiners_of(waived.search) == 1
    examine(waived.first, waived.search, tools=tools, concluding=about_anna)
    assert not again(waived).wants_examiner
    assert list(queries.waiting_searches(waived.second, tools=tools)) == []
    assert queries.sight(waived.first, again(waived)) == queries.Sight.EVERYTHING
    who = supervisor(waived)
    assert queries.sight(who, again(waived)) == queries.Sight.EVERYTHING
    client = client_of(waived.on, who)
    page = client.get(reverse("consolidation", args=[waived.search.pk]))
    assert page.status_code == 200
    release = reverse("lead_release", args=[waived.search.pk, 1])
    assert client.get(release).status_code == 200
    answered = client.post(release, follow=True)
    assert answered.status_code == 200
    said = answered.content.decode()
    assert LAW in said
    assert SECTION in said


def test_a_sole_examiner_can_follow_their_conclusion_by_a_more_careful_one(waived: Bench) -> None:
    tools = waived.on.tools
    mine = examine(waived.first, waived.search, tools=tools, concluding=about_anna)
    row = next(one for one in queries.comparisons(mine) if one.about["rank"] == 1)
    step = {"checklist": checklist(OTHER), "conclusion": str(OTHER), "reason": WHY}
    later = services.follow_conclusion(waived.first, comparison=row, **step, tools=tools)
    assert standings_of(again(waived))[0].standing == Standing.NO_LEAD
    assert queries.is_closed(again(waived))
    # Nobody else looked, so it does not come to support a lead again.
    back = {**step, "checklist": checklist(SAME), "conclusion": str(SAME)}
    with pytest.raises(NotPermitted):
        services.follow_conclusion(waived.first, comparison=later, **back, tools=tools)


def test_how_many_are_needed_is_said_in_the_right_number(waived: Bench) -> None:
    who = supervisor(waived)
    page = client_of(waived.on, who).get(reverse("search", args=[waived.search.pk]))
    assert "once an examiner has recorded" in page.content.decode()
    with pytest.raises(LeadNotSupported, match="conclusion of an examiner"):
        leads.release_lead(
            who, search=waived.search, subject=first_of(waived), tools=waived.on.tools
        )


def test_a_pack_that_asks_for_three_is_waited_for_by_all(three: Bench) -> None:
    tools, who = three.on.tools, supervisor(three)
    assert examiners_of(three.search) == 3
    for actor in (three.first, three.second):
        examine(actor, three.search, tools=tools, concluding=about_anna)
    assert again(three).wants_examiner
    assert queries.sight(three.first, again(three)) == queries.Sight.OWN
    assert queries.sight(who, again(three)) == queries.Sight.NOTHING
    with pytest.raises(LeadNotSupported, match="three examiners"):
        leads.release_lead(who, search=three.search, subject=first_of(three), tools=tools)
    page = client_of(three.on, who).get(reverse("search", args=[three.search.pk]))
    assert "once three examiners have recorded" in page.content.decode()
    examine(three.third, three.search, tools=tools, concluding=about_anna)
    assert queries.sight(three.first, again(three)) == queries.Sight.EVERYTHING
    leads.release_lead(who, search=three.search, subject=first_of(three), tools=tools)


def test_a_waiver_gives_way_to_another_agencys_gallery_without_one(waived: Bench) -> None:
    """Whoever owns the photos may ask for two."""
    terms = packs.stricter(packs.terms_of("made-up"), packs.terms_of(DEFAULT_PACK))
    assert packs.waiver(terms) is None
    assert packs.verifiers(terms) == 2
