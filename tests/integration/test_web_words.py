"""What the screens say is true, what they list is bounded, and nothing odd that is sent is a fault."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from urllib.parse import quote, urlencode

import pytest
from clients import client_of, prove
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from factories import (
    acting,
    ask,
    enrol,
    incoming,
    make_case,
    make_gallery,
    make_source,
    people,
    set_by_hand,
)
from factories import (
    search as run_search,
)

from countenance.apps.cases import services as cases
from countenance.apps.examinations import waiting as examination_waiting
from countenance.apps.galleries import enrol_views, photo_views
from countenance.apps.galleries.models import EnrolmentRun, Gallery, Photo, Subject
from countenance.apps.records.models import LedgerRow
from countenance.apps.searches import case_views
from countenance.apps.searches import waiting as search_waiting
from countenance.apps.searches.models import Probe, Search, SearchState
from countenance.policy import Role
from countenance.testing import FakeEngine

FORM = "application/x-www-form-urlencoded"
WHY = "Last seen on 3 May at the station of Ourtown"
OVER = "She came home on 9 May"


@pytest.fixture
def client(deployment):
    return client_of(deployment)


@pytest.fixture
def examiner(deployment):
    return client_of(deployment, deployment.examiner)


@pytest.fixture
def gallery(deployment):
    gallery = make_gallery(deployment)
    photos = people(["anna"], shots=range(1, 6)) + people(["ben"])
    enrol(deployment, gallery, make_source(deployment), photos)
    return gallery


@pytest.fixture
def case(deployment, gallery):
    return make_case(deployment)


@pytest.fixture
def found(deployment, gallery, case):
    return run_search(deployment, case, [gallery], FakeEngine.photo("anna", 9))


class Later:
    """A queue that nobody works off."""

    def enrol(self, run):
        pass


def words(client, path, **asked):
    answer = client.get(path, **asked)
    assert answer.status_code == 200, path
    return " ".join(answer.content.decode().split("<main", 1)[1].split("</main", 1)[0].split())


def asked(gallery, **changed):
    return {
        "face": 0,
        "galleries": [str(gallery.pk)],
        "reason": WHY,
        "top": 5,
    } | changed


def refusals():
    return LedgerRow.objects.filter(action="action.refused").count()


def photo_upload(name="anna.jpg", who="anna"):
    return SimpleUploadedFile(name, FakeEngine.photo(who), content_type="image/jpeg")


def test_a_probe_for_a_closed_case_is_refused_on_the_ledger(client, deployment, case):
    cases.close_case(deployment.actor, case=case, reason=OVER, tools=deployment.tools)
    before = refusals()
    assert "This case is closed" in words(client, f"/cases/{case.pk}/search/")
    assert refusals() == before
    answer = client.post(f"/cases/{case.pk}/search/", {"photo": photo_upload()})
    assert answer.status_code == 403
    assert b"This refusal is on the ledger" in answer.content
    assert refusals() == before + 1
    assert Probe.objects.count() == 0


def test_a_closed_cases_probe_is_shown_without_a_way_to_search(client, deployment, found, gallery):
    cases.close_case(deployment.actor, case=found.case, reason=OVER, tools=deployment.tools)
    page = words(client, f"/probes/{found.probe_id}/")
    assert "It allows no more searches" in page
    assert "Check before searching" not in page
    assert "New search" not in words(client, f"/searches/{found.pk}/")
    before = refusals()
    answer = client.post(f"/probes/{found.probe_id}/search/", asked(gallery))
    assert answer.status_code == 403
    assert refusals() == before + 1


def test_a_search_in_a_closed_gallery_is_refused_on_the_ledger(deployment, examiner, case, gallery):
    probe = ask(deployment, case, [gallery], FakeEngine.photo("anna", 9))
    other = make_gallery(deployment, "Another")
    assert gallery.name in words(examiner, f"/probes/{probe.pk}/").split("<form", 1)[1]
    Gallery.objects.filter(pk=gallery.pk).update(closed_at=timezone.now())
    assert gallery.name not in words(examiner, f"/probes/{probe.pk}/").split("<form", 1)[1]
    before = refusals()
    for step, status in (("check", 200), ("search", 403)):
        answer = examiner.post(f"/probes/{probe.pk}/{step}/", asked(gallery))
        assert answer.status_code == status
    assert b"This refusal is on the ledger" in answer.content
    assert refusals() == before + 1
    assert examiner.post(f"/probes/{probe.pk}/search/", asked(other)).status_code == 403
    assert Search.objects.count() == 0


def test_removal_promises_nothing_about_backups(client, gallery):
    photo = Photo.objects.first()
    for path in (
        f"/photos/{photo.pk}/remove/",
        f"/subjects/{photo.subject_id}/remove/",
        f"/sources/{photo.source_id}/remove/",
    ):
        page = words(client, path)
        assert "no copy can be read" not in page
        assert "Backups made before" in page


def test_no_step_counts_what_a_gallery_holds(client, examiner, deployment, case, gallery):
    def counts(ask):
        with CaptureQueriesContext(connection) as queries:
            answer = ask()
        assert answer.status_code in {200, 302}
        return [
            one["sql"]
            for one in queries
            if "COUNT(" in one["sql"]
            and "galleries_" in one["sql"]
            and '"subject_id" IN' not in one["sql"]  # of the few candidates only
        ]

    probe = f"/probes/{ask(deployment, case, [gallery], FakeEngine.photo('anna', 9)).pk}"
    assert counts(lambda: client.get(f"{probe}/")) == []
    assert counts(lambda: examiner.get(f"{probe}/")) == []
    assert counts(lambda: examiner.post(f"{probe}/check/", asked(gallery))) == []
    assert counts(lambda: examiner.post(f"{probe}/search/", asked(gallery))) == []
    assert Search.objects.count() == 1


def test_a_photo_page_lists_some_other_photos_and_counts_the_rest(client, gallery, monkeypatch):
    monkeypatch.setattr(photo_views, "LISTED_FACES", 3)
    monkeypatch.setattr(photo_views, "LISTED_ENTRIES", 2)
    anna = max(Subject.objects.all(), key=lambda one: one.photo_set.count())
    photo = anna.photo_set.first()
    for _ in range(3):
        client.get(f"/photos/{photo.pk}/image/")
    newest = LedgerRow.objects.filter(about=photo.pk).order_by("-index")[:2]
    page = words(client, f"/photos/{photo.pk}/")
    assert page.count('src="/faces/') == 3
    assert "And 1 more of this subject" in page
    listed = page.split("On the ledger", 1)[1]
    assert listed.count("receipt") == 2
    assert all(f"no. {row.index}," in listed for row in newest)
    others = Photo.objects.get(subject__in=Subject.objects.exclude(pk=photo.subject_id))
    assert "more of this subject" not in words(client, f"/photos/{others.pk}/")


def opened_searches(monkeypatch):
    """Return a list that grows by the id of a search whenever something of it is unsealed."""
    opened = []
    before = Search.unseal_column
    monkeypatch.setattr(
        Search, "unseal_column", lambda self, *a: opened.append(self.pk) or before(self, *a)
    )
    return opened


def test_a_case_opens_only_the_outcomes_of_one_page(
    client, deployment, found, gallery, monkeypatch
):
    monkeypatch.setattr(case_views, "ROWS_A_PAGE", 2)
    monkeypatch.setattr(case_views, "LISTED_PROBES", 1)
    # What waits looks at searches too, within bounds of its own: see the next test.
    monkeypatch.setattr(examination_waiting, "LOOKED_AT", 0)
    monkeypatch.setattr(search_waiting, "LOOKED_AT", 0)
    for shot in (10, 11):
        run_search(deployment, found.case, [gallery], FakeEngine.photo("ben", shot))
    opened = opened_searches(monkeypatch)
    path = f"/cases/{found.case_id}/"
    page = words(client, path)
    assert "Page 1 of 2" in page
    assert page.count('href="/searches/') == 2
    assert "2 older photos are not listed" in page
    assert len(set(opened)) == 2
    assert str(found.pk) in words(client, f"{path}?page=2")
    assert "Page 1 of 2" in words(client, "/searches/")
    assert str(found.pk) in words(client, "/searches/?page=2")


def test_no_page_opens_more_searches_than_its_bound_to_say_what_waits(
    client, deployment, found, gallery, monkeypatch
):
    for shot in (10, 11):
        run_search(deployment, found.case, [gallery], FakeEngine.photo("ben", shot))
    opened = opened_searches(monkeypatch)
    monkeypatch.setattr(examination_waiting, "LOOKED_AT", 2)
    monkeypatch.setattr(search_waiting, "LOOKED_AT", 2)
    client.get("/cases/")
    assert len(set(opened)) == 2
    opened.clear()
    client_of(deployment, acting(deployment, Role.EXAMINER)).get("/cases/")
    assert 1 <= len(set(opened)) <= 2


@pytest.mark.parametrize(
    ("state", "age", "title", "said", "listed"),
    [
        (SearchState.ABORTED, 0, "was aborted", "something failed, or the program", "Aborted"),
        (SearchState.INTENDED, 5, "is running", "Load this page again", "Running"),
        (SearchState.INTENDED, 90, "has not ended", "Most likely the program was stopped", "Not e"),
    ],
)
def test_a_search_without_an_outcome_says_why(  # noqa: PLR0917 # one row of the table
    client, found, state, age, title, said, listed
):
    started = timezone.now() - timedelta(seconds=age)
    Search.objects.update(state=state, outcome=None, intended_at=started)
    page = words(client, f"/searches/{found.pk}/")
    assert f"This search {title}" in page
    assert said in page
    assert "candidate" not in page.split("<h1>")[1].split("</h1>")[0]
    assert f"<td>{listed}" in words(client, f"/cases/{found.case_id}/")


def test_a_search_with_a_threshold_does_not_say_that_the_gallery_is_empty(
    client, deployment, gallery, case
):
    set_by_hand(gallery, 0.999)
    found = run_search(deployment, case, [gallery], FakeEngine.photo("zoe", 1))
    page = words(client, f"/searches/{found.pk}/")
    assert "0.999 or more. That was set by hand, not measured." in page
    assert "hold nobody" not in page


@pytest.mark.parametrize("face", ["7", "x", "", "-1", "9" * 5000, "9" * 4000, "٣"])
def test_a_face_that_the_probe_lacks_shows_nothing(client, found, face):
    before = LedgerRow.objects.filter(action="probe.viewed").count()
    answer = client.get(f"/probes/{found.probe_id}/image/", {"face": face})
    assert answer.status_code == 404
    assert LedgerRow.objects.filter(action="probe.viewed").count() == before


@pytest.mark.parametrize("number", ["9" * 5000, "9" * 4000, "-1", "x", "\ud800", "\0"])
def test_odd_numbers_are_no_fault(  # noqa: PLR0917 # two people, and what they look at
    client, deployment, examiner, found, gallery, number
):
    sent = number.encode("utf-8", "surrogatepass")
    waiting = ask(deployment, found.case, [gallery], FakeEngine.photo("anna", 10))
    probe = f"/probes/{waiting.pk}"
    for field in ("face", "top"):
        for step in ("", "check/", "search/"):
            given = urlencode(asked(gallery, **{field: sent}), doseq=True)
            for who in (client, examiner):
                # Each try at a search spends the proof of who one is, also one with an odd number.
                prove(who, deployment)
                answer = who.post(f"{probe}/{step}", given, content_type=FORM)
                assert answer.status_code in {200, 422}, (field, step)
    for path in ("/cases/", "/searches/", f"/cases/{found.case_id}/", f"/galleries/{gallery.pk}/"):
        assert client.get(f"{path}?page={quote(sent)}").status_code == 200, path
    if number.isdigit():
        assert client.get(f"/faces/{number}/crop/").status_code == 404


@pytest.mark.parametrize(
    "paths",
    [
        '["top/\\ud800.jpg"]',
        '["\\udcff/\\udfff"]',
        '[""]',
        '["/"]',
        '["\\u0000.jpg"]',
        "[7]",
        "[" * 100_000,
        f"[{'9' * 5000}]",
        json.dumps(["x" * 5000 + ".jpg"]),
    ],
)
def test_odd_names_of_uploads_are_no_fault(client, deployment, paths):
    object.__setattr__(deployment.tools, "jobs", Later())
    gallery, source = make_gallery(deployment), make_source(deployment)
    sent = {"source": str(source.pk), "subjects": "each", "paths": paths}
    answer = client.post(f"/galleries/{gallery.pk}/enrol/", sent | {"photos": photo_upload()})
    assert answer.status_code == 302
    enrol_views.services.enrol_staged(
        deployment.actor, run=EnrolmentRun.objects.get(), tools=deployment.tools
    )
    label = Subject.objects.get().label
    assert 0 < len(label) < 100
    label.encode()


def test_the_rejects_say_when_they_are_not_all(client, deployment, monkeypatch):
    from countenance.apps.galleries import enrolment
    from countenance.apps.galleries import services as galleries

    monkeypatch.setattr(enrolment, "KEPT_REJECTS", 2)
    monkeypatch.setattr(enrol_views, "SHOWN_REJECTS", 1)
    gallery, source = make_gallery(deployment), make_source(deployment)
    bad = [incoming(f"{number}.txt", b"no photo") for number in range(5)]
    run = enrol(deployment, gallery, source, bad)

    def rows():
        text = client.get(f"/enrolments/{run.pk}/rejects.csv").content.decode()
        return list(csv.reader(io.StringIO(text)))

    page = words(client, f"/enrolments/{run.pk}/")
    assert "And 4 more; the file holds the first 2, the others were not kept" in page
    assert len(rows()) == 1 + 2 + 1
    assert rows()[-1] == ["", "not_listed", "3 more were rejected; their names are not kept."]
    galleries.remove_source(
        deployment.actor, source=source, reason="it ended", tools=deployment.tools
    )
    assert "5 files were rejected. Their names were destroyed" in words(
        client, f"/enrolments/{run.pk}/"
    )
    assert rows()[1:] == [["", "not_listed", "5 more were rejected; their names are not kept."]]


def test_all_rejects_are_called_all(client, deployment, monkeypatch):
    monkeypatch.setattr(enrol_views, "SHOWN_REJECTS", 1)
    bad = [incoming(f"{number}.txt", b"no photo") for number in range(3)]
    run = enrol(deployment, make_gallery(deployment), make_source(deployment), bad)
    assert "And 2 more; the file holds all." in words(client, f"/enrolments/{run.pk}/")


def test_the_ledger_page_promises_what_the_command_does(client):
    page = words(client, "/ledger/")
    assert "It needs the keys of this deployment" in page
    assert "no key and no trust" not in page
    assert "never changed" not in page
