"""Two closed cases and the people who erase the first one before its time."""

from __future__ import annotations

from typing import Any

import factories

from countenance.apps.approvals import services as approvals
from countenance.apps.approvals.models import Approval
from countenance.apps.cases import services as cases
from countenance.apps.cases.models import Case
from countenance.apps.records.compared import compare_rows
from countenance.apps.records.models import LedgerRow
from countenance.apps.searches import erasing
from countenance.apps.searches.models import Search
from countenance.policy import Role
from countenance.testing import FakeEngine

REASON = "The court of Ourtown ordered on 3 May that all of it goes"


def to_be_erased(on: Any) -> Any:
    """Make two closed cases, each with a search that returned candidates, and two supervisors."""
    on.gallery = factories.make_gallery(on)
    factories.enrol(on, on.gallery, factories.make_source(on), factories.people(["anna", "ben"]))
    on.case, on.found = closed_case(on, "26-0001", "anna")
    on.other, on.kept = closed_case(on, "26-0002", "ben")
    on.asker, on.second = (factories.acting(on, Role.SUPERVISOR) for _ in range(2))
    return on


def closed_case(on: Any, reference: str, name: str, *, close: bool = True) -> tuple[Case, Search]:
    case = factories.make_case(on, reference)
    found = factories.search(on, case, [on.gallery], FakeEngine.photo(name, 2))
    if close:
        cases.close_case(on.actor, case=case, reason="He was found", tools=on.tools)
    return Case.objects.get(pk=case.pk), found


def ask(on: Any, case: Case | None = None) -> Approval:
    return erasing.ask_to_erase(on.asker, case=case or on.case, reason=REASON, tools=on.tools)


def approve(on: Any, asked: Approval, by: Any = None) -> Approval:
    return approvals.decide(
        by or on.second, approval=asked, approve=True, reason="Seen and agreed to", tools=on.tools
    )


def erase(on: Any) -> Case:
    return erasing.erase_case(on.asker, case=on.case, tools=on.tools)


def actions() -> list[str]:
    return list(LedgerRow.objects.order_by("index").values_list("action", flat=True))


def again(on: Any) -> Case:
    return Case.objects.get(pk=on.case.pk)


def changed(on: Any) -> list[str]:
    """Return the rows that are not as the ledger says, but for people, whom the fixtures write past the services."""
    found = [one.row for one in compare_rows(on.tools.keyring).differences]
    return [one for one in found if not one.startswith("agencies_person.")]
