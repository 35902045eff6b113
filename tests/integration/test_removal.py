"""What is removed is gone at once: from the index, from old results, from the store, its key destroyed."""

from __future__ import annotations

from typing import Any

import factories
import pytest

from countenance.apps.galleries import indexing, services, viewing
from countenance.apps.galleries import queries as galleries
from countenance.apps.galleries.models import EnrolmentRun, Face, IndexSnapshot, Photo, Subject
from countenance.apps.searches import queries
from countenance.errors import NotFound, ReasonMissing, SealBroken, SourceClosed, WrongState
from countenance.testing import FakeEngine


@pytest.fixture
def enrolled(deployment: Any) -> Any:
    deployment.source = factories.make_source(deployment)
    deployment.gallery = factories.make_gallery(deployment)
    factories.enrol(
        deployment,
        deployment.gallery,
        deployment.source,
        factories.people(["anna", "ben"], shots=[1, 2]),
    )
    deployment.case = factories.make_case(deployment)
    return deployment


def _labels(on: Any) -> list[str]:
    search = factories.search(on, on.case, [on.gallery], FakeEngine.photo("anna", shot=3))
    return [one.label for one in queries.candidates(queries.search(on.actor, search.pk))]


def _subject(on: Any, label: str) -> Subject:
    return galleries.subject_by_label(on.gallery, label, tools=on.tools)


def test_a_removed_photo_leaves_the_index_the_store_and_its_key(enrolled: Any) -> None:
    photo = Photo.objects.filter(subject=_subject(enrolled, "anna")).first()
    assert photo is not None
    assert photo.pk in set(enrolled.tools.store.ids())
    services.remove_photo(
        enrolled.actor, photo=photo, reason="Owner withdrew it", tools=enrolled.tools
    )
    assert photo.pk not in set(enrolled.tools.store.ids())
    gone = Photo.objects.get(pk=photo.pk)
    assert gone.object_key is None
    assert gone.details is None
    with pytest.raises(SealBroken):
        gone.open_key()
    assert not Face.objects.filter(photo=photo, template__isnull=False).exists()
    search = factories.search(
        enrolled, enrolled.case, [enrolled.gallery], FakeEngine.photo("anna", shot=3)
    )
    found = queries.candidates(queries.search(enrolled.actor, search.pk))
    assert found[0].label == "anna"
    assert len(found[0].faces) == 1


def test_a_removed_subject_is_no_candidate_any_more_and_its_label_is_free(enrolled: Any) -> None:
    assert _labels(enrolled) == ["anna", "ben"]
    services.remove_subject(
        enrolled.actor,
        subject=_subject(enrolled, "anna"),
        reason="Request to erase",
        tools=enrolled.tools,
    )
    assert _labels(enrolled) == ["ben"]
    with pytest.raises(NotFound):
        _subject(enrolled, "anna")
    assert len(list(enrolled.tools.store.ids())) == 2 + 2  # ben's photos, and two probes
    factories.enrol(
        enrolled, enrolled.gallery, enrolled.source, factories.people(["anna"], shots=[1])
    )
    assert _labels(enrolled)[0] == "anna"


def test_a_removed_photo_disappears_from_an_old_search(enrolled: Any) -> None:
    search = factories.search(
        enrolled, enrolled.case, [enrolled.gallery], FakeEngine.photo("anna", shot=3)
    )
    services.remove_subject(
        enrolled.actor,
        subject=_subject(enrolled, "anna"),
        reason="Request to erase",
        tools=enrolled.tools,
    )
    found = queries.candidates(queries.search(enrolled.actor, search.pk))
    assert [(one.rank, one.label) for one in found] == [(2, "ben")]


def test_a_removed_source_takes_its_photos_along_and_takes_no_more(enrolled: Any) -> None:
    services.remove_source(
        enrolled.actor, source=enrolled.source, reason="Agreement ended", tools=enrolled.tools
    )
    assert _labels(enrolled) == []
    assert not Photo.objects.filter(removed_at=None).exists()
    with pytest.raises(SourceClosed):
        factories.enrol(enrolled, enrolled.gallery, enrolled.source, factories.people(["cleo"]))
    with pytest.raises(WrongState):
        services.remove_source(
            enrolled.actor, source=_again(enrolled.source), reason="Twice", tools=enrolled.tools
        )


def _again(source: Any) -> Any:
    source.refresh_from_db()
    return source


def test_a_removal_needs_a_reason(enrolled: Any) -> None:
    with pytest.raises(ReasonMissing):
        services.remove_source(
            enrolled.actor, source=enrolled.source, reason=" ", tools=enrolled.tools
        )
    assert _labels(enrolled) == ["anna", "ben"]


def test_a_removal_destroys_the_snapshot_that_held_the_template(enrolled: Any) -> None:
    indexing.write_snapshot(enrolled.gallery, tools=enrolled.tools)
    parts = IndexSnapshot.objects.get(gallery=enrolled.gallery).parts
    assert parts
    services.remove_subject(
        enrolled.actor, subject=_subject(enrolled, "ben"), reason="Erase", tools=enrolled.tools
    )
    assert not IndexSnapshot.objects.exists()
    assert not {str(one) for one in enrolled.tools.store.ids()} & set(parts)


@pytest.mark.parametrize("damage", ["none", "flip", "cut", "missing"])
def test_a_restart_finds_the_same_with_a_good_or_a_broken_snapshot(
    enrolled: Any, damage: str
) -> None:
    from uuid import UUID

    indexing.write_snapshot(enrolled.gallery, tools=enrolled.tools)
    factories.enrol(enrolled, enrolled.gallery, enrolled.source, factories.people(["cleo"]))
    part = UUID(IndexSnapshot.objects.get().parts[0])
    sealed = enrolled.tools.store.get(part)
    if damage == "flip":
        enrolled.tools.store.put(part, sealed[:-1] + bytes([sealed[-1] ^ 1]))
    elif damage == "cut":
        enrolled.tools.store.put(part, sealed[: len(sealed) // 2])
    elif damage == "missing":
        enrolled.tools.store.delete(part)
    enrolled.tools.shelf.clear()
    assert sorted(_labels(enrolled)) == ["anna", "ben", "cleo"]
    assert _labels(enrolled)[0] == "anna"


def test_two_processes_see_each_others_changes_at_once(enrolled: Any) -> None:
    from dataclasses import replace

    from countenance.index.shelf import Shelf

    assert _labels(enrolled) == ["anna", "ben"]
    here, enrolled.tools = enrolled.tools, replace(enrolled.tools, shelf=Shelf())
    factories.enrol(enrolled, enrolled.gallery, enrolled.source, factories.people(["cleo"]))
    services.remove_subject(
        enrolled.actor, subject=_subject(enrolled, "ben"), reason="Erase", tools=enrolled.tools
    )
    enrolled.tools = here
    assert sorted(_labels(enrolled)) == ["anna", "cleo"]


def test_a_removed_photo_cannot_be_looked_at(enrolled: Any) -> None:
    photo = galleries.photos(enrolled.gallery)[0]
    assert viewing.view_photo(
        enrolled.actor, photo=photo, long_side=200, tools=enrolled.tools
    ).startswith(b"\xff\xd8")
    services.remove_photo(enrolled.actor, photo=photo, reason="Erase", tools=enrolled.tools)
    with pytest.raises(NotFound):
        viewing.view_photo(
            enrolled.actor,
            photo=galleries.photo(enrolled.actor, photo.pk),
            long_side=200,
            tools=enrolled.tools,
        )


def test_a_removed_source_takes_the_names_of_what_was_turned_away_along(enrolled: Any) -> None:
    other = factories.make_source(enrolled, "Second archive")
    nobody = factories.incoming("Anna Example/9.jpg", FakeEngine.photo("nobody", faces=0))
    for source in (enrolled.source, other):
        run = factories.enrol(enrolled, enrolled.gallery, source, [nobody])
        assert [reject["label"] for reject in run.rejects] == ["Anna Example/9.jpg"]
    services.remove_source(
        enrolled.actor, source=enrolled.source, reason="Agreement ended", tools=enrolled.tools
    )
    of_source = EnrolmentRun.objects.filter(source=enrolled.source)
    assert [run.rejects for run in of_source] == [[], []]
    assert sum(run.rejected for run in of_source) == 1
    assert EnrolmentRun.objects.get(source=other).rejects


def test_a_face_removed_after_the_index_answered_is_no_candidate(
    enrolled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from countenance.index.shelf import Shelf

    search = Shelf.search

    def late(*args: Any, **kwargs: Any) -> Any:
        hits = search(*args, **kwargs)
        monkeypatch.setattr(Shelf, "search", search)
        services.remove_subject(
            enrolled.actor,
            subject=_subject(enrolled, "anna"),
            reason="Request to erase",
            tools=enrolled.tools,
        )
        return hits

    monkeypatch.setattr(Shelf, "search", late)
    assert _labels(enrolled) == ["ben"]
