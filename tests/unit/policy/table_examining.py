"""Who examines, comes third, follows, closes, releases and exports: each fact that speaks against it."""

from datetime import timedelta
from uuid import UUID

from unit.policy.table_people import ME, MINE, OTHER, THEIRS, TODAY, actor, raised

from countenance.errors import (
    CertificateMissing,
    ForbiddenByPack,
    LeadNotSupported,
    NotPermitted,
    ReasonMissing,
    SamePerson,
    SearchFrozen,
    WrongState,
)

ANNA, BEN, CLEO = (UUID(int=number) for number in (31, 32, 33))
GOOD = "The mole below the left eye is on both photos"
VAGUE = ("", "  ", "checked", "asdf asdf", "12345", "ok, as discussed")

# What speaks against everything that is done with a search, whichever it is, and in this order.
UNSEEN = (
    ({"agency": THEIRS, "purged": True}, NotPermitted, "agency.own_only", "another agency"),
    ({"purged": True, "frozen": True}, SearchFrozen, "search.purged", "certificate"),
    ({"frozen": True}, SearchFrozen, "search.frozen", "Propose another authority"),
)
CLOSED = (({"closed": True}, WrongState, "", "Ask for another one"),)
PART = (
    ({"added_by": {OTHER, ME}}, SamePerson, "examination.same_person", "Another examiner"),
    ({"asked_by": ME}, SamePerson, "examination.same_person", "Another examiner"),
    ({"granted_by": {OTHER, ME}}, SamePerson, "examination.same_person", "Another examiner"),
    ({"examiners": {ANNA, ME}}, SamePerson, "examination.once", "Another examiner"),
)


def searched(p, **more):
    """Return a search of my agency in which I had no part."""
    given = {
        "agency": MINE,
        "added_by": {ANNA},
        "asked_by": BEN,
        "granted_by": {CLEO},
        "examiners": set(),
        "engaged": 0,
        "recorded": 0,
    } | more
    sets = ("added_by", "granted_by", "examiners")
    return p.examining.ExaminedFacts(
        **{name: frozenset(value) if name in sets else value for name, value in given.items()}
    )


def _refuses(cases, judge):
    """Refuse each case by its class, its rule and its way out; `judge` takes what is different."""
    for given, wanted, rule, out in cases:
        error = raised(wanted, judge, **given)
        assert not rule or error.rule == rule, (given, error.rule)
        assert out in error.detail, error.detail


def _in_date_only(p, judge):
    """Refuse somebody whose certificate has ended or was never recorded; the last day still holds."""
    for until in (None, TODAY - timedelta(days=1)):
        error = raised(CertificateMissing, judge, actor(p, "E", certified_until=until))
        assert "coordinator" in error.detail
    assert judge(actor(p, "E", certified_until=TODAY))


def nobody_examines_what_they_had_a_part_in_or_twice(p):
    """Look at the two examiners that every search has."""

    def judge(who=None, examiners=2, **more):
        return p.examining.permit_examine(
            who or actor(p, "E"), searched(p, **more), today=TODAY, examiners=examiners
        )

    for engaged, recorded in ((0, 0), (1, 0), (1, 1)):
        permit = judge(engaged=engaged, recorded=recorded, examiners=2)
        assert permit.rule == "examination.other_person"
    assert judge(asked_by=None)
    assert judge(examiners=1), "no pack asks for fewer than two"
    assert judge(engaged=2, examiners=3)
    _refuses((*UNSEEN, *CLOSED), judge)
    part = [({"part": given}, *rest) for given, *rest in PART]
    _refuses(part, lambda part: _examine(p, part))
    for engaged, wanted in ((2, 2), (3, 2), (2, 1), (3, 3)):
        error = raised(WrongState, judge, engaged=engaged, examiners=wanted)
        assert "next one" in error.detail
    error = raised(WrongState, lambda: _examine(p, {"engaged": 2}))
    assert "Enough" in error.detail
    _in_date_only(p, judge)
    assert p.examining.EXAMINERS == 2


def _examine(p, facts):
    return p.examining.permit_examine(actor(p, "E"), searched(p, **facts), today=TODAY)


def whoever_ran_a_search_begins_and_all_others_draw(p):
    """Look at the one who ran it, and at others, of whom nothing but that is asked."""

    def begin(ran_by=ME, agency=MINE):
        return p.examining.permit_begin(actor(p, "E"), agency=agency, ran_by=ran_by)

    assert begin().rule == "examination.ran"
    error = raised(NotPermitted, begin, ran_by=OTHER)
    assert error.rule == "examination.drawn"
    assert "Take yours" in error.detail
    for ran_by in (ME, OTHER):
        assert raised(NotPermitted, begin, ran_by, THEIRS).rule == "agency.own_only"


def another_examiner_comes_only_after_a_disagreement(p):
    """Look at a third examiner, and a fourth where a pack asks for three."""
    two = {"engaged": 2, "recorded": 2, "examiners": {ANNA, BEN}, "disagreed": True}

    def ask(facts, examiners=2, who=None):
        return p.examining.permit_third(
            who or actor(p, "E"), searched(p, **facts), today=TODAY, examiners=examiners
        )

    assert ask(two).rule == "examination.third"
    assert ask(two | {"disagreed": False, "lapsed": True}).rule == "examination.third"
    assert ask(two | {"lapsed": True})
    assert ask(two | {"engaged": 3, "recorded": 3})
    assert ask(two, examiners=1)
    assert ask(two | {"engaged": 3, "recorded": 3}, examiners=3)
    plain = p.examining.permit_third(actor(p, "E"), searched(p, **two), today=TODAY)
    assert plain.rule == "examination.third"
    for less in (
        {"disagreed": False},
        {"recorded": 1},
        {"engaged": 1, "recorded": 1},
        {"engaged": 3},
        {"disagreed": False, "lapsed": True, "engaged": 3},
        {"disagreed": False, "lapsed": True, "recorded": 1},
    ):
        for examiners in (1, 2):
            error = raised(NotPermitted, ask, two | less, examiners)
            assert error.rule == "examination.third"
            assert "Take the next" in error.detail
    assert raised(NotPermitted, ask, two, 3).rule == "examination.third"
    for given, wanted, rule, out in (*UNSEEN, *CLOSED, *PART):
        error = raised(wanted, ask, two | given)
        assert not rule or error.rule == rule
        assert out in error.detail
    _in_date_only(p, lambda who: ask(two, who=who))


def a_conclusion_is_followed_by_whoever_made_it_and_for_a_reason(p):
    """Look at a disagreement that is consolidated, and at one that is not there."""
    two = {"engaged": 2, "recorded": 2, "examiners": {ME, ANNA}}

    def judge(search=(), examiners=None, **more):
        number = {} if examiners is None else {"examiners": examiners}
        given = {
            "examiner": ME,
            "followed": False,
            "control": False,
            "gains": True,
            "disagreed": True,
            "reason": GOOD,
        } | more
        said = p.examining.FollowFacts(**given)
        facts = searched(p, **(two | dict(search)))
        return p.examining.permit_follow(actor(p, "E"), facts, said, **number)

    assert judge().rule == "examination.follow_own"
    assert judge(search={"engaged": 3, "recorded": 3})
    # More careful one may always become, also where nobody disagrees and when the search is closed.
    assert judge(gains=False, disagreed=False)
    assert judge(gains=False, disagreed=False, search={"closed": True})
    assert judge(gains=False, search={"closed": True})
    for given, wanted, rule, out in UNSEEN:
        error = raised(wanted, judge, given)
        assert error.rule == rule
        assert out in error.detail
    error = raised(NotPermitted, judge, examiner=ANNA)
    assert error.rule == "examination.follow_own"
    assert "of your own" in error.detail
    for search in ({"recorded": 1}, {"engaged": 1, "recorded": 1}, {"engaged": 3}):
        assert "can be followed after that" in raised(WrongState, judge, search).detail
    # Where a law waives the second examiner, one has said all; where a pack asks for three, three have.
    alone, three = {"engaged": 1, "recorded": 1}, {"engaged": 3, "recorded": 3}
    assert judge(alone, examiners=1, gains=False, disagreed=False)
    assert judge(three, examiners=3)
    raised(WrongState, judge, examiners=3)
    raised(WrongState, judge, {"engaged": 2, "recorded": 1}, examiners=1)
    raised(WrongState, judge, {"engaged": 0, "recorded": 0}, examiners=0)
    assert "Follow the last one" in raised(WrongState, judge, followed=True).detail
    assert "Nothing follows it" in raised(WrongState, judge, control=True).detail
    for more in (
        {"disagreed": False},
        {"search": {"closed": True}},
        {"disagreed": False, "search": {"closed": True}},
    ):
        error = raised(NotPermitted, judge, **more)
        assert error.rule == "examination.follow_disagreed"
        assert "more careful one" in error.detail
    for reason in VAGUE:
        assert "differently" in raised(ReasonMissing, judge, reason=reason).detail


def a_search_is_closed_with_a_reason(p):
    """Look at reasons, and at what cannot be closed."""

    def judge(reason=GOOD, **more):
        return p.examining.permit_close_search(actor(p, "E"), searched(p, **more), reason=reason)

    assert judge().rule == "search.closed_with_reason"
    assert judge(reason="The man was found alive in another town")
    for vague in VAGUE:
        assert "nothing more" in raised(ReasonMissing, judge, reason=vague).detail
    _refuses((*UNSEEN, *CLOSED), judge)


def only_who_ran_a_search_or_a_supervisor_closes_it(p):
    """Look at others, who would end somebody else's examination."""

    def judge(roles, ran_by=OTHER, agency=MINE):
        return p.examining.permit_closer(actor(p, roles), agency=agency, ran_by=ran_by)

    assert judge("S").rule == judge("E", ran_by=ME).rule == "search.close_own"
    for roles in ("S", "E"):
        assert raised(NotPermitted, judge, roles, ME, THEIRS).rule == "agency.own_only"
    error = raised(NotPermitted, judge, "E")
    assert error.rule == "search.close_own"
    assert "give up your own" in error.detail


def nobody_releases_what_they_examined(p):
    """Look at the supervisor who releases a lead."""

    def judge(**more):
        return p.examining.permit_release(actor(p, "S"), searched(p, **more))

    assert judge().rule == "lead.not_examiner"
    assert judge(examiners={ANNA, BEN}, engaged=2, recorded=2)
    # Whoever granted the authority is a supervisor too; a search that is closed still has its leads.
    assert judge(granted_by={ME})
    assert judge(closed=True)
    assert judge(asked_by=None)
    _refuses(
        (
            *UNSEEN,
            ({"examiners": {ME}}, SamePerson, "lead.not_examiner", "Another supervisor"),
            ({"examiners": {ANNA, ME}}, SamePerson, "lead.not_examiner", "Another supervisor"),
            ({"added_by": {ANNA, ME}}, SamePerson, "lead.other_person", "Another supervisor"),
            ({"asked_by": ME}, SamePerson, "lead.other_person", "Another supervisor"),
        ),
        judge,
    )


def nobody_withdraws_what_they_examined(p):
    """Look at the supervisor who withdraws a lead."""

    def judge(reason="The ear on a second photo is whole, so it is somebody else", **more):
        return p.examining.permit_withdraw(actor(p, "S"), searched(p, **more), reason=reason)

    assert judge().rule == "lead.withdraw"
    assert judge(closed=True)
    said = ({"examiners": {ANNA, ME}}, SamePerson, "lead.not_examiner", "Another supervisor")
    _refuses((*UNSEEN, said), judge)
    for reason in VAGUE:
        assert "act on this lead" in raised(ReasonMissing, judge, reason=reason).detail


def a_photo_leaves_only_with_a_released_lead(p):
    """Look at each condition, under packs that ask for it and under others."""
    house, detroit = (p.packs.terms_of(name) for name in ("default", "detroit-williams"))

    def judge(terms=None, **more):
        given = {
            "agency": MINE,
            "released": True,
            "frozen": False,
            "purged": False,
            "authorised": True,
            "independent": True,
            "reason": "For the line-up that the court of Mill Lane ordered",
        } | more
        facts = p.examining.ExportFacts(**given)
        return p.examining.permit_photo_export(actor(p, "I"), facts, terms=terms or house)

    assert judge().rule == judge(detroit).rule == "lead.photo_export"
    assert judge(independent=False)
    _refuses(UNSEEN, judge)
    error = raised(LeadNotSupported, judge, released=False)
    assert error.rule == "lead.released"
    assert "A supervisor releases it" in error.detail
    for why, rule in (({"withdrawn": True}, "withdrawn"), ({"supported": False}, "unsupported")):
        error = raised(LeadNotSupported, judge, **why)
        assert error.rule == f"lead.{rule}"
        assert "does not leave" in error.detail
    for terms, name in ((house, "default"), (detroit, "detroit-williams")):
        error = raised(ForbiddenByPack, judge, terms, authorised=False, independent=False)
        assert error.rule == f"{name}.photo_export.authorised"
        assert "Once a supervisor has granted it" in error.detail
    error = raised(ForbiddenByPack, judge, detroit, independent=False)
    assert error.rule == "detroit-williams.photo_export.independent_evidence"
    assert "Williams v. City of Detroit" in error.detail
    assert "Record what else there is" in error.detail
    assert raised(ForbiddenByPack, judge, p.packs.Terms()).rule == "pack.missing"
    for reason in VAGUE:
        assert "who gets it" in raised(ReasonMissing, judge, reason=reason).detail


def facts_are_against_nobody_unless_they_are_given(p):
    """Look at what may be left out."""
    plain = searched(p)
    assert (plain.disagreed, plain.lapsed, plain.frozen) == (False, False, False)
    assert (plain.purged, plain.closed) == (False, False)


TABLES = (
    nobody_examines_what_they_had_a_part_in_or_twice,
    whoever_ran_a_search_begins_and_all_others_draw,
    another_examiner_comes_only_after_a_disagreement,
    a_conclusion_is_followed_by_whoever_made_it_and_for_a_reason,
    a_search_is_closed_with_a_reason,
    only_who_ran_a_search_or_a_supervisor_closes_it,
    nobody_releases_what_they_examined,
    nobody_withdraws_what_they_examined,
    a_photo_leaves_only_with_a_released_lead,
    facts_are_against_nobody_unless_they_are_given,
)
