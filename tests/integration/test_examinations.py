"""Examinations: blind, one order each, analysis first, recorded for good; controls among them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from examining import (
    ANALYSIS,
    Bench,
    begin,
    bench,
    checklist,
    conclude_all,
    examine,
)
from factories import acting, other_agency

from countenance.apps.examinations import queries, services, standings, viewing
from countenance.apps.examinations.models import Examination, ExaminationState
from countenance.apps.records.models import LedgerRow
from countenance.apps.searches import services as searches
from countenance.errors import (
    InputError,
    NotFound,
    NotPermitted,
    ReasonMissing,
    RoleMissing,
    SamePerson,
    SealBroken,
    WrongState,
)
from countenance.examination.combine import Standing
from countenance.examination.components import Answer, Component
from countenance.examination.scale import Conclusion
from countenance.ledger.entry import Action
from countenance.policy import Role

SAME, NEITHER, OTHER = Conclusion.SAME, Conclusion.NEITHER, Conclusion.OTHER
WHY = "The moles on the left cheek were overlooked on 3 May"


@pytest.fixture
def made(deployment: Any) -> Bench:
    return bench(deployment)


def tools_of(made: Bench) -> Any:
    return made.on.tools


def about_anna(comparison: Any) -> Conclusion:
    """Conclude that the first of the list is the same person, and all others are not."""
    return SAME if comparison.about["rank"] == 1 else OTHER


def count(action: Action) -> int:
    return LedgerRow.objects.filter(action=str(action)).count()


def test_an_examination_compares_every_candidate_in_an_order_that_was_drawn(made: Bench) -> None:
    orders = []
    for actor in made.examiners[:2]:
        one = begin(actor, search=made.search, tools=tools_of(made))
        rows = list(one.comparisons.order_by("place"))
        assert [row.about["letter"] for row in rows] == ["A", "B", "C", "D"]
        assert sorted(row.about["rank"] for row in rows) == [1, 2, 3, 4]
        orders.append([row.about["rank"] for row in rows])
        assert len(one.about["code"]) == 6
    ranks = {
        tuple(row.about["rank"] for row in rows)
        for rows in (
            list(
                begin(
                    made.third if n == 0 else acting(made.on, Role.EXAMINER),
                    search=made.another_search(shot=20 + n),
                    tools=tools_of(made),
                ).comparisons.order_by("place")
            )
            for n in range(4)
        )
    }
    assert len(ranks | {tuple(one) for one in orders}) > 1


def test_whoever_asked_for_the_search_or_granted_its_authority_does_not_examine_it(
    made: Bench, deployment: Any
) -> None:
    granted = replace(deployment.supervisor, certified_until=made.first.certified_until)
    for actor in (deployment.actor, replace(granted, roles=frozenset(Role))):
        with pytest.raises(SamePerson):
            begin(actor, search=made.search, tools=tools_of(made))
        assert made.search not in list(queries.waiting_searches(actor, tools=tools_of(made)))


def test_the_examiner_who_ran_a_search_may_examine_it(made: Bench, deployment: Any) -> None:
    begun = begin(deployment.examiner, search=made.search, tools=tools_of(made))
    assert begun.state == ExaminationState.OPEN


def test_nobody_examines_twice_and_a_third_examines_only_where_two_disagree(made: Bench) -> None:
    tools = tools_of(made)
    begin(made.first, search=made.search, tools=tools)
    with pytest.raises(SamePerson):
        begin(made.first, search=made.search, tools=tools)
    begin(made.second, search=made.search, tools=tools)
    with pytest.raises(NotPermitted):
        begin(made.third, search=made.search, tools=tools)


def test_a_third_examiner_is_wanted_after_a_disagreement_and_decides(made: Bench) -> None:
    tools = tools_of(made)
    examine(made.first, made.search, tools=tools, concluding=about_anna)
    assert standings.standings(made.search)[0].standing == Standing.OPEN
    examine(made.second, made.search, tools=tools, concluding=lambda _: OTHER)
    found = standings.standings(made.search)
    assert [one.standing for one in found] == [Standing.DISAGREED, *[Standing.NO_LEAD] * 3]
    assert list(queries.waiting_searches(made.third, tools=tools)) == [made.search]
    examine(made.third, made.search, tools=tools, concluding=about_anna)
    assert standings.standings(made.search)[0].standing == Standing.AGREED
    fourth = acting(made.on, Role.EXAMINER)
    with pytest.raises(NotPermitted):
        begin(fourth, search=made.search, tools=tools)


def test_whoever_has_seen_what_a_search_found_does_not_examine_it(made: Bench) -> None:
    tools = tools_of(made)
    both_roles = acting(made.on, Role.EXAMINER, Role.SUPERVISOR)
    for actor in (made.first, made.second):
        examine(actor, made.search, tools=tools, concluding=about_anna)
    searches.view_candidates(both_roles, search=made.search, tools=tools)
    row = next(
        row
        for row in queries.comparisons(queries.visible_to(made.first, made.search)[0])
        if row.about["rank"] == 1
    )
    services.follow_conclusion(
        made.first,
        comparison=row,
        checklist=checklist(OTHER),
        conclusion=str(OTHER),
        reason=WHY,
        tools=tools,
    )
    with pytest.raises(SamePerson, match="seen"):
        begin(both_roles, search=made.search, tools=tools)
    begin(made.third, search=made.search, tools=tools)


def test_an_examiner_without_a_certificate_and_other_roles_do_not_examine(made: Bench) -> None:
    tools = tools_of(made)
    for role in set(Role) - {Role.EXAMINER}:
        with pytest.raises(RoleMissing):
            begin(replace(made.first, roles=frozenset({role})), search=made.search, tools=tools)
    with pytest.raises(NotPermitted):
        begin(replace(made.first, certified_until=None), search=made.search, tools=tools)


def test_another_agency_knows_nothing_of_it(made: Bench) -> None:
    tools = tools_of(made)
    stranger = other_agency(made.on)
    with pytest.raises(NotPermitted):
        begin(stranger, search=made.search, tools=tools)
    begun = begin(made.first, search=made.search, tools=tools)
    with pytest.raises(NotFound):
        queries.examination(stranger, begun.pk)
    assert queries.sight(stranger, made.search) == queries.Sight.NOTHING


def test_no_candidate_can_be_seen_or_said_before_the_probe_is_analysed(made: Bench) -> None:
    tools = tools_of(made)
    begun = begin(made.first, search=made.search, tools=tools)
    row = next(one for one in begun.comparisons.all() if one.about["letter"] == "A")
    with pytest.raises(NotFound):
        queries.comparison(begun, "A")
    with pytest.raises(WrongState):
        viewing.view_examination(made.first, examination=begun, comparison=row, tools=tools)
    for say in (services.save_comparison_draft, services.record_conclusion):
        with pytest.raises(WrongState):
            say(
                made.first,
                comparison=row,
                checklist=checklist(SAME),
                conclusion=str(SAME),
                tools=tools,
            )
    partly = {"marks": {"nose": {"said": "clear"}}}
    services.save_analysis_draft(made.first, examination=begun, checklist=partly, tools=tools)
    with pytest.raises(InputError, match="Missing"):
        services.record_analysis(made.first, examination=begun, checklist=partly, tools=tools)
    services.record_analysis(made.first, examination=begun, checklist=ANALYSIS, tools=tools)
    begun.refresh_from_db()
    assert queries.comparison(begun, "A").pk == row.pk
    shown = viewing.view_examination(made.first, examination=begun, comparison=row, tools=tools)
    assert shown.probe is not None
    assert len(shown.candidate) == 1


def test_all_photos_of_a_candidate_are_shown_on_demand(made: Bench) -> None:
    tools = tools_of(made)
    begun = begin(made.first, search=made.search, tools=tools)
    services.record_analysis(made.first, examination=begun, checklist=ANALYSIS, tools=tools)
    row = begun.comparisons.first()
    shown = viewing.view_examination(
        made.first, examination=begun, comparison=row, every=True, tools=tools
    )
    assert len(shown.candidate) == 3


def test_a_conclusion_needs_a_whole_checklist_that_speaks_for_it(made: Bench) -> None:
    tools = tools_of(made)
    begun = begin(made.first, search=made.search, tools=tools)
    services.record_analysis(made.first, examination=begun, checklist=ANALYSIS, tools=tools)
    row = begun.comparisons.first()
    cannot = {"marks": {str(one): {"said": str(Answer.CANNOT)} for one in Component}}
    missing = {"marks": {"nose": {"said": str(Answer.SIMILAR)}}}
    for said, step in ((cannot, SAME), (cannot, OTHER), (missing, SAME), (cannot, "certain")):
        with pytest.raises(InputError):
            services.record_conclusion(
                made.first, comparison=row, checklist=said, conclusion=str(step), tools=tools
            )
    services.record_conclusion(
        made.first, comparison=row, checklist=cannot, conclusion=str(NEITHER), tools=tools
    )
    with pytest.raises(WrongState):
        services.record_conclusion(
            made.first,
            comparison=row,
            checklist=checklist(SAME),
            conclusion=str(SAME),
            tools=tools,
        )


def test_nobody_writes_in_somebody_elses_examination(made: Bench) -> None:
    tools = tools_of(made)
    begun = begin(made.first, search=made.search, tools=tools)
    row = begun.comparisons.first()
    attempts = [
        lambda: services.record_analysis(
            made.second, examination=begun, checklist=ANALYSIS, tools=tools
        ),
        lambda: services.record_conclusion(
            made.second,
            comparison=row,
            checklist=checklist(SAME),
            conclusion=str(SAME),
            tools=tools,
        ),
        lambda: services.end_examination(made.second, examination=begun, reason=WHY, tools=tools),
        lambda: viewing.view_examination(made.second, examination=begun, tools=tools),
    ]
    for attempt in attempts:
        with pytest.raises(NotPermitted):
            attempt()


def test_the_last_conclusion_records_the_examination(made: Bench) -> None:
    one = examine(made.first, made.search, tools=tools_of(made), concluding=about_anna)
    assert one.state == ExaminationState.RECORDED
    assert one.recorded_at is not None
    assert count(Action.CONCLUSION_RECORDED) == 4
    assert count(Action.PROBE_ANALYSED) == 1


def test_what_an_examiner_may_know_opens_step_by_step(made: Bench) -> None:
    tools = tools_of(made)
    sight, nothing = queries.sight, queries.Sight.NOTHING
    supervisor = acting(made.on, Role.SUPERVISOR)
    auditor = acting(made.on, Role.AUDITOR)
    both_roles = acting(made.on, Role.EXAMINER, Role.SUPERVISOR)
    everybody = [made.first, made.second, made.third, supervisor, auditor, both_roles]
    assert {sight(one, made.search) for one in everybody} == {nothing}
    mine = begin(made.first, search=made.search, tools=tools)
    assert {sight(one, made.search) for one in everybody} == {nothing}
    conclude_all(made.first, mine, tools=tools, concluding=about_anna)
    seen = [sight(one, made.search) for one in everybody]
    assert seen == [queries.Sight.OWN, *[nothing] * 5]
    assert [one.pk for one in queries.visible_to(made.first, made.search)] == [mine.pk]
    examine(made.second, made.search, tools=tools, concluding=lambda _: OTHER)
    seen = [sight(one, made.search) for one in everybody]
    every = queries.Sight.EVERYTHING
    # Two disagree, so whoever could be the third examiner knows nothing yet.
    assert seen == [every, every, nothing, every, every, nothing]
    examine(made.third, made.search, tools=tools, concluding=lambda _: OTHER)
    assert {sight(one, made.search) for one in everybody} == {every}
    investigator = acting(made.on, Role.INVESTIGATOR)
    assert sight(investigator, made.search) == nothing


def test_a_conclusion_is_followed_only_after_both_are_recorded_and_stays_as_it_was(
    made: Bench,
) -> None:
    tools = tools_of(made)
    mine = examine(made.first, made.search, tools=tools, concluding=about_anna)
    row = next(one for one in queries.comparisons(mine) if one.about["rank"] == 1)

    def follow(actor: Any, one: Any, reason: str = WHY) -> Any:
        return services.follow_conclusion(
            actor,
            comparison=one,
            checklist=checklist(OTHER),
            conclusion=str(OTHER),
            reason=reason,
            tools=tools,
        )

    with pytest.raises(WrongState):
        follow(made.first, row)
    examine(made.second, made.search, tools=tools, concluding=lambda _: OTHER)
    with pytest.raises(ReasonMissing):
        follow(made.first, row, reason=" ")
    with pytest.raises(NotPermitted):
        follow(made.second, row)
    later = follow(made.first, row)
    assert standings.standings(made.search)[0].standing == Standing.NO_LEAD
    row.refresh_from_db()
    assert row.said["conclusion"] == str(SAME)
    assert queries.last_of(row).pk == later.pk
    with pytest.raises(WrongState):
        follow(made.first, row)
    follow(made.first, later)
    assert len(standings.standings(made.search)[0].concluded) == 4


def test_an_examination_that_was_given_up_counts_for_nothing(made: Bench) -> None:
    tools = tools_of(made)
    begun = begin(made.first, search=made.search, tools=tools)
    services.record_analysis(made.first, examination=begun, checklist=ANALYSIS, tools=tools)
    row = begun.comparisons.first()
    services.record_conclusion(
        made.first, comparison=row, checklist=checklist(SAME), conclusion=str(SAME), tools=tools
    )
    with pytest.raises(ReasonMissing):
        services.end_examination(made.first, examination=begun, reason="", tools=tools)
    services.end_examination(made.first, examination=begun, reason=WHY, tools=tools)
    assert all(not one.concluded for one in standings.standings(made.search))
    assert queries.sight(made.first, made.search) == queries.Sight.NOTHING
    with pytest.raises(SamePerson):
        begin(made.first, search=made.search, tools=tools)
    begin(made.second, search=made.search, tools=tools)
    begin(made.third, search=made.search, tools=tools)


def test_an_insider_cannot_record_an_examination_in_the_database(made: Bench) -> None:
    tools = tools_of(made)
    begun = begin(made.first, search=made.search, tools=tools)
    Examination.objects.filter(pk=begun.pk).update(state=ExaminationState.RECORDED)
    with pytest.raises(SealBroken):
        queries.sight(made.first, made.search)
    Examination.objects.filter(pk=begun.pk).update(
        state=ExaminationState.OPEN, examiner=made.second.person
    )
    with pytest.raises(SealBroken):
        queries.examination(made.second, begun.pk)
