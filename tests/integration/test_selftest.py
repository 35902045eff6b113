"""Selftests: counts of false candidates beside what was predicted, again by themselves, and never about somebody."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import factories
import measuring as made
import numpy as np
import pytest

from countenance.apps.evaluations import queries, selftests
from countenance.apps.evaluations.models import Evaluation, NonMates
from countenance.apps.evaluations.points import Point
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.waiting import inbox
from countenance.errors import InputError, NotFound, NotPermitted, WrongState
from countenance.policy import SYSTEM, Role

DAY = timedelta(days=1)


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


def later(on: Any, by: timedelta) -> Any:
    now = on.tools.clock()
    return replace(on.tools, clock=lambda: now + by)


def test_strangers_are_searched_for_and_those_who_come_back_are_counted(
    deployment: Any, gallery: Any
) -> None:
    found = run(deployment, gallery, made.names(40, "stranger"))
    said = found.details["selftest"]
    engine = deployment.tools.engine
    there = np.stack([engine.template(name).vector for name in made.names(30)])
    strangers = np.stack([engine.template(name).vector for name in made.names(40, "stranger")])
    seen = strangers @ there.T >= float(said["threshold"])
    counts = (said["searches"], said["returned"], said["candidates"])
    assert counts == (40, int(seen.any(axis=1).sum()), int(seen.sum()))
    assert said["verdict"] == selftests.AS_PREDICTED
    assert Point.from_json(said["point"]).wanted_fpir == 0.01
    assert found.details["sample"] == "photos of 40 people who are known not to be in the gallery"
    assert LedgerRow.objects.order_by("-index")[0].action == "selftest.run"
    assert queries.selftests(deployment.actor, gallery).get() == found
    assert found not in queries.evaluations(deployment.actor, gallery)


def test_more_false_candidates_than_predicted_are_said_and_wait_on_whoever_can_act(
    deployment: Any, gallery: Any
) -> None:
    # People who are in the gallery after all, as if the sample's label or the prediction were wrong.
    found = run(deployment, gallery, [*made.names(20), *made.names(20, "stranger")])
    said = found.details["selftest"]
    assert said["searches"] == 40
    assert 20 <= said["returned"] <= said["candidates"] <= 24
    assert said["verdict"] == selftests.MORE
    for role, told in ((Role.STEWARD, True), (Role.SUPERVISOR, True), (Role.EXAMINER, False)):
        waits = inbox(factories.acting(deployment, role), tools=deployment.tools).on_you
        assert any("selftest" in one.what for one in waits) is told
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
    trials = queries.trials_of(found, tools=deployment.tools)
    assert trials is not None
    assert b"stranger" not in trials.as_json()


def test_without_a_threshold_there_is_nothing_to_count_and_one_by_hand_predicts_nothing(
    deployment: Any,
) -> None:
    gallery = made.filled(deployment, made.names(30))
    with pytest.raises(WrongState, match="returns a list in any case"):
        run(deployment, gallery, made.names(20, "stranger"))
    gallery.terms = {"sensitive": False, "threshold": "0.5000"}
    gallery.save(update_fields=("terms",))
    said = run(deployment, gallery, made.names(20, "stranger")).details["selftest"]
    assert (said["verdict"], said["point"]) == (selftests.UNPREDICTED, None)


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
    assert due(SYSTEM, tools=later(deployment, 6 * DAY)) == 0
    assert due(SYSTEM, tools=later(deployment, 7 * DAY)) == 1
    newest = queries.selftests(deployment.actor, gallery)[0]
    assert newest.made_by == SYSTEM.person
    assert LedgerRow.objects.order_by("-index")[0].agency == deployment.agency.pk
    # A day after the last one, once the gallery changed.
    source = factories.make_source(deployment, "more")
    factories.enrol(deployment, gallery, source, factories.people(["late"]))
    assert due(SYSTEM, tools=later(deployment, 7 * DAY)) == 0
    assert due(SYSTEM, tools=later(deployment, 8 * DAY)) == 1
    # At once after another operating point was set.
    gallery.refresh_from_db()
    made.pointed(deployment, gallery, wanted=0.02)
    assert due(SYSTEM, tools=later(deployment, 8 * DAY)) == 1
    assert due(SYSTEM, tools=later(deployment, 8 * DAY)) == 0


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
    run(deployment, gallery, people, keep_until=today + 3 * DAY)
    second = queries.non_mates(gallery)
    assert second is not None
    assert second != first
    _gone(deployment, first)
    with pytest.raises(WrongState):
        selftests.destroy_non_mates(SYSTEM, sample=second, tools=deployment.tools)
    assert selftests.run_due(SYSTEM, tools=later(deployment, 3 * DAY)) == 0
    assert queries.non_mates(gallery) == second
    selftests.run_due(SYSTEM, tools=later(deployment, 4 * DAY))
    assert queries.non_mates(gallery) is None
    _gone(deployment, second)
    assert LedgerRow.objects.order_by("-index")[0].action == "non_mates.destroyed"
    run(deployment, gallery, people, keep_until=today)
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
        selftests.run_due(SYSTEM, tools=later(deployment, 8 * DAY))
    assert queries.selftests(deployment.actor, other).count() == 2
