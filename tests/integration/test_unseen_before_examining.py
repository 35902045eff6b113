"""What an examiner could draw is not shown to them beforehand, or they would know it, and a control, again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from clients import client_of
from django.test import Client
from django.urls import reverse
from examining import Bench, bench, examine
from factories import acting

from countenance.apps.examinations import services, taking
from countenance.apps.examinations.models import Examination
from countenance.apps.leads import services as leads
from countenance.apps.searches import queries
from countenance.examination.scale import Conclusion
from countenance.policy import Actor, Role

SAME, OTHER = Conclusion.SAME_STRONG, Conclusion.OTHER_STRONG


@pytest.fixture
def made(deployment: Any) -> Bench:
    return bench(deployment)


def about_anna(row: Any) -> Conclusion:
    return SAME if row.about["rank"] == 1 else OTHER


def client(made: Bench, actor: Actor) -> Client:
    return client_of(made.on, actor)


def face_of(found: Any) -> str:
    """Return the address of the face that a search was for."""
    only = f"?face={found.request['face']}"
    return reverse("probe_image", args=[found.probe_id]) + only


def test_the_photo_of_a_search_that_waits_is_shown_to_whoever_ran_it_alone(made: Bench) -> None:
    page, photo = reverse("search", args=[made.search.pk]), face_of(made.search)
    stranger = client(made, made.third)
    shown = stranger.get(page).content.decode()
    assert "Candidates to examine" in shown
    assert photo.partition("?")[0] not in shown
    assert reverse("probe", args=[made.search.probe_id]) not in shown
    assert f"{len(made.search.outcome['candidates'])} candidates" not in shown
    assert stranger.get(photo).status_code == 403
    assert f"{len(made.search.outcome['candidates'])} candidates" not in (
        stranger.get(reverse("searches")).content.decode()
    )
    ran = client(made, replace(made.on.examiner, stepped_up_at=made.on.tools.clock()))
    assert photo.partition("?")[0] in ran.get(page).content.decode()
    assert ran.get(photo).status_code == 200
    # Whoever does not examine sees the evidence of their case.
    supervisor = client(made, acting(made.on, Role.SUPERVISOR))
    assert supervisor.get(photo).status_code == 200
    # With its examiners, the search waits for nobody any more.
    for actor in (made.first, made.second):
        examine(actor, made.search, tools=made.on.tools, concluding=about_anna)
    assert client(made, made.first).get(photo).status_code == 200


def test_the_small_probe_of_a_control_is_cut_like_that_of_a_search(made: Bench) -> None:
    from countenance.apps.examinations import photos

    always = replace(made.on.tools, token_bytes=bytes)
    control = taking.take_examination(made.third, tools=always)
    assert Examination.objects.get(pk=control.pk).control is not None
    assert photos.probe_side(control).crop is None


def test_a_search_in_whose_place_a_control_was_drawn_gives_leads(made: Bench) -> None:
    tools = made.on.tools
    always = replace(tools, token_bytes=bytes)
    control = taking.take_examination(made.third, tools=always)
    services.end_examination(
        made.third, examination=control, reason="Called away to the court", tools=tools
    )
    for actor in (made.first, made.second):
        examine(actor, made.search, tools=tools, concluding=about_anna)
    supervisor = replace(acting(made.on, Role.SUPERVISOR), stepped_up_at=tools.clock())
    subject = UUID(made.search.outcome["candidates"][0]["subject"])
    lead = leads.release_lead(supervisor, search=made.search, subject=subject, tools=tools)
    assert lead.number


def test_a_waiting_request_shows_its_photo_to_whoever_may_run_it(made: Bench) -> None:
    probe = made.search.probe
    assert queries.faces_shown(made.third, probe) == frozenset()
    assert queries.faces_shown(made.on.examiner, probe) == {made.search.request["face"]}
