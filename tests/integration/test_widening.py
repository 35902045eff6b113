"""Letting a case be about one person more, once a supervisor approved it."""

import pytest
from factories import make_case, second_person

from countenance.apps.approvals.services import ask
from countenance.apps.approvals.services import decide as decide_approval
from countenance.apps.cases import widening
from countenance.apps.cases.models import Case
from countenance.apps.records.models import LedgerRow
from countenance.errors import ApprovalNeeded
from countenance.policy.approvals import ApprovalKind


def actions():
    return [row.action for row in LedgerRow.objects.order_by("index")]


def approve_widening(on, case, people):
    approval = ask(
        on.actor,
        kind=ApprovalKind.CASE_WIDENING,
        subject=case.pk,
        summary="Let the case be about one person more",
        payload={"people": people},
        reason="A second child was reported missing with her",
        tools=on.tools,
    )
    decide_approval(
        second_person(on), approval=approval, approve=True, reason="Agreed", tools=on.tools
    )


def test_a_case_is_widened_by_one_person_for_each_approval(deployment):
    case = make_case(deployment)
    with pytest.raises(ApprovalNeeded):
        widening.widen_case(deployment.actor, case=case, tools=deployment.tools)
    assert actions()[-1] == "action.refused"
    assert Case.objects.get().people == 1
    approve_widening(deployment, case, 2)
    widening.widen_case(deployment.actor, case=case, tools=deployment.tools)
    assert actions()[-1] == "case.widened"
    assert Case.objects.get().people == 2
    with pytest.raises(ApprovalNeeded):
        widening.widen_case(deployment.actor, case=case, tools=deployment.tools)
