"""Another rotation of a gallery's templates: the same people are found, what was before fits nothing."""

from dataclasses import replace

import factories
import numpy as np
import pytest

from countenance.apps.galleries import indexing, renewing, services
from countenance.apps.galleries.models import Face, Gallery, IndexSnapshot, Photo
from countenance.apps.records.models import LedgerRow
from countenance.errors import NotPermitted
from countenance.index import Rotation, Shelf
from countenance.testing import FakeEngine


@pytest.fixture
def gallery(deployment):
    source, made = factories.make_source(deployment), factories.make_gallery(deployment)
    factories.enrol(deployment, made, source, factories.people(["anna", "ben", "cleo"], [1, 2]))
    indexing.write_snapshot(made, tools=deployment.tools)
    return Gallery.objects.get(pk=made.pk)


def rows(shelf, gallery):
    held = shelf.get(gallery.pk)
    found = dict(
        zip(
            *(np.concatenate(part) for part in zip(*held.index.batches(), strict=True)), strict=True
        )
    )
    return held, {int(row): template for row, template in found.items()}


def nearest(on, shelf, gallery, person):
    template = on.tools.engine.analyse(FakeEngine.photo(person, shot=9), only=0).faces[0].template
    found = shelf.search(template.vector, galleries=[gallery.pk], k=6, model=template.model)
    return [(hit.row, round(hit.similarity, 4)) for _, hit in found]


def test_the_same_people_are_found_alike_and_nothing_of_before_fits(deployment, gallery):
    serving = replace(deployment.tools, shelf=Shelf())
    indexing.synchronise([gallery], tools=serving)
    before, old = rows(serving.shelf, gallery)
    asked = {name: nearest(deployment, serving.shelf, gallery, name) for name in ("anna", "ben")}
    renewing.renew(deployment.actor, gallery=gallery, tools=deployment.tools)

    # Another process still has index and rotation of before, which go together.
    assert nearest(deployment, serving.shelf, gallery, "anna") == asked["anna"]
    assert renewing.follow(gallery, tools=serving)
    assert not renewing.follow(gallery, tools=serving)
    after, new = rows(serving.shelf, gallery)
    assert not after.rotation.same_as(before.rotation)
    for name, found in asked.items():
        assert nearest(deployment, serving.shelf, gallery, name) == found
    assert new.keys() == old.keys()
    assert max(abs(float(old[row] @ new[row])) for row in old) < 0.6
    assert LedgerRow.objects.filter(action="templates.rotated").count() == 1


def test_what_is_removed_while_a_process_follows_stays_removed(deployment, gallery, monkeypatch):
    serving = replace(deployment.tools, shelf=Shelf())
    indexing.synchronise([gallery], tools=serving)
    renewing.change_rotation(deployment.actor, gallery=gallery, tools=deployment.tools)
    synchronise, removed = indexing.synchronise, Photo.objects.filter(gallery=gallery).first()
    face = Face.objects.get(photo=removed).pk

    def then_somebody_removes(galleries, *, tools):
        synchronise(galleries, tools=tools)
        services.remove_photo(
            deployment.actor, photo=removed, reason="Asked", tools=deployment.tools
        )
        synchronise([Gallery.objects.get(pk=gallery.pk)], tools=serving)

    monkeypatch.setattr(indexing, "synchronise", then_somebody_removes)
    assert renewing.follow(gallery, tools=serving)
    held, found = rows(serving.shelf, gallery)
    assert face not in found
    assert len(found) == 5
    assert held.version == Gallery.objects.get(pk=gallery.pk).version


def test_a_restart_reads_the_snapshot_under_the_new_rotation(deployment, gallery):
    renewing.renew(deployment.actor, gallery=gallery, tools=deployment.tools)
    fresh = replace(deployment.tools, shelf=Shelf())
    indexing.synchronise([Gallery.objects.get(pk=gallery.pk)], tools=fresh)
    held, _ = rows(fresh.shelf, gallery)
    assert held.rotation.same_as(Rotation.from_bytes(Gallery.objects.get(pk=gallery.pk).rotation))
    assert IndexSnapshot.objects.get().version == held.version


def test_a_process_that_has_not_followed_writes_no_snapshot(deployment, gallery):
    serving = replace(deployment.tools, shelf=Shelf())
    indexing.synchronise([gallery], tools=serving)
    renewing.change_rotation(deployment.actor, gallery=gallery, tools=deployment.tools)
    indexing.write_snapshot(gallery, tools=serving)
    assert not IndexSnapshot.objects.exists()
    renewing.follow(gallery, tools=serving)
    indexing.write_snapshot(gallery, tools=serving)
    assert IndexSnapshot.objects.exists()


def test_nobody_of_another_agency_draws_another_rotation(deployment, gallery):
    other = factories.other_agency(deployment)
    with pytest.raises(NotPermitted):
        renewing.change_rotation(other, gallery=gallery, tools=deployment.tools)
