"""A lead stands on what examiners concluded: what takes that away shows, and what hides it is noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from clients import client_of
from django.db import connection
from examining import checklist, examine
from factories import acting
from leading import TICKET, WHY, World, about_first, prepared, under

from countenance.apps.examinations import closing, queries, services
from countenance.apps.examinations.models import Closing, Comparison
from countenance.apps.leads import exporting, papers, unsupported, withdrawing
from countenance.apps.leads.models import Lead
from countenance.apps.leads.standing import UNSUPPORTED, WITHDRAWN, photo_lock, support_of
from countenance.apps.records.models import LedgerRow
from countenance.errors import (
    ForbiddenByPack,
    LeadNotSupported,
    ReasonMissing,
    RoleMissing,
    SamePerson,
    SealBroken,
    StepUpNeeded,
    WrongState,
)
from countenance.examination.scale import Conclusion
from countenance.ledger.entry import Action
from countenance.policy import Actor, Role, packs
from countenance.reports import Photo

SAME, OTHER = Conclusion.SAME, Conclusion.OTHER
MOLES = "The moles on the left cheek were overlooked on 3 May"
MISTAKE = "The examiner saw a second photo on which the ear is whole"


@pytest.fixture
def world(deployment: Any) -> World:
    return prepared(deployment, about_first, about_first)


def follow(world: World, actor: Actor, conclusion: Conclusion = OTHER) -> Comparison:
    """Let an examiner follow their conclusion about the candidate by another one."""
    return services.follow_conclusion(
        actor,
        comparison=queries.last_of(first_of(world, actor)),
        checklist=checklist(conclusion),
        conclusion=str(conclusion),
        reason=MOLES,
        tools=world.tools,
    )


def first_of(world: World, actor: Actor) -> Comparison:
    own = queries.own_examinations(actor).get(search=world.made.search)
    return next(one for one in queries.comparisons(own) if one.about["rank"] == 1)


def sql(text: str, *values: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(text, values)
        return cursor.rowcount


def fresh(lead: Lead) -> Lead:
    return Lead.objects.get(pk=lead.pk)


def supervisor(world: World) -> Actor:
    return replace(world.supervisor, stepped_up_at=world.tools.clock())


def take_away_what_follows(world: World) -> None:
    """Leave two who concur, by taking away that one of them has thought better of it."""
    later = follow(world, world.made.first)
    assert sql("DELETE FROM examinations_comparison WHERE id = %s", later.pk) == 1


def replace_what_was_said(world: World) -> None:
    """Put another value in place of what was said, sealed as the program does it."""
    row = follow(world, world.made.first)
    row.said = {**row.said, "conclusion": str(SAME), "checklist": checklist(SAME)}
    row.save(update_fields=("said",))


def let_it_follow_nothing(world: World) -> None:
    later = follow(world, world.made.first)
    sql("UPDATE examinations_comparison SET follows_id = NULL, place = 99 WHERE id = %s", later.pk)


def hide_the_body_too(world: World) -> None:
    take_away_what_follows(world)
    sql("UPDATE records_ledgerrow SET body = NULL WHERE action = 'conclusion.followed'")


def say_that_it_was_given_up(world: World) -> None:
    follow(world, world.made.first)
    examine(world.made.third, world.made.search, tools=world.tools, concluding=about_first)
    sql("UPDATE examinations_examination SET state = 'ended' WHERE examiner_id = %s", _first(world))


def destroy_the_key_of_one(world: World) -> None:
    follow(world, world.made.first)
    examine(world.made.third, world.made.search, tools=world.tools, concluding=about_first)
    sql(
        "UPDATE examinations_examination SET object_key = NULL WHERE examiner_id = %s",
        _first(world),
    )


def take_away_an_examination(world: World) -> None:
    """Leave two who concur, by taking away all of who does not."""
    follow(world, world.made.first)
    examine(world.made.third, world.made.search, tools=world.tools, concluding=about_first)
    of_first = (
        "examination_id IN (SELECT id FROM examinations_examination WHERE examiner_id = %s)",
        _first(world),
    )
    sql(
        f"DELETE FROM examinations_comparison WHERE {of_first[0]} AND follows_id IS NOT NULL",
        of_first[1],
    )
    sql(f"DELETE FROM examinations_comparison WHERE {of_first[0]}", of_first[1])
    sql("DELETE FROM examinations_examination WHERE examiner_id = %s", _first(world))


def close_it_in_the_database(world: World) -> None:
    """File the closing of another search under this one, as sealed values cannot be made without keys."""
    other = world.made.another_search("ben", shot=11)
    for number in range(2):
        examine(world.made.examiner(number), other, tools=world.tools)
    if not Closing.objects.filter(search=other).exists():
        closing.close_search(supervisor(world), search=other, reason=WHY, tools=world.tools)
    Closing.objects.filter(search=world.made.search).delete()
    sql(
        "INSERT INTO examinations_closing (search_id, agency_id, by_id, details, at) "
        "SELECT %s, agency_id, by_id, details, at FROM examinations_closing WHERE search_id = %s",
        world.made.search.pk,
        other.pk,
    )


def _first(world: World) -> Any:
    return world.made.first.person


@pytest.mark.parametrize(
    "change",
    [
        take_away_what_follows,
        replace_what_was_said,
        let_it_follow_nothing,
        hide_the_body_too,
        say_that_it_was_given_up,
        destroy_the_key_of_one,
        take_away_an_examination,
        close_it_in_the_database,
    ],
)
def test_what_was_changed_in_the_database_releases_no_lead(
    world: World, change: Callable[[World], None]
) -> None:
    change(world)
    world.made.search.refresh_from_db()
    with pytest.raises(SealBroken):
        world.release()
    assert not Lead.objects.exists()


def test_a_conclusion_that_follows_another_and_is_taken_away_later_is_noticed_on_the_lead(
    world: World,
) -> None:
    lead = world.release()
    take_away_what_follows(world)
    with pytest.raises(SealBroken):
        support_of(fresh(lead))


def test_a_lead_says_first_that_its_support_is_gone_and_its_photo_does_not_leave(
    world: World,
) -> None:
    lead = world.release()
    assert support_of(fresh(lead)).words == ()
    assert list(unsupported.waiting(supervisor(world), tools=world.tools)) == []
    later = follow(world, world.made.first)
    support = support_of(fresh(lead))
    assert support.words[0] == UNSUPPORTED
    assert support.lost_at == later.recorded_at
    paper = papers.paper_of(world.investigator, fresh(lead), leaves=True, tools=world.tools)
    assert paper.facts.standing[0] == UNSUPPORTED
    assert "no longer support" in paper.candidate.plate
    with pytest.raises(LeadNotSupported, match="no longer support") as refused:
        exporting.export_photo(world.investigator, lead=fresh(lead), reason=WHY, tools=world.tools)
    assert refused.value.rule == "lead.unsupported"
    assert exporting.export_report(world.investigator, lead=fresh(lead), tools=world.tools)
    (asked,) = unsupported.waiting(supervisor(world), tools=world.tools)
    assert (asked.since, asked.href) == (later.recorded_at, f"/leads/{lead.pk}/")
    assert list(unsupported.waiting(world.investigator, tools=world.tools)) == []
    page = client_of(world.made.on, world.supervisor).get(f"/leads/{lead.pk}/").content.decode()
    assert UNSUPPORTED in page.split("<main")[1].split("Not an identification")[0]
    assert UNSUPPORTED in client_of(world.made.on, world.supervisor).get("/leads/").content.decode()


def test_a_lead_that_one_of_three_does_not_support_stands_until_a_second_does_not(
    deployment: Any,
) -> None:
    made = prepared(deployment, about_first, lambda _: OTHER, about_first)
    lead = made.release()
    assert support_of(fresh(lead)).words == ()
    follow(made, made.made.third)
    assert support_of(fresh(lead)).lost_at is not None


def test_a_supervisor_withdraws_a_lead_with_a_reason(world: World) -> None:
    lead = world.release()
    with pytest.raises(ReasonMissing):
        withdraw(world, lead, reason="no")
    with pytest.raises(RoleMissing):
        withdraw(world, lead, actor=world.investigator)
    with pytest.raises(StepUpNeeded):
        withdraw(world, lead, actor=replace(world.supervisor, stepped_up_at=None))
    both = replace(supervisor(world), person=world.made.first.person)
    with pytest.raises(SamePerson):
        withdraw(world, lead, actor=both)
    assert fresh(lead).withdrawn is None
    withdraw(world, lead, actor=acting(world.made.on, Role.SUPERVISOR))
    entry = LedgerRow.objects.get(action=str(Action.LEAD_WITHDRAWN))
    assert entry.about == lead.pk
    support = support_of(fresh(lead))
    assert (support.withdrawn, support.words[0]) == (True, WITHDRAWN)
    assert MISTAKE in support.words[1]
    with pytest.raises(WrongState):
        withdraw(world, lead)
    with pytest.raises(LeadNotSupported, match="withdrawn"):
        exporting.export_photo(world.investigator, lead=fresh(lead), reason=WHY, tools=world.tools)
    paper = papers.paper_of(world.investigator, fresh(lead), leaves=True, tools=world.tools)
    assert "withdrawn" in paper.candidate.plate
    assert exporting.export_report(world.investigator, lead=fresh(lead), tools=world.tools)


def withdraw(world: World, lead: Lead, *, reason: str = MISTAKE, actor: Any = None) -> Lead:
    return withdrawing.withdraw_lead(
        actor or supervisor(world), lead=fresh(lead), reason=reason, tools=world.tools
    )


def test_nobody_takes_a_withdrawal_back_in_the_database(world: World) -> None:
    lead = withdraw(world, world.release())
    sql("UPDATE leads_lead SET withdrawn = NULL, withdrawn_at = NULL WHERE id = %s", lead.pk)
    with pytest.raises(SealBroken):
        support_of(fresh(lead))


def test_a_lead_is_withdrawn_on_its_page_and_stays_readable(world: World) -> None:
    lead = world.release()
    client = client_of(world.made.on, world.supervisor)
    here = f"/leads/{lead.pk}/"
    assert f'href="{here}withdraw/"' in client.get(here).content.decode()
    assert client.get(f"{here}withdraw/").status_code == 200
    assert client.post(f"{here}withdraw/", {"reason": "no"}).status_code == 422
    assert client.post(f"{here}withdraw/", {"reason": MISTAKE})["Location"] == here
    page = client.get(here).content.decode()
    assert f"<strong>{WITHDRAWN}.</strong>" in page
    assert MISTAKE in page
    assert "withdraw/" not in page
    assert WITHDRAWN in client.get("/leads/").content.decode()
    assert client.get(f"{here}candidate.jpg").status_code == 200


def test_paper_that_leaves_shows_the_candidate_only_once_the_photo_may_leave(world: World) -> None:
    under(world, "detroit-williams")
    lead = world.release()
    assert "Locked until" in photo_lock(fresh(lead), support_of(fresh(lead)))
    on_screen, leaving = papers_of(world, lead)
    assert (on_screen.plate, on_screen.crop is None) == ("", False)
    assert leaving.plate.startswith("Locked until evidence independent of this search is recorded")
    assert "Williams v. City of Detroit" in leaving.plate
    assert leaving.jpeg != on_screen.jpeg
    with pytest.raises(ForbiddenByPack):
        exporting.export_photo(world.investigator, lead=fresh(lead), reason=WHY, tools=world.tools)
    locked = exporting.export_report(world.investigator, lead=fresh(lead), tools=world.tools)
    page = client_of(world.made.on, world.supervisor).get(f"/leads/{lead.pk}/").content.decode()
    assert "Locked until" in page
    from countenance.apps.leads import services as leads

    leads.record_independent(world.investigator, lead=fresh(lead), what=TICKET, tools=world.tools)
    on_screen, leaving = papers_of(world, lead)
    assert leaving == on_screen
    opened = exporting.export_report(world.investigator, lead=fresh(lead), tools=world.tools)
    assert len(opened) > len(locked)


def papers_of(world: World, lead: Lead) -> tuple[Photo, Photo]:
    """Return the candidate's photo as it stands on the screen, and as it leaves."""
    shown, leaving = (
        papers.paper_of(world.investigator, fresh(lead), leaves=leaves, tools=world.tools)
        for leaves in (False, True)
    )
    return shown.candidate, leaving.candidate


def test_one_altered_lead_breaks_no_list(world: World) -> None:
    lead = world.release()
    found = world.made.another_search("anna", shot=11)
    for number in range(2):
        examine(world.made.examiner(number), found, tools=world.tools, concluding=about_first)
    found.refresh_from_db()
    subject = type(world.subject)(found.outcome["candidates"][0]["subject"])
    second = world.release(search=found, subject=subject)
    sql("UPDATE leads_lead SET number = 77 WHERE id = %s", lead.pk)
    page = client_of(world.made.on, world.supervisor).get("/leads/")
    assert page.status_code == 200
    text = page.content.decode()
    assert f'href="/leads/{second.pk}/"' in text
    assert "Altered in the database" in text


def test_an_image_opens_only_the_photo_that_is_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead = world.release()
    client = client_of(world.made.on, world.supervisor)
    client.get(f"/leads/{lead.pk}/")
    drawn = []
    made = papers._printed
    monkeypatch.setattr(
        papers, "_printed", lambda side, *, tools: drawn.append(side) or made(side, tools=tools)
    )
    for number, name in enumerate(("probe", "candidate"), start=1):
        assert client.get(f"/leads/{lead.pk}/{name}.jpg").status_code == 200
        assert len(drawn) == number


def test_the_list_says_that_a_frozen_lead_is_not_shown(world: World) -> None:
    lead = world.release()
    search = lead.search
    search.frozen_at = world.tools.clock()
    search.save(update_fields=("frozen_at",))
    text = client_of(world.made.on, world.supervisor).get("/leads/").content.decode()
    assert "Not shown: no authority came in time" in text
    assert "Not said yet" not in text


def test_three_whom_a_pack_asks_for_are_what_a_lead_keeps_standing_on(
    deployment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packs, "verifiers", lambda _: 3)
    made = prepared(deployment, about_first, about_first, about_first)
    lead = made.release()
    assert lead.details["examiners"] == 3
    assert len(papers.facts_of(lead).examiners) == 3
    follow(made, made.made.first)
    assert support_of(fresh(lead)).lost_at is not None


def test_a_law_that_waives_the_second_stands_on_a_lead_only_where_one_examined(
    deployment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    law = packs.Waiver(law="Test Act", section="§ 9")
    made = prepared(deployment, about_first, about_first)
    monkeypatch.setattr(packs, "waiver", lambda _: law)
    monkeypatch.setattr(packs, "verifiers", lambda _: 1)
    lead = made.release()
    assert lead.details["waiver"] is None
    assert papers.facts_of(lead).waiver == ""
