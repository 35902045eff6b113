"""Who witnessed the ledger is lost with a deployment, or taken out of its database, or was set while the clock was ahead."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import cli_fixtures
import factories
import pytest
from cli_fixtures import Cli
from clients import client_of
from rolled import Rolled, replay
from witnessing import Served, custodian, later, name_witnesses, served_three, sign

from countenance.apps.records import checkpoints, witnessed
from countenance.apps.records.models import CheckpointRow, LedgerRow, WitnessPolicyRow
from countenance.apps.records.queries import verify_ledger
from countenance.cli import doctor
from countenance.errors import LedgerBroken, NotWitnessed
from countenance.ledger.entry import Action
from countenance.ledger.quorum import WitnessPolicy
from countenance.policy import Role
from countenance.testing import FakeEngine
from countenance.web import witnesses
from countenance.web.backups import erasures
from countenance.web.backups.folder import BackupFolder

cli, three, place = cli_fixtures.cli, served_three, cli_fixtures.place
HOUR, DAY, AHEAD = timedelta(hours=1), timedelta(days=1), timedelta(days=3650)


def at(on: Any, moment: datetime) -> Any:
    return replace(on.tools, clock=lambda: moment)


def search(on: Any, gallery: Any, reference: str) -> None:
    case = factories.make_case(on, reference)
    factories.search(on, case, [gallery], FakeEngine.photo("anna", shot=len(reference)))


def test_searching_goes_on_where_the_witnesses_were_first_set_after_the_backup(
    cli: Cli, deployment: Any, three: list[Served], tmp_path_factory: Any
) -> None:
    on = deployment
    on.folder = BackupFolder(tmp_path_factory.mktemp("backups"))
    gallery = factories.make_gallery(on)
    factories.enrol(on, gallery, factories.make_source(on), factories.people(["anna"]))
    assert witnessed.lost_words() == ""
    was = Rolled(on)
    name_witnesses(on, three, 2)
    erasures.copy(on.folder, keyring=on.tools.keyring)
    mark = was.back()
    WitnessPolicyRow.objects.all().delete()
    replay(on, mark, on.folder.path)
    search(on, gallery, "26-1")
    said = f"The witnesses that were set on {on.tools.clock():%d %B %Y} were lost"
    assert said in witnessed.lost_words()
    auditor = factories.acting(on, Role.AUDITOR)
    assert said in client_of(on, auditor).get("/ledger/").content.decode()
    assert said in cli("ledger", "witnesses", as_=auditor)[1]["lost"]
    assert said in doctor._witnesses(on.tools).found
    name_witnesses(on, three, 2)
    assert witnessed.lost_words() == ""
    witnesses.sign_and_ask(tools=on.tools)
    search(on, gallery, "26-22")
    verify_ledger(on.tools.keyring)


def test_a_policy_taken_out_of_the_database_stops_searches_until_the_custodian_sets_it_again(
    deployment: Any, three: list[Served]
) -> None:
    on = deployment
    name_witnesses(on, three, 2)
    WitnessPolicyRow.objects.all().delete()
    LedgerRow.objects.filter(action=str(Action.WITNESSES_CHANGED)).update(body=None)
    for stopped in (
        lambda: witnessed.require_witnesses(on.tools),
        witnessed.overview,
        lambda: witnesses.sign_and_ask(tools=on.tools),
    ):
        with pytest.raises(LedgerBroken, match="set-witnesses"):
            stopped()
    name_witnesses(on, three, 3)
    assert witnessed.policy_now().policy.quorum == 3
    assert witnessed.lost_words() == ""
    witnessed.require_witnesses(on.tools)


def test_a_ledger_whose_clock_was_ahead_still_waits_for_its_witnesses(
    deployment: Any, three: list[Served]
) -> None:
    on, now = deployment, datetime.now(UTC)
    # Dated ten years ahead, as is every entry from then on.
    factories.make_case(replace_tools(on, at(on, now + AHEAD)))
    replace_tools(on, at(on, now))
    away = tuple(replace(one, url="http://127.0.0.1:9").witness for one in three)
    policy = WitnessPolicy(witnesses=away, quorum=2, grace=HOUR)
    checkpoints.set_witnesses(custodian(on), policy=policy, tools=on.tools)
    since = witnessed.policy_now().since
    assert since is not None
    assert since > now + DAY
    with pytest.raises(NotWitnessed):  # nobody can tell for how long
        witnessed.require_witnesses(on.tools)
    sign(on)
    witnessed.require_witnesses(at(on, now + HOUR / 2))
    factories.make_case(on, "26-2")
    witnessed.require_witnesses(at(on, now + HOUR / 2))
    sign(replace_tools(on, at(on, now + HOUR)))
    with pytest.raises(NotWitnessed):
        witnessed.require_witnesses(at(on, now + 2 * HOUR))
    name_witnesses(on, three, 2)
    witnesses.sign_and_ask(tools=on.tools)
    witnessed.require_witnesses(later(on, DAY))
    # A checkpoint that was signed while the clock was ahead tells nothing either.
    factories.make_case(on, "26-3")
    CheckpointRow.objects.update(at=now + AHEAD)
    with pytest.raises(NotWitnessed):
        witnessed.require_witnesses(on.tools)


def replace_tools(on: Any, tools: Any) -> Any:
    on.tools = tools
    return on
