"""The clock of the packs: search first, be authorised in time, or what was found is destroyed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import factories
import pytest
from clients import client_of
from django.urls import reverse
from examining import examined

from countenance import config as settings
from countenance.apps.agencies.models import Agency
from countenance.apps.cases import authorities
from countenance.apps.cases import services as cases
from countenance.apps.cases.documents import Document
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.queries import receipt_about, verify_ledger
from countenance.apps.searches import purging, services
from countenance.apps.searches.models import Search, SearchState
from countenance.errors import NoAuthority, NotPermitted, SealBroken, SearchFrozen, WrongState
from countenance.ledger.entry import Action
from countenance.policy import SYSTEM, SearchKind
from countenance.sealing.factors import FileFactor
from countenance.testing import FakeEngine
from countenance.web import jobs, maintenance, server, wiring

NIGHT = timedelta(hours=12)
TWO_DAYS = timedelta(hours=48)


@pytest.fixture
def late(deployment: Any) -> Iterator[Any]:
    """A search that was run under an authority that nobody has granted yet, where the law allows that."""
    agency = Agency.objects.get(pk=deployment.agency.pk)
    agency.standing = {**agency.standing, "pack": "eu-ai-act"}
    agency.save()
    source = factories.make_source(deployment)
    deployment.gallery = factories.make_gallery(deployment)
    factories.enrol(deployment, deployment.gallery, source, factories.people(["anna", "ben"]))
    deployment.authority = _propose(deployment)
    case = factories.make_case(deployment, authority=deployment.authority)
    deployment.case = case
    deployment.found = factories.search(
        deployment, case, [deployment.gallery], FakeEngine.photo("anna", 2)
    )
    return deployment


def _propose(on: Any) -> Any:
    return authorities.propose_authority(
        on.actor,
        kind=SearchKind.MISSING,
        statute="Missing Persons Act, section 4",
        purpose="Find a missing person",
        galleries=[on.gallery.pk],
        quota=10,
        expires_on=on.tools.clock().date() + timedelta(days=90),
        document=Document(file_name="order.txt", data=b"The order, on paper"),
        tools=on.tools,
    )


def _at(on: Any, later: timedelta) -> Any:
    now = on.tools.clock() + later
    return replace(on.tools, clock=lambda: now)


def _decide(on: Any, *, grant: bool, tools: Any) -> None:
    authorities.decide_authority(
        replace(on.supervisor, stepped_up_at=tools.clock()),
        authority=on.authority,
        grant=grant,
        reason="Looked at",
        tools=tools,
    )


def _view(on: Any, tools: Any) -> Search:
    return services.view_candidates(on.examiner, search=on.found, tools=tools)


def _run_clock(tools: Any) -> tuple[int, int]:
    return (
        purging.freeze_overdue(SYSTEM, tools=tools),
        purging.purge_frozen(SYSTEM, tools=tools),
    )


def _actions() -> list[str]:
    return list(LedgerRow.objects.order_by("index").values_list("action", flat=True))


def test_a_search_before_the_grant_says_until_when_it_must_come(late: Any) -> None:
    assert late.found.authorise_by is not None
    assert late.found.deadline == late.found.intended_at + TWO_DAYS
    examined(late, late.found)
    assert _view(late, _at(late, NIGHT)).outcome["candidates"]
    assert _run_clock(_at(late, NIGHT)) == (0, 0)


def test_without_a_grant_in_time_nothing_is_shown_and_what_was_found_is_destroyed(
    late: Any,
) -> None:
    after = _at(late, TWO_DAYS + timedelta(seconds=5))
    # The look itself asks for the time, whether or not the clock has run yet.
    with pytest.raises(SearchFrozen):
        _view(late, after)
    assert _run_clock(after) == (1, 1)
    assert _actions()[-2:] == ["search.frozen", "search.purged"]
    gone = Search.objects.get(pk=late.found.pk)
    assert (gone.outcome, gone.template, gone.object_key) == (None, None, None)
    assert gone.state == SearchState.CONCLUDED
    with pytest.raises(SearchFrozen, match="certificate"):
        _view(late, after)
    assert gone.reason == "Reported missing on 3 May"  # who asked for what, and why, stays
    assert gone.probe.details["faces"]  # and so does the evidence
    bodies = LedgerRow.objects.filter(about=gone.pk, action=str(Action.SEARCH_CONCLUDED))
    assert [row.body for row in bodies] == [None]
    verify_ledger(late.tools.keyring)
    assert _run_clock(after) == (0, 0)


def test_the_certificate_names_rule_and_section_and_its_receipt_verifies(late: Any) -> None:
    _run_clock(_at(late, TWO_DAYS + timedelta(minutes=1)))
    certificate = Search.objects.get(pk=late.found.pk).certificate
    assert certificate["rule"] == "authority.late"
    assert any("Art. 26(10)" in section for section in certificate["sections"])
    assert certificate["destroyed_by"] == "the clock"
    receipt_about(late.found.pk, Action.SEARCH_PURGED).verify()
    json.dumps(certificate)


def test_a_grant_in_time_stops_the_clock_also_when_it_is_looked_at_later(late: Any) -> None:
    examined(late, late.found)
    _decide(late, grant=True, tools=_at(late, NIGHT))
    after = _at(late, timedelta(days=30))
    assert _run_clock(after) == (0, 0)
    assert _view(late, after).outcome["candidates"]


def test_a_search_that_was_granted_in_time_is_not_looked_at_again(late: Any) -> None:
    examined(late, late.found)
    assert purging.settle_granted(SYSTEM, tools=late.tools) == 0
    _decide(late, grant=True, tools=_at(late, NIGHT))
    after = _at(late, timedelta(days=30))
    assert purging.settle_granted(SYSTEM, tools=after) == 1
    assert not purging._due(after).exists()
    settled = Search.objects.get(pk=late.found.pk)
    assert (settled.authorise_by, settled.deadline) == (None, None)
    assert settled.request["authorise_by"] == late.found.authorise_by.isoformat()
    assert _view(late, after).outcome["candidates"]
    assert (purging.settle_granted(SYSTEM, tools=after), _run_clock(after)) == (0, (0, 0))
    Search.objects.filter(pk=settled.pk).update(authorise_by=late.found.authorise_by)
    with pytest.raises(SealBroken):
        _view(late, after)


def test_a_search_whose_grant_came_too_late_is_not_settled(late: Any) -> None:
    _decide(late, grant=True, tools=_at(late, TWO_DAYS + timedelta(seconds=1)))
    assert purging.settle_granted(SYSTEM, tools=_at(late, TWO_DAYS + timedelta(minutes=1))) == 0


def test_a_grant_that_comes_too_late_saves_nothing(late: Any) -> None:
    _decide(late, grant=True, tools=_at(late, TWO_DAYS + timedelta(seconds=1)))
    after = _at(late, TWO_DAYS + timedelta(minutes=1))
    with pytest.raises(SearchFrozen):
        _view(late, after)
    assert _run_clock(after) == (1, 1)


def test_a_refusal_destroys_at_once_at_one_persons_word(late: Any) -> None:
    soon = _at(late, timedelta(minutes=1))
    with pytest.raises(WrongState):
        purging.purge_search(late.supervisor, search=late.found, tools=soon)
    _decide(late, grant=False, tools=soon)
    with pytest.raises(SearchFrozen, match="refused"):
        _view(late, soon)
    with pytest.raises(NotPermitted):
        purging.purge_search(late.examiner, search=late.found, tools=soon)
    destroyed = purging.purge_search(late.supervisor, search=late.found, tools=soon)
    assert destroyed.pk == late.found.pk
    assert destroyed.certificate["rule"] == "authority.refused"
    assert destroyed.certificate["destroyed_by"] == str(late.supervisor.person)


def test_what_was_refused_is_destroyed_and_said_to_be_so(late: Any) -> None:
    soon = _at(late, timedelta(minutes=1))
    _decide(late, grant=False, tools=soon)
    assert purging.freeze_overdue(SYSTEM, tools=soon) == 1
    with pytest.raises(SearchFrozen) as frozen:
        _view(late, soon)
    assert frozen.value.rule == "authority.refused"
    page = client_of(late, late.examiner).get(reverse("search", args=[late.found.pk])).text
    assert "The authority was refused." in page
    # Also when it is destroyed after the deadline for the grant.
    assert purging.purge_frozen(SYSTEM, tools=_at(late, 2 * TWO_DAYS)) == 1
    certificate = Search.objects.get(pk=late.found.pk).certificate
    assert certificate["rule"] == "authority.refused"
    assert certificate["says"] == "The authority was refused."
    page = client_of(late, late.examiner).get(reverse("search", args=[late.found.pk])).text
    assert "The authority was refused." in page


def test_what_was_late_stays_so_when_the_authority_is_refused_afterwards(late: Any) -> None:
    after = _at(late, TWO_DAYS + timedelta(minutes=1))
    assert purging.freeze_overdue(SYSTEM, tools=after) == 1
    _decide(late, grant=False, tools=after)
    assert purging.purge_frozen(SYSTEM, tools=after) == 1
    assert Search.objects.get(pk=late.found.pk).certificate["rule"] == "authority.late"


@pytest.mark.parametrize("clock_ran", [True, False])
def test_after_one_authority_came_late_the_next_search_of_the_case_waits_for_its_own(
    late: Any, clock_ran: bool
) -> None:
    late.tools = after = _at(late, TWO_DAYS + timedelta(minutes=1))
    if clock_ran:
        assert _run_clock(after) == (1, 1)
    late.authority = _propose(late)
    cases.set_authority(late.actor, case=late.case, authority=late.authority, tools=after)
    with pytest.raises(NoAuthority) as refusal:
        factories.search(late, late.case, [late.gallery], FakeEngine.photo("anna", 3))
    assert refusal.value.rule == "authority.late_before"
    _decide(late, grant=True, tools=after)
    found = factories.search(late, late.case, [late.gallery], FakeEngine.photo("anna", 3))
    assert found.authorise_by is None


def test_a_row_that_was_altered_stops_the_clock_for_nobody_else(late: Any) -> None:
    other = factories.search(late, late.case, [late.gallery], FakeEngine.photo("anna", 3))
    Search.objects.filter(pk=late.found.pk).update(
        authorise_by=late.found.authorise_by - timedelta(seconds=1)
    )
    after = _at(late, TWO_DAYS + timedelta(minutes=1))
    wiring._tools[:] = [after]
    with pytest.raises(SealBroken):
        jobs.run_clock()
    assert Search.objects.get(pk=other.pk).purged_at is not None
    assert Search.objects.get(pk=late.found.pk).purged_at is None


def test_each_step_of_tidying_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    done = []

    def broken(*_: Any, **__: Any) -> int:
        raise SealBroken

    monkeypatch.setattr(jobs, "run_clock", broken)
    monkeypatch.setattr(jobs, "requeue_unfinished", broken)
    monkeypatch.setattr(wiring, "current", lambda: None)
    monkeypatch.setattr(maintenance, "sweep_objects", lambda *, tools: done.append("swept"))
    monkeypatch.setattr(maintenance, "clear_sessions", lambda: done.append("sessions"))
    server._tidy()
    assert done == ["swept", "sessions"]


def test_a_refusal_that_nobody_acts_upon_is_carried_out_by_the_clock(late: Any) -> None:
    soon = _at(late, timedelta(minutes=1))
    _decide(late, grant=False, tools=soon)
    assert _run_clock(soon) == (1, 1)


def test_a_search_after_the_deadline_is_refused(late: Any) -> None:
    late.tools = _at(late, TWO_DAYS + timedelta(seconds=1))
    with pytest.raises(NotPermitted, match="not granted in time"):
        factories.search(late, late.case, [late.gallery], FakeEngine.photo("anna", 3))


def test_a_second_search_does_not_begin_the_time_anew(late: Any) -> None:
    deadline = late.found.deadline
    late.tools = _at(late, NIGHT)
    again = factories.search(late, late.case, [late.gallery], FakeEngine.photo("anna", 3))
    assert again.deadline == deadline


def test_moving_the_deadline_in_the_database_is_noticed(late: Any) -> None:
    Search.objects.filter(pk=late.found.pk).update(authorise_by=None)
    with pytest.raises(SealBroken):
        _view(late, late.tools)


def test_the_clock_goes_on_while_nothing_runs_and_acts_at_the_next_start(
    late: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = late.tools.clock() + TWO_DAYS + timedelta(hours=1)
    wiring.seal()
    made = wiring._install

    def later(keyring: Any) -> Any:
        tools = replace(made(keyring), clock=lambda: moved)
        wiring._tools[:] = [tools]
        return tools

    monkeypatch.setattr(wiring, "_install", later)
    wiring.unseal(FileFactor(settings.current().file_factor), serving=True)
    assert jobs.run_clock() == 1
    gone = Search.objects.get(pk=late.found.pk)
    assert gone.purged_at == moved
    assert gone.certificate["rule"] == "authority.late"
    assert datetime.fromisoformat(gone.certificate["destroyed_at"]) == moved


def test_closing_a_case_does_not_stop_the_clock(late: Any) -> None:
    cases.close_case(late.actor, case=late.case, reason="Found at home", tools=late.tools)
    assert _run_clock(_at(late, TWO_DAYS + timedelta(minutes=1))) == (1, 1)
