"""What one asks for and another decides: who, for how long, how often, and each refusal."""

from datetime import timedelta
from uuid import UUID

from unit.policy.table_people import ME, MINE, NOW, OTHER, ROLES, THEIRS, actor, raised

from countenance.errors import (
    ApprovalNeeded,
    NotPermitted,
    RoleMissing,
    SamePerson,
    WrongState,
)

# Who asks, who decides (letters as in `table_people`), days it waits, hours it lasts, how often.
KINDS = """
threshold_change     T   S    168  168  1
gallery_terms        T   S    168  168  1
role_grant           C   CS   168  168  1
sensitive_gallery    IE  S    168  2160 -
gallery_grant        T   CS   168  168  1
export               A   SA   168  24   1
retention_extension  T   S    168  168  1
large_enrolment      T   S    168  168  1
case_widening        I   S    168  168  1
case_erasure         S   SA   168  168  1
auditor_removal      C   SA   336  168  1
break_glass          S   A    72   4    -
"""
SUBJECT = UUID(int=51)
MOMENT = timedelta(microseconds=1)


def lines():
    """Return the table's lines."""
    for line in KINDS.strip().splitlines():
        kind, ask, decide, waits, lasts, uses = line.split()
        yield kind, ask, decide, int(waits), int(lasts), None if uses == "-" else int(uses)


def request(p, kind="export", **more):
    """Return a request of my agency that somebody else made and that waits for another moment."""
    given = {
        "agency": MINE,
        "kind": p.approvals.ApprovalKind(kind),
        "subject": SUBJECT,
        "asked_by": OTHER,
        "expires_at": NOW,
    }
    return p.approvals.ApprovalFacts(**(given | more))


def approval(p, kind="export", **more):
    """Return an approval that can be used for another moment."""
    given = {"decided_by": ME, "approved": True, "usable_until": NOW}
    return request(p, kind, **(given | more))


def the_table_of_kinds(p):
    """Compare each kind with what was written down here, and its sentences."""
    a = p.approvals
    assert set(a.KINDS) == set(a.ApprovalKind) == {kind for kind, *_ in lines()}
    for name, ask, decide, waits, lasts, uses in lines():
        kind = a.ApprovalKind(name)
        rule = a.KINDS[kind]
        assert rule.ask == {ROLES[letter] for letter in ask}
        assert rule.decide == {ROLES[letter] for letter in decide}
        assert rule.waits == timedelta(hours=waits)
        assert rule.lasts == timedelta(hours=lasts)
        assert rule.uses == uses
        assert rule.words
        assert a.rule_of(kind) == f"approval.{name}"
        assert a.listed(rule.decide) in a.way_out(kind)
        for letter in ROLES:
            held = actor(p, letter).roles
            assert (kind in a.decided_by(held)) == (letter in decide)
            assert (kind in a.seen_by(held)) == (letter in ask + decide + "A" and letter != "I")
    assert a.decided_by(frozenset()) == a.seen_by(frozenset()) == frozenset()
    both = frozenset({p.people.Role.SUPERVISOR, p.people.Role.AUDITOR})
    assert a.listed(both) == "an auditor or a supervisor"
    given = request(p)
    assert given.decided_by is given.usable_until is None
    assert given.withdrawn is given.approved is given.reviewed is given.justified is False
    assert given.uses == 0
    bare = a.KindRule(
        words="", ask=both, decide=both, waits=timedelta(days=1), lasts=timedelta(days=1)
    )
    assert bare.uses == 1


def who_may_ask(p):
    """Ask for each kind with each role."""
    for name, ask, *_ in lines():
        kind = p.approvals.ApprovalKind(name)
        for letter in ROLES:
            person = actor(p, letter)
            if name == "break_glass":
                error = raised(WrongState, p.approvals.permit_asking, person, kind)
                assert "at once" in error.detail
            elif letter in ask:
                assert p.approvals.permit_asking(person, kind).rule == f"approval.{name}.ask"
            else:
                error = raised(RoleMissing, p.approvals.permit_asking, person, kind)
                assert error.rule == f"approval.{name}.ask"
                assert f"{ROLES[ask[0]]}" in error.detail


def who_may_decide_and_when(p):
    """Decide each kind with each role, and in every state in which nothing is left to decide."""
    judge = p.approvals.permit_deciding
    for name, _ask, decide, *_ in lines():
        for letter in ROLES:
            person = actor(p, letter)
            if letter not in decide:
                error = raised(RoleMissing, judge, person, request(p, name), now=NOW)
                assert error.rule == f"approval.{name}.decide"
                assert ROLES[decide[0]] in error.detail
            elif name == "break_glass":
                error = raised(WrongState, judge, person, request(p, name), now=NOW)
                assert "reviewed, not approved" in error.detail
            else:
                permit = judge(person, request(p, name), now=NOW)
                assert permit.rule == f"approval.{name}.decide"
    person = actor(p, "S")
    for more, wanted, said in (
        ({"agency": THEIRS}, NotPermitted, "another agency"),
        ({"asked_by": ME}, SamePerson, "Another person decides it."),
        ({"subject": ME}, SamePerson, "This is about you."),
        ({"withdrawn": True}, WrongState, "withdrawn"),
        ({"decided_by": OTHER}, WrongState, "decided this already"),
        ({"expires_at": NOW - MOMENT}, WrongState, "asked for again"),
    ):
        error = raised(wanted, judge, person, request(p, **more), now=NOW)
        assert said in error.detail


def who_may_withdraw(p):
    """Only the asker, and only what waits."""
    judge = p.approvals.permit_withdrawing
    person = actor(p, "A", person=OTHER)
    assert judge(person, request(p)).rule == "approval.withdraw"
    error = raised(NotPermitted, judge, actor(p, "S"), request(p))
    assert error.rule == "approval.withdraw"
    error = raised(NotPermitted, judge, person, request(p, agency=THEIRS))
    assert error.rule == "agency.own_only"
    raised(WrongState, judge, person, request(p, withdrawn=True))
    raised(WrongState, judge, person, request(p, decided_by=ME))
    error = raised(WrongState, judge, person, request(p, "break_glass"))
    assert "an auditor reviews it" in error.detail


def an_approval_is_used_while_it_lasts(p):
    """Look at every reason for which it gives nothing."""
    judge = p.approvals.permit_use
    person = actor(p, "A")
    assert judge(person, approval(p), now=NOW).rule == "approval.export"
    error = raised(NotPermitted, judge, person, approval(p, agency=THEIRS), now=NOW)
    assert error.rule == "agency.own_only"
    for given, said in (
        (request(p), "waits for a decision."),
        (request(p, expires_at=NOW - MOMENT), "lapsed"),
        (approval(p, withdrawn=True), "withdrawn"),
        (approval(p, approved=False), "refused"),
        (approval(p, decided_by=OTHER), "refused"),
        (approval(p, usable_until=None), "ended"),
        (approval(p, usable_until=NOW - MOMENT), "ended"),
        (approval(p, uses=1), "used already"),
        (approval(p, uses=2), "used already"),
        (approval(p, "break_glass"), "approves nothing"),
    ):
        assert said in p.approvals.why_not_usable(given, now=NOW)
        error = raised(ApprovalNeeded, judge, person, given, now=NOW)
        assert error.rule == f"approval.{given.kind}"
        assert said in error.detail
        assert "Ask for approval; " in error.detail
    often = approval(p, "sensitive_gallery", uses=7, expires_at=NOW - MOMENT)
    assert judge(person, often, now=NOW).rule == "approval.sensitive_gallery"
    assert p.approvals.why_not_usable(often, now=NOW) == ""
    for given, going_on in (
        (request(p, expires_at=NOW), True),
        (request(p, expires_at=NOW - MOMENT), False),
        (request(p, withdrawn=True), False),
        (approval(p), True),
        (approval(p, expires_at=NOW - MOMENT), True),
        (approval(p, approved=False), False),
        (approval(p, withdrawn=True), False),
        (approval(p, usable_until=NOW - MOMENT), False),
        (approval(p, uses=1), False),
    ):
        assert p.approvals.is_under_way(given, now=NOW) is going_on


def broken_glass_is_reviewed_by_somebody_else(p):
    """Look at who reviews it, how long it has its effect, and when its review is overdue."""
    a = p.approvals
    glass = request(p, "break_glass", usable_until=NOW)
    for letter in ROLES:
        if letter == "A":
            assert a.permit_review(actor(p, letter), glass).rule == "glass.review"
        else:
            error = raised(RoleMissing, a.permit_review, actor(p, letter), glass)
            assert error.rule == "approval.break_glass.decide"
    auditor = actor(p, "A")
    for given, wanted in (
        (request(p, "break_glass", asked_by=ME), SamePerson),
        (request(p, "break_glass", subject=ME), SamePerson),
        (request(p, "break_glass", agency=THEIRS), NotPermitted),
        (request(p, "break_glass", reviewed=True), WrongState),
        (request(p, "export"), WrongState),
    ):
        raised(wanted, a.permit_review, auditor, given)
    assert a.glass_ends(glass) == NOW
    assert a.glass_ends(request(p, "export", usable_until=NOW)) is None
    told = {"usable_until": NOW, "reviewed": True}
    assert a.glass_ends(request(p, "break_glass", **told)) is None
    assert a.glass_ends(request(p, "break_glass", justified=True, **told)) == NOW
    assert not a.is_overdue(glass, now=NOW)
    assert a.is_overdue(glass, now=NOW + MOMENT)
    assert not a.is_overdue(request(p, "break_glass", reviewed=True), now=NOW + MOMENT)
    assert timedelta(hours=4) == a.GLASS_LASTS
    assert timedelta(hours=72) == a.GLASS_REVIEW


def each_state_has_its_words(p):
    """Look at every state of a request, an approval and broken glass."""
    reviewed = {"reviewed": True}
    late = {"expires_at": NOW - MOMENT}
    for given, words in (
        (request(p), "Waits for a decision"),
        (request(p, **late), "Lapsed"),
        (request(p, withdrawn=True), "Withdrawn"),
        (request(p, decided_by=ME), "Refused"),
        (approval(p), "Approved"),
        (approval(p, **late), "Approved"),
        (approval(p, usable_until=NOW - MOMENT), "Approved, and ended unused"),
        (approval(p, uses=1), "Approved, and used"),
        (request(p, "break_glass"), "Waits for its review"),
        (request(p, "break_glass", **late), "Review overdue"),
        (request(p, "break_glass", **reviewed), "Reviewed: no good reason"),
        (request(p, "break_glass", justified=True, **reviewed), "Reviewed: good reason"),
    ):
        assert p.approvals.state_words(given, now=NOW) == words


TABLES = (
    each_state_has_its_words,
    the_table_of_kinds,
    who_may_ask,
    who_may_decide_and_when,
    who_may_withdraw,
    an_approval_is_used_while_it_lasts,
    broken_glass_is_reviewed_by_somebody_else,
)
