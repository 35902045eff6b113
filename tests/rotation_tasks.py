"""What the tests of interrupted rotations do inside a home, in a process of its own: tasks of `home_tasks`."""

import hashlib
import json
import time
from pathlib import Path
from uuid import uuid4

import numpy as np

PEOPLE = 12
MANY = {"person_a_day": 10**6, "case": 10**6, "agency_a_day": 10**6}
BATCH = 2_000
MOST_RECORDED = 45
OBJECT = b"the bytes of a photo that nobody looks at"


def fill(opened, gallery, count, with_objects):
    """Enrol a few people with photos that searches find, and many rows of synthetic people."""
    import factories
    from home_tasks import on

    from countenance.apps.agencies.models import Agency
    from countenance.apps.galleries import indexing
    from countenance.apps.galleries.models import Gallery

    agency = Agency.objects.get(pk=opened.actor.agency)
    agency.standing = {**agency.standing, "quotas": MANY}
    agency.save()
    one, here = opened.gallery(gallery), on(opened)
    source = opened.source("archive")
    people = factories.people([f"p{number:03}" for number in range(PEOPLE)], shots=[1, 2])
    run = factories.enrol(here, one, source, people)
    one.refresh_from_db()
    version = one.version + 1
    random = np.random.default_rng(7)
    for start in range(0, int(count), BATCH):
        rows = min(BATCH, int(count) - start)
        _insert(
            opened,
            gallery=one,
            source=source,
            run=run,
            rows=rows,
            version=version,
            random=random,
            with_objects=with_objects == "objects",
        )
    Gallery.objects.filter(pk=one.pk).update(version=version)
    indexing.write_snapshot(Gallery.objects.get(pk=one.pk), tools=opened.tools)
    case = factories.make_case(here, "26-0007")
    factories.widen(case)
    return {"rows": int(count)}


def _insert(opened, *, gallery, source, run, rows, version, random, with_objects):
    from countenance.apps.galleries.models import Face, Photo, Subject
    from countenance.apps.records.objects import seal_for_store

    vectors = random.standard_normal((rows, opened.tools.engine.dimensions)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    subjects, photos, faces = [], [], []
    for vector in vectors:
        name = uuid4()
        subject = Subject(gallery=gallery, label=f"nobody {name}", named=True)
        subject.label_index = name.bytes
        details = {"path": "nobody.jpg", "external_id": "", "date": "", "notes": "", "width": 512}
        photo = Photo(
            gallery=gallery,
            source=source,
            run=run,
            subject=subject,
            content_index=name.bytes,
            details=details | {"source": str(source.pk)},
            enrolled_at=run.started_at,
        )
        face = {"box": [1.0, 1.0, 9.0, 9.0], "quality": {"gate": "good"}}
        faces.append(
            Face(
                gallery=gallery,
                photo=photo,
                subject=subject,
                ordinal=0,
                details=face | {"subject": str(subject.pk)},
                template=vector.tobytes(),
                added_version=version,
            )
        )
        subjects.append(subject)
        photos.append(photo)
    Subject.objects.bulk_create(subjects)
    Photo.objects.bulk_create(photos)
    Face.objects.bulk_create(faces)
    if with_objects:
        opened.tools.store.put_many((one.pk, seal_for_store(one, OBJECT)) for one in photos)


def keep_searching(opened, gallery, stop):
    """Search again and again, recorded as ever, until a file appears; say what was found and how long it took."""
    import factories
    from home_tasks import case_of, on

    from countenance.apps.searches import queries
    from countenance.testing import FakeEngine

    one = opened.gallery(gallery)
    case, here = case_of(opened, "26-0008", [one]), on(opened)
    found, times, recorded = [], [], 0
    while not Path(stop).exists():
        number = len(times)
        who = f"p{number % PEOPLE:03}"
        photo = FakeEngine.photo(who, shot=100 + number)
        began = time.perf_counter()
        # The house rules allow fifty a day; the others look, rank and open in the same way.
        if number % 8 == 0 and recorded < MOST_RECORDED:
            search = factories.search(here, case, [one], photo)
            found.append(queries.candidates(search)[0].label == who)
            recorded += 1
        else:
            found.append(_nearest(opened, one, photo) == who)
        times.append(round(time.perf_counter() - began, 3))
        time.sleep(0.05)
    seen = {"searches": len(found), "found": sum(found), "recorded": recorded}
    return seen | {"slowest": max(times), "median": sorted(times)[len(times) // 2]}


def _nearest(opened, gallery, photo):
    """Return the label of whom a search would list first."""
    from countenance.apps.galleries import distributing, indexing, nearest
    from countenance.apps.galleries.models import Subject

    template = opened.tools.engine.analyse(photo, only=0).faces[0].template
    indexing.synchronise([gallery], tools=opened.tools)
    near = nearest.nearest(
        template,
        [gallery.pk],
        distributing.present(gallery),
        top=1,
        shelf=opened.tools.shelf,
    )
    return Subject.objects.get(pk=near[0]["subject"]).label


def note_everything(opened, path):
    """Write the digests of all that is sealed into a file."""
    found = _digests(opened)
    Path(path).write_text(json.dumps(found))
    return {"values": len(found)}


def compare_everything(opened, path):
    """Say what of a noted file is not there any more, or is not the same; and verify the ledger."""
    from countenance.apps.records import queries

    before, now = json.loads(Path(path).read_text()), _digests(opened)
    return {
        "missing": [key for key in before if key not in now],
        "other": [key for key, value in before.items() if now.get(key, value) != value],
        "ledger": queries.verify_ledger(opened.tools.keyring).size,
    }


def _digests(opened):
    import rotated

    # What searches change meanwhile is not what a rotation must keep.
    changing = {"Case", "Search", "SearchRequest", "IndexSnapshot", "Examination", "Token"}
    return {
        "/".join(map(str, key)): hashlib.sha256(repr(value).encode()).hexdigest()[:16]
        for key, value in rotated.everything(opened.tools).items()
        if key[0] not in changing
    }
