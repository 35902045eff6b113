"""A clock that is set back or leaps ahead, by mistake or on purpose, revives nothing and destroys nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import factories
import pytest
from clients import client_of
from django.urls import reverse

from countenance import config
from countenance.apps.cases.models import Authority, AuthorityState
from countenance.apps.records.models import LedgerHead, LedgerRow
from countenance.apps.records.queries import verify_ledger
from countenance.apps.searches import services
from countenance.apps.searches.models import Search
from countenance.errors import AuthorityExpired, ClockWrong
from countenance.policy import SYSTEM
from countenance.sealing.factors import FileFactor
from countenance.testing import FakeEngine
from countenance.tools import MOST_AHEAD, MOST_BEHIND, LedgerClock
from countenance.web import jobs, wiring

NOON = datetime(2026, 5, 3, 12, tzinfo=UTC)
HOUR, DAY, YEAR = timedelta(hours=1), timedelta(days=1), timedelta(days=365)


class Machine:
    """A machine whose clock can be set, and on which time passes."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now, self.passed = now, 0.0

    def clock(self, last: datetime | None) -> LedgerClock:
        return LedgerClock(last, machine=lambda: self.now, elapsed=lambda: self.passed)

    def wait(self, time: timedelta) -> None:
        self.now += time
        self.passed += time.total_seconds()


def test_time_goes_on_as_on_the_machine() -> None:
    machine = Machine()
    clock = machine.clock(NOON - DAY)
    assert clock() == NOON
    machine.wait(400 * DAY)
    assert clock() == NOON + 400 * DAY
    assert machine.clock(None)() == machine.now


@pytest.mark.parametrize("back", [timedelta(seconds=2), MOST_BEHIND])
def test_a_small_correction_backwards_does_not_go_behind_the_last_entry(back: timedelta) -> None:
    machine = Machine(NOON - back)
    assert machine.clock(NOON)() == NOON


def test_a_clock_behind_the_last_entry_tells_no_time_until_it_is_right() -> None:
    machine = Machine(NOON - MOST_BEHIND - timedelta(seconds=1))
    clock = machine.clock(NOON)
    with pytest.raises(ClockWrong, match="03 May 2026, 12:00 UTC"):
        clock()
    machine.wait(timedelta(seconds=2))
    assert clock() == NOON


@pytest.mark.parametrize("leap", [-MOST_BEHIND, MOST_AHEAD])
def test_a_clock_that_leaps_while_the_program_runs_tells_no_time_until_it_is_right(
    leap: timedelta,
) -> None:
    machine = Machine()
    clock = machine.clock(NOON - YEAR)
    machine.now += leap
    clock()
    machine.now += leap / 10
    with pytest.raises(ClockWrong, match="leapt"):
        clock()
    machine.now -= leap / 10
    clock()


# In a deployment.


@pytest.fixture
def machine() -> Machine:
    return Machine(datetime.now(UTC))


@pytest.fixture
def made(deployment: Any, machine: Machine) -> Any:
    """A case whose authority ends today, searched once; the deployment's clock is the machine's."""
    gallery = factories.make_gallery(deployment)
    factories.enrol(
        deployment, gallery, factories.make_source(deployment), factories.people(["anna"])
    )
    deployment.gallery = gallery
    deployment.ends = machine.now.date() + 30 * DAY
    deployment.authority = factories.make_authority(
        deployment, [gallery], expires_on=deployment.ends
    )
    deployment.case = factories.make_case(deployment, authority=deployment.authority)
    _restart(deployment, machine)
    return deployment


def _restart(on: Any, machine: Machine, *, trust: bool = False) -> None:
    """Start anew, at the machine's time; everybody proves once more who they are."""
    last = None if trust else LedgerHead.objects.get().at
    on.tools = replace(on.tools, clock=machine.clock(last))
    wiring._tools[:] = [on.tools]


def _search(on: Any, shot: int) -> Search:
    found: Search = factories.search(on, on.case, [on.gallery], FakeEngine.photo("anna", shot))
    return found


def test_an_authority_that_ended_is_not_revived_by_a_clock_that_is_set_back(
    made: Any, machine: Machine
) -> None:
    _search(made, 2)
    machine.wait(31 * DAY)
    with pytest.raises(AuthorityExpired):
        _search(made, 3)
    entries, last = LedgerRow.objects.count(), LedgerHead.objects.get().at
    machine.now -= 20 * DAY
    for restarted in (False, True):
        if restarted:
            _restart(made, machine)
        with pytest.raises(ClockWrong):
            _search(made, 4)
        with pytest.raises(ClockWrong):
            services.view_candidates(SYSTEM, search=Search.objects.get(), tools=made.tools)
    assert LedgerRow.objects.count() == entries
    assert made.authority.state(today=made.ends + DAY) == AuthorityState.ENDED
    # Back where it belongs, it goes on, and the ledger's time never ran backwards.
    machine.now += 20 * DAY
    _restart(made, machine)
    with pytest.raises(AuthorityExpired):
        _search(made, 5)
    assert LedgerHead.objects.get().at >= last
    verify_ledger(made.tools.keyring)
    assert Authority.objects.get(pk=made.authority.pk).used == 1


def test_a_clock_that_leaps_ahead_destroys_nothing_and_ends_nothing(
    made: Any, machine: Machine
) -> None:
    _search(made, 2)
    entries = LedgerRow.objects.count()
    machine.now += 10 * YEAR
    for job in (jobs.run_clock, jobs.run_retention):
        with pytest.raises(ClockWrong):
            job()
    with pytest.raises(ClockWrong):
        _search(made, 3)
    assert LedgerRow.objects.count() == entries
    assert Search.objects.get().outcome["candidates"]
    machine.now -= 10 * YEAR
    assert _search(made, 3).outcome["candidates"]


def test_a_page_says_that_the_clock_is_wrong_and_what_to_do(made: Any, machine: Machine) -> None:
    client = client_of(made, made.examiner)
    client.raise_request_exception = False
    found = _search(made, 2)
    page = reverse("search", args=[found.pk])
    assert client.get(page).status_code == 200
    machine.now -= 2 * DAY
    answer = client.get(page)
    assert answer.status_code == 503
    assert "Set it right" in answer.content.decode()
    machine.now += 2 * DAY
    assert client.get(page).status_code == 200


def test_a_ledger_that_was_dated_ahead_can_be_gone_on_with(made: Any, machine: Machine) -> None:
    machine.wait(20 * DAY)
    _search(made, 2)
    ahead = LedgerHead.objects.get().at
    machine.now -= 20 * DAY
    machine.passed = 0.0
    _restart(made, machine)
    with pytest.raises(ClockWrong, match="COUNTENANCE_TRUST_CLOCK"):
        _search(made, 3)
    _restart(made, machine, trust=True)
    assert _search(made, 3).outcome["candidates"]
    assert LedgerHead.objects.get().at == ahead
    verify_ledger(made.tools.keyring)


def test_the_program_starts_with_the_time_of_the_last_entry(deployment: Any) -> None:
    factor = FileFactor(config.current().file_factor)
    LedgerHead.objects.update(at=datetime.now(UTC) + DAY)
    wiring.seal()

    def start_and_work() -> None:
        wiring.unseal(factor).clock()

    with pytest.raises(ClockWrong):
        start_and_work()
    wiring.seal()
    config.install(config.current().model_copy(update={"trust_clock": True}))
    wiring.unseal(factor)
    assert abs(wiring.current().clock() - datetime.now(UTC)) < HOUR
