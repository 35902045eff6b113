"""The certificate of an erasure: how much was destroyed, proved by its entry, and nothing about the person."""

from __future__ import annotations

import json
from typing import Any

import factories
import pytest
from clients import client_of
from django.urls import reverse

from countenance.apps.galleries import indexing, services
from countenance.apps.galleries.certificates import certified
from countenance.apps.galleries.models import Face, Photo, Subject
from countenance.apps.records.models import LedgerRow
from countenance.errors import NotFound
from countenance.testing import FakeEngine

REASON = "Anna Example of Leeds asked for it"


@pytest.fixture
def on(deployment: Any) -> Any:
    deployment.source = factories.make_source(deployment)
    deployment.gallery = factories.make_gallery(deployment)
    people = [
        *factories.people(["anna", "ben"], shots=[1, 2]),
        factories.incoming("anna/3.jpg", FakeEngine.photo("anna", shot=3, faces=2)),
    ]
    factories.enrol(deployment, deployment.gallery, deployment.source, people)
    indexing.write_snapshot(deployment.gallery, tools=deployment.tools)
    return deployment


def _anna(on: Any) -> Subject:
    return next(one for one in Subject.objects.filter(removed_at=None) if one.label == "anna")


def test_it_counts_what_was_destroyed_and_names_nobody(on: Any) -> None:
    anna = _anna(on)
    photos = sorted(
        str(pk) for pk in Photo.objects.filter(subject=anna).values_list("pk", flat=True)
    )
    before = Face.objects.filter(photo__subject=anna)
    templates = before.filter(template__isnull=False).count()
    crops = before.filter(crop__isnull=False).count()
    services.remove_subject(on.actor, subject=anna, reason=REASON, tools=on.tools)
    one = certified(on.actor, anna.pk, tools=on.tools)
    one.receipt.verify()
    row = LedgerRow.objects.get(action="subject.removed", about=anna.pk)
    assert one.receipt.index == row.index
    assert one.said["photos"] == photos
    assert one.said["counts"] == {
        "photos": 3,
        "subjects": 2,  # and whoever stood beside her, of whom no photo is left
        "faces": before.count(),
        "templates": templates,
        "crops": crops,
        "snapshots": 1,
        "controls": 0,
        "uploads": 0,
    }
    assert before.count() == 4
    assert templates > 0
    assert crops > 0
    said = json.dumps(one.to_dict())
    assert all(word not in said for word in ("anna", "Anna", "Leeds", "1.jpg"))


def test_a_photo_and_a_source_have_theirs(on: Any) -> None:
    photo = Photo.objects.filter(subject=_anna(on)).first()
    services.remove_photo(on.actor, photo=photo, reason=REASON, tools=on.tools)
    assert certified(on.actor, photo.pk, tools=on.tools).said["counts"]["photos"] == 1
    services.remove_source(on.actor, source=on.source, reason=REASON, tools=on.tools)
    source = certified(on.actor, on.source.pk, tools=on.tools)
    assert source.said["counts"]["photos"] == 4
    assert source.said["kept"][-1].startswith("the passport")


def test_it_is_a_page_a_file_for_machines_and_one_to_print(on: Any) -> None:
    anna = _anna(on)
    client = client_of(on)
    answer = client.post(f"/subjects/{anna.pk}/remove/", {"reason": REASON})
    page = reverse("erasure_certificate", args=[anna.pk])
    assert answer.headers["Location"] == page
    shown = client.get(page).content.decode()
    receipt = certified(on.actor, anna.pk, tools=on.tools).receipt
    assert receipt.code in shown
    assert "Leeds" not in shown
    saved = client.get(reverse("erasure_certificate_json", args=[anna.pk]))
    assert json.loads(saved.content)["receipt"] == receipt.to_dict()
    paper = client.get(reverse("erasure_certificate_paper", args=[anna.pk]))
    assert paper.content.startswith(b"%PDF")
    assert b"anna" not in paper.content


def test_nobody_else_sees_it_and_what_was_not_erased_has_none(on: Any) -> None:
    anna = _anna(on)
    with pytest.raises(NotFound):
        certified(on.actor, anna.pk, tools=on.tools)
    services.remove_subject(on.actor, subject=anna, reason=REASON, tools=on.tools)
    other = factories.other_agency(on)
    with pytest.raises(NotFound):
        certified(other, anna.pk, tools=on.tools.of(other))
