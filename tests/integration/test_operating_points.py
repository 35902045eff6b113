"""Operating points: asked for with before and after, set once a second person approved, and following growth."""

from __future__ import annotations

import json
from typing import Any

import factories
import measuring as made
import pytest
from django.db import connection

from countenance.apps.approvals import effects
from countenance.apps.approvals import services as approvals
from countenance.apps.approvals.models import Approval
from countenance.apps.evaluations import changing, operating, queries, services
from countenance.apps.evaluations.models import KeptTrials
from countenance.apps.evaluations.points import (
    in_words,
    numbers_of,
    point_of,
)
from countenance.apps.galleries.models import Gallery
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.services import unseal_body
from countenance.errors import (
    ApprovalNeeded,
    InputError,
    ModelMismatch,
    NotFound,
    NotPermitted,
    RoleMissing,
    SealBroken,
    TamperDetected,
    WrongState,
)
from countenance.ledger.entry import Action
from countenance.policy import Role
from countenance.policy.approvals import ApprovalKind


def last_facts(on: Any, action: Action) -> dict[str, Any]:
    row = LedgerRow.objects.filter(action=str(action)).order_by("-index").first()
    assert row is not None
    body = unseal_body(row, keyring=on.tools.keyring)
    assert body is not None
    facts: dict[str, Any] = json.loads(body[1])["facts"]
    return facts


def test_a_gallery_has_no_operating_point_until_two_people_agreed_on_one(deployment: Any) -> None:
    gallery = made.filled(deployment, made.names(30))
    assert point_of([gallery], tools=deployment.tools) is None
    evaluation = made.evaluated(deployment, 60)
    approval = made.asked(deployment, gallery, evaluation, 0.01)
    with pytest.raises(ApprovalNeeded):
        operating.set_operating_point(
            deployment.actor, gallery=gallery, approval=approval, tools=deployment.tools
        )
    assert point_of([Gallery.objects.get()], tools=deployment.tools) is None
    made.approved(deployment, approval)
    row = operating.set_operating_point(
        deployment.actor, gallery=gallery, approval=approval, tools=deployment.tools
    )
    gallery.refresh_from_db()
    assert (gallery.point, gallery.threshold) == (row.pk, None)
    point = point_of([gallery], tools=deployment.tools)
    assert point is not None
    assert (point.wanted_fpir, point.subjects, point.model) == (0.01, 30, "fake/1")
    assert point.fpir.low <= point.fpir.value <= point.fpir.high
    assert point.fpir.value == pytest.approx(0.01, rel=1e-3)
    assert point.evaluation_id == evaluation.pk
    facts = last_facts(deployment, Action.OPERATING_POINT_SET)
    assert facts["wanted_fpir"] == "0.01"
    assert facts["approved_by"] == str(deployment.supervisor.person)
    with pytest.raises(ApprovalNeeded):  # An approval is for once.
        operating.set_operating_point(
            deployment.actor, gallery=gallery, approval=approval, tools=deployment.tools
        )


def test_the_threshold_follows_the_gallery_as_it_grows_and_shrinks(deployment: Any) -> None:
    gallery = made.filled(deployment, made.names(10))
    made.pointed(deployment, gallery, wanted=0.02)
    small = point_of([gallery], tools=deployment.tools)
    factories.enrol(
        deployment,
        gallery,
        factories.make_source(deployment, "more"),
        factories.people(made.names(40, "late")),
    )
    gallery.refresh_from_db()
    large = point_of([gallery], tools=deployment.tools)
    assert small is not None
    assert large is not None
    assert (small.subjects, large.subjects) == (10, 50)
    assert large.threshold > small.threshold
    assert large.fpir.value == pytest.approx(small.fpir.value, rel=1e-3)


def test_several_galleries_are_searched_at_the_strictest_point_for_their_sum_or_at_none(
    deployment: Any,
) -> None:
    one = made.filled(deployment, made.names(10), name="One")
    two = made.filled(deployment, made.names(30, "other"), name="Two")
    first = made.evaluated(deployment, 60)
    made.pointed(deployment, one, first, wanted=0.05)
    assert point_of([one, two], tools=deployment.tools) is None
    assert point_of([], tools=deployment.tools) is None
    second = made.evaluated(deployment, 40)
    made.pointed(deployment, two, second, wanted=0.01)
    both = point_of([one, two], tools=deployment.tools)
    assert both is not None
    assert (both.wanted_fpir, both.subjects, both.galleries) == (0.01, 40, 2)
    alone = [numbers_of(e).setting(0.01, 40).threshold for e in (first, second)]
    assert both.threshold == max(alone)
    assert "these 2 galleries of 40" in in_words(both)


def test_what_is_approved_says_before_and_after_overall_and_by_group(deployment: Any) -> None:
    gallery = made.filled(deployment, made.names(30))
    evaluation = made.evaluated(deployment, 70, colour=["red", "blue"])
    made.pointed(deployment, gallery, evaluation, wanted=0.1)
    approval = made.asked(deployment, gallery, evaluation, 0.01)
    payload = approval.payload
    assert payload["replaces"] == {"point": str(gallery.point)}
    assert float(payload["after"]["threshold"]) > float(payload["before"]["threshold"])
    assert float(payload["after"]["fpir"][0]) == pytest.approx(0.01, rel=1e-4)
    assert float(payload["before"]["fpir"][0]) == pytest.approx(0.1, rel=1e-4)
    assert set(payload["after"]["groups"]) == {"colour: red", "colour: blue"}
    assert payload["after"]["groups"]["colour: red"]["people"] == 35
    words = effects.payload_words(
        deployment.supervisor, ApprovalKind.THRESHOLD_CHANGE, gallery.pk, payload
    )
    said = dict(words)
    assert said["Wanted"].startswith("1 in 100 searches for people who are not in it")
    assert "instead of" in said["Least similarity"]
    assert said["FPIR: return somebody else"].startswith("1 in 100 (")
    assert "a labelled sample of 70 people" in said["Measured with"]
    assert "FNIR" in said["colour: red, 35 people"]
    made.approved(deployment, approval)
    operating.set_operating_point(
        deployment.actor, gallery=gallery, approval=approval, tools=deployment.tools
    )
    assert [one.wanted_fpir for one in queries.points(gallery)] == [0.01, 0.1]


def test_figures_that_somebody_wrote_by_hand_are_refused(deployment: Any) -> None:
    gallery = made.filled(deployment, made.names(30))
    evaluation = made.evaluated(deployment, 70, colour=["red", "blue"])
    payload = json.loads(
        json.dumps(changing.change_of(gallery, evaluation, 0.01, tools=deployment.tools))
    )

    def ask(changed: dict[str, Any]) -> Any:
        return approvals.ask(
            deployment.actor,
            kind=ApprovalKind.THRESHOLD_CHANGE,
            subject=gallery.pk,
            summary="fewer strangers",
            payload=changed,
            reason=made.REASON,
            tools=deployment.tools,
        )

    flattering = {**payload, "after": {**payload["after"], "fnir": ["0", "0", "0.01"]}}
    for wrong in (flattering, {}, {"threshold": "0.4"}, {**payload, "wanted_fpir": "0.02"}):
        with pytest.raises(InputError):
            ask(wrong)
    # Groups, size and what is replaced too: the second person sees them and relies on them.
    group = {**payload["after"]["groups"]["colour: red"], "fnir": ["0", "0", "0.01"]}
    groups = {**payload["after"]["groups"], "colour: red": group}
    false = changing.change_of(gallery, evaluation, 0.01, tools=deployment.tools)
    for wrong in (
        {**payload, "after": {**payload["after"], "groups": groups}},
        changing._payload(  # what a steward who lies about the size would write
            gallery, evaluation, 0.01, {}, subjects=3, tools=deployment.tools
        ),
        changing._payload(  # or about the present threshold
            gallery, evaluation, 0.01, {"by_hand": "0.1"}, subjects=30, tools=deployment.tools
        ),
    ):
        assert wrong != false
        with pytest.raises(InputError, match="operating-point ask"):
            ask(wrong)
    assert not Approval.objects.exists()


def test_groups_are_not_approved_when_their_trials_are_gone_and_never_by_hand(
    deployment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = made.filled(deployment, made.names(30))
    evaluation = made.evaluated(deployment, 70, colour=["red", "blue"])
    true = made.approved(deployment, made.asked(deployment, gallery, evaluation))
    false = json.loads(json.dumps(dict(true.payload)))
    false["after"]["groups"] = {"colour: green": false["after"]["groups"]["colour: red"]}
    with monkeypatch.context() as past:  # As if it had got past the check, in whatever way.
        past.setattr(effects, "check_payload", lambda *_, **__: None)
        forged = approvals.ask(
            deployment.actor,
            kind=ApprovalKind.THRESHOLD_CHANGE,
            subject=gallery.pk,
            summary="fewer strangers",
            payload=false,
            reason=made.REASON,
            tools=deployment.tools,
        )
    made.approved(deployment, forged)
    KeptTrials.objects.all().delete()
    for approval in (forged, true):
        with pytest.raises(WrongState, match="not those of the evaluation"):
            operating.set_operating_point(
                deployment.actor, gallery=gallery, approval=approval, tools=deployment.tools
            )
    again = made.approved(deployment, made.asked(deployment, gallery, evaluation))
    operating.set_operating_point(
        deployment.actor, gallery=gallery, approval=again, tools=deployment.tools
    )


def test_what_grew_much_since_it_was_asked_is_asked_again(deployment: Any) -> None:
    gallery = made.filled(deployment, made.names(10))
    approval = made.approved(
        deployment, made.asked(deployment, gallery, made.evaluated(deployment, 60))
    )
    more = factories.people(made.names(15, "late"))
    factories.enrol(deployment, gallery, factories.make_source(deployment, "more"), more)
    with pytest.raises(WrongState, match="so many more or fewer people"):
        operating.set_operating_point(
            deployment.actor, gallery=gallery, approval=approval, tools=deployment.tools
        )


def test_what_an_earlier_version_asked_for_is_asked_again(
    deployment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = made.filled(deployment, made.names(10))
    with monkeypatch.context() as earlier:
        earlier.setattr(effects, "check_payload", lambda *_, **__: None)
        approval = approvals.ask(
            deployment.actor,
            kind=ApprovalKind.THRESHOLD_CHANGE,
            subject=gallery.pk,
            summary="fewer strangers",
            payload={"sensitive": False, "threshold": "0.4"},
            reason=made.REASON,
            tools=deployment.tools,
        )
    made.approved(deployment, approval)
    with pytest.raises(WrongState, match="earlier version"):
        operating.set_operating_point(
            deployment.actor, gallery=gallery, approval=approval, tools=deployment.tools
        )


def test_an_approval_is_not_used_for_a_gallery_that_changed_since(deployment: Any) -> None:
    gallery = made.filled(deployment, made.names(30))
    evaluation = made.evaluated(deployment, 60)
    first, second = (
        made.approved(deployment, made.asked(deployment, gallery, evaluation, wanted))
        for wanted in (0.01, 0.02)
    )
    other = made.filled(deployment, made.names(5, "x"), name="Other")
    with pytest.raises(NotFound):
        operating.set_operating_point(
            deployment.actor, gallery=other, approval=first, tools=deployment.tools
        )
    operating.set_operating_point(
        deployment.actor, gallery=gallery, approval=first, tools=deployment.tools
    )
    with pytest.raises(WrongState, match="another operating point"):
        operating.set_operating_point(
            deployment.actor, gallery=gallery, approval=second, tools=deployment.tools
        )


def test_a_threshold_that_was_set_by_hand_stays_until_an_operating_point_replaces_it(
    deployment: Any,
) -> None:
    gallery = made.filled(deployment, made.names(30))
    gallery.terms = {"sensitive": True, "threshold": "0.4000"}
    gallery.save(update_fields=("terms",))
    evaluation = made.evaluated(deployment, 60)
    approval = made.asked(deployment, gallery, evaluation, 0.01)
    assert approval.payload["replaces"] == {"by_hand": "0.4"}
    assert approval.payload["before"]["threshold"] == "0.4"
    made.approved(deployment, approval)
    operating.set_operating_point(
        deployment.actor, gallery=gallery, approval=approval, tools=deployment.tools
    )
    gallery.refresh_from_db()
    assert (gallery.sensitive, gallery.threshold) == (True, None)
    assert gallery.point is not None


def test_an_evaluation_must_be_able_to_say_it(deployment: Any) -> None:
    gallery = made.filled(deployment, made.names(30), shots=(1, 2))
    other = made.filled(deployment, made.names(30, "other"), shots=(1, 2), name="Other")
    elsewhere = services.evaluate_gallery(deployment.actor, gallery=other, tools=deployment.tools)
    with pytest.raises(InputError, match="another gallery"):
        made.asked(deployment, gallery, elsewhere)
    here = services.evaluate_gallery(deployment.actor, gallery=gallery, tools=deployment.tools)
    made.asked(deployment, gallery, here)
    for wanted in (0.0, 0.9, -1.0, 1e-9):
        with pytest.raises(InputError):
            made.asked(deployment, gallery, here, wanted)
    here.details = {**here.details, "model": "another/1"}
    with pytest.raises(ModelMismatch):
        changing.change_of(gallery, here, 0.01, tools=deployment.tools)


def test_who_asks_who_approves_and_who_sets(deployment: Any) -> None:
    gallery = made.filled(deployment, made.names(30))
    evaluation = made.evaluated(deployment, 60)
    steward = factories.acting(deployment, Role.STEWARD)
    given: dict[str, Any] = {
        "gallery": gallery,
        "evaluation": evaluation,
        "wanted_fpir": 0.01,
        "reason": made.REASON,
        "tools": deployment.tools,
    }
    for role in (Role.SUPERVISOR, Role.EXAMINER, Role.AUDITOR):
        with pytest.raises(RoleMissing):
            operating.ask_for_point(factories.acting(deployment, role), **given)
    with pytest.raises(NotPermitted):
        operating.ask_for_point(factories.other_agency(deployment), **given)
    approval = made.approved(deployment, operating.ask_for_point(steward, **given))
    with pytest.raises(RoleMissing):
        operating.set_operating_point(
            deployment.supervisor, gallery=gallery, approval=approval, tools=deployment.tools
        )
    operating.set_operating_point(
        steward, gallery=gallery, approval=approval, tools=deployment.tools
    )


def test_an_operating_point_that_was_altered_or_taken_away_is_noticed(deployment: Any) -> None:
    gallery = made.filled(deployment, made.names(30))
    evaluation = made.evaluated(deployment, 60)
    row = made.pointed(deployment, gallery, evaluation)
    other = made.evaluated(deployment, 40)
    changes = (
        (f"evaluation_id = '{other.pk}'", f"evaluation_id = '{evaluation.pk}'"),
        ("set_at = set_at - interval '1 day'", "set_at = set_at + interval '1 day'"),
    )
    for change, back in changes:
        _sql(f"update evaluations_operatingpoint set {change}")
        with pytest.raises(TamperDetected):
            point_of([Gallery.objects.get()], tools=deployment.tools)
        _sql(f"update evaluations_operatingpoint set {back}")
    assert point_of([Gallery.objects.get()], tools=deployment.tools) is not None
    _sql(f"delete from evaluations_operatingpoint where id = '{row.pk}'")
    with pytest.raises(SealBroken):
        point_of([Gallery.objects.get()], tools=deployment.tools)


def _sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.rowcount > 0
