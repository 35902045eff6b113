"""Asking for searches, how many there are, and of how many people: each edge."""

from uuid import UUID

from unit.policy.table_people import ME, OTHER, actor, raised

from countenance.errors import NotPermitted, QuotaSpent, UnrelatedFace

ONE, TWO, THREE = (UUID(int=number) for number in (41, 42, 43))


def only_the_asker_takes_a_request_back(p):
    """Refuse everybody else."""
    judge = p.searching.permit_asker
    assert judge(actor(p), ME).rule == "request.own_only"
    error = raised(NotPermitted, judge, actor(p), OTHER)
    assert error.rule == "request.own_only"
    assert "decline it" in error.detail


def only_the_proposer_adds_a_document(p):
    """Refuse everybody else."""
    judge = p.searching.permit_proposer
    assert judge(actor(p), ME).rule == "authority.proposer"
    error = raised(NotPermitted, judge, actor(p), OTHER)
    assert error.rule == "authority.proposer"
    assert "Ask them" in error.detail


def only_wished_galleries_are_searched(p):
    """Fewer may be, others not."""
    judge = p.searching.permit_wished
    for chosen in ([ONE], [ONE, TWO], []):
        assert judge(chosen, wished=[TWO, ONE]).rule == "search.asked_galleries"
    for chosen in ([THREE], [ONE, THREE]):
        error = raised(NotPermitted, judge, chosen, wished=[ONE, TWO])
        assert error.rule == "search.asked_galleries"
        assert "Leave it out" in error.detail


def quotas_end_with_the_last_search(p):
    """Look at the last search and the one after, of a person, a case and an agency."""
    usual = p.searching.Quotas()
    assert (usual.person_a_day, usual.case, usual.agency_a_day) == (50, 100, 500)
    quotas = p.searching.Quotas(person_a_day=3, case=4, agency_a_day=5)
    last = {"by_person": 2, "in_case": 3, "by_agency": 4}
    assert p.searching.permit_quotas(quotas, **last).rule == "quota"
    for name, rule, said in (
        ("by_person", "quota.person", "all 3 searches that one person"),
        ("in_case", "quota.case", "All 4 searches of one case"),
        ("by_agency", "quota.agency", "all 5 searches of a day"),
    ):
        for over in (1, 2):
            given = last | {name: last[name] + over}
            error = raised(QuotaSpent, p.searching.permit_quotas, quotas, **given)
            assert error.rule == rule
            assert said in error.detail


def a_case_is_about_so_many_people(p):
    """Look at one person, none said, and several."""
    judge = p.searching.permit_people
    for found, about in ((0, 1), (1, 1), (1, 0), (2, 2), (2, 3)):
        assert judge(found, about=about).rule == "case.people"
    for found, about, said in (
        (2, 1, "about one person,"),
        (2, 0, "about one person,"),
        (3, 2, "about 2 people,"),
        (9, 2, "about 2 people,"),
    ):
        error = raised(UnrelatedFace, judge, found, about=about)
        assert error.rule == "case.people"
        assert said in error.detail
        assert "have a supervisor widen" in error.detail


TABLES = (
    only_the_asker_takes_a_request_back,
    only_the_proposer_adds_a_document,
    only_wished_galleries_are_searched,
    quotas_end_with_the_last_search,
    a_case_is_about_so_many_people,
)
