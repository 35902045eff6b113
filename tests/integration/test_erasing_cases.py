"""A closed case is erased before its time: a supervisor asks, a second person approves, and it is done at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import factories
import pytest
from bundles import independent
from clients import client_of
from disclosing import auditor, bundle
from django.db import connection
from django.urls import reverse
from erased_early import (
    REASON,
    actions,
    again,
    approve,
    ask,
    changed,
    closed_case,
    erase,
    to_be_erased,
)
from leading import about_first, prepared
from side_by_side import Gate, beside, result, wait_until_somebody_waits, with_tools

from countenance.apps.approvals import services as approvals
from countenance.apps.approvals.models import Approval
from countenance.apps.cases import holding
from countenance.apps.cases import services as cases
from countenance.apps.cases.models import Case
from countenance.apps.examinations.models import Comparison, Examination
from countenance.apps.leads import services as leads
from countenance.apps.leads.models import Lead, Outcome
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.queries import verify_ledger
from countenance.apps.records.services import unseal_body
from countenance.apps.searches import erasing, queries
from countenance.apps.searches.erasable import KIND
from countenance.apps.searches.models import Probe, Search, SearchState
from countenance.bundle import verify
from countenance.errors import (
    ApprovalNeeded,
    InputError,
    NotFound,
    NotPermitted,
    RoleMissing,
    SamePerson,
    StepUpNeeded,
    WrongState,
)
from countenance.policy import Role


@pytest.fixture
def closed(deployment: Any) -> Any:
    """Two closed cases, each with a search that returned candidates, and two supervisors."""
    return to_be_erased(deployment)


def _sealed(row: Search | Probe, table: str, columns: str) -> list[str]:
    """Return what a row holds sealed, as the database shows it."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {table} WHERE id = %s", [row.pk])
        (found,) = cursor.fetchall()
    return [bytes(part).hex() for part in found if part is not None]


def _in_database(parts: list[str]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT searches_search::text FROM searches_search")
        shown = str(cursor.fetchall())
        cursor.execute("SELECT searches_probe::text FROM searches_probe")
        shown += str(cursor.fetchall())
    return any(part in shown for part in parts)


def test_everything_of_the_case_is_destroyed_at_once_and_nothing_of_another(closed: Any) -> None:
    on, probe = closed, Probe.objects.get(case=closed.case)
    parts = [
        *_sealed(on.found, "searches_search", "outcome, template, object_key"),
        *_sealed(probe, "searches_probe", "details, object_key, content_index"),
    ]
    digest = probe.details["sha256"]
    assert len(parts) == 6
    assert _in_database(parts)
    assert probe.pk in set(on.tools.store.ids())
    approve(on, ask(on))
    erase(on)
    assert not _in_database(parts)
    gone = Search.objects.get(pk=on.found.pk)
    assert (gone.outcome, gone.template, gone.object_key) == (None, None, None)
    assert gone.reason == "Reported missing on 3 May"  # as retention leaves it
    probe.refresh_from_db()
    assert (probe.details, probe.object_key, probe.content_index) == (None, None, None)
    assert probe.pk not in set(on.tools.store.ids())
    rows = LedgerRow.objects.exclude(body=None)
    bodies = [unseal_body(row, keyring=on.tools.keyring)[1].decode() for row in rows]
    assert not any(digest in body for body in bodies)
    assert actions()[-4:] == [
        "approval.decided",
        "case.erasure_ordered",
        "search.purged",
        "evidence.purged",
    ]
    case = again(on)
    assert case.erasure is not None
    assert (case.erasure["by"], case.erasure["reason"]) == (str(on.asker.person), REASON)
    assert case.erase_from is not None
    assert (case.reference, case.closing_reason) == ("26-0001", "He was found")
    assert Search.objects.get(pk=on.kept.pk).outcome
    assert Probe.objects.get(case=on.other).details
    verify_ledger(on.tools.keyring)
    assert not changed(on)
    with pytest.raises(NotFound, match="destroyed"):
        queries.probe(on.actor, probe.pk)


def test_the_certificates_say_who_asked_and_that_it_was_approved_and_nothing_of_why(
    closed: Any,
) -> None:
    on = closed
    judge = factories.acting(on, Role.AUDITOR)
    approve(on, ask(on), by=judge)
    erase(on)
    evidence = (again(on).standing or {})["evidence"]
    for said in (Search.objects.get(pk=on.found.pk).certificate, evidence):
        assert said["rule"] == "erasure.ordered"
        assert "The case was erased early" in said["says"]
        assert "a second person approved it on" in said["says"]
        assert said["destroyed_by"] == "the clock"
        assert said["ordered"]["asked_by"] == said["ordered"]["by"] == str(on.asker.person)
        assert said["ordered"]["approved_by"] == str(judge.person)
        assert said["sections"] == []
        assert REASON not in str(said)
        assert "26-0001" not in str(said)
    client = client_of(on, judge)
    for name, key in (("evidence_certificate", on.case.pk), ("certificate", on.found.pk)):
        page = client.get(reverse(name, args=[key])).content.decode()
        assert "<dt>Asked for by</dt><dd>Only supervisor, " in page
        assert "<dt>Approved by</dt><dd>Only auditor, " in page
        assert "<dt>Law</dt>" not in page
        paper = client.get(reverse(f"{name}_paper", args=[key]))
        assert paper.content.startswith(b"%PDF-")
    assert "erased early" in client.get(reverse("search", args=[on.found.pk])).content.decode()


def test_examinations_and_leads_go_with_it_once_the_lead_has_an_outcome(deployment: Any) -> None:
    world = prepared(deployment, about_first, about_first)
    world.release()
    on = deployment
    on.case = Case.objects.get(pk=world.made.case.pk)
    on.asker, on.second = (factories.acting(on, Role.SUPERVISOR) for _ in range(2))
    cases.close_case(world.investigator, case=on.case, reason="He was found", tools=on.tools)
    with pytest.raises(NotPermitted, match="no outcome yet"):
        ask(on)
    lead = Lead.objects.get()
    leads.record_outcome(world.investigator, lead=lead, outcome=Outcome.RIGHT, tools=on.tools)
    approve(on, ask(on))
    erase(on)
    assert Lead.objects.get().destroyed
    assert not Examination.objects.exclude(object_key=None).exists()
    assert not Comparison.objects.exclude(object_key=None).exists()
    (search,) = Search.objects.filter(case=on.case)
    assert any("examiners wrote" in one for one in search.certificate["destroyed"])
    assert any("its leads say" in one for one in search.certificate["destroyed"])
    assert not Probe.objects.filter(purged_at=None).exists()
    verify_ledger(on.tools.keyring)
    data = bundle(world.made, auditor(world.made))
    assert verify(data).counts["searches"] == 1
    assert independent().verify(data)


def test_nobody_erases_a_case_alone_and_an_approval_works_once(closed: Any) -> None:
    on = closed
    with pytest.raises(ApprovalNeeded):
        erase(on)
    assert actions()[-1] == "action.refused"
    asked = ask(on)
    with pytest.raises(ApprovalNeeded, match="waits for a decision"):
        erase(on)
    with pytest.raises(SamePerson):
        approve(on, asked, by=on.asker)
    with pytest.raises(RoleMissing):
        approve(on, asked, by=factories.acting(on, Role.COORDINATOR))
    approve(on, asked)
    with pytest.raises(ApprovalNeeded):
        erasing.erase_case(on.asker, case=on.other, tools=on.tools)
    with pytest.raises(StepUpNeeded):
        erasing.erase_case(replace(on.asker, stepped_up_at=None), case=on.case, tools=on.tools)
    with pytest.raises(RoleMissing):
        erasing.erase_case(factories.acting(on, Role.INVESTIGATOR), case=on.case, tools=on.tools)
    assert not Search.objects.exclude(purged_at=None).exists()
    erase(on)
    with pytest.raises(WrongState, match="ordered already"):
        erase(on)
    with pytest.raises(WrongState, match="ordered already"):
        ask(on)


def test_while_a_request_waits_or_is_approved_a_second_one_is_refused(closed: Any) -> None:
    on, asked = closed, ask(closed)
    for by in (on.asker, on.second):
        with pytest.raises(WrongState, match="asked for already, and the request waits") as refused:
            erasing.ask_to_erase(by, case=on.case, reason=REASON, tools=on.tools)
        assert "under “Approvals”" in refused.value.detail
    ask(on, on.other)  # another case is another matter
    approvals.withdraw(on.asker, approval=asked, tools=on.tools)
    asked = ask(on)
    approvals.decide(on.second, approval=asked, approve=False, reason="Not yet", tools=on.tools)
    asked = ask(on)
    later = on.tools.clock() + timedelta(days=8)
    on.tools = replace(on.tools, clock=lambda: later)
    on.asker, on.second = (replace(one, stepped_up_at=later) for one in (on.asker, on.second))
    approve(on, ask(on))
    with pytest.raises(WrongState, match="approved and waits to be carried out"):
        ask(on)
    assert Approval.objects.filter(subject=on.case.pk).count() == 4
    erase(on)
    with pytest.raises(WrongState, match="ordered already"):
        ask(on)


def test_of_two_who_ask_at_the_same_moment_one_wins(closed: Any) -> None:
    on, gate = closed, Gate()

    def slowly(count: int) -> bytes:
        gate.stop_here()
        return on.tools.token_bytes(count)

    slow = with_tools(on, token_bytes=slowly)
    first = beside(lambda: ask(slow))
    gate.wait_until_reached()
    second = beside(
        lambda: erasing.ask_to_erase(on.second, case=on.case, reason=REASON, tools=on.tools)
    )
    wait_until_somebody_waits()
    gate.open()
    asked = result(first)
    with pytest.raises(WrongState, match="asked for already"):
        result(second)
    assert [one.pk for one in Approval.objects.all()] == [asked.pk]


def test_a_refused_request_erases_nothing(closed: Any) -> None:
    on, asked = closed, ask(closed)
    approvals.decide(
        on.second, approval=asked, approve=False, reason="It is still needed", tools=on.tools
    )
    with pytest.raises(ApprovalNeeded, match="refused"):
        erase(on)
    assert again(on).erasure is None


def test_another_agency_neither_asks_nor_erases(closed: Any) -> None:
    on, stranger = closed, factories.other_agency(closed)
    approve(on, ask(on))
    with pytest.raises(NotPermitted):
        erasing.erase_case(stranger, case=on.case, tools=on.tools)
    with pytest.raises(NotFound):
        erasing.ask_to_erase(stranger, case=on.case, reason=REASON, tools=on.tools)
    assert Search.objects.get(pk=on.found.pk).outcome


def test_a_case_that_is_open_held_running_or_empty_is_not_erased(closed: Any) -> None:
    on = closed
    approve(on, ask(on))
    holding.hold_case(on.second, case=on.case, reason=REASON, tools=on.tools)
    for step in (ask, erase):
        with pytest.raises(NotPermitted, match="legal hold"):
            step(on)
        assert actions()[-1] == "action.refused"
    holding.release_case(on.second, case=on.case, reason="It is over", tools=on.tools)
    Search.objects.filter(pk=on.found.pk).update(state=SearchState.INTENDED)
    for step in (ask, erase):
        with pytest.raises(NotPermitted, match="still running") as refusal:
            step(on)
        assert refusal.value.rule == "case.erasure"
        assert actions()[-1] == "action.refused"
    Search.objects.filter(pk=on.found.pk).update(state=SearchState.CONCLUDED)
    going_on, _ = closed_case(on, "26-0003", "ben", close=False)
    empty = factories.make_case(on, "26-0004")
    cases.close_case(on.actor, case=empty, reason="Opened twice", tools=on.tools)
    with pytest.raises(NotPermitted, match="Close the case first"):
        ask(on, going_on)
    with pytest.raises(WrongState, match="Nothing of this case is left"):
        ask(on, empty)
    erase(on)


def test_a_request_names_exactly_the_case_that_it_is_about(closed: Any) -> None:
    on = closed
    for payload in ({"case": str(on.other.pk)}, {}, {"case": str(on.case.pk), "at": "once"}):
        with pytest.raises(InputError):
            approvals.ask(
                on.asker,
                kind=KIND,
                subject=on.case.pk,
                summary="Erase it",
                payload=payload,
                reason=REASON,
                tools=on.tools,
            )
    with pytest.raises(RoleMissing):
        erasing.ask_to_erase(
            factories.acting(on, Role.INVESTIGATOR), case=on.case, reason=REASON, tools=on.tools
        )


def test_the_way_through_the_pages_works_without_scripts(closed: Any) -> None:
    on = closed
    asker, second = client_of(on, on.asker), client_of(on, on.second)
    page, ask = reverse("case", args=[on.case.pk]), reverse("case_erase", args=[on.case.pk])
    assert ask in asker.get(page).content.decode()
    for role in (Role.AUDITOR, Role.EXAMINER):
        assert ask not in client_of(on, factories.acting(on, role)).get(page).content.decode()
    assert asker.get(ask).status_code == 200
    assert asker.post(ask, {"reason": ""}).status_code == 422
    answer = asker.post(ask, {"reason": REASON})
    assert answer.status_code == 302
    request = answer["Location"]
    for client in (asker, second, client_of(on, factories.acting(on, Role.AUDITOR))):
        shown = client.get(page).content.decode()
        assert "Erasure asked for" in shown
        assert "Waits for a decision" in shown
        assert f'href="{request}"' in shown
        assert ask not in shown
    examiner = client_of(on, factories.acting(on, Role.EXAMINER))
    assert "Erasure asked for" not in examiner.get(page).content.decode()
    repeated = second.post(ask, {"reason": REASON})
    assert repeated.status_code == 422
    assert "asked for already" in repeated.content.decode()
    shown = second.get(request).content.decode()
    for said in ("26-0001 (closed)", "1 photo and what 1 search found", REASON):
        assert said in shown
    carry_out = reverse("case_erased", args=[Approval.objects.get().pk])
    assert carry_out not in asker.get(request).content.decode()
    decide = reverse("approval_decide", args=[Approval.objects.get().pk])
    assert second.post(decide, {"reason": "Agreed", "decision": "yes"}).status_code == 302
    assert carry_out in asker.get(request).content.decode()
    assert "<dt>State</dt><dd>Approved</dd>" in asker.get(page).content.decode()
    assert asker.get(carry_out).status_code == 200
    assert asker.post(carry_out, {"sent": "yes"})["Location"] == page
    shown = second.get(page).content.decode()
    assert "Erased early" in shown
    assert REASON in shown
    for route, key in (("evidence_certificate", on.case.pk), ("certificate", on.found.pk)):
        assert reverse(route, args=[key]) in shown
    assert "Not everything is destroyed yet" not in shown
    assert "Kept until" not in shown
    assert "Erasure asked for" not in shown
    assert ask not in asker.get(page).content.decode()
    assert "Nothing is left of it" in second.get(request).content.decode()
    repeated = asker.post(carry_out, {"sent": "yes"})
    assert repeated.status_code == 422
    assert "ordered already" in repeated.content.decode()
    going_on = factories.make_case(on, "26-0005").pk
    answer = asker.post(reverse("case_erase", args=[going_on]), {"reason": REASON})
    assert answer.status_code == 403
    assert "Close the case first" in answer.content.decode()
