"""Cases: who sees them, under which authority, with which members, until when, about how many people."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from factories import acting, make_authority, make_case, make_gallery, other_agency

from countenance.apps.cases import authorities, models, queries, services, widening
from countenance.apps.cases.models import Case
from countenance.apps.records.models import LedgerRow
from countenance.errors import (
    AlreadyExists,
    AuthorityExpired,
    AuthoritySpent,
    CaseClosed,
    InputError,
    NoAuthority,
    NotFound,
    NotPermitted,
    ReasonMissing,
    RoleMissing,
    SealBroken,
    WrongState,
)
from countenance.policy import Role

REASON = "Reported missing on 3 May"
LATE = "2199-12-31"


def open_case(on, actor, reference="C-1", **more):
    wishes = {"purpose": "Find a missing person", "reason": REASON}
    return services.open_case(actor, reference=reference, **wishes | more, tools=on.tools)


def actions():
    return [row.action for row in LedgerRow.objects.order_by("index")]


def run_sql(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def references(actor):
    return {one.reference for one in queries.cases(actor)}


def today(on):
    return on.tools.clock().date()


def test_a_case_is_opened_under_an_authority_with_members_and_an_end(deployment):
    one, other = (acting(deployment, Role.INVESTIGATOR) for _ in range(2))
    authority = make_authority(deployment, [make_gallery(deployment)])
    last_day = today(deployment) + timedelta(days=30)
    case = open_case(
        deployment, one, authority=authority, expires_on=last_day, members=[other.person]
    )
    assert actions()[-1] == "case.opened"
    case = queries.case(other, case.pk)
    assert case.authority == authority
    facts = queries.facts_of(case, now=deployment.tools.clock())
    assert facts.opened_by == one.person
    assert facts.members == {other.person}
    assert facts.expires_on == last_day
    assert facts.glass_until is None
    assert not facts.closed
    assert case.people == 1


def test_a_case_lasts_a_year_if_nobody_says_otherwise(deployment):
    case = make_case(deployment)
    assert case.expires_on == today(deployment) + services.CASE_LASTS
    assert case.facts.expires_on == case.expires_on


def test_only_an_investigator_opens_a_case(deployment):
    for role in (Role.EXAMINER, Role.SUPERVISOR, Role.COORDINATOR, Role.AUDITOR, Role.STEWARD):
        with pytest.raises(RoleMissing):
            open_case(deployment, acting(deployment, role))
        assert actions()[-1] == "action.refused"
    assert not Case.objects.exists()


@pytest.mark.parametrize(
    ("wishes", "error"),
    [
        ({"reference": " "}, InputError),
        ({"purpose": ""}, InputError),
        ({"reason": "because"}, ReasonMissing),
        ({"reason": ""}, ReasonMissing),
        ({"expires_on": date(2020, 1, 1)}, InputError),
        ({"members": [uuid4()]}, InputError),
    ],
)
def test_an_incomplete_case_is_not_opened(deployment, wishes, error):
    with pytest.raises(error):
        open_case(deployment, deployment.actor, **wishes)
    assert not Case.objects.exists()


def test_a_reference_is_taken_once(deployment):
    open_case(deployment, deployment.actor, "C-7")
    with pytest.raises(AlreadyExists):
        open_case(deployment, deployment.actor, " c-7 ")


def test_no_case_is_opened_under_an_authority_that_cannot_be_used(deployment):
    tools = deployment.tools
    gallery = make_gallery(deployment)
    refused = authorities.propose_authority(
        deployment.actor,
        kind="targeted",
        statute="s. 1",
        purpose="p",
        galleries=[gallery.pk],
        quota=1,
        expires_on=today(deployment),
        tools=tools,
    )
    refused = authorities.decide_authority(
        deployment.supervisor, authority=refused, grant=False, reason="no", tools=tools
    )
    revoked = authorities.revoke_authority(
        deployment.supervisor,
        authority=make_authority(deployment, [gallery]),
        reason="over",
        tools=tools,
    )
    for authority in (refused, revoked):
        with pytest.raises(NoAuthority):
            open_case(deployment, deployment.actor, authority=authority)
        assert actions()[-1] == "action.refused"
    ending = make_authority(deployment, [gallery], expires_on=today(deployment))
    later = replace(tools, clock=lambda: deployment.tools.clock() + timedelta(days=2))
    with pytest.raises(AuthorityExpired):
        services.open_case(
            deployment.actor,
            reference="late",
            purpose="p",
            reason=REASON,
            authority=ending,
            tools=later,
        )
    spent = make_authority(deployment, [gallery], quota=1)
    spent.standing |= {"used": 1}
    spent.save()
    with pytest.raises(AuthoritySpent):
        open_case(deployment, deployment.actor, authority=spent)


def test_another_agencys_authority_opens_nothing(deployment):
    theirs = other_agency(deployment)
    authority = make_authority(deployment, [make_gallery(deployment)])
    with pytest.raises(NotPermitted, match="another agency"):
        open_case(deployment, theirs, authority=authority)
    assert actions()[-1] == "action.refused"


def test_an_investigator_sees_their_own_cases_and_those_they_are_a_member_of(deployment):
    one, other, third = (acting(deployment, Role.INVESTIGATOR) for _ in range(3))
    open_case(deployment, one, "mine")
    shared = open_case(deployment, one, "shared", members=[other.person])
    open_case(deployment, other, "theirs")
    assert references(one) == {"mine", "shared"}
    assert references(other) == {"theirs", "shared"}
    assert references(third) == set()
    with pytest.raises(NotFound):
        queries.case(third, shared.pk)
    assert queries.case_by_reference(third, "shared", tools=deployment.tools) is None
    assert queries.case_by_reference(other, "shared", tools=deployment.tools) == shared


def test_examiners_supervisors_and_auditors_see_every_case_and_nobody_else_does(deployment):
    case = open_case(deployment, acting(deployment, Role.INVESTIGATOR), "C-1")
    for role in (Role.EXAMINER, Role.SUPERVISOR, Role.AUDITOR):
        assert references(acting(deployment, role)) == {"C-1"}
    for role in (Role.COORDINATOR, Role.STEWARD):
        actor = acting(deployment, role)
        assert references(actor) == set()
        with pytest.raises(NotFound):
            queries.case(actor, case.pk)


def test_another_agency_neither_sees_nor_changes_a_case(deployment):
    case = make_case(deployment)
    theirs = other_agency(deployment)
    authority = make_authority(
        replace(deployment, actor=theirs),
        [make_gallery(replace(deployment, actor=theirs), "Theirs")],
    )
    assert references(theirs) == set()
    with pytest.raises(NotFound):
        queries.case(theirs, case.pk)
    attempts = [
        lambda: services.set_authority(
            theirs, case=case, authority=authority, tools=deployment.tools
        ),
        lambda: services.change_members(theirs, case=case, members=[], tools=deployment.tools),
        lambda: services.close_case(theirs, case=case, reason="x", tools=deployment.tools),
        lambda: widening.widen_case(theirs, case=case, tools=deployment.tools),
    ]
    for attempt in attempts:
        with pytest.raises(NotPermitted, match="another agency"):
            attempt()
        assert actions()[-1] == "action.refused"


def test_a_case_is_put_under_another_authority(deployment):
    case = make_case(deployment)
    assert case.authority is None
    authority = make_authority(deployment, [make_gallery(deployment)])
    services.set_authority(deployment.actor, case=case, authority=authority, tools=deployment.tools)
    assert actions()[-1] == "case.authorised"
    assert queries.case(deployment.actor, case.pk).authority == authority


def test_somebody_elses_case_is_not_changed(deployment):
    one, other = (acting(deployment, Role.INVESTIGATOR) for _ in range(2))
    case = open_case(deployment, one)
    authority = make_authority(deployment, [make_gallery(deployment)])
    stranger, led = "not a member of this case", "Only the investigator who opened the case"
    attempts = [
        (
            stranger,
            lambda: services.set_authority(
                other, case=case, authority=authority, tools=deployment.tools
            ),
        ),
        (
            stranger,
            lambda: services.change_members(
                other, case=case, members=[other.person], tools=deployment.tools
            ),
        ),
        (
            led,
            lambda: services.close_case(other, case=case, reason="found", tools=deployment.tools),
        ),
    ]
    for said, attempt in attempts:
        with pytest.raises(NotPermitted, match=said):
            attempt()
        assert actions()[-1] == "action.refused"


def test_members_are_changed_by_the_lead_and_by_a_supervisor_but_not_by_a_member(deployment):
    lead, member, third = (acting(deployment, Role.INVESTIGATOR) for _ in range(3))
    case = open_case(deployment, lead, members=[member.person])
    with pytest.raises(NotPermitted, match="who opened the case or a supervisor"):
        services.change_members(member, case=case, members=[], tools=deployment.tools)
    services.change_members(
        lead, case=case, members=[third.person, lead.person], tools=deployment.tools
    )
    assert actions()[-1] == "case.members_changed"
    assert queries.case(third, case.pk).member_ids == {third.person}
    with pytest.raises(NotFound):
        queries.case(member, case.pk)
    services.change_members(deployment.supervisor, case=case, members=[], tools=deployment.tools)
    with pytest.raises(NotFound):
        queries.case(third, case.pk)


def test_a_member_is_somebody_of_the_agency(deployment):
    case = make_case(deployment)
    for stranger in (uuid4(), other_agency(deployment).person):
        with pytest.raises(InputError, match="not a person of your agency"):
            services.change_members(
                deployment.actor, case=case, members=[stranger], tools=deployment.tools
            )


def test_a_closed_case_allows_nothing_and_is_closed_once(deployment):
    case = make_case(deployment)
    with pytest.raises(ReasonMissing):
        services.close_case(deployment.actor, case=case, reason=" ", tools=deployment.tools)
    services.close_case(deployment.actor, case=case, reason="Found", tools=deployment.tools)
    assert Case.objects.get().facts.closed
    assert Case.objects.get().closing_reason == "Found"
    authority = make_authority(deployment, [make_gallery(deployment)])
    with pytest.raises(WrongState):
        services.close_case(deployment.actor, case=case, reason="Again", tools=deployment.tools)
    attempts = [
        lambda: services.set_authority(
            deployment.actor, case=case, authority=authority, tools=deployment.tools
        ),
        lambda: services.change_members(
            deployment.actor, case=case, members=[], tools=deployment.tools
        ),
        lambda: widening.widen_case(deployment.actor, case=case, tools=deployment.tools),
    ]
    for attempt in attempts:
        with pytest.raises(CaseClosed):
            attempt()
        assert actions()[-1] == "action.refused"


def test_a_case_whose_last_day_is_over_can_only_be_closed(deployment):
    case = make_case(deployment, expires_on=today(deployment))
    later = replace(
        deployment.tools, clock=lambda: deployment.tools.clock() + timedelta(days=1, minutes=1)
    )
    with pytest.raises(CaseClosed, match="ended on"):
        services.change_members(deployment.actor, case=case, members=[], tools=later)
    services.close_case(deployment.actor, case=case, reason="Over", tools=later)
    assert Case.objects.get().facts.closed


@pytest.mark.parametrize(
    "tampering",
    [
        "update cases_case set closed_at = null",
        "update cases_case set expires_on = '2999-01-01'",
        "update cases_case set authority_id = (select id from cases_authority limit 1)",
        "update cases_case set authority_id = null",
        (
            "update cases_case set opened_by_id ="
            " (select id from agencies_person where id <> opened_by_id limit 1)"
        ),
        "update cases_case set erase_from = now()",
        "update cases_case set standing = null",
    ],
)
def test_columns_changed_in_the_database_are_noticed(deployment, tampering):
    gallery = make_gallery(deployment)
    make_authority(deployment, [gallery])
    case = make_case(deployment, authority=make_authority(deployment, [gallery]))
    services.close_case(deployment.actor, case=case, reason="Found", tools=deployment.tools)
    before = Case.objects.values_list("authority_id", "closed_at").get()
    run_sql(tampering)
    if (
        "limit 1)" in tampering
        and before == Case.objects.values_list("authority_id", "closed_at").get()
        and "authority" in tampering
    ):
        run_sql(
            "update cases_case set authority_id = (select max(id::text)::uuid from cases_authority)"
        )
    with pytest.raises(SealBroken):
        queries.case(deployment.actor, case.pk)
    with pytest.raises(SealBroken):
        services.close_case(deployment.actor, case=case, reason="x", tools=deployment.tools)


def test_members_of_another_case_do_not_open_here(deployment):
    investigator = acting(deployment, Role.INVESTIGATOR)
    theirs = open_case(deployment, investigator, "theirs")
    mine = make_case(deployment, "mine", members=[investigator.person])
    run_sql(
        "update cases_case set members = (select members from cases_case where id = %s) where id = %s",
        mine.pk,
        theirs.pk,
    )
    with pytest.raises(SealBroken):
        _ = Case.objects.get(pk=theirs.pk).facts


STRIP = (
    "update cases_case set standing = null, members = null, expires_on = null,"
    " authority_id = null, closed_at = null"
)


def test_a_case_is_not_made_one_of_before_there_were_authorities(deployment):
    case = make_case(deployment)
    run_sql(STRIP)
    with pytest.raises(SealBroken):
        queries.case(deployment.actor, case.pk)


def test_a_case_of_before_there_were_authorities_stays_as_it_was(deployment, monkeypatch):
    case = make_case(deployment)
    run_sql(STRIP)
    monkeypatch.setattr(models, "_began_with_standing", lambda case: False)
    case = queries.case(deployment.actor, case.pk)
    assert case.facts.expires_on == date.max
    assert case.people == 1
    authority = make_authority(deployment, [make_gallery(deployment)])
    services.set_authority(deployment.actor, case=case, authority=authority, tools=deployment.tools)
    assert queries.case(deployment.actor, case.pk).authority == authority
