"""Who belongs to a case, who leads it, and what keeps it from being erased."""

from unit.policy.table_people import ME, OTHER, THEIRS, actor, raised
from unit.policy.table_rules import MEMBER, OPENER, case

from countenance import errors


def members_and_leaders_of_a_case(p):
    """Look at who works on a case and who changes it, role by role."""
    of_case, lead = p.casework.permit_case_member, p.casework.permit_case_lead
    mine = case(p, members=frozenset({MEMBER}))
    for letter in "KCTIESA":
        sees, leads = letter in "ESA", letter == "S"
        assert p.casework.sees_every_case(actor(p, letter)) == sees
        for person in (ME, OTHER, MEMBER, OPENER):
            somebody = actor(p, letter, person=person)
            for judge, rule, yes in (
                (of_case, "case.member", sees or person in {MEMBER, OPENER}),
                (lead, "case.lead", leads or person == OPENER),
            ):
                if yes:
                    assert judge(somebody, mine).rule == rule
                else:
                    error = raised(errors.NotPermitted, judge, somebody, mine)
                    assert error.rule == rule
                    assert "supervisor" in error.detail
            theirs = case(p, agency=THEIRS, opened_by=person)
            for judge in (of_case, lead):
                error = raised(errors.NotPermitted, judge, somebody, theirs)
                assert error.rule == "agency.own_only"


def a_case_is_erased_once_nothing_keeps_it(p):
    """Erase a case in every state that it can be in."""
    judge = p.casework.permit_case_erasure
    free = {"held": False, "needed": False, "running": False}
    assert judge(case(p, closed=True), **free).rule == "case.erasure"
    for said, closed, kept in (
        ("Close the case first", False, {}),
        ("legal hold is on", True, {"held": True}),
        ("no outcome yet", True, {"needed": True}),
        ("still running", True, {"running": True}),
    ):
        error = raised(errors.NotPermitted, judge, case(p, closed=closed), **(free | kept))
        assert error.rule == "case.erasure"
        assert said in error.detail


TABLES = (members_and_leaders_of_a_case, a_case_is_erased_once_nothing_keeps_it)
