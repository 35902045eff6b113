"""What examiners leave open: nobody's lost role, nor a row that somebody altered, keeps a search from its end."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from clients import client_of
from django.db import connection
from django.urls import reverse
from examining import (
    Bench,
    agency_under,
    begin,
    bench,
    checklist,
    conclude_all,
    drawing,
    examine,
)
from factories import acting
from leading import World, about_first, prepared

from countenance.apps.agencies.models import Person
from countenance.apps.examinations import (
    forgotten,
    queries,
    retention,
    services,
    taking,
)
from countenance.apps.examinations.models import (
    Closing,
    Comparison,
    Examination,
    ExaminationState,
)
from countenance.apps.galleries import services as galleries
from countenance.apps.galleries.models import Photo
from countenance.apps.leads.waiting import waiting
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.sealed import current_keyring
from countenance.apps.records.services import unseal_body
from countenance.apps.searches import queries as searches
from countenance.apps.searches.models import Search
from countenance.errors import LeadNotSupported, NotPermitted, SealBroken
from countenance.examination.scale import Conclusion
from countenance.ledger.entry import Action
from countenance.policy import SYSTEM, Role
from countenance.policy.packs.results import Verifiers

SAME, OTHER = Conclusion.SAME, Conclusion.OTHER
WHY = "The moles on the left cheek were overlooked on 3 May"
LAW, SECTION = "A law that was made up", "section 9"


@pytest.fixture
def made(deployment: Any) -> Bench:
    return bench(deployment)


def again(made: Bench) -> Search:
    return Search.objects.get(pk=made.search.pk)


def alter_deadline(search: Search) -> None:
    """Write a deadline into the plain column that nobody sealed."""
    Search.objects.filter(pk=search.pk).update(authorise_by=search.ended_at + timedelta(days=3))


def alter(one: Examination) -> None:
    """Write one byte more into what is sealed of an examination."""
    with connection.cursor() as cursor:
        cursor.execute(
            "update examinations_examination set about = about || '\\x00'::bytea where id = %s",
            [one.pk],
        )


def stand(person: Any, **standing: Any) -> None:
    """Write what somebody is trusted with into their row, past the services."""
    row = Person.objects.get(pk=person)
    row.standing = {**row.standing, **standing}
    row.save()


def bodies(action: Action) -> list[dict[str, Any]]:
    """Return what the entries of an action say in their sealed bodies, oldest first."""
    rows = LedgerRow.objects.filter(action=str(action)).order_by("index")
    opened = [unseal_body(row, keyring=current_keyring()) for row in rows]
    return [json.loads(body[1])["facts"] for body in opened if body is not None]


def test_a_search_of_which_the_deadline_was_altered_or_is_over_is_passed_over(made: Bench) -> None:
    tools, other = drawing(made, control=False), made.another_search()
    alter_deadline(made.search)
    assert list(queries.waiting_searches(made.first, tools=tools)) == [other]
    assert taking.take_examination(made.first, tools=tools).search_id == other.pk
    late = other.intended_at - timedelta(days=1)
    other = Search.objects.get(pk=other.pk)
    other.request = {**other.request, "authorise_by": late.isoformat()}
    other.authorise_by = late
    other.save(update_fields=("request", "authorise_by"))
    assert list(queries.waiting_searches(made.second, tools=tools)) == []


@pytest.mark.parametrize("control", [False, True])
def test_an_examination_of_an_altered_search_can_be_given_up(made: Bench, control: bool) -> None:
    tools = drawing(made, control=control)
    one = taking.take_examination(made.first, tools=tools)
    other = made.another_search()
    alter_deadline(made.search)
    services.end_examination(made.first, examination=one, reason=WHY, tools=tools)
    following = taking.take_examination(made.first, tools=drawing(made, control=False))
    assert following.search_id == other.pk


def test_an_examiner_who_lost_the_role_makes_the_search_want_another_one(deployment: Any) -> None:
    world = prepared(deployment, about_first, about_first)
    made, tools = world.made, world.tools
    stand(made.second.person, roles=["supervisor"])
    with pytest.raises(LeadNotSupported, match="no longer certified"):
        world.release()
    assert retention.requeue_open(SYSTEM, tools=tools) == 1
    examine(made.third, again(made), tools=tools, concluding=about_first)
    made.search = again(made)
    world.release()


def test_one_of_three_whose_certificate_ended_is_replaced(made: Bench, monkeypatch: Any) -> None:
    tools = made.on.tools
    agency_under(made, monkeypatch, Verifiers(law=LAW, section=SECTION, least=3))
    for actor in (made.first, made.second, made.third):
        examine(actor, made.search, tools=tools, concluding=about_first)
    assert not again(made).wants_examiner
    stand(made.first.person, certified_until="2020-01-01")
    retention.requeue_open(SYSTEM, tools=tools)
    assert again(made).wants_examiner
    fourth = acting(made.on, Role.EXAMINER)
    examine(fourth, again(made), tools=tools, concluding=about_first)
    made.search = again(made)
    world = World(made, acting(made.on, Role.SUPERVISOR), subject_of(made))
    assert world.release().details["examiners"] == 3


def test_a_search_wants_nobody_more_once_a_certificate_is_renewed(made: Bench) -> None:
    tools = made.on.tools
    for actor in (made.first, made.second):
        examine(actor, made.search, tools=tools, concluding=about_first)
    for until, wants in (("2020-01-01", True), ("2199-12-31", False)):
        stand(made.first.person, certified_until=until)
        retention.requeue_open(SYSTEM, tools=tools)
        assert again(made).wants_examiner is wants


def subject_of(made: Bench) -> UUID:
    return UUID(again(made).outcome["candidates"][0]["subject"])


@pytest.mark.parametrize(
    "standing",
    [{"certified_until": "2020-01-01"}, {"roles": ["supervisor"]}, {"suspended": True}],
    ids=["certificate", "role", "suspended"],
)
@pytest.mark.parametrize("control", [False, True])
def test_an_examination_of_somebody_who_cannot_go_on_is_ended_by_the_clock(
    made: Bench, standing: dict[str, Any], control: bool
) -> None:
    tools = drawing(made, control=control)
    left = taking.take_examination(made.first, tools=tools)
    going = taking.take_examination(made.second, tools=drawing(made, control=False))
    assert again(made).wants_examiner is control
    assert retention.end_all_left(SYSTEM, tools=tools) == 0
    stand(made.first.person, **standing)
    assert retention.end_all_left(SYSTEM, tools=tools) == 1
    assert Examination.objects.get(pk=left.pk).state == ExaminationState.ENDED
    assert Examination.objects.get(pk=going.pk).state == ExaminationState.OPEN
    assert again(made).wants_examiner
    assert [one["reason"] for one in bodies(Action.EXAMINATION_ENDED)] == [retention.NOT_CERTIFIED]
    assert retention.end_all_left(SYSTEM, tools=tools) == 0


def test_a_supervisor_reads_of_a_search_that_an_examiner_left_open(made: Bench) -> None:
    for actor in (made.first, made.second):
        begin(actor, search=made.search, tools=made.on.tools)
    assert not again(made).wants_examiner
    later = made.search.ended_at + 2 * queries.TOO_LONG
    tools = replace(made.on.tools, clock=lambda: later)
    (found,) = waiting(acting(made.on, Role.SUPERVISOR), tools=tools)
    assert "not compared after two weeks" in found.what


@pytest.mark.parametrize("control", [False, True])
def test_an_altered_examination_is_refused_by_name_and_ended_by_the_clock(
    made: Bench, control: bool
) -> None:
    tools, client = made.on.tools, client_of(made.on, made.first)
    one = taking.take_examination(made.first, tools=drawing(made, control=control))
    alter(one)
    with pytest.raises(NotPermitted) as caught:
        searches.search(made.first, made.search.pk)
    assert caught.value.rule == "examination.altered"
    page = client.get(reverse("examinations"))
    assert page.status_code == 200
    assert "was altered in the database" in page.content.decode()
    assert client.get(reverse("inbox")).status_code == 200
    assert retention.end_all_left(SYSTEM, tools=tools) == 1
    assert [entry["reason"] for entry in bodies(Action.EXAMINATION_ENDED)] == [retention.ALTERED]
    assert again(made).wants_examiner
    assert queries.open_draw(made.first) is None
    other = made.another_search()
    assert other in queries.waiting_searches(made.first, tools=tools)


def test_ending_an_altered_examination_mends_no_seal(made: Bench) -> None:
    """A recorded one that is made to look open is not taken out of what was concluded."""
    tools = made.on.tools
    for actor in (made.first, made.second):
        examine(actor, made.search, tools=tools, concluding=about_first)
    Examination.objects.filter(examiner=made.first.person).update(state=ExaminationState.OPEN)
    assert retention.end_all_left(SYSTEM, tools=tools) == 1
    with pytest.raises(SealBroken):
        queries.recorded(again(made))


def test_who_finishes_a_search_is_said_with_that_it_was_closed(made: Bench) -> None:
    tools = made.on.tools
    examine(made.first, made.search, tools=tools)
    assert not any("closed" in one for one in bodies(Action.CONCLUSION_RECORDED))
    examine(made.second, made.search, tools=tools)
    assert [one.get("closed") for one in bodies(Action.CONCLUSION_RECORDED)][-1] is True
    assert sum("closed" in one for one in bodies(Action.CONCLUSION_RECORDED)) == 1


def test_a_lead_and_what_follows_it_say_that_the_search_was_closed(deployment: Any) -> None:
    world = prepared(deployment, about_two, about_two)
    made, tools = world.made, world.tools
    world.release()
    assert not any("closed" in one for one in bodies(Action.LEAD_RELEASED))
    own = queries.own_examinations(made.first).get(search=made.search)
    for row in queries.comparisons(own):
        if row.about["rank"] == 2:
            say_other(made.first, row, tools)
    # A lead, and of the other candidate one who thinks better of it: an examiner, or a consolidation.
    assert not queries.is_closed(again(made))
    own = queries.own_examinations(made.second).get(search=made.search)
    for row in queries.comparisons(own):
        if row.about["rank"] == 2:
            say_other(made.second, row, tools)
    assert queries.is_closed(again(made)), "the released lead is known to whoever follows"
    assert bodies(Action.CONCLUSION_FOLLOWED)[-1]["closed"] is True


def about_two(comparison: Any) -> Conclusion:
    return SAME if comparison.about["rank"] <= 2 else OTHER


def say_other(actor: Any, row: Comparison, tools: Any) -> None:
    services.follow_conclusion(
        actor,
        comparison=row,
        checklist=checklist(OTHER),
        conclusion=str(OTHER),
        reason=WHY,
        tools=tools,
    )


def test_the_clock_closes_what_is_done_with_an_entry_and_makes_none_else(made: Bench) -> None:
    tools = made.on.tools
    for actor in (made.first, made.second):
        examine(actor, made.search, tools=tools)
    Closing.objects.all().delete()  # as of a search of before the program closed any
    entries = LedgerRow.objects.count()
    assert retention.requeue_open(SYSTEM, tools=tools) == 0
    assert LedgerRow.objects.count() == entries + 1
    (said,) = bodies(Action.SEARCH_CLOSED)
    assert (said["compared"], queries.is_closed(again(made))) == (True, True)
    row = LedgerRow.objects.get(action=str(Action.SEARCH_CLOSED))
    assert (row.about, row.agency) == (made.search.pk, made.search.agency_id)
    made.another_search()
    retention.requeue_open(SYSTEM, tools=tools)
    assert LedgerRow.objects.filter(action=str(Action.SEARCH_CLOSED)).count() == 1


def test_the_entry_of_a_draw_names_nobody_who_would_play_in_a_control(made: Bench) -> None:
    for actor, control in ((made.first, True), (made.second, False)):
        taking.take_examination(actor, tools=drawing(made, control=control))
    drawn = bodies(Action.EXAMINATION_DRAWN)
    assert drawn == [{"search": str(made.search.pk)}] * 2


def test_somebody_erased_since_a_control_was_drawn_is_in_none(made: Bench) -> None:
    tools = drawing(made, control=True)
    examination = uuid4()
    drawn = taking._draw(made.first, examination=examination, tools=tools)
    _, found = taking._candidates(drawn.planned, tools=tools)
    photo = Photo.objects.get(pk=found[0]["faces"][0]["photo"])
    galleries.remove_photo(made.on.actor, photo=photo, reason=WHY, tools=tools)
    begun = taking._begin(
        made.first, examination=examination, drawn=drawn, candidates=found, tools=tools
    )
    assert begun.search_id == made.search.pk


def test_a_control_of_which_one_row_is_broken_is_still_erased_with_all_others_in_it(
    made: Bench,
) -> None:
    tools = drawing(made, control=True)
    one = taking.take_examination(made.first, tools=tools)
    rows = list(one.comparisons.order_by("place"))
    Comparison.objects.filter(pk=rows[0].pk).update(object_key=None)
    last = rows[-1].about["faces"][0]["photo"]
    names = set(forgotten._names(Examination.objects.get(pk=one.pk)))
    assert {last, one.about["probe"]["photo"], one.control["subject"]} <= names
    photo = Photo.objects.get(pk=last)
    galleries.remove_photo(made.on.actor, photo=photo, reason=WHY, tools=made.on.tools)
    assert not Examination.objects.filter(pk=one.pk).exists()


def test_the_figures_of_all_others_are_there_where_a_control_of_one_was_altered(
    made: Bench,
) -> None:
    tools = drawing(made, control=True)
    for actor in (made.first, made.second):
        one = taking.take_examination(actor, tools=tools)
        conclude_all(actor, one, tools=tools)
    alter(Examination.objects.get(examiner=made.first.person))
    auditor = client_of(made.on, acting(made.on, Role.AUDITOR))
    said = auditor.get(reverse("controls")).content.decode()
    assert said.count("1 control altered in the database") == 1
    assert "1 control recorded, 0 given up" in said
