"""The table of four-eyes and its rules: who asks, who decides, for how long, how often."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID

import pytest

from countenance.errors import ApprovalNeeded, NotPermitted, RoleMissing, SamePerson, WrongState
from countenance.policy import approvals as rules
from countenance.policy.approvals import KINDS, ApprovalFacts, ApprovalKind
from countenance.policy.people import DEEDS, EXCLUDE, Actor, Deed, Role

NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
HERE, ELSEWHERE = UUID(int=1), UUID(int=2)
ANNA, BEN, CASE = UUID(int=11), UUID(int=12), UUID(int=13)
C, O, T, I, E, S, A = Role  # noqa: E741 # in the order of the product's table
REQUESTS = [kind for kind in ApprovalKind if kind is not ApprovalKind.BREAK_GLASS]

ASK = {
    ApprovalKind.THRESHOLD_CHANGE: {T},
    ApprovalKind.GALLERY_TERMS: {T},
    ApprovalKind.ROLE_GRANT: {O},
    ApprovalKind.SENSITIVE_GALLERY: {I, E},
    ApprovalKind.GALLERY_GRANT: {T},
    ApprovalKind.EXPORT: {A},
    ApprovalKind.RETENTION_EXTENSION: {T},
    ApprovalKind.LARGE_ENROLMENT: {T},
    ApprovalKind.CASE_WIDENING: {I},
    ApprovalKind.CASE_ERASURE: {S},
    ApprovalKind.AUDITOR_REMOVAL: {O},
    ApprovalKind.BREAK_GLASS: {S},
}
DECIDE = {
    ApprovalKind.THRESHOLD_CHANGE: {S},
    ApprovalKind.GALLERY_TERMS: {S},
    ApprovalKind.ROLE_GRANT: {S, O},
    ApprovalKind.SENSITIVE_GALLERY: {S},
    ApprovalKind.GALLERY_GRANT: {O, S},
    ApprovalKind.EXPORT: {S, A},
    ApprovalKind.RETENTION_EXTENSION: {S},
    ApprovalKind.LARGE_ENROLMENT: {S},
    ApprovalKind.CASE_WIDENING: {S},
    ApprovalKind.CASE_ERASURE: {S, A},
    ApprovalKind.AUDITOR_REMOVAL: {A, S},
    ApprovalKind.BREAK_GLASS: {A},
}
WAITS = dict.fromkeys(ApprovalKind, timedelta(days=7)) | {
    ApprovalKind.AUDITOR_REMOVAL: timedelta(days=14),
    ApprovalKind.BREAK_GLASS: timedelta(hours=72),
}
LASTS = dict.fromkeys(ApprovalKind, timedelta(days=7)) | {
    ApprovalKind.SENSITIVE_GALLERY: timedelta(days=90),
    ApprovalKind.EXPORT: timedelta(days=1),
    ApprovalKind.BREAK_GLASS: timedelta(hours=4),
}
USES = dict.fromkeys(ApprovalKind, 1) | {
    ApprovalKind.SENSITIVE_GALLERY: None,
    ApprovalKind.BREAK_GLASS: None,
}


def actor(*roles, person=BEN, agency=HERE):
    return Actor(person=person, agency=agency, roles=frozenset(roles))


def asked(kind=ApprovalKind.THRESHOLD_CHANGE, **more):
    facts = {
        "agency": HERE,
        "kind": kind,
        "subject": CASE,
        "asked_by": ANNA,
        "expires_at": NOW + timedelta(days=1),
    }
    return ApprovalFacts(**(facts | more))


def approved(kind=ApprovalKind.THRESHOLD_CHANGE, **more):
    given = {"decided_by": BEN, "approved": True, "usable_until": NOW + timedelta(days=1)}
    return asked(kind, **(given | more))


def glass(**more):
    given = {"usable_until": NOW + timedelta(hours=4), "expires_at": NOW + timedelta(hours=72)}
    return asked(ApprovalKind.BREAK_GLASS, **(given | more))


@pytest.mark.parametrize("kind", ApprovalKind)
def test_the_table_says_who_asks_who_decides_how_long_and_how_often(kind):
    rule = KINDS[kind]
    assert rule.ask == ASK[kind]
    assert rule.decide == DECIDE[kind]
    assert rule.waits == WAITS[kind]
    assert rule.lasts == LASTS[kind]
    assert rule.uses == USES[kind]
    assert rule.words


def test_the_headings_are_all_different():
    assert len({rule.words for rule in KINDS.values()}) == len(KINDS) == len(ApprovalKind)


@pytest.mark.parametrize("kind", ApprovalKind)
def test_the_deeds_let_in_everybody_whom_the_table_lets_decide(kind):
    deed = Deed.GLASS_REVIEW if kind is ApprovalKind.BREAK_GLASS else Deed.APPROVAL_DECIDE
    assert KINDS[kind].decide <= DEEDS[deed].roles
    first = Deed.GLASS_BREAK if kind is ApprovalKind.BREAK_GLASS else Deed.APPROVAL_ASK
    assert KINDS[kind].ask <= DEEDS[first].roles


def test_coordinators_never_remove_an_auditor_among_themselves():
    assert Role.COORDINATOR not in KINDS[ApprovalKind.AUDITOR_REMOVAL].decide


def test_nobody_holds_the_roles_to_break_the_glass_and_to_review_it():
    assert frozenset({Role.SUPERVISOR, Role.AUDITOR}) in EXCLUDE


@pytest.mark.parametrize(("kind", "role"), list(product(REQUESTS, Role)))
def test_only_the_roles_of_the_table_ask(kind, role):
    if role in ASK[kind]:
        assert rules.permit_asking(actor(role), kind).rule == f"approval.{kind}.ask"
        return
    with pytest.raises(RoleMissing) as refused:
        rules.permit_asking(actor(role), kind)
    assert refused.value.rule == f"approval.{kind}.ask"
    assert refused.value.detail == f"Only {rules.listed(KINDS[kind].ask)} can ask for this."


def test_nobody_asks_for_broken_glass():
    with pytest.raises(WrongState):
        rules.permit_asking(actor(*Role), ApprovalKind.BREAK_GLASS)


@pytest.mark.parametrize(("kind", "role"), list(product(REQUESTS, Role)))
def test_only_the_roles_of_the_table_decide(kind, role):
    if role in DECIDE[kind]:
        permit = rules.permit_deciding(actor(role), asked(kind), now=NOW)
        assert permit.rule == f"approval.{kind}.decide"
        return
    with pytest.raises(RoleMissing) as refused:
        rules.permit_deciding(actor(role), asked(kind), now=NOW)
    assert refused.value.rule == f"approval.{kind}.decide"
    assert refused.value.detail == f"Only {rules.listed(KINDS[kind].decide)} can decide this."


@pytest.mark.parametrize("kind", ApprovalKind)
def test_nobody_decides_or_reviews_their_own(kind):
    own = actor(*Role, person=ANNA)
    with pytest.raises(SamePerson, match="asked for this yourself"):
        rules.permit_deciding(own, asked(kind), now=NOW)
    with pytest.raises(SamePerson, match="asked for this yourself"):
        rules.permit_review(own, asked(kind))


@pytest.mark.parametrize("kind", [ApprovalKind.ROLE_GRANT, ApprovalKind.AUDITOR_REMOVAL])
def test_nobody_decides_what_is_about_themselves(kind):
    with pytest.raises(SamePerson, match="about you"):
        rules.permit_deciding(actor(*Role), asked(kind, subject=BEN), now=NOW)


def test_nobody_decides_for_another_agency():
    stranger = actor(*Role, agency=ELSEWHERE)
    for judge in (
        lambda: rules.permit_deciding(stranger, asked(), now=NOW),
        lambda: rules.permit_withdrawing(replace(stranger, person=ANNA), asked()),
        lambda: rules.permit_use(stranger, approved(), now=NOW),
        lambda: rules.permit_review(stranger, glass()),
    ):
        with pytest.raises(NotPermitted) as refused:
            judge()
        assert refused.value.rule == "agency.own_only"


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (asked(withdrawn=True), "withdrawn"),
        (asked(decided_by=UUID(int=99)), "decided this already"),
        (asked(expires_at=NOW - MOMENT), "lapsed"),
        (glass(), "reviewed, not approved"),
    ],
)
def test_only_what_waits_is_decided(request_, said):
    with pytest.raises(WrongState, match=said):
        rules.permit_deciding(actor(*Role), request_, now=NOW)


def test_a_request_is_decided_until_its_very_last_moment():
    rules.permit_deciding(actor(S), asked(expires_at=NOW), now=NOW)


def test_only_the_asker_withdraws_and_only_what_waits():
    assert rules.permit_withdrawing(actor(T, person=ANNA), asked()).rule == "approval.withdraw"
    with pytest.raises(NotPermitted) as refused:
        rules.permit_withdrawing(actor(*Role), asked())
    assert refused.value.rule == "approval.withdraw"
    for over in (asked(withdrawn=True), asked(decided_by=BEN), approved(), glass()):
        with pytest.raises(WrongState):
            rules.permit_withdrawing(actor(T, person=ANNA), over)


@pytest.mark.parametrize("kind", REQUESTS)
def test_an_approval_is_used_until_its_very_last_moment_and_as_often_as_the_kind_allows(kind):
    assert rules.permit_use(actor(T), approved(kind), now=NOW).rule == f"approval.{kind}"
    rules.permit_use(actor(T), approved(kind, usable_until=NOW), now=NOW)
    used = approved(kind, uses=1)
    if USES[kind] is None:
        rules.permit_use(actor(T), replace(used, uses=1000), now=NOW)
    else:
        with pytest.raises(ApprovalNeeded, match="used already"):
            rules.permit_use(actor(T), used, now=NOW)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (asked(), "waits for a decision"),
        (asked(expires_at=NOW), "waits for a decision"),
        (asked(expires_at=NOW - MOMENT), "lapsed before anybody"),
        (approved(approved=False), "was refused"),
        (approved(decided_by=ANNA), "was refused"),
        (approved(withdrawn=True), "was withdrawn"),
        (approved(usable_until=NOW - MOMENT), "has ended"),
        (approved(usable_until=None), "has ended"),
        (approved(uses=2), "used already"),
    ],
)
def test_what_is_not_an_approval_is_not_used_and_the_refusal_says_why_and_the_way_out(facts, said):
    with pytest.raises(ApprovalNeeded, match=said) as refused:
        rules.permit_use(actor(*Role), facts, now=NOW)
    assert refused.value.rule == "approval.threshold_change"
    assert "a supervisor who is somebody else can give it" in refused.value.detail


def test_broken_glass_approves_nothing():
    given = glass(approved=True, decided_by=BEN)
    assert rules.why_not_usable(given, now=NOW) == "Broken glass approves nothing."


def test_only_an_auditor_reviews_and_only_once_and_only_glass():
    assert rules.permit_review(actor(A), glass()).rule == "glass.review"
    for role in set(Role) - {A}:
        with pytest.raises(RoleMissing):
            rules.permit_review(actor(role), glass())
    with pytest.raises(WrongState, match="reviewed this already"):
        rules.permit_review(actor(A), glass(reviewed=True))
    with pytest.raises(WrongState, match="decided and not reviewed"):
        rules.permit_review(actor(A), asked(ApprovalKind.EXPORT))


def test_a_late_review_is_still_made():
    rules.permit_review(actor(A), glass(expires_at=NOW - timedelta(days=30)))


def test_a_review_that_finds_no_good_reason_ends_the_effect_of_broken_glass():
    until = glass().usable_until
    assert rules.glass_ends(glass()) == until
    assert rules.glass_ends(glass(reviewed=True, justified=True)) == until
    assert rules.glass_ends(glass(reviewed=True)) is None
    assert rules.glass_ends(approved()) is None


def test_a_review_is_overdue_after_its_last_moment_until_it_is_made():
    assert not rules.is_overdue(glass(expires_at=NOW), now=NOW)
    assert rules.is_overdue(glass(expires_at=NOW - MOMENT), now=NOW)
    assert not rules.is_overdue(glass(expires_at=NOW - MOMENT, reviewed=True), now=NOW)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (asked(), "Waits for a decision"),
        (asked(expires_at=NOW), "Waits for a decision"),
        (asked(expires_at=NOW - MOMENT), "Lapsed"),
        (asked(withdrawn=True), "Withdrawn"),
        (approved(approved=False), "Refused"),
        (approved(), "Approved"),
        (approved(uses=1), "Approved, and used"),
        (approved(usable_until=NOW - MOMENT), "Approved, and ended unused"),
        (glass(), "Waits for its review"),
        (glass(expires_at=NOW - MOMENT), "Review overdue"),
        (glass(reviewed=True, justified=True), "Reviewed: good reason"),
        (glass(reviewed=True), "Reviewed: no good reason"),
    ],
)
def test_the_state_is_said_in_words(facts, words):
    assert rules.state_words(facts, now=NOW) == words


@pytest.mark.parametrize("role", Role)
def test_who_decides_sees_and_who_oversees_sees_everything(role):
    roles = frozenset({role})
    decides = {kind for kind in ApprovalKind if role in DECIDE[kind]}
    # Investigators read their own requests only, by whatever asks for them: see `queries.approvals`.
    asks = {kind for kind in ApprovalKind if role in ASK[kind] and role is not Role.INVESTIGATOR}
    assert rules.decided_by(roles) == decides
    assert rules.seen_by(roles) == (set(ApprovalKind) if role is A else decides | asks)


def test_somebody_without_roles_sees_and_decides_nothing():
    assert rules.decided_by(frozenset()) == rules.seen_by(frozenset()) == frozenset()


def test_roles_are_listed_as_words():
    assert rules.listed(frozenset({S, A})) == "an auditor or a supervisor"
    assert rules.listed(frozenset({E, I})) == "an examiner or an investigator"
    assert rules.way_out(ApprovalKind.EXPORT) == (
        "Ask for approval; an auditor or a supervisor who is somebody else can give it."
    )
    assert rules.rule_of(ApprovalKind.EXPORT) == "approval.export"


def test_a_request_of_which_nothing_more_is_known_gives_nothing():
    plain = asked()
    assert (plain.withdrawn, plain.decided_by, plain.approved) == (False, None, False)
    assert (plain.usable_until, plain.uses) == (None, 0)
    assert (plain.reviewed, plain.justified) == (False, False)
