"""What waited in a backup for a decision or its use is withdrawn after the restore: it may have been refused or used."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import four_eyes
import pytest
from four_eyes import Office, run_sql
from rolled import Rolled, replay

from countenance.apps.approvals import repeating, services
from countenance.apps.approvals.models import Approval
from countenance.apps.records.compared import compare_rows
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.queries import verify_ledger
from countenance.cli.backup import _replay_lines
from countenance.errors import ApprovalNeeded, SealBroken, WrongState
from countenance.policy import SYSTEM
from countenance.policy.approvals import ApprovalKind
from countenance.web.backups import erasures
from countenance.web.backups.folder import BackupFolder

office = four_eyes.office


@pytest.fixture
def on(office: Office, tmp_path_factory: Any) -> Any:
    office.on.folder = BackupFolder(tmp_path_factory.mktemp("backups"))
    return office.on


@pytest.mark.parametrize("lost", [False, True], ids=["with a list", "without a list"])
def test_nothing_is_approved_or_used_a_second_time(on: Any, office: Office, lost: bool) -> None:
    refused, used, left = (office.ask(subject=uuid4()) for _ in range(3))
    for one in (used, left):
        office.decide(one)
    known = {each.row for each in compare_rows(on.tools.keyring).differences}
    was = Rolled(on, Approval)
    office.decide(refused, approve=False)
    office.use(subject=used.subject)
    erasures.copy(on.folder, keyring=on.tools.keyring)
    mark = was.back()
    if lost:
        done = replay(on, mark, None, "The list burnt with the machine")
    else:
        done = replay(on, mark, on.folder.path)
    assert done["approvals_withdrawn"] == 3
    assert any("withdrawn: 3" in line for line in _replay_lines(done))
    with pytest.raises(WrongState):
        office.decide(Approval.objects.get(pk=refused.pk))
    for one in (used, left):
        with pytest.raises(ApprovalNeeded, match="withdrawn"):
            office.use(subject=one.subject)
    verify_ledger(on.tools.keyring)
    assert {each.row for each in compare_rows(on.tools.keyring).differences} <= known
    # Nor does an approved one come back to whoever writes to the database.
    run_sql("UPDATE approvals_approval SET withdrawn_at = NULL")
    with pytest.raises(ApprovalNeeded, match="used already"):
        office.use(subject=used.subject)
    # It is asked for anew.
    again = office.ask(subject=used.subject)
    office.decide(again)
    assert office.use(subject=used.subject).pk == again.pk


def test_what_is_over_or_lasts_and_broken_glass_stay_as_they_are(on: Any, office: Office) -> None:
    lapsed, ended, refused, used, back = (office.ask(subject=uuid4()) for _ in range(5))
    office.decide(ended)
    office.decide(refused, approve=False)
    office.decide(used)
    office.use(subject=used.subject)
    services.withdraw(office.actor(0), approval=back, tools=office.tools)
    office.now += four_eyes.WEEKS
    lasting = office.ask(kind=ApprovalKind.SENSITIVE_GALLERY, subject=uuid4())
    office.decide(lasting)
    glass = office.break_glass()
    before = LedgerRow.objects.count()
    assert repeating.withdraw_open(SYSTEM, since=office.now, failed=[], tools=on.tools) == 0
    assert LedgerRow.objects.count() == before
    assert office.is_approved(ApprovalKind.SENSITIVE_GALLERY, subject=lasting.subject)
    assert office.glass_until() == glass.usable_until
    assert Approval.objects.get(pk=lapsed.pk).withdrawn_at is None


def test_one_that_was_given_to_an_agency_that_is_none_is_told_and_holds_back_no_other(
    on: Any, office: Office
) -> None:
    altered, other = office.ask(subject=uuid4()), office.ask(subject=uuid4())
    run_sql("UPDATE approvals_approval SET agency_id = %s WHERE id = %s", uuid4(), altered.pk)
    failed: list[str] = []
    given: dict[str, Any] = {"since": office.now, "failed": failed, "tools": on.tools}
    assert repeating.withdraw_open(SYSTEM, **given) == 1
    assert failed == [str(altered.pk)]
    assert Approval.objects.get(pk=other.pk).withdrawn_at is not None
    assert repeating.withdraw_open(SYSTEM, **given) == 0


def test_serving_in_spite_of_one_needs_a_reason_and_the_others_are_still_counted(
    on: Any, office: Office
) -> None:
    altered, _ = office.ask(subject=uuid4()), office.ask(subject=uuid4())
    run_sql("UPDATE approvals_approval SET agency_id = %s WHERE id = %s", uuid4(), altered.pk)
    was = Rolled(on, Approval)
    erasures.copy(on.folder, keyring=on.tools.keyring)
    mark = was.back()
    with pytest.raises(SealBroken, match=str(altered.pk)):
        replay(on, mark, on.folder.path)
    done = replay(on, mark, on.folder.path, "Altered before the backup, and it permits nothing")
    assert done["approvals_withdrawn"] == 1
    assert done["not_repeated"] == {"approval.withdrawn": [str(altered.pk)]}
