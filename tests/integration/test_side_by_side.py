"""Two people, or two processes, at the same moment: nobody waits for ever, nothing slips between."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import factories
import pytest
from side_by_side import (
    Gate,
    GatedStore,
    StoppingEngine,
    beside,
    result,
    wait_until_somebody_waits,
    with_tools,
)
from sign_in_help import give_app, sign_in

from countenance.apps.agencies import lockout
from countenance.apps.agencies.models import Person, SignInTries
from countenance.apps.cases import services as cases
from countenance.apps.galleries import enrolment, indexing, services
from countenance.apps.galleries.models import (
    EnrolmentRun,
    Face,
    Gallery,
    IndexSnapshot,
    Photo,
    Source,
    StagedPhoto,
    Subject,
)
from countenance.apps.records import services as records
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.services import SYSTEM
from countenance.apps.searches import evidence, queries
from countenance.apps.searches import services as searches
from countenance.apps.searches.models import SearchState
from countenance.errors import CaseClosed, Conflict, NotSignedIn, SourceClosed, WrongState
from countenance.testing import FakeEngine

EMAIL = "person@example.org"
PASSWORD = "a long test password"


@pytest.fixture
def ready(deployment: Any) -> Any:
    deployment.source = factories.make_source(deployment)
    deployment.gallery = factories.make_gallery(deployment)
    deployment.case = factories.make_case(deployment)
    factories.widen(deployment.case)
    # The document of the case's authority.
    deployment.before = set(deployment.tools.store.ids())
    return deployment


@pytest.fixture
def gate() -> Any:
    gate = Gate()
    yield gate
    gate.open()


def _enrol(on: Any, *names: str) -> EnrolmentRun:
    return factories.enrol(on, on.gallery, on.source, factories.people(names))


def _add_probe(on: Any, person: str) -> Any:
    return evidence.add_probe(
        on.actor,
        case=on.case,
        upload=FakeEngine.photo(person, shot=7),
        file_name="probe.jpg",
        tools=on.tools,
    )


def _ask(on: Any, person: str) -> Any:
    return factories.ask(on, on.case, [on.gallery], FakeEngine.photo(person, shot=7))


def _search(on: Any, probe: Any) -> Any:
    return searches.run_search(
        replace(on.examiner, stepped_up_at=on.tools.clock()),
        probe=probe,
        face=0,
        galleries=[on.gallery],
        reason="Reported missing on 3 May",
        tools=on.tools,
    )


def _remove_source(on: Any) -> None:
    source = Source.objects.get(pk=on.source.pk)
    services.remove_source(on.actor, source=source, reason="Agreement ended", tools=on.tools)


def _upload(on: Any, names: list[str]) -> EnrolmentRun:
    uploads = [(item, item.read()) for item in factories.people(names)]
    return enrolment.start_enrolment(
        on.actor,
        gallery=on.gallery,
        source=on.source,
        total=len(uploads),
        uploads=uploads,
        tools=on.tools,
    )


def _stored(on: Any) -> set[Any]:
    return set(on.tools.store.ids()) - on.before


def _assert_nothing_is_left(on: Any, person: str) -> None:
    assert Source.objects.get(pk=on.source.pk).removed_at is not None
    assert not Photo.objects.filter(removed_at=None).exists()
    assert not Face.objects.filter(template__isnull=False).exists()
    assert not Subject.objects.filter(label__isnull=False).exists()
    assert not StagedPhoto.objects.exists()
    assert _stored(on) == set()
    found = factories.search(on, on.case, [on.gallery], FakeEngine.photo(person, shot=7))
    assert found.outcome["answer"] == "no_candidate"


def test_a_search_does_not_wait_for_a_probe_of_its_case_that_is_looked_at(
    ready: Any, gate: Gate
) -> None:
    _enrol(ready, "anna")
    probe = _ask(ready, "anna")
    upload = beside(lambda: _add_probe(with_tools(ready, engine=StoppingEngine(gate)), "ben"))
    gate.wait_until_reached()
    search = result(beside(lambda: _search(ready, probe)))
    assert search.state == SearchState.CONCLUDED
    assert not upload.done()
    gate.open()
    assert len(result(upload).details["faces"]) == 1


def test_a_search_concludes_while_a_probe_of_its_case_is_stored(ready: Any, gate: Gate) -> None:
    _enrol(ready, "anna")
    probe = _ask(ready, "anna")
    thinking = Gate()
    search = beside(lambda: _search(with_tools(ready, engine=StoppingEngine(thinking)), probe))
    thinking.wait_until_reached()
    store = GatedStore(ready.tools.store, gate)
    upload = beside(lambda: _add_probe(with_tools(ready, store=store), "ben"))
    gate.wait_until_reached()  # the case is locked now
    thinking.open()
    assert result(search).state == SearchState.CONCLUDED
    assert not upload.done()
    gate.open()
    result(upload)


def test_a_search_in_hand_is_not_closed_by_somebody_who_starts(ready: Any, gate: Gate) -> None:
    probe = _ask(ready, "anna")
    search = beside(lambda: _search(with_tools(ready, engine=StoppingEngine(gate)), probe))
    gate.wait_until_reached()
    assert searches.abort_abandoned_searches(SYSTEM, tools=ready.tools) == 0
    gate.open()
    assert result(search).state == SearchState.CONCLUDED


def test_a_second_enrolment_into_the_gallery_starts_while_the_first_stores(
    ready: Any, gate: Gate
) -> None:
    store = GatedStore(ready.tools.store, gate)
    first = beside(lambda: _enrol(with_tools(ready, store=store), "anna"))
    gate.wait_until_reached()
    started = result(beside(lambda: _upload(ready, [])))
    assert not first.done()
    second = beside(lambda: _enrol(ready, "ben"))
    wait_until_somebody_waits()
    gate.open()
    assert (result(first).enrolled, result(second).enrolled) == (1, 1)
    assert enrolment.enrol_staged(ready.actor, run=started, tools=ready.tools).finished_at
    assert Gallery.objects.get().version == 2
    search = _search(ready, _ask(ready, "ben"))
    found = [one.label for one in queries.candidates(queries.search(ready.actor, search.pk))]
    assert sorted(found) == ["anna", "ben"]


def test_one_photo_in_two_enrolments_at_once_is_enrolled_once(ready: Any, gate: Gate) -> None:
    store = GatedStore(ready.tools.store, gate)
    first = beside(lambda: _enrol(with_tools(ready, store=store), "anna"))
    gate.wait_until_reached()
    second = beside(lambda: _enrol(ready, "anna"))
    wait_until_somebody_waits()  # it looked before the first one's commit, and found nothing
    gate.open()
    assert (result(first).enrolled, result(first).skipped) == (1, 0)
    assert (result(second).enrolled, result(second).skipped) == (0, 1)
    assert Photo.objects.count() == Subject.objects.count() == 1


def test_a_source_removed_while_a_batch_of_it_is_stored_leaves_nothing(
    ready: Any, gate: Gate
) -> None:
    _enrol(ready, "zoe")
    store = GatedStore(ready.tools.store, gate)
    enrolling = beside(lambda: _enrol(with_tools(ready, store=store), "anna"))
    gate.wait_until_reached()
    removing = beside(lambda: _remove_source(ready))
    wait_until_somebody_waits()
    gate.open()
    # Whether the removal comes before the enrolment's last entry or after it is nobody's concern.
    with suppress(SourceClosed):
        result(enrolling)
    result(removing)
    assert EnrolmentRun.objects.filter(finished_at=None).count() == 0
    _assert_nothing_is_left(ready, "anna")


def test_a_source_removed_between_two_batches_ends_its_enrolment(ready: Any) -> None:
    class Removes(FakeEngine):
        def analyse_many(self, photos: Any) -> Any:
            for count, one in enumerate(super().analyse_many(photos)):
                if count == enrolment.BATCH_PHOTOS + 3:
                    result(beside(lambda: _remove_source(ready)))
                yield one

    names = [f"p{i}" for i in range(enrolment.BATCH_PHOTOS + 8)]
    with pytest.raises(SourceClosed):
        _enrol(with_tools(ready, engine=Removes()), *names)
    run = EnrolmentRun.objects.get()
    assert (run.enrolled, run.finished_at is None) == (enrolment.BATCH_PHOTOS, False)
    _assert_nothing_is_left(ready, names[0])
    refused = LedgerRow.objects.filter(action="action.refused")
    assert refused.count() == 1


def test_uploads_of_a_removed_source_are_destroyed_before_their_job_runs(ready: Any) -> None:
    run = _upload(ready, ["anna", "ben"])
    assert len(_stored(ready)) == 2
    _remove_source(ready)
    _assert_nothing_is_left(ready, "anna")
    assert enrolment.enrol_staged(ready.actor, run=run, tools=ready.tools).enrolled == 0


def test_uploads_that_come_in_while_their_source_is_removed_are_destroyed_by_the_job(
    ready: Any, gate: Gate
) -> None:
    store = GatedStore(ready.tools.store, gate)
    upload = beside(lambda: _upload(with_tools(ready, store=store), ["anna"]))
    gate.wait_until_reached()  # permitted, but not committed yet
    removing = beside(lambda: _remove_source(ready))
    with suppress(TimeoutError):
        removing.result(0.3)
    gate.open()
    run = result(upload)
    result(removing)
    run = enrolment.enrol_staged(ready.actor, run=run, tools=ready.tools)
    assert (run.enrolled, run.finished_at is None) == (0, False)
    _assert_nothing_is_left(ready, "anna")


def test_a_source_removed_while_the_job_reads_its_uploads_leaves_nothing(ready: Any) -> None:
    class Removes(FakeEngine):
        def analyse_many(self, photos: Any) -> Any:
            for count, one in enumerate(super().analyse_many(photos)):
                if count == 1:
                    result(beside(lambda: _remove_source(ready)))
                yield one

    run = _upload(ready, ["anna", "ben", "cleo"])
    changed = with_tools(ready, engine=Removes())
    run = enrolment.enrol_staged(ready.actor, run=run, tools=changed.tools)
    assert (run.enrolled, run.finished_at is None) == (0, False)
    _assert_nothing_is_left(ready, "anna")


def test_a_wrong_password_does_not_stop_the_person_who_works(
    ready: Any, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = records.append

    def stopping(actor: Any, record: Any, *, tools: Any) -> Any:
        receipt = append(actor, record, tools=tools)
        if str(record.action) == "case.opened":
            gate.stop_here()  # with the ledger locked; the person's row is checked at the commit
        return receipt

    monkeypatch.setattr(records, "append", stopping)
    working = beside(lambda: factories.make_case(ready, "26-0002"))
    gate.wait_until_reached()
    guessing = beside(
        lambda: sign_in(ready.tools, "000000", password="wrong"),
    )
    wait_until_somebody_waits()
    gate.open()
    assert result(working).closed_at is None
    with pytest.raises(NotSignedIn):
        result(guessing)


def test_wrong_passwords_at_the_same_moment_are_counted_one_by_one(ready: Any) -> None:
    app = give_app(ready.person, tools=ready.tools)
    tries = [beside(lambda: sign_in(ready.tools, app.code(), password="wrong")) for _ in range(12)]
    for one in tries:
        with pytest.raises(NotSignedIn):
            result(one)
    refused = LedgerRow.objects.filter(action="person.sign_in_refused")
    bodies = [records.unseal_body(row, keyring=ready.tools.keyring) for row in refused]
    locked = [json.loads(body[1])["facts"]["locked"] for body in bodies if body]
    assert (locked.count(False), locked.count(True)) == (lockout.SIGN_IN_TRIES, 7)
    with pytest.raises(NotSignedIn):
        sign_in(ready.tools, app.code())
    assert SignInTries.objects.get().locked_until is not None


def test_of_two_who_create_the_same_at_once_one_gets_a_conflict(
    ready: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate = services.Rotation.generate

    def meanwhile(*args: Any) -> Any:
        # The name was looked for and not found; now the other one takes it.
        monkeypatch.setattr(services.Rotation, "generate", generate)
        result(beside(lambda: factories.make_gallery(ready, "Twice")))
        return generate(*args)

    monkeypatch.setattr(services.Rotation, "generate", meanwhile)
    with pytest.raises(Conflict, match="same moment"):
        factories.make_gallery(ready, "Twice")
    assert LedgerRow.objects.filter(action="gallery.created").count() == Gallery.objects.count()


def test_only_the_service_that_records_a_sign_in_writes_its_time(ready: Any, client: Any) -> None:
    client.force_login(ready.person)
    assert Person.objects.get(pk=ready.person.pk).last_login is None
    app = give_app(ready.person, tools=ready.tools)
    sign_in(ready.tools, app.code())
    assert Person.objects.get(pk=ready.person.pk).last_login is not None


def test_a_photo_removed_by_two_at_once_is_removed_once(
    ready: Any, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    _enrol(ready, "anna")
    photo = Photo.objects.get()

    erase = services._erase

    def stopping(*args: Any, **kwargs: Any) -> Any:
        gate.stop_here()
        return erase(*args, **kwargs)

    monkeypatch.setattr(services, "_erase", stopping)

    def remove() -> None:
        services.remove_photo(ready.actor, photo=photo, reason="Erase", tools=ready.tools)

    first = beside(remove)
    gate.wait_until_reached()  # the gallery is locked now
    second = beside(remove)
    wait_until_somebody_waits()
    gate.open()
    result(first)
    with pytest.raises(WrongState):
        result(second)
    assert LedgerRow.objects.filter(action="photo.removed").count() == 1
    assert Gallery.objects.get().version == 2


def test_a_removal_while_the_index_is_written_leaves_no_copy_of_it(ready: Any, gate: Gate) -> None:
    _enrol(ready, "anna", "ben")
    store = GatedStore(ready.tools.store, gate)
    on = with_tools(ready, store=store)
    writing = beside(lambda: indexing.write_snapshot(ready.gallery, tools=on.tools))
    gate.wait_until_reached()
    photo = Photo.objects.first()
    services.remove_photo(ready.actor, photo=photo, reason="Erase", tools=ready.tools)
    gate.open()
    result(writing)
    assert not IndexSnapshot.objects.exists()
    kept = Photo.objects.get(removed_at=None)
    assert _stored(ready) == {kept.pk}


def test_a_case_closed_while_its_probe_is_looked_at_takes_no_probe(ready: Any, gate: Gate) -> None:
    upload = beside(lambda: _add_probe(with_tools(ready, engine=StoppingEngine(gate)), "anna"))
    gate.wait_until_reached()
    cases.close_case(
        ready.actor, case=ready.case, reason="She came home on 9 May", tools=ready.tools
    )
    gate.open()
    with pytest.raises(CaseClosed):
        result(upload)
    assert _stored(ready) == set()
    assert LedgerRow.objects.order_by("index").last().action == "action.refused"
