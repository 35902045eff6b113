"""What tests do inside a home, in a process of their own: see `forked`."""

import collections
import hashlib
import json
import os
import signal
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from crash_tasks import ask_many, crash_report  # noqa: F401 # tasks
from first_version import readable, staff  # noqa: F401 # tasks
from recovering import erase, recover, remember  # noqa: F401 # tasks
from rotation_tasks import (  # noqa: F401 # tasks
    compare_everything,
    fill,
    keep_searching,
    note_everything,
)

from countenance.cli import session
from countenance.policy import SYSTEM, Role

LATE = "2199-12-31"


def run(name, arguments):
    """Do a task on behalf of somebody who holds every role, with all keys."""
    try:
        if name == "recover":  # Past the gate that keeps a restored home shut.
            print(json.dumps(recover(*arguments)))
            return 0
        with session.running() as settings:
            tools = session.unseal()
            one = everybody()
            actor = replace(one.actor, stepped_up_at=tools.clock()) if one else None
            opened = session.Session(settings=settings, tools=tools, actor=actor)
            value = globals()[name](opened, *arguments)
    except Exception:  # noqa: BLE001 # the test shows it
        traceback.print_exc()
        return 1
    print(json.dumps(value, default=str))
    return 0


def everybody():
    """Return the person who holds every role, which no real person does; None before `people`."""
    from countenance.apps.agencies.models import Person

    people = Person.objects.select_related("agency").order_by("added_at")
    return next((person for person in people if person.roles == frozenset(Role)), None)


def people(opened):
    """Make an agency, a person for each role and one for all, past the services; return tokens by role."""
    from countenance.apps.agencies import queries, services, tokens

    tools, made = opened.tools, {}
    agency = services.admit_agency(SYSTEM, name="Test agency", tools=tools)
    for role in [None, *Role]:
        person = services.add_person(
            SYSTEM,
            agency=queries.custodians() if role is Role.CUSTODIAN else agency,
            name=f"Test {role or 'everybody'}",
            email=f"{role or 'everybody'}@example.org",
            password=None,
            tools=tools,
        )
        roles = sorted(Role) if role is None else [role]
        person.standing = {"roles": roles, "trained_until": LATE, "certified_until": LATE}
        person.save()
        acting = replace(person.actor, stepped_up_at=tools.clock())
        scopes = tokens.usable_scopes(acting)
        _, made[role or "everybody"] = tokens.make_token(
            acting, name="Test", scopes=scopes, lasts=tokens.longest_for(scopes), tools=tools
        )
    return made


PAST_SERVICES = ("agencies_person.standing/", "cases_case.standing/")
"""What `people` and `factories.make_case` write past the services, for which the doctor rightly finds no entry."""


def differing(opened):
    """Return what else is not as the ledger last said, and how many columns were compared."""
    from countenance.apps.records.compared import compare_rows

    compared = compare_rows(opened.tools.keyring)
    rows = [one.row for one in compared.differences if not one.row.startswith(PAST_SERVICES)]
    return {"columns": compared.columns, "rows": rows}


def session_of(opened, role):
    """Return the key of a new session, stepped up just now."""
    from django.conf import settings
    from django.contrib.auth import login
    from django.http import HttpRequest

    from countenance.apps.agencies import sessions
    from countenance.apps.agencies.models import Person

    wanted = frozenset(Role) if role == "everybody" else {Role(role)}
    found = Person.objects.select_related("agency")
    request = HttpRequest()
    request.session = sessions.SessionStore()
    person = next(one for one in found if one.roles == wanted)
    login(request, person, backend=settings.AUTHENTICATION_BACKENDS[0])
    sessions.stepped_up(request.session, opened.tools.clock())
    request.session.save()
    return {"key": request.session.session_key}


def signing_key(session):
    """Return what bundles are signed with, as it is kept and as it signs."""
    from countenance.sealing.kinds import KeyKind

    keyring = session.tools.keyring
    signs = keyring.signing_key().private_bytes_raw()
    return {"kept": keyring.key(KeyKind.SIGNING)[0].material.hex(), "signs": signs.hex()}


def stage(session, gallery, source, folder):
    """Upload a folder, as the web app does."""
    from countenance.apps.galleries import enrolment
    from countenance.apps.galleries.intake import Layout, plan
    from countenance.cli.photos import incoming

    items = [incoming(one, named=True) for one in plan(Path(folder), layout=Layout.FOLDERS)]
    run = enrolment.start_enrolment(
        session.actor,
        gallery=session.gallery(gallery),
        source=session.source(source),
        total=len(items),
        uploads=[(item, item.read()) for item in items],
        tools=session.tools,
    )
    return {"run": run.pk, "photos": len(items)}


def carry_out(session, die=""):
    """Go on with uploads as the serving process does at its start; die between two commits if asked."""
    from countenance.apps.galleries import enrolment, queries

    if die:
        setattr(enrolment, die, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
    print("Carrying out", file=sys.stderr, flush=True)
    done = [
        enrolment.enrol_staged(run.started_by.actor, run=run, tools=session.tools)
        for run in queries.unfinished_staged_runs()
    ]
    return {"finished": [[run.photos, run.enrolled, run.skipped, run.rejected] for run in done]}


def describe(session, gallery):
    """Return everything by which two galleries of the same photos can be told to be equal."""
    from countenance.apps.galleries import queries
    from countenance.apps.galleries.models import Face, Photo
    from countenance.apps.records.objects import get_object

    one = session.gallery(gallery)
    photos = list(Photo.objects.filter(gallery=one).select_related("gallery", "subject__gallery"))
    contents = [
        hashlib.sha256(get_object(photo, tools=session.tools)).hexdigest() for photo in photos
    ]
    faces = Face.objects.filter(gallery=one).select_related("photo__gallery", "subject__gallery")
    described = [
        [face.photo.details["path"], face.ordinal, face.subject.label, bytes(face.template or b"")]
        for face in faces
    ]
    templates = hashlib.sha256(repr(sorted(described)).encode()).hexdigest()
    subjects = [subject.label for subject in one.subject_set.all()]
    return {
        **queries.counts(one),
        "contents": hashlib.sha256("".join(sorted(contents)).encode()).hexdigest(),
        "twice": len(contents) - len(set(contents)),
        "faces_twice": len(described) - len({(path, n) for path, n, _, _ in described}),
        "subjects_twice": len(subjects) - len(set(subjects)),
        "labels": hashlib.sha256(repr(sorted(subjects)).encode()).hexdigest(),
        "faces_and_templates": templates,
    }


def verify(session):
    """Verify the ledger, and that what it says about photos is what is there; then tidy and look again."""
    from countenance.apps.agencies.models import VettingDocument
    from countenance.apps.cases.models import Authority
    from countenance.apps.galleries.models import IndexSnapshot, Photo, StagedPhoto
    from countenance.apps.records import queries
    from countenance.apps.records.models import LedgerRow
    from countenance.apps.records.services import unseal_body
    from countenance.apps.searches.footage_rows import Footage
    from countenance.apps.searches.models import Probe
    from countenance.web import maintenance

    tools = session.tools
    report = queries.verify_ledger(tools.keyring)
    said = collections.Counter()
    for row in LedgerRow.objects.filter(action="photos.enrolled"):
        _, body = unseal_body(row, keyring=tools.keyring)
        said.update(json.loads(body)["facts"]["photos"])
    there = {str(pk) for pk in Photo.objects.values_list("pk", flat=True)}
    before = set(tools.store.ids())
    swept = maintenance.sweep_objects(tools=tools, grace=0)
    half_written = sum(1 for _ in (session.settings.objects_folder / "incoming").iterdir())
    rows = {
        *Photo.objects.values_list("pk", flat=True),
        *Probe.objects.values_list("pk", flat=True),
    }
    rows |= set(StagedPhoto.objects.values_list("pk", flat=True))
    rows |= set(Footage.objects.exclude(object_key=None).values_list("pk", flat=True))
    rows |= set(VettingDocument.objects.values_list("pk", flat=True))
    rows |= {one.pk for one in Authority.objects.select_related("agency") if one.document}
    parts = [part for one in IndexSnapshot.objects.all() for part in one.parts]
    after = {str(one) for one in tools.store.ids()}
    named = {*map(str, rows), *parts}
    return {
        "entries": report.size,
        "actions": report.actions,
        "ledger_and_rows_differ": len(there ^ set(said)) + sum(n > 1 for n in said.values()),
        "objects": len(before),
        "swept": swept,
        "half_written": half_written,
        "stray": len(after - named),
        "missing": len(named - after),
        "staged": StagedPhoto.objects.count(),
    }


def runs(session, gallery):
    """Return the gallery's enrolments, oldest first."""
    from countenance.apps.galleries.models import EnrolmentRun

    found = EnrolmentRun.objects.filter(gallery=session.gallery(gallery)).order_by("started_at")
    return [
        {
            "finished": run.finished_at is not None,
            "total": run.total,
            "photos": run.photos,
            "enrolled": run.enrolled,
            "skipped": run.skipped,
            "rejected": run.rejected,
        }
        for run in found
    ]


def on(opened):
    """Return what the factories work on: everybody, and an examiner and a supervisor who are others."""
    from countenance.apps.agencies.models import Agency, Person

    def of(role):
        found = Person.objects.select_related("agency")
        person = next(one for one in found if one.roles == {role})
        return replace(person.actor, stepped_up_at=opened.tools.clock())

    return SimpleNamespace(
        tools=opened.tools,
        actor=opened.actor,
        agency=Agency.objects.get(pk=opened.actor.agency),
        examiner=of(Role.EXAMINER),
        supervisor=of(Role.SUPERVISOR),
    )


def ask(opened, case, gallery, photo_file):
    """Ask for a search with a photo, for the case of this reference, which is opened if need be."""
    import factories

    photo = Path(photo_file).read_bytes()
    found = case_of(opened, case, [opened.gallery(gallery)])
    probe = factories.ask(
        on(opened), found, [opened.gallery(gallery)], photo, Path(photo_file).name
    )
    return {"probe": probe.pk}


def case_of(opened, reference, galleries):
    """Return the case of this reference, about many people; open one under an authority if there is none."""
    import factories

    from countenance.apps.cases import queries

    found = queries.case_by_reference(opened.actor, reference, tools=opened.tools)
    found = found or factories.make_case(on(opened), reference)
    found = factories.cover(on(opened), found, galleries)
    factories.widen(found)
    return found


def search(opened, gallery, *probes):
    """Search for people by name, and return the candidates found for each."""
    import factories

    from countenance.apps.searches import queries
    from countenance.testing import FakeEngine

    found, one = {}, opened.gallery(gallery)
    case = case_of(opened, "26-0001", [one])
    for person in probes:
        photo = FakeEngine.photo(person, shot=9)
        ran = factories.search(on(opened), case, [one], photo)
        found[person] = [
            [one.label, round(face.similarity, 4), face.details["path"]]
            for one in queries.candidates(ran)
            for face in sorted(one.faces, key=lambda face: face.details["path"])
        ]
        assert ran.outcome["answer"] == "candidates", ran.outcome
    return found


def queue(opened):
    """Look again which searches want an examiner, as the serving process does; return them, oldest first."""
    from countenance.apps.examinations import retention
    from countenance.apps.searches.models import Search

    retention.requeue_open(SYSTEM, tools=opened.tools)
    waiting = Search.objects.filter(wants_examiner=True).order_by("intended_at")
    return {"waiting": list(waiting.values_list("pk", flat=True))}


def examined(opened, search):
    """Have a search examined by the examiner who ran it and by another one."""
    import examining

    from countenance.apps.searches.models import Search

    examining.examined(on(opened), Search.objects.get(pk=search))
    return {}


def index_agrees(session, gallery):
    """Compare the index as it starts with one that is built from the templates in the database alone."""
    from countenance.apps.galleries import indexing
    from countenance.apps.galleries.models import IndexSnapshot

    tools, one = session.tools, session.gallery(gallery)

    def load():
        tools.shelf.clear()
        indexing.synchronise([one], tools=tools)
        index = tools.shelf.get(one.pk).index
        rows = index.rows()
        order = np.argsort(rows)
        return rows[order], index._state.templates[: len(index)][order]

    from_snapshot = load()
    had = IndexSnapshot.objects.filter(gallery=one).count()
    IndexSnapshot.objects.filter(gallery=one).delete()
    from_faces = load()
    indexing.write_snapshot(one, tools=tools)
    return {
        "rows": len(from_faces[0]),
        "had_snapshot": had,
        "same_rows": bool(np.array_equal(from_snapshot[0], from_faces[0])),
        # What another processor rotated differs in the last bit; another template, by a million times as much.
        "same_templates": bool(np.allclose(from_snapshot[1], from_faces[1], rtol=0, atol=1e-6)),
    }


def wait(session, seconds):
    """Hold the database for a while."""
    time.sleep(float(seconds))
    return {}


def migrate_again(session):
    """Bring the tables up to date once more, and say what there was to do."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    from countenance.web import wiring

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    wiring.migrate()
    applied = sorted(".".join(name) for name in executor.loader.applied_migrations)
    return {"to_do": [str(migration) for migration, _ in plan], "applied": applied}
