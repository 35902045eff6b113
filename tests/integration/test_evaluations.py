"""Evaluations: of labelled photos and of a gallery's own, made again to the last digit, and gone with a removal."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import factories
import measuring as made
import numpy as np
import pytest
from django.db import connection

from countenance.apps.evaluations import (
    measuring,
    queries,
    sampling,
    services,
    showing,
    templates,
)
from countenance.apps.evaluations.models import Evaluation, KeptTrials
from countenance.apps.evaluations.points import numbers_of
from countenance.apps.galleries import services as galleries
from countenance.apps.galleries.models import Photo, Subject
from countenance.apps.records.models import LedgerRow
from countenance.cli.photos import read_photo
from countenance.errors import (
    InputError,
    ModelMismatch,
    NotFound,
    NotPermitted,
    RoleMissing,
    SealBroken,
    TamperDetected,
)
from countenance.policy import Role
from countenance.testing import FakeEngine


def by_hand(on: Any, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return mate's and best other similarity of each made-up person, computed with numpy alone."""
    people = made.names(number, "sampled")
    first = np.stack([on.tools.engine.template(name, 1).vector for name in people])
    second = np.stack([on.tools.engine.template(name, 2).vector for name in people])
    seen = (second @ first.T).astype(np.float64)
    own = np.diag(seen).copy()
    np.fill_diagonal(seen, -np.inf)
    return own, seen.max(axis=1)


def test_a_sample_is_searched_within_itself_and_its_rates_are_those_of_numpy(
    deployment: Any,
) -> None:
    found = made.evaluated(deployment, 60)
    numbers = numbers_of(found)
    own, other = by_hand(deployment, 60)
    assert (numbers.mated_searches, numbers.non_mated_searches) == (60, 60)
    assert (numbers.subjects, numbers.others) == (60, 59)
    for at in numbers.measured:
        assert at.fnir is not None
        assert at.fpir is not None
        assert at.fnir.value == pytest.approx(np.mean(np.round(own, 6) < at.threshold), abs=1e-9)
        assert at.fpir.value == pytest.approx(np.mean(np.round(other, 6) >= at.threshold), abs=1e-9)
    assert found.details["sample"] == "a labelled sample of 60 people"
    assert found.details["model"] == "fake/1"
    assert found.details["settings"]["enrolled"] == 1


def test_nothing_of_a_sample_is_stored_but_numbers(deployment: Any) -> None:
    before = Photo.objects.count(), Subject.objects.count()
    found = made.evaluated(deployment, 30, colour=["red", "blue"])
    assert (Photo.objects.count(), Subject.objects.count()) == before
    trials = queries.trials_of(found, tools=deployment.tools)
    assert trials is not None
    assert b"sampled" not in trials.as_json()
    assert b"sampled" not in bytes(found.numbers)
    assert "sampled" not in str(found.details)
    # Who is who is drawn anew: the numbers do not follow the order in which people were given.
    other = queries.trials_of(
        made.evaluated(deployment, 30, colour=["red", "blue"]), tools=deployment.tools
    )
    assert other is not None
    assert list(other.mated) != list(trials.mated)
    # A product of floats depends on where it stands among others, so one in another order may be rounded
    # to the next of the six digits kept.
    apart = np.rint(1e6 * (np.sort(other.mated) - np.sort(trials.mated)))
    assert np.abs(apart).max() <= 1


def test_an_evaluation_is_made_again_from_its_stored_trials_to_the_last_digit(
    deployment: Any,
) -> None:
    found = made.evaluated(deployment, 40, colour=["red", "blue"], size=["large"])
    again = queries.evaluation(deployment.actor, found.pk)
    trials = queries.trials_of(again, tools=deployment.tools)
    assert trials is not None
    numbers = numbers_of(again)
    assert measuring.differences(trials, numbers) == []
    assert measuring.numbers_of(trials, seed=numbers.seed).as_json() == bytes(again.numbers)
    data = measuring.to_file(trials, numbers, dict(again.details))
    read_trials, read_numbers, details = measuring.from_file(data)
    assert measuring.to_file(read_trials, read_numbers, details) == data
    assert measuring.differences(read_trials, read_numbers) == []
    altered = data.replace(b'"failures":0', b'"failures":1')
    assert altered != data
    assert measuring.differences(*measuring.from_file(altered)[:2]) == ["failures"]
    for wrong in (b"", b"[]", b'{"version":1}', b'{"version":2}', b"\xff"):
        with pytest.raises(InputError):
            measuring.from_file(wrong)


def test_photos_without_a_face_are_misses_and_never_left_out(deployment: Any) -> None:
    photos = made.sample(made.names(30))
    photos[1] = made.sample(["person 0"], shots=[2])[0]
    photos[1] = sampling.Labelled(
        label="x", subject="person 0", read=lambda: FakeEngine.photo("person 0", 2, faces=0)
    )
    photos[3] = sampling.Labelled(label="y", subject="person 1", read=lambda: b"no photo")
    found = services.evaluate_sample(deployment.actor, photos=photos, tools=deployment.tools)
    numbers = numbers_of(found)
    assert (numbers.mated_searches, numbers.failures) == (30, 2)
    assert found.details["settings"]["without_face"] == 2
    lowest = numbers.measured[0].fnir
    assert lowest is not None
    assert lowest.value == pytest.approx(2 / 30)


def test_groups_are_told_column_by_column_and_few_people_are_not(deployment: Any) -> None:
    found = made.evaluated(deployment, 70, colour=["red", "blue"], size=["large"] * 9 + ["small"])
    numbers = numbers_of(found)
    told = {one.group: one.subjects for one in numbers.groups}
    assert told == {"colour: red": 35, "colour: blue": 35, "size: large": 63}
    assert found.details["settings"]["groups_too_small"] == 1
    assert ("Groups of too few people to tell of", "1") in showing.facts(found, numbers)
    trials = queries.trials_of(found, tools=deployment.tools)
    assert trials is not None
    at = {one.group: one for one in measuring.groups_at(trials, 0.5, seed=1)}
    assert set(at) == set(told)
    assert at["size: large"].fnir is not None


def test_a_label_of_few_people_which_can_be_a_name_is_kept_nowhere(deployment: Any) -> None:
    people = made.names(40, "enrolled")
    gallery = made.filled(deployment, people, shots=(1, 2))
    groups = {one: {"name": f"Secret {one}", "colour": "red"} for one in [*people, "nobody"]}
    found = services.evaluate_gallery(
        deployment.actor, gallery=gallery, groups=groups, tools=deployment.tools
    )
    trials = queries.trials_of(found, tools=deployment.tools)
    assert trials is not None
    for kept in (trials.as_json(), bytes(found.numbers), str(found.details).encode()):
        assert b"Secret" not in kept
    assert trials.groups == ("colour: red",)
    settings = found.details["settings"]
    assert (settings["groups_too_small"], settings["labels_of_nobody"]) == (40, 1)
    assert measuring.differences(trials, numbers_of(found)) == []


def test_a_gallery_is_evaluated_on_its_people_with_several_photos(deployment: Any) -> None:
    people = made.names(40, "enrolled")
    gallery = made.filled(deployment, people, shots=(1, 2))
    factories.enrol(
        deployment, gallery, factories.make_source(deployment, "more"), factories.people(["solo"])
    )
    gallery.refresh_from_db()
    groups = {name: {"colour": "red"} for name in people[:35]}
    found = services.evaluate_gallery(
        deployment.actor, gallery=gallery, groups=groups, tools=deployment.tools
    )
    numbers = numbers_of(found)
    assert (numbers.mated_searches, numbers.mated_subjects, numbers.subjects) == (80, 40, 41)
    assert found.details["sample"] == "photos of 40 people of the gallery itself who have several"
    assert [(one.group, one.subjects) for one in numbers.groups] == [("colour: red", 35)]
    assert found.gallery == gallery
    assert queries.evaluations(deployment.actor, gallery).get() == found
    lone = made.filled(deployment, ["ann", "ben"], name="Lone")
    with pytest.raises(InputError, match="several photos"):
        services.evaluate_gallery(deployment.actor, gallery=lone, tools=deployment.tools)


def test_of_a_large_gallery_one_photo_each_of_drawn_people_is_searched(
    deployment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "MOST_SEARCHES", 20)
    gallery = made.filled(deployment, made.names(40, "enrolled"), shots=(1, 2, 3))
    found = services.evaluate_gallery(deployment.actor, gallery=gallery, tools=deployment.tools)
    numbers = numbers_of(found)
    assert (numbers.mated_searches, numbers.mated_subjects, numbers.subjects) == (20, 20, 40)


def test_a_removal_takes_the_trials_of_a_gallery_away_and_leaves_its_numbers(
    deployment: Any,
) -> None:
    gallery = made.filled(deployment, made.names(30, "enrolled"), shots=(1, 2))
    other = made.filled(deployment, made.names(30, "other"), shots=(1, 2), name="Other")
    own = services.evaluate_gallery(deployment.actor, gallery=gallery, tools=deployment.tools)
    others = services.evaluate_gallery(deployment.actor, gallery=other, tools=deployment.tools)
    sampled = made.evaluated(deployment, 30, gallery=gallery)
    subject = Subject.objects.filter(gallery=gallery).first()
    assert subject is not None
    galleries.remove_subject(
        deployment.actor, subject=subject, reason="she asked for it", tools=deployment.tools
    )
    left = [queries.trials_of(one, tools=deployment.tools) for one in (own, others, sampled)]
    assert [one is None for one in left] == [True, False, False]
    assert numbers_of(queries.evaluation(deployment.actor, own.pk)).mated_searches == 60
    photo = Photo.objects.filter(gallery=other, removed_at=None).first()
    assert photo is not None
    galleries.remove_photo(
        deployment.actor, photo=photo, reason="it was asked for", tools=deployment.tools
    )
    assert queries.trials_of(others, tools=deployment.tools) is None
    assert KeptTrials.objects.count() == 1


def test_trials_are_not_kept_of_a_gallery_that_somebody_is_removed_from_meanwhile(
    deployment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = made.filled(deployment, made.names(30, "enrolled"), shots=(1, 2))
    search = measuring.of_gallery

    def removed_meanwhile(found: Any, *, model: str) -> Any:
        subject = Subject.objects.filter(gallery=gallery).first()
        assert subject is not None
        galleries.remove_subject(
            deployment.actor, subject=subject, reason="she asked for it", tools=deployment.tools
        )
        return search(found, model=model)

    monkeypatch.setattr(measuring, "of_gallery", removed_meanwhile)
    late = services.evaluate_gallery(deployment.actor, gallery=gallery, tools=deployment.tools)
    assert not KeptTrials.objects.exists()
    assert numbers_of(late).mated_searches == 60
    monkeypatch.setattr(measuring, "of_gallery", search)
    gallery.refresh_from_db()
    services.evaluate_gallery(deployment.actor, gallery=gallery, tools=deployment.tools)
    assert KeptTrials.objects.count() == 1


def test_only_a_steward_evaluates_and_only_their_own_gallery(deployment: Any) -> None:
    photos = made.sample(made.names(30))
    supervisor = factories.acting(deployment, Role.SUPERVISOR)
    with pytest.raises(RoleMissing):
        services.evaluate_sample(supervisor, photos=photos, tools=deployment.tools)
    assert LedgerRow.objects.order_by("-index")[0].action == "action.refused"
    stranger = factories.other_agency(deployment)
    gallery = made.filled(deployment, made.names(30), shots=(1, 2))
    with pytest.raises(NotPermitted):
        services.evaluate_gallery(stranger, gallery=gallery, tools=deployment.tools)
    steward = factories.acting(deployment, Role.STEWARD)
    found = services.evaluate_gallery(steward, gallery=gallery, tools=deployment.tools)
    assert LedgerRow.objects.order_by("-index")[0].action == "evaluation.recorded"
    with pytest.raises(NotFound):
        queries.evaluation(stranger, found.pk)


def test_an_evaluation_that_was_altered_in_the_database_is_noticed(deployment: Any) -> None:
    first, second = (made.evaluated(deployment, 30) for _ in range(2))
    changes = {
        "kind": "kind = 'gallery'",
        "its day": "made_at = made_at - interval '1 day'",
        "its numbers": f"numbers = (select numbers from evaluations_evaluation where id = '{second.pk}')",
    }
    for change in changes.values():
        with connection.cursor() as cursor:
            cursor.execute(
                "select made_at, kind, numbers from evaluations_evaluation where id = %s",
                [first.pk],
            )
            before = cursor.fetchone()
            cursor.execute(f"update evaluations_evaluation set {change} where id = %s", [first.pk])
        with pytest.raises((TamperDetected, SealBroken)):
            numbers_of(queries.evaluation(deployment.actor, first.pk))
        with connection.cursor() as cursor:
            cursor.execute(
                "update evaluations_evaluation set made_at = %s, kind = %s, numbers = %s where id = %s",
                [*before, first.pk],
            )
    assert numbers_of(queries.evaluation(deployment.actor, first.pk)).failures == 0
    assert Evaluation.objects.count() == 2


def test_a_gallery_of_another_model_is_not_evaluated(deployment: Any) -> None:
    gallery = made.filled(deployment, made.names(30), shots=(1, 2))
    gallery.model = "another/1"
    with pytest.raises(ModelMismatch):
        templates.of_gallery(gallery, tools=deployment.tools)


def test_photos_beyond_their_retention_are_not_evaluated(deployment: Any) -> None:
    gallery = made.filled(deployment, made.names(30), shots=(1, 2))
    late = deployment.tools.clock() + timedelta(days=365 * 200)
    from dataclasses import replace

    tools = replace(deployment.tools, clock=lambda: late)
    with pytest.raises(InputError, match="no template"):
        templates.of_gallery(gallery, tools=tools)


def test_folders_and_csv_files_say_whose_photo_is_whose(tmp_path: Path) -> None:
    root = made.folder(tmp_path, ["anna", "ben"])
    (root / "stray.jpg").write_bytes(b"x")
    found = sampling.listed(root, read=read_photo)
    assert [(one.label, one.subject) for one in found.photos] == [
        ("anna/1.jpg", "anna"),
        ("anna/2.jpg", "anna"),
        ("ben/1.jpg", "ben"),
        ("ben/2.jpg", "ben"),
    ]
    assert [label for label, _ in found.turned_away] == ["stray.jpg"]
    table = root / "sample.csv"
    table.write_text(
        "file,subject,colour\nanna/1.jpg,Anna,red\nanna/2.jpg,Anna,red\nben/1.jpg,Ben,\n../x.jpg,Eve,red\n"
    )
    listed = sampling.listed(table, read=read_photo)
    assert [(one.subject, dict(one.groups)) for one in listed.photos] == [
        ("Anna", {"colour": "red"}),
        ("Anna", {"colour": "red"}),
        ("Ben", {}),
    ]
    assert len(listed.turned_away) == 1
    assert listed.photos[0].read() == FakeEngine.photo("anna", 1)


def test_a_steward_s_file_of_groups_is_read_strictly(tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_text("subject,colour,size\nanna,red,\nben,blue,large\n")
    assert sampling.groups_of(file) == {
        "anna": {"colour": "red"},
        "ben": {"colour": "blue", "size": "large"},
    }
    for text in (
        "",
        "subject,colour\n",
        "subject,colour\nanna,red,more\n",
        "subject,colour\nanna,red\nanna,blue\n",
        "subject,colour\n,red\n",
        "subject,colour,colour\nanna,red,blue\n",
        'subject,"colour\nanna,red\n',
    ):
        file.write_text(text)
        with pytest.raises(InputError):
            sampling.groups_of(file)
    with pytest.raises(InputError):
        sampling.groups_of(tmp_path / "nothing.csv")
