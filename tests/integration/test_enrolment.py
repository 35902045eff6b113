"""Enrolment: each photo once, each reject with its reason, several faces, another subject's photo."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import factories
import pytest

from countenance.apps.galleries import enrolment
from countenance.apps.galleries.batch import Incoming, Reject
from countenance.apps.galleries.models import EnrolmentRun, Face, Photo, StagedPhoto, Subject
from countenance.apps.records import queries as ledger
from countenance.apps.records import services as records
from countenance.apps.records.models import LedgerRow
from countenance.errors import (
    ImageRejected,
    ModelMismatch,
    NotPermitted,
    PassportIncomplete,
    SourceClosed,
    Unavailable,
    WorkerUnavailable,
)
from countenance.faces.types import Gate
from countenance.testing import FakeEngine


@pytest.fixture
def ready(deployment: Any) -> Any:
    deployment.source = factories.make_source(deployment)
    deployment.gallery = factories.make_gallery(deployment)
    return deployment


def _enrol(on: Any, photos: list[Any]) -> EnrolmentRun:
    return factories.enrol(on, on.gallery, on.source, photos)


def _counts(run: EnrolmentRun) -> tuple[int, int, int, int, int]:
    return (run.photos, run.faces, run.enrolled, run.skipped, run.rejected)


def test_enrolling_twice_skips_what_is_there(ready: Any) -> None:
    photos = factories.people(["anna", "ben"], shots=[1, 2, 3])
    assert _counts(_enrol(ready, photos)) == (6, 6, 6, 0, 0)
    assert _counts(_enrol(ready, photos)) == (6, 0, 0, 6, 0)
    assert Photo.objects.count() == 6


def test_the_same_photo_twice_in_one_folder_is_enrolled_once(ready: Any) -> None:
    photo = FakeEngine.photo("anna")
    run = _enrol(ready, [factories.incoming(f"anna/{i}.jpg", photo) for i in range(5)])
    assert _counts(run) == (5, 1, 1, 4, 0)


def test_a_photo_of_another_subject_is_turned_away_with_the_way_out(ready: Any) -> None:
    photo = FakeEngine.photo("anna")
    _enrol(ready, [factories.incoming("anna/1.jpg", photo)])
    run = _enrol(ready, [factories.incoming("ben/1.jpg", photo)])
    assert _counts(run) == (1, 0, 0, 0, 1)
    assert run.rejects[0]["code"] == "enrolled_for_another_subject"


def test_every_reject_has_a_reason_and_costs_only_itself(ready: Any) -> None:
    def unreadable() -> bytes:
        raise ImageRejected("The file cannot be read.")

    run = _enrol(
        ready,
        [
            factories.incoming("a/1.jpg", FakeEngine.photo("anna")),
            factories.incoming("b/text.jpg", b"this is no photo"),
            factories.incoming("c/none.jpg", FakeEngine.photo("nobody", faces=0)),
            factories.incoming("d/tiny.jpg", FakeEngine.photo("dan", gate=Gate.UNUSABLE)),
            Incoming(label="e/1.jpg", subject="e", read=unreadable),
            Reject(label="f/1.jpg", code="manifest_invalid", reason="The date is not a date."),
            factories.incoming("g/1.jpg", FakeEngine.photo("gus")),
        ],
    )
    assert _counts(run) == (7, 2, 2, 0, 5)
    assert {reject["label"]: reject["code"] for reject in run.rejects} == {
        "b/text.jpg": "image_rejected",
        "c/none.jpg": "no_face_found",
        "d/tiny.jpg": "quality_too_low",
        "e/1.jpg": "image_rejected",
        "f/1.jpg": "manifest_invalid",
    }
    assert all(reject["reason"] for reject in run.rejects)


def test_a_fault_that_is_not_the_photos_stops_the_run_and_turns_nobody_away(ready: Any) -> None:
    class NoWorker(FakeEngine):
        def analyse_many(self, photos: Any) -> Any:
            for tag, _ in photos:
                yield tag, WorkerUnavailable()

    whole, ready.tools = ready.tools, replace(ready.tools, engine=NoWorker())
    with pytest.raises(WorkerUnavailable):
        _enrol(ready, factories.people(["anna", "ben"]))
    assert EnrolmentRun.objects.get().rejected == 0
    ready.tools = whole
    assert _counts(_enrol(ready, factories.people(["anna", "ben"]))) == (2, 2, 2, 0, 0)


def test_other_faces_in_a_photo_are_enrolled_without_the_subjects_name(ready: Any) -> None:
    run = _enrol(
        ready, [factories.incoming("anna/group.jpg", FakeEngine.photo("anna", others=["ben"]))]
    )
    assert run.faces == 2
    assert Subject.objects.filter(named=True).count() == 1
    case = factories.make_case(ready)
    search = factories.search(ready, case, [ready.gallery], FakeEngine.photo("ben", shot=2))
    from countenance.apps.searches import queries

    best = queries.candidates(queries.search(ready.actor, search.pk))[0]
    assert (best.label, best.named) == ("anna/group.jpg (face 2)", False)
    assert best.best.details["path"] == "anna/group.jpg"


def test_many_batches_add_up_and_the_ledger_names_every_photo(ready: Any) -> None:
    photos = factories.people([f"p{i}" for i in range(100)])
    seen: list[int] = []
    run = enrolment.enrol(
        ready.actor,
        gallery=ready.gallery,
        source=ready.source,
        incoming=iter(photos),
        total=100,
        tools=ready.tools,
        notify=lambda run, _: seen.append(run.photos),
    )
    assert _counts(run) == (100, 100, 100, 0, 0)
    assert seen == sorted(seen)
    assert len(seen) >= 4
    ready.gallery.refresh_from_db()
    assert ready.gallery.version == len(seen)
    lines = "".join(ledger.export_ledger(ready.tools.keyring, bodies=True))
    assert all(str(pk) in lines for pk in Photo.objects.values_list("pk", flat=True))


def test_without_a_running_full_passport_nothing_is_enrolled(ready: Any) -> None:
    photos = factories.people(["anna"])
    ready.source.passport = {**ready.source.passport, "lawful_basis": ""}
    ready.source.save()
    with pytest.raises(PassportIncomplete):
        _enrol(ready, photos)
    ready.source.passport = factories.PASSPORT
    ready.source.retention_until = "2020-01-01"
    ready.source.save()
    with pytest.raises(SourceClosed):
        _enrol(ready, photos)
    assert not Photo.objects.exists()


def test_a_gallery_takes_templates_of_its_own_model_only(ready: Any) -> None:
    ready.tools = replace(ready.tools, engine=FakeEngine(model="fake/2"))
    with pytest.raises(ModelMismatch):
        _enrol(ready, factories.people(["anna"]))


def test_another_agency_cannot_enrol_here(ready: Any) -> None:
    ready.actor = factories.other_agency(ready)
    with pytest.raises(NotPermitted, match="another agency"):
        _enrol(ready, factories.people(["anna"]))
    assert not Photo.objects.exists()


def test_uploads_are_staged_sealed_and_carried_out_by_a_job(ready: Any) -> None:
    photos = factories.people(["anna", "ben"], shots=[1, 2])
    uploads = [(item, item.read()) for item in photos]
    run = enrolment.start_enrolment(
        ready.actor,
        gallery=ready.gallery,
        source=ready.source,
        total=len(uploads),
        uploads=uploads,
        tools=ready.tools,
    )
    assert StagedPhoto.objects.count() == 4
    run = enrolment.enrol_staged(ready.actor, run=run, tools=ready.tools)
    assert _counts(run) == (4, 4, 4, 0, 0)
    assert run.finished_at is not None
    assert not StagedPhoto.objects.exists()
    assert len(list(ready.tools.store.ids())) == 4
    again = enrolment.enrol_staged(ready.actor, run=run, tools=ready.tools)
    assert _counts(again) == (4, 4, 4, 0, 0)


def test_an_interrupted_upload_goes_on_where_it_stopped(ready: Any) -> None:
    photos = factories.people([f"p{i}" for i in range(70)])
    uploads = [(item, item.read()) for item in photos]
    run = enrolment.start_enrolment(
        ready.actor,
        gallery=ready.gallery,
        source=ready.source,
        total=len(uploads),
        uploads=uploads,
        tools=ready.tools,
    )

    class Dies(FakeEngine):
        def analyse_many(self, photos: Any) -> Any:
            for count, result in enumerate(super().analyse_many(photos)):
                if count == 50:
                    raise KeyboardInterrupt
                yield result

    with pytest.raises(KeyboardInterrupt):
        enrolment.enrol_staged(ready.actor, run=run, tools=replace(ready.tools, engine=Dies()))
    assert 0 < Photo.objects.count() < 70
    run.refresh_from_db()
    run = enrolment.enrol_staged(ready.actor, run=run, tools=ready.tools)
    assert _counts(run) == (70, 70, 70, 0, 0)
    assert Face.objects.count() == 70


def _unnamed(label: str, person: str, subject: str = "IMG_1") -> Incoming:
    """Return a photo whose subject nobody gave; it is derived from the file's name."""
    photo = FakeEngine.photo(person)
    return Incoming(label=label, subject=subject, subject_given=False, read=lambda: photo)


def _filed(on: Any) -> dict[str, int]:
    """Return each subject's label with the number of its photos."""
    subjects = Subject.objects.filter(gallery=on.gallery)
    return {one.label: Photo.objects.filter(subject=one).count() for one in subjects}


@pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "one after the other"])
def test_files_named_alike_are_of_two_subjects(ready: Any, at_once: bool) -> None:
    photos = [_unnamed("a/IMG_1.jpg", "anna"), _unnamed("b/IMG_1.jpg", "ben")]
    for part in [photos] if at_once else [photos[:1], photos[1:]]:
        assert _enrol(ready, part).rejected == 0
    assert _filed(ready) == {"IMG_1": 1, "IMG_1 (2)": 1}


def test_a_file_named_as_a_given_label_does_not_join_its_subject(ready: Any) -> None:
    _enrol(ready, [factories.incoming("anna/1.jpg", FakeEngine.photo("anna"))])
    _enrol(ready, [_unnamed("anna.jpg", "another anna", subject="anna")])
    both = [
        _unnamed("ben.jpg", "another ben", subject="ben"),
        factories.incoming("ben/1.jpg", FakeEngine.photo("ben")),
    ]
    _enrol(ready, both)
    assert _filed(ready) == {"anna": 1, "anna (2)": 1, "ben": 1, "ben (2)": 1}
    ben = Subject.objects.get(pk=Photo.objects.get(content_index=_content(ready, "ben")).subject_id)
    assert ben.label == "ben"


def _content(on: Any, person: str) -> bytes:
    from countenance.apps.galleries.batch import content_index

    return content_index(on.actor.agency, FakeEngine.photo(person), tools=on.tools)


def test_a_label_given_twice_is_one_subject(ready: Any) -> None:
    for shot in (1, 2):
        _enrol(ready, [factories.incoming(f"anna/{shot}.jpg", FakeEngine.photo("anna", shot))])
    _enrol(ready, factories.people(["anna"], shots=[3, 4]))
    assert _filed(ready) == {"anna": 4}


def test_the_ledger_says_nothing_by_which_a_person_could_be_named(ready: Any) -> None:
    _enrol(
        ready,
        [
            factories.incoming("Anna Example/1.jpg", FakeEngine.photo("anna", others=["ben"])),
            factories.incoming("Anna Example/2.jpg", FakeEngine.photo("nobody", faces=0)),
            factories.incoming("Anna Example/3.jpg", b"this is no photo"),
        ],
    )
    assert len(EnrolmentRun.objects.get().rejects) == 2
    rows = LedgerRow.objects.filter(action__in=["photos.enrolled", "enrolment.finished"])
    bodies = [records.unseal_body(row, keyring=ready.tools.keyring) for row in rows]
    assert len(bodies) == 2
    assert not [body for body in bodies if body is None or b"Anna" in body[1]]
    rejected = json.loads(bodies[0][1])["facts"]["rejected"]
    assert rejected == {"no_face_found": 1, "image_rejected": 1}


@pytest.mark.parametrize("after", [0, 40])
def test_a_store_that_does_not_answer_stops_the_run_and_loses_no_upload(
    ready: Any, after: int
) -> None:
    class Hiccups:
        def __init__(self) -> None:
            self.read = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(ready.tools.store, name)

        def get(self, id: Any) -> bytes:
            self.read += 1
            if self.read > after:
                raise Unavailable("The object store cannot be used: Too many open files.")
            return ready.tools.store.get(id)

    uploads = [(item, item.read()) for item in factories.people([f"p{i}" for i in range(50)])]
    run = enrolment.start_enrolment(
        ready.actor,
        gallery=ready.gallery,
        source=ready.source,
        total=len(uploads),
        uploads=uploads,
        tools=ready.tools,
    )
    with pytest.raises(Unavailable):
        enrolment.enrol_staged(ready.actor, run=run, tools=replace(ready.tools, store=Hiccups()))
    run.refresh_from_db()
    assert (run.finished_at, run.rejected) == (None, 0)
    assert run.enrolled == min(after, enrolment.BATCH_PHOTOS)
    assert StagedPhoto.objects.count() == 50 - run.enrolled
    assert len(list(ready.tools.store.ids())) == 50
    run = enrolment.enrol_staged(ready.actor, run=run, tools=ready.tools)
    assert _counts(run) == (50, 50, 50, 0, 0)
    assert not StagedPhoto.objects.exists()
