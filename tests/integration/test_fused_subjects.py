"""Subjects with several photos: one template of all of them decides, and it is always that of today's photos."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import factories
import numpy as np
import pytest
from examining import examined

from countenance.apps.evaluations import measuring
from countenance.apps.evaluations.templates import of_gallery
from countenance.apps.galleries import nearest
from countenance.apps.galleries.models import Face, Photo, Source
from countenance.apps.galleries.services import remove_photo
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.services import unseal_body
from countenance.apps.searches import queries
from countenance.apps.searches.candidates import nearest_subjects
from countenance.faces.fusing import worth
from countenance.faces.types import Template
from countenance.testing import FakeEngine

SHOTS = (1, 2, 3)


@pytest.fixture
def ready(deployment: Any) -> Any:
    deployment.source = factories.make_source(deployment)
    deployment.gallery = factories.make_gallery(deployment)
    gallery, source = deployment.gallery, deployment.source
    factories.enrol(deployment, gallery, source, factories.people(["anna"], SHOTS))
    factories.enrol(deployment, gallery, source, factories.people(["ben", "cleo"]))
    deployment.case = factories.make_case(deployment)
    return deployment


def _nearest(on: Any, template: Template, **wishes: Any) -> list[dict[str, Any]]:
    asked = {"top": 5, "threshold": None, "tools": on.tools} | wishes
    return nearest_subjects(template, [on.gallery], **asked)


def _vectors(on: Any, *shots: int, person: str = "anna") -> np.ndarray:
    return np.stack([on.tools.engine.template(person, shot).vector for shot in shots])


def _similar(templates: np.ndarray, weights: list[float], probe: Template) -> float:
    mean = np.average(templates.astype(np.float64), axis=0, weights=weights)
    return float(mean @ probe.vector) / float(np.linalg.norm(mean))


def test_a_subject_is_as_similar_as_the_template_of_all_its_photos(ready: Any) -> None:
    probe = ready.tools.engine.template("anna", 9)
    first, second, _ = _nearest(ready, probe)
    wanted = _similar(_vectors(ready, *SHOTS), [1, 1, 1], probe)
    assert first["similarity"] == pytest.approx(wanted, abs=2e-6)
    # More than of any one of the photos: what is special about each averages out.
    each = [float(vector @ probe.vector) for vector in _vectors(ready, *SHOTS)]
    assert first["similarity"] > max(each)
    assert [face["similarity"] for face in first["faces"]] == pytest.approx(
        sorted(each, reverse=True), abs=2e-6
    )
    assert (first["fused"], second["fused"]) == (3, 1)
    assert second["similarity"] == second["faces"][0]["similarity"]


def test_better_photos_count_more_by_their_stored_quality(ready: Any) -> None:
    probe = ready.tools.engine.template("anna", 9)
    anna = _nearest(ready, probe)[0]["subject"]
    faces = list(Face.objects.filter(subject_id=anna).order_by("pk"))
    for face, sharpness in zip(faces, (0.1, 0.5, 0.5), strict=True):
        face.details = face.details | {
            "quality": face.details["quality"] | {"sharpness": sharpness}
        }
        face.save(update_fields=["details"])
    weights = [worth(one.details["quality"]) for one in faces]
    assert weights[0] < weights[1] == weights[2]
    templates = np.stack([np.frombuffer(one.template, np.float32) for one in faces])
    found = _nearest(ready, probe)[0]
    assert found["similarity"] == pytest.approx(_similar(templates, weights, probe), abs=2e-6)


def test_what_is_recorded_does_not_come_from_the_index(
    ready: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = ready.tools.engine.template("ben", 9)
    search = ready.tools.shelf.search

    def lying(*args: Any, **kwargs: Any) -> Any:
        found = search(*args, **kwargs)
        return [(gallery, replace(hit, similarity=0.25)) for gallery, hit in found]

    before = _nearest(ready, probe)
    monkeypatch.setattr(ready.tools.shelf, "search", lying)
    assert _nearest(ready, probe) == before
    exact = float(_vectors(ready, 1, person="ben")[0].astype(np.float64) @ probe.vector)
    assert before[0]["similarity"] == pytest.approx(exact, abs=1e-6)


def test_nobody_is_pushed_out_by_many_with_one_lucky_photo_each(
    ready: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearest, "SPARE", 2)
    probe = ready.tools.engine.template("anna", 9)
    wanted = _nearest(ready, probe, top=1)[0]
    lucky = set()
    for number in range(6):
        enrol = factories.people([f"lucky {number}"], SHOTS)
        factories.enrol(ready, ready.gallery, ready.source, enrol)
    for face in _others(wanted):
        vector = -probe.vector if face.subject_id in lucky else probe.vector
        lucky.add(face.subject_id)
        face.template = np.ascontiguousarray(vector, dtype=np.float32).tobytes()
        face.save(update_fields=["template"])
    ready.tools.shelf.clear()
    assert len(lucky) == 6
    found = _nearest(ready, probe, top=1)
    assert [(one["subject"], one["similarity"]) for one in found] == [
        (wanted["subject"], wanted["similarity"])
    ]


def _others(wanted: dict[str, Any]) -> list[Face]:
    """Return the faces of other subjects with several photos."""
    faces = Face.objects.exclude(subject_id=wanted["subject"]).order_by("pk")
    several = list(faces.select_related("photo__gallery"))
    counted = Counter(one.subject_id for one in several)
    return [one for one in several if counted[one.subject_id] > 1]


def test_the_threshold_is_one_of_the_fused_template(ready: Any) -> None:
    probe = ready.tools.engine.template("anna", 9)
    each = max(float(vector @ probe.vector) for vector in _vectors(ready, *SHOTS))
    all_of_them = _similar(_vectors(ready, *SHOTS), [1, 1, 1], probe)
    between = (each + all_of_them) / 2
    assert len(_nearest(ready, probe, threshold=between)) == 1
    assert _nearest(ready, probe, threshold=all_of_them + 1e-4) == []


def test_a_photo_that_is_removed_is_in_no_fused_template_from_then_on(ready: Any) -> None:
    probe = ready.tools.engine.template("anna", 9)
    before = _nearest(ready, probe)[0]
    gone = Photo.objects.get(pk=before["faces"][0]["photo"])
    kept = [face["similarity"] for face in before["faces"] if face["photo"] != str(gone.pk)]
    remove_photo(ready.actor, photo=gone, reason="asked for", tools=ready.tools)
    after = _nearest(ready, probe)[0]
    assert after["fused"] == 2
    assert [face["similarity"] for face in after["faces"]] == kept
    faces = Face.objects.filter(subject_id=before["subject"], removed_version=None)
    templates = np.stack([np.frombuffer(one.template, np.float32) for one in faces])
    assert after["similarity"] == pytest.approx(_similar(templates, [1, 1], probe), abs=2e-6)


def test_a_photo_whose_retention_has_run_out_is_in_no_fused_template(ready: Any) -> None:
    short = factories.make_source(ready, "Short")
    factories.enrol(ready, ready.gallery, short, factories.people(["anna"], (4,)))
    probe = ready.tools.engine.template("anna", 9)
    assert _nearest(ready, probe)[0]["fused"] == 4
    source = Source.objects.get(pk=short.pk)
    ended = ready.tools.clock().date() - timedelta(days=1)
    source.passport = source.passport | {"retention_until": ended.isoformat()}
    source.retention_until = date.fromisoformat(ended.isoformat())
    source.save(update_fields=["passport", "retention_until"])
    found = _nearest(ready, probe)[0]
    assert found["fused"] == 3
    wanted = _similar(_vectors(ready, *SHOTS), [1, 1, 1], probe)
    assert found["similarity"] == pytest.approx(wanted, abs=2e-6)


def test_photos_that_are_left_out_are_in_no_fused_template(ready: Any) -> None:
    probe = ready.tools.engine.template("anna", 9)
    photo = _nearest(ready, probe)[0]["faces"][0]["photo"]
    found = _nearest(ready, probe, without=[photo])[0]
    assert found["fused"] == 2
    assert photo not in {face["photo"] for face in found["faces"]}


def test_the_outcome_and_the_ledger_say_what_the_similarity_is_of(ready: Any) -> None:
    search = factories.search(ready, ready.case, [ready.gallery], FakeEngine.photo("anna", 9))
    first = search.outcome["candidates"][0]
    row = LedgerRow.objects.get(about=search.pk, action="search.concluded")
    _, body = unseal_body(row, keyring=ready.tools.keyring)
    facts = json.loads(body)["facts"]
    assert facts["fused"] == [[first["subject"], f"{first['similarity']:.6f}", 3]]
    examined(ready, search)
    shown = queries.candidates(queries.search(ready.actor, search.pk))
    assert (shown[0].label, shown[0].fused) == ("anna", 3)
    assert shown[0].similarity == first["similarity"] > shown[0].best.similarity


def test_outcomes_of_before_photos_were_fused_are_read_as_they_were_meant(ready: Any) -> None:
    search = factories.search(ready, ready.case, [ready.gallery], FakeEngine.photo("anna", 9))
    for one in search.outcome["candidates"]:
        del one["similarity"], one["fused"]
    search.save(update_fields=["outcome"])
    shown = queries.candidates(search)
    assert [one.similarity for one in shown] == [one.best.similarity for one in shown]
    assert {one.fused for one in shown} == {1}


def test_the_same_search_has_the_same_answer_to_the_last_digit(ready: Any) -> None:
    probe = ready.tools.engine.template("anna", 9)
    once = _nearest(ready, probe)
    ready.tools.shelf.clear()
    assert _nearest(ready, probe) == once


def test_no_more_photos_than_are_allowed_are_fused(
    ready: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearest, "MOST_FUSED", 2)
    probe = ready.tools.engine.template("anna", 9)
    found = _nearest(ready, probe)[0]
    assert (found["fused"], len(found["faces"])) == (2, 3)
    wanted = _similar(_vectors(ready, *SHOTS[:2]), [1, 1], probe)
    assert found["similarity"] == pytest.approx(wanted, abs=2e-6)


def test_an_evaluation_compares_as_a_search_does(ready: Any) -> None:
    others = factories.people(["ben", "cleo"], (2, 3, 4))
    factories.enrol(ready, ready.gallery, ready.source, others)
    faces = list(Face.objects.order_by("pk").select_related("photo__gallery"))
    for face, sharpness in zip(faces, np.linspace(0.1, 0.6, len(faces)), strict=True):
        face.details["quality"]["sharpness"] = round(float(sharpness), 3)
        face.save(update_fields=["details"])
    found = of_gallery(ready.gallery, tools=ready.tools)
    trials = measuring.of_gallery(found, model=ready.gallery.model)
    searched = []
    for face in faces:
        vector = np.frombuffer(face.template, np.float32)
        template = Template(vector=vector, model=ready.gallery.model)
        listed = _nearest(ready, template, without=[face.photo_id])
        own = [one for one in listed if one["subject"] == str(face.subject_id)]
        searched.append(own[0]["similarity"])
    assert sorted(trials.mated.tolist()) == pytest.approx(sorted(searched), abs=2e-6)
