"""Selftests: blurred counts of who is returned beside what was predicted, again by themselves, never about somebody."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import factories
import measuring as made
import numpy as np
import pytest

from countenance.apps.evaluations import counting, queries, selftests
from countenance.apps.evaluations.measuring import Templates
from countenance.apps.evaluations.models import Evaluation, KeptTrials, NonMates
from countenance.apps.evaluations.points import Point
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.waiting import inbox
from countenance.errors import InputError, NotFound, NotPermitted, WrongState
from countenance.policy import SYSTEM, Role

DAY = timedelta(days=1)


@pytest.fixture
def sharp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a selftest tell its count as it is, so that a test can compare it."""
    monkeypatch.setattr(counting, "blurred", lambda returned, **_: returned)


@pytest.fixture
def gallery(deployment: Any) -> Any:
    """A gallery of thirty people at an operating point."""
    one = made.filled(deployment, made.names(30))
    made.pointed(deployment, one)
    return one


def run(on: Any, gallery: Any, people: list[str], keep_until: date | None = None) -> Evaluation:
    return selftests.run_selftest(
        on.actor,
        gallery=gallery,
        photos=made.sample(people, shots=[1]),
        keep_until=keep_until,
        tools=on.tools,
    )


def keep(on: Any, gallery: Any, people: list[str], until: date) -> None:
    """Keep a sample without a selftest, of which there is one a day."""
    found = selftests.templates.of_photos(made.sample(people, shots=[1]), tools=on.tools)
    selftests.keep_non_mates(on.actor, gallery=gallery, found=found, until=until, tools=on.tools)


def later(on: Any, by: timedelta) -> Any:
    """Return the deployment at a later time."""
    now = on.tools.clock()
    other = copy(on)
    other.tools = replace(on.tools, clock=lambda: now + by)
    return other


@pytest.mark.usefixtures("sharp")
def test_strangers_are_searched_for_and_those_who_come_back_are_counted(
    deployment: Any, gallery: Any
) -> None:
    found = run(deployment, gallery, made.names(40, "stranger"))
    said = found.details["selftest"]
    engine = deployment.tools.engine
    there = np.stack([engine.template(name).vector for name in made.names(30)])
    strangers = np.stack([engine.template(name).vector for name in made.names(40, "stranger")])
    seen = strangers @ there.T >= float(said["threshold"])
    assert (said["searches"], said["returned"]) == (40, int(seen.any(axis=1).sum()))
    assert said["verdict"] == counting.AS_PREDICTED
    assert Point.from_json(said["point"]).wanted_fpir == 0.01
    assert found.details["sample"] == "photos of 40 people who are known not to be in the gallery"
    assert LedgerRow.objects.order_by("-index")[0].action == "selftest.run"
    assert queries.selftests(deployment.actor, gallery).get() == found
    assert found not in queries.evaluations(deployment.actor, gallery)


@pytest.mark.usefixtures("sharp")
def test_more_false_candidates_than_predicted_are_said_and_wait_on_whoever_can_act(
    deployment: Any, gallery: Any
) -> None:
    # People who are in the gallery after all, as if the sample's label or the prediction were wrong.
    found = run(deployment, gallery, [*made.names(20), *made.names(20, "stranger")])
    said = found.details["selftest"]
    assert said["searches"] == 40
    assert 20 <= said["returned"] <= 24
    assert said["verdict"] == counting.MORE
    for role, told in ((Role.STEWARD, True), (Role.SUPERVISOR, True), (Role.EXAMINER, False)):
        waits = inbox(factories.acting(deployment, role), tools=deployment.tools).on_you
        assert any("selftest" in one.what for one in waits) is told
    deployment = later(deployment, DAY)
    run(deployment, gallery, made.names(40, "stranger"))
    waits = inbox(deployment.actor, tools=deployment.tools).on_you
    assert not any("selftest" in one.what for one in waits)


def test_nothing_says_who_came_back_and_few_people_are_not_searched_for(
    deployment: Any, gallery: Any
) -> None:
    with pytest.raises(InputError, match="20 people"):
        run(deployment, gallery, [*made.names(18, "stranger"), "person 1"])
    photos = made.sample(made.names(20, "stranger"), shots=[1])
    blank = [replace(one, read=lambda: b"no photo") for one in photos[:5]]
    with pytest.raises(InputError, match="usable face"):
        selftests.run_selftest(
            deployment.actor,
            gallery=gallery,
            photos=[*photos[5:], *blank],
            tools=deployment.tools,
        )
    found = run(deployment, gallery, made.names(20, "stranger"))
    assert "stranger" not in str(found.details)


def test_nothing_but_the_blurred_count_is_kept(deployment: Any, gallery: Any) -> None:
    found = run(deployment, gallery, [*made.names(10), *made.names(20, "stranger")])
    assert bytes(found.numbers) == b""
    assert not KeptTrials.objects.filter(evaluation=found).exists()
    assert set(found.details["selftest"]) == {
        "operating_point",
        "point",
        "threshold",
        "searches",
        "returned",
        "share",
        "verdict",
        "said",
    }
    share, returned = found.details["selftest"]["share"], found.details["selftest"]["returned"]
    assert float(share[0]) == returned / 30


def test_labels_that_are_one_person_count_once(deployment: Any, gallery: Any) -> None:
    # Twenty labels of somebody who is enrolled, alone and among nineteen strangers.
    one = [
        replace(photo, subject=f"label {number}")
        for number, photo in enumerate(made.sample(["person 1"], range(1, 21)))
    ]
    before = LedgerRow.objects.count()
    given: dict[str, Any] = {"gallery": gallery, "tools": deployment.tools}
    with pytest.raises(InputError, match="look like none of the others"):
        selftests.run_selftest(deployment.actor, photos=one, **given)
    assert LedgerRow.objects.count() == before
    strangers = made.sample(made.names(18, "stranger"), shots=[1])
    with pytest.raises(InputError, match="Only 19 of these people"):
        selftests.run_selftest(deployment.actor, photos=[*one, *strangers], **given)
    strangers = made.sample(made.names(19, "stranger"), shots=[1, 2, 3])
    said = selftests.run_selftest(deployment.actor, photos=[*one, *strangers], **given).details[
        "selftest"
    ]
    assert said["searches"] == 20


def test_of_each_person_and_of_those_alike_one_is_searched_for() -> None:
    vectors = np.eye(6, dtype=np.float32)
    vectors[1] = vectors[0]
    vectors[3] = 0.5 * vectors[2] + 0.75**0.5 * vectors[3]
    vectors[4] = np.nan
    people = np.array([0, 0, 1, 2, 3, 4])
    found = counting.different(
        Templates(vectors=vectors, people=people, photo=np.zeros(6, dtype=np.int64))
    )
    assert found.people.tolist() == [0, 1, 4]


def test_two_runs_that_differ_in_one_person_can_say_the_same() -> None:
    drawn = np.random.default_rng(3)
    runs = 20_000

    def told(returned: int) -> np.ndarray:
        many = [counting.blurred(returned, of=40, seed=drawn.bytes(32)) for _ in range(runs)]
        return np.bincount(many, minlength=41) / runs

    without, beside = told(20), told(21)
    often = (without > 0.01) & (beside > 0.01)
    assert often.sum() >= 10
    ratio = without[often] / beside[often]
    # Whatever was told, it is at most so many times as likely with somebody enrolled as without.
    assert max(ratio.max(), 1 / ratio.min()) < np.exp(counting.BLUR) * 1.25
    assert without[20 - counting.MARGIN : 21 + counting.MARGIN].sum() > 0.95
    assert told(0)[0] > 0.5


def test_one_a_day_at_one_operating_point_and_its_beginning_is_recorded(
    deployment: Any, gallery: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = made.names(20, "stranger")

    def killed(*_: Any, **__: Any) -> float:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(selftests, "_best", killed)
        with pytest.raises(KeyboardInterrupt):
            run(deployment, gallery, people)
    assert LedgerRow.objects.order_by("-index")[0].action == "selftest.begun"
    run(deployment, gallery, people)
    actions = [row.action for row in LedgerRow.objects.order_by("-index")[:2]]
    assert actions == ["selftest.run", "selftest.begun"]
    with pytest.raises(WrongState, match="within the last day"):
        run(deployment, gallery, people)
    gallery.refresh_from_db()
    found = selftests.counting.different(
        selftests.templates.of_photos(made.sample(people, shots=[1]), tools=deployment.tools)
    )
    with pytest.raises(WrongState):  # Also of two that began at the same moment.
        selftests.record_selftest(
            deployment.actor,
            gallery=gallery,
            best=np.zeros(len(found)),
            settings={},
            tools=deployment.tools,
        )
    made.pointed(deployment, gallery, wanted=0.02)
    run(deployment, gallery, people)


def test_a_steward_is_told_of_an_operating_point_that_no_selftest_was_run_at(
    deployment: Any, gallery: Any
) -> None:
    def told(role: Role = Role.STEWARD) -> int:
        waits = inbox(factories.acting(deployment, role), tools=deployment.tools).on_you
        return sum(one.what.startswith(f"Run a selftest of {gallery.name}") for one in waits)

    assert (told(), told(Role.SUPERVISOR)) == (1, 0)
    run(deployment, gallery, made.names(20, "stranger"))
    assert told() == 0
    gallery.refresh_from_db()
    made.pointed(deployment, gallery, wanted=0.02)
    assert told() == 1
    # What is kept is searched for by the clock; nobody has to.
    until = deployment.tools.clock().date() + 30 * DAY
    keep(deployment, gallery, made.names(20, "stranger"), until)
    assert told() == 0


def test_kept_templates_of_a_former_model_are_destroyed_and_new_photos_asked_for(
    deployment: Any, gallery: Any
) -> None:
    today = deployment.tools.clock().date()
    test = run(deployment, gallery, made.names(20, "stranger"), keep_until=today + 30 * DAY)
    sample = queries.non_mates(gallery)
    assert sample is not None

    def asked(on: Any) -> bool:
        waits = inbox(on.actor, tools=on.tools).on_you
        return any("Give new photos for a selftest" in one.what for one in waits)

    assert not asked(deployment)
    for row in (test, sample):  # As both are once the gallery was given templates of another model.
        row.details = {**row.details, "model": "former/1"}
        row.save(update_fields=("details",))
    assert asked(deployment)
    assert selftests.run_due(SYSTEM, tools=deployment.tools) == 0
    _gone(deployment, sample)
    tomorrow = later(deployment, DAY)
    run(tomorrow, gallery, made.names(20, "stranger"))
    assert not asked(tomorrow)


def test_without_a_threshold_there_is_nothing_to_count_and_one_by_hand_predicts_nothing(
    deployment: Any,
) -> None:
    gallery = made.filled(deployment, made.names(30))
    with pytest.raises(WrongState, match="returns a list in any case"):
        run(deployment, gallery, made.names(20, "stranger"))
    gallery.terms = {"sensitive": False, "threshold": "0.5000"}
    gallery.save(update_fields=("terms",))
    said = run(deployment, gallery, made.names(20, "stranger")).details["selftest"]
    assert (said["verdict"], said["point"]) == (counting.UNPREDICTED, None)


def test_a_selftest_is_a_steward_s_of_their_own_gallery(deployment: Any, gallery: Any) -> None:
    given: dict[str, Any] = {
        "gallery": gallery,
        "photos": made.sample(made.names(20, "stranger"), shots=[1]),
        "tools": deployment.tools,
    }
    for actor in (
        factories.acting(deployment, Role.EXAMINER),
        factories.acting(deployment, Role.SUPERVISOR),
        factories.other_agency(deployment),
    ):
        with pytest.raises(NotPermitted):
            selftests.run_selftest(actor, **given)


def test_a_kept_sample_is_searched_for_again_when_something_changed_and_each_week(
    deployment: Any, gallery: Any
) -> None:
    today = deployment.tools.clock().date()
    run(deployment, gallery, made.names(20, "stranger"), keep_until=today + 300 * DAY)
    due = selftests.run_due
    assert due(SYSTEM, tools=deployment.tools) == 0
    # A week after the last one.
    assert due(SYSTEM, tools=later(deployment, 6 * DAY).tools) == 0
    assert due(SYSTEM, tools=later(deployment, 7 * DAY).tools) == 1
    newest = queries.selftests(deployment.actor, gallery)[0]
    assert newest.made_by == SYSTEM.person
    assert LedgerRow.objects.order_by("-index")[0].agency == deployment.agency.pk
    # A day after the last one, once the gallery changed.
    source = factories.make_source(deployment, "more")
    factories.enrol(deployment, gallery, source, factories.people(["late"]))
    assert due(SYSTEM, tools=later(deployment, 7 * DAY).tools) == 0
    assert due(SYSTEM, tools=later(deployment, 8 * DAY).tools) == 1
    # At once after another operating point was set.
    gallery.refresh_from_db()
    made.pointed(deployment, gallery, wanted=0.02)
    assert due(SYSTEM, tools=later(deployment, 8 * DAY).tools) == 1
    assert due(SYSTEM, tools=later(deployment, 8 * DAY).tools) == 0


def test_a_kept_sample_is_destroyed_after_its_last_day_when_replaced_and_when_asked(
    deployment: Any, gallery: Any
) -> None:
    today = deployment.tools.clock().date()
    people = made.names(20, "stranger")
    for wrong in (today - DAY, today + 400 * DAY):
        with pytest.raises(InputError):
            run(deployment, gallery, people, keep_until=wrong)
    run(deployment, gallery, people, keep_until=today + 3 * DAY)
    first = queries.non_mates(gallery)
    assert first is not None
    keep(deployment, gallery, people, today + 3 * DAY)
    second = queries.non_mates(gallery)
    assert second is not None
    assert second != first
    _gone(deployment, first)
    with pytest.raises(WrongState):
        selftests.destroy_non_mates(SYSTEM, sample=second, tools=deployment.tools)
    assert selftests.run_due(SYSTEM, tools=later(deployment, 3 * DAY).tools) == 0
    assert queries.non_mates(gallery) == second
    selftests.run_due(SYSTEM, tools=later(deployment, 4 * DAY).tools)
    assert queries.non_mates(gallery) is None
    _gone(deployment, second)
    assert LedgerRow.objects.order_by("-index")[0].action == "non_mates.destroyed"
    keep(deployment, gallery, people, today)
    third = queries.non_mates(gallery)
    assert third is not None
    with pytest.raises(NotPermitted):
        selftests.destroy_non_mates(
            factories.other_agency(deployment), sample=third, tools=deployment.tools
        )
    selftests.destroy_non_mates(deployment.actor, sample=third, tools=deployment.tools)
    _gone(deployment, third)
    with pytest.raises(WrongState):
        selftests.destroy_non_mates(deployment.actor, sample=third, tools=deployment.tools)


def _gone(on: Any, sample: NonMates) -> None:
    sample = NonMates.objects.get(pk=sample.pk)
    assert (sample.object_key, sample.details) == (None, None)
    with pytest.raises(NotFound):
        on.tools.store.get(sample.pk)


def test_one_gallery_that_cannot_be_tested_keeps_no_other_from_it(
    deployment: Any, gallery: Any
) -> None:
    today = deployment.tools.clock().date()
    other = made.filled(deployment, made.names(10, "other"), name="Other")
    made.pointed(deployment, other)
    for one in (gallery, other):
        run(deployment, one, made.names(20, "stranger"), keep_until=today + 30 * DAY)
    broken = queries.non_mates(gallery)
    assert broken is not None
    deployment.tools.store.delete(broken.pk)
    with pytest.raises(NotFound):
        selftests.run_due(SYSTEM, tools=later(deployment, 8 * DAY).tools)
    assert queries.selftests(deployment.actor, other).count() == 2
