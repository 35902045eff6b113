"""The erasure of a case is finished after a stop, waits for a hold, cannot be forged, and survives a restore."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from clients import client_of
from django.urls import reverse
from erased_early import REASON, again, approve, ask, changed, erase, to_be_erased
from rolled import Rolled, replay

from countenance.apps.approvals.models import Approval
from countenance.apps.cases import holding
from countenance.apps.cases.models import Case
from countenance.apps.records.queries import verify_ledger
from countenance.apps.searches import erasing, retention
from countenance.apps.searches.models import Probe, Search
from countenance.errors import SealBroken
from countenance.policy import SYSTEM
from countenance.policy.people import STEP_UP_LASTS
from countenance.web import jobs
from countenance.web.backups import erasures
from countenance.web.backups.folder import BackupFolder


@pytest.fixture
def closed(deployment: Any) -> Any:
    """Two closed cases, each with a search that returned candidates, and two supervisors."""
    return to_be_erased(deployment)


def test_the_proof_of_who_orders_it_does_not_run_out_halfway(closed: Any) -> None:
    on, calls = closed, iter([0])
    approve(on, ask(on))
    moment = on.tools.clock()
    # The order is given at the very end of the five minutes; everything after it is later than that.
    late = replace(
        on.tools, clock=lambda: moment if next(calls, None) == 0 else moment + timedelta(seconds=1)
    )
    actor = replace(on.asker, stepped_up_at=moment - STEP_UP_LASTS)
    erasing.erase_case(actor, case=on.case, tools=late)
    assert Search.objects.get(pk=on.found.pk).outcome is None
    assert Probe.objects.get(case=on.case).details is None


@pytest.mark.parametrize("stopped", ["purge_results", "_record_evidence", "deleting"])
def test_the_clock_finishes_what_a_stop_interrupts(
    closed: Any, monkeypatch: pytest.MonkeyPatch, stopped: str
) -> None:
    on, photo = closed, Probe.objects.get(case=closed.case).pk
    approve(on, ask(on))

    def stops(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if stopped == "deleting":
            patch.setattr(type(on.tools.store), "delete", stops)
        else:
            patch.setattr(retention, stopped, stops)
            if stopped == "purge_results":  # The process is gone: nothing else has its turn either.
                patch.setattr(retention, "_record_evidence", stops)
        with pytest.raises(KeyboardInterrupt):
            erase(on)
    assert again(on).erasure
    monkeypatch.setattr(jobs.wiring, "current", lambda: on.tools)
    assert (
        jobs.run_retention() == {"purge_results": 2, "_record_evidence": 1, "deleting": 0}[stopped]
    )
    assert Search.objects.get(pk=on.found.pk).certificate["rule"] == "erasure.ordered"
    gone = Probe.objects.get(pk=photo)
    assert (gone.details, gone.object_key) == (None, None)
    assert (photo in set(on.tools.store.ids())) == (stopped == "deleting")  # the sweep's
    assert Search.objects.get(pk=on.kept.pk).outcome
    verify_ledger(on.tools.keyring)


def test_a_hold_that_is_set_in_between_stops_the_clock_until_it_is_lifted(closed: Any) -> None:
    on = closed
    approve(on, ask(on))
    erasing.order_erasure(on.asker, case=on.case, tools=on.tools)
    holding.hold_case(on.second, case=on.case, reason=REASON, tools=on.tools)
    page = client_of(on, on.second).get(reverse("case", args=[on.case.pk])).content.decode()
    assert "once the legal hold is lifted" in page
    assert retention.purge_ended_results(SYSTEM, tools=on.tools) == 0
    assert retention.purge_ended_evidence(SYSTEM, tools=on.tools) == 0
    holding.release_case(on.second, case=on.case, reason="It is over", tools=on.tools)
    assert retention.purge_ended_results(SYSTEM, tools=on.tools) == 1
    assert retention.purge_ended_evidence(SYSTEM, tools=on.tools) == 1


def test_nobody_orders_an_erasure_in_the_database_or_takes_one_back(closed: Any) -> None:
    on = closed
    Case.objects.filter(pk=on.other.pk).update(erase_from=on.tools.clock() - timedelta(days=1))
    with pytest.raises(SealBroken):
        retention.purge_ended_results(SYSTEM, tools=on.tools)
    assert Search.objects.get(pk=on.kept.pk).outcome
    approve(on, ask(on))
    erasing.order_erasure(on.asker, case=on.case, tools=on.tools)
    Case.objects.filter(pk=on.case.pk).update(erase_from=None)
    with pytest.raises(SealBroken):
        _ = again(on).facts


@pytest.mark.parametrize("finished", [True, False])
def test_a_restored_older_backup_has_it_destroyed_again(
    closed: Any, tmp_path: Any, finished: bool
) -> None:
    on = closed
    on.folder = BackupFolder(tmp_path)
    photo = Probe.objects.get(case=on.case).pk
    asked = ask(on)
    was = Rolled(on, Case, Search, Probe, Approval)
    approve(on, asked)
    (erase if finished else _order)(on)
    erasures.copy(on.folder, keyring=on.tools.keyring)
    mark = was.back()
    assert Search.objects.get(pk=on.found.pk).outcome
    assert photo in set(on.tools.store.ids())
    done = replay(on, mark, on.folder.path)["repeated"]
    both = {"search.purged": 1, "evidence.purged": 1} if finished else {}
    assert done == {"case.erasure_ordered": 1, **both}
    assert (retention.purge_ended_results(SYSTEM, tools=on.tools) == 0) == finished
    assert (retention.purge_ended_evidence(SYSTEM, tools=on.tools) == 0) == finished
    gone = Search.objects.get(pk=on.found.pk)
    assert (gone.outcome, gone.template, gone.object_key) == (None, None, None)
    rule = "restore.repeated" if finished else "erasure.ordered"
    assert gone.certificate["rule"] == rule
    assert Probe.objects.get(pk=photo).details is None
    assert photo not in set(on.tools.store.ids())
    case = again(on)
    assert case.erasure is not None
    assert "backup" in case.erasure["reason"]
    assert Search.objects.get(pk=on.kept.pk).outcome
    page = client_of(on, on.second).get(reverse("case", args=[case.pk])).content.decode()
    assert "Erased early" in page
    verify_ledger(on.tools.keyring)
    assert not changed(on)


def _order(on: Any) -> None:
    erasing.order_erasure(on.asker, case=on.case, tools=on.tools)
