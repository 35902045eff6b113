"""Faces on the web: every look is an entry, and no crop comes without one."""

from __future__ import annotations

import csv
import io
import re

import pytest
from clients import client_of
from django.core.files.uploadedfile import SimpleUploadedFile
from examining import examined
from factories import incoming, make_case, make_gallery, make_source

from countenance.apps.cases import services as cases
from countenance.apps.galleries import enrol_views, enrolment
from countenance.apps.galleries.models import EnrolmentRun, Face, Photo, Subject
from countenance.apps.records.models import LedgerRow
from countenance.apps.searches.models import Probe, Search
from countenance.errors import InputError
from countenance.faces.types import Gate
from countenance.testing import FakeEngine

WHY = "Last seen on 3 May at the station of Ourtown"


class AtOnce:
    """A queue that works off an enrolment when it is asked to."""

    def __init__(self, deployment):
        self.deployment = deployment

    def enrol(self, run):
        found = EnrolmentRun.objects.get(pk=run)
        enrolment.enrol_staged(self.deployment.actor, run=found, tools=self.deployment.tools)


@pytest.fixture
def client(deployment):
    object.__setattr__(deployment.tools, "jobs", AtOnce(deployment))
    return client_of(deployment)


@pytest.fixture
def examiner(deployment):
    return client_of(deployment, deployment.examiner)


@pytest.fixture
def gallery(deployment):
    gallery, source = make_gallery(deployment), make_source(deployment)
    photos = [
        incoming("anna/1.jpg", FakeEngine.photo("anna", 1)),
        incoming("anna/2.jpg", FakeEngine.photo("anna", 2)),
        incoming("ben/1.jpg", FakeEngine.photo("ben", 1)),
    ]
    enrolment.enrol(
        deployment.actor,
        gallery=gallery,
        source=source,
        incoming=photos,
        total=3,
        tools=deployment.tools,
    )
    return gallery


@pytest.fixture
def case(deployment, gallery):
    return make_case(deployment)


def entries(action):
    return LedgerRow.objects.filter(action=action).count()


def upload(name, data):
    return SimpleUploadedFile(name, data, content_type="image/jpeg")


def add_probe(client, case, data):
    answer = client.post(f"/cases/{case.pk}/search/", {"photo": upload("probe.jpg", data)})
    assert answer.status_code == 302
    return Probe.objects.get()


def ask_with_probe(client, case, gallery, data):
    probe = add_probe(client, case, data)
    wishes = {"galleries": [str(gallery.pk)], "reason": WHY}
    assert client.post(f"/probes/{probe.pk}/ask/", wishes).status_code == 302
    return probe


def asked(gallery, **changed):
    return {
        "face": 0,
        "galleries": [str(gallery.pk)],
        "reason": WHY,
        "top": 5,
    } | changed


def test_a_crop_is_given_only_after_a_page_recorded_the_look(client, gallery):
    face = Face.objects.first()
    assert client.get(f"/faces/{face.pk}/crop/").status_code == 404
    before = entries("photo.viewed")
    assert client.get(f"/galleries/{gallery.pk}/").status_code == 200
    assert entries("photo.viewed") == before + 1
    answers = {
        client.get(f"/faces/{pk}/crop/").status_code
        for pk in Face.objects.values_list("pk", flat=True)
    }
    assert answers == {200, 404}  # the gallery shows one face a subject, not each one


def test_each_look_at_a_whole_photo_is_an_entry(client, gallery):
    photo = Photo.objects.first()
    before = entries("photo.viewed")
    answer = client.get(f"/photos/{photo.pk}/image/")
    assert answer["Content-Type"] == "image/jpeg"
    assert answer["Cache-Control"] == "no-store"
    assert entries("photo.viewed") == before + 1


def test_a_search_from_the_probe_to_the_candidates(  # fixtures
    client, deployment, examiner, gallery, case
):
    probe = ask_with_probe(client, case, gallery, FakeEngine.photo("anna", 3))
    assert b"Check before searching" not in client.get(f"/probes/{probe.pk}/").content
    assert b"Check before searching" in examiner.get(f"/probes/{probe.pk}/").content
    checked = examiner.post(f"/probes/{probe.pk}/check/", asked(gallery))
    assert checked.status_code == 200
    assert b"Search the gallery" in checked.content
    assert Search.objects.count() == 0
    answer = examiner.post(f"/probes/{probe.pk}/search/", asked(gallery))
    search = Search.objects.get()
    assert answer["Location"] == f"/searches/{search.pk}/"
    assert entries("candidates.viewed") == 0
    for face in Face.objects.all():
        assert examiner.get(f"/faces/{face.pk}/crop/").status_code == 404
    before = examiner.get(f"/searches/{search.pk}/").content.decode()
    assert "2 candidates to examine" in before
    assert "Begin the examination" in before
    assert not [name for name in ("anna", "ben", "Deposit agreement") if name in before]
    examined(deployment, search)
    assert entries("candidates.viewed") == 0
    page = examiner.get(f"/searches/{search.pk}/")
    assert entries("candidates.viewed") == 1
    words = page.content.decode()
    assert words.index("anna") < words.index("ben")
    assert "even if the person is not in the gallery" in words
    assert "A candidate is not an identification" in words
    assert "Deposit agreement of 2019" in words
    assert "%" not in words.split("<main", 1)[1].split("</main", 1)[0]
    for face in Face.objects.all():
        assert examiner.get(f"/faces/{face.pk}/crop/").status_code == 200


def test_whoever_asked_cannot_run_the_search(client, gallery, case):
    probe = ask_with_probe(client, case, gallery, FakeEngine.photo("anna", 3))
    before = entries("action.refused")
    answer = client.post(f"/probes/{probe.pk}/search/", asked(gallery))
    assert answer.status_code == 403
    assert entries("action.refused") == before + 1
    assert Search.objects.count() == 0


def test_from_the_check_on_other_faces_are_blurred(client, deployment, examiner, gallery, case):
    probe = ask_with_probe(client, case, gallery, FakeEngine.photo("anna", 3, others=("ben",)))
    open_view = examiner.get(f"/probes/{probe.pk}/image/").content
    blurred = examiner.get(f"/probes/{probe.pk}/image/?face=0").content
    assert open_view != blurred
    checked = examiner.post(f"/probes/{probe.pk}/check/", asked(gallery)).content.decode()
    assert f"/probes/{probe.pk}/image/?face=0" in checked
    assert f'/probes/{probe.pk}/image/"' not in checked
    examiner.post(f"/probes/{probe.pk}/search/", asked(gallery))
    found = examiner.get(f"/searches/{Search.objects.get().pk}/").content.decode()
    assert f"/probes/{probe.pk}/image/?face=0" in found
    assert f'/probes/{probe.pk}/image/"' not in found
    examined(deployment, Search.objects.get())
    found = examiner.get(f"/searches/{Search.objects.get().pk}/").content.decode()
    assert "anna" in found
    assert f"/probes/{probe.pk}/image/?face=0" in found
    assert f'/probes/{probe.pk}/image/"' not in found


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"reason": "case 1"}, "These words would fit any search"),
        ({"reason": "17"}, "Say in words why"),
        ({"galleries": []}, "Choose at least one gallery"),
        ({"face": ""}, "Choose one of the faces"),
        ({"face": 7}, "Choose one of the faces"),
        ({"top": 51}, "less than or equal to 50"),
    ],
)
def test_what_is_missing_is_said_before_the_check(  # noqa: PLR0917 # one row of the table
    client, examiner, gallery, case, changed, said
):
    probe = ask_with_probe(client, case, gallery, FakeEngine.photo("anna", 3))
    answer = examiner.post(f"/probes/{probe.pk}/check/", asked(gallery, **changed))
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert Search.objects.count() == 0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"reason": "case 1"}, "These words would fit any search"),
        ({"galleries": []}, "Choose at least one gallery"),
    ],
)
def test_what_is_missing_is_said_when_a_search_is_asked_for(client, gallery, case, changed, said):
    probe = add_probe(client, case, FakeEngine.photo("anna", 3))
    answer = client.post(f"/probes/{probe.pk}/ask/", asked(gallery, **changed))
    assert answer.status_code == 422
    assert said in answer.content.decode()


def test_a_probe_without_a_face_is_a_clear_answer(client, gallery, case):
    probe = add_probe(client, case, FakeEngine.photo("nobody", faces=0))
    words = client.get(f"/probes/{probe.pk}/").content.decode()
    assert "No face was found" in words
    assert "Turn the photo if it lies on its side" in words
    assert "Ask for a search" not in words


def test_a_face_that_cannot_be_compared_cannot_be_chosen(client, examiner, gallery, case):
    probe = add_probe(client, case, FakeEngine.photo("anna", gate=Gate.UNUSABLE))
    words = client.get(f"/probes/{probe.pk}/").content.decode()
    assert "The eyes are 7 px apart" in words
    assert "The quality is too low" in words
    assert "Ask for a search" not in words
    # Somebody sends the form all the same.
    client.post(f"/probes/{probe.pk}/ask/", {"galleries": [str(gallery.pk)], "reason": WHY})
    words = examiner.get(f"/probes/{probe.pk}/").content.decode()
    assert 'type="radio"' not in words
    assert "Check before searching" not in words


def test_of_several_faces_only_those_that_can_be_compared_can_be_chosen(
    client, examiner, deployment, gallery, case
):
    probe = ask_with_probe(client, case, gallery, FakeEngine.photo("anna", 3, others=("ben",)))
    probe.details["faces"][1]["quality"]["gate"] = Gate.UNUSABLE
    probe.save()
    words = examiner.get(f"/probes/{probe.pk}/").content.decode()
    radios = re.findall(r'<input type="radio"[^>]*>', words)
    assert ["disabled" in one for one in radios] == [False, True]


def test_what_is_no_photo_is_said_at_once(client, case):
    answer = client.post(f"/cases/{case.pk}/search/", {"photo": upload("x.jpg", b"no photo")})
    assert answer.status_code == 422
    assert b"This photo cannot be used" in answer.content
    assert Probe.objects.count() == 0


def test_a_closed_case_takes_no_probe(client, deployment, case):
    cases.close_case(
        deployment.actor, case=case, reason="She came home on 9 May", tools=deployment.tools
    )
    answer = client.post(f"/cases/{case.pk}/search/", {"photo": upload("p.jpg", b"any")})
    assert answer.status_code == 403
    assert Probe.objects.count() == 0


def test_photos_are_enrolled_by_upload_with_their_rejects(client, deployment):
    gallery, source = make_gallery(deployment), make_source(deployment)
    answer = client.post(
        f"/galleries/{gallery.pk}/enrol/",
        {
            "source": str(source.pk),
            "subjects": "each",
            "photos": [
                upload("anna.jpg", FakeEngine.photo("anna")),
                upload("ben.jpg", FakeEngine.photo("ben")),
                upload("=cmd.txt", b"not a photo"),
            ],
        },
    )
    run = EnrolmentRun.objects.get()
    assert answer["Location"] == f"/enrolments/{run.pk}/"
    assert (run.enrolled, run.rejected) == (2, 1)
    assert {one.label for one in Subject.objects.all()} == {"anna", "ben"}
    assert "not a photo" in client.get(f"/enrolments/{run.pk}/").content.decode()
    rows = list(
        csv.reader(io.StringIO(client.get(f"/enrolments/{run.pk}/rejects.csv").content.decode()))
    )
    assert rows[0] == ["file", "code", "reason"]
    assert rows[1][0] == "'=cmd.txt"


def test_htmx_gets_the_progress_alone_and_the_whole_page_at_the_end(client, deployment):
    gallery, source = make_gallery(deployment), make_source(deployment)
    run = enrolment.start_enrolment(
        deployment.actor, gallery=gallery, source=source, total=4, tools=deployment.tools
    )
    part = client.get(f"/enrolments/{run.pk}/", headers={"HX-Request": "true"})
    assert b"<html" not in part.content
    assert b'hx-get="' in part.content
    enrolment.finish_enrolment(deployment.actor, run=run, tools=deployment.tools)
    end = client.get(f"/enrolments/{run.pk}/", headers={"HX-Request": "true"})
    assert end["HX-Refresh"] == "true"
    assert b"hx-get" not in client.get(f"/enrolments/{run.pk}/").content


def test_uploads_say_whose_photos_they_are():
    def of(labels, **how):
        items = enrol_views.incoming(labels, **({"subject_name": ""} | how))
        return [item and item.subject for item in items]

    assert of(["a.jpg", "x/a.jpg", "b.jpg"], subjects="each") == ["a.jpg", "x/a.jpg", "b"]
    assert of(["a.jpg", "b.jpg"], subjects="one", subject_name="Eve") == ["Eve", "Eve"]
    assert of(["top/ann/1.jpg", "top/ben/x/2.jpg", "top/.DS_Store"], subjects="folders") == [
        "ann",
        "ben",
        None,
    ]
    with pytest.raises(InputError):
        of(["top/1.jpg"], subjects="folders")


def test_removing_asks_first_and_needs_a_reason(client, gallery):
    photo = Photo.objects.first()
    subject = photo.subject
    for path in (
        f"/photos/{photo.pk}/remove/",
        f"/subjects/{subject.pk}/remove/",
        f"/sources/{photo.source_id}/remove/",
    ):
        assert client.get(path).status_code == 200
        assert client.post(path, {"reason": ""}).status_code == 422
    assert Photo.objects.filter(removed_at=None).count() == 3
    assert client.post(f"/subjects/{subject.pk}/remove/", {"reason": "asked to"}).status_code == 302
    assert client.get(f"/photos/{photo.pk}/").status_code == 404
    assert client.get(f"/photos/{photo.pk}/image/").status_code == 404
    source = photo.source_id
    assert client.post(f"/sources/{source}/remove/", {"reason": "ended"}).status_code == 302
    assert Photo.objects.filter(removed_at=None).count() == 0


def test_a_removed_photo_is_gone_from_old_searches(client, deployment, examiner, gallery, case):
    probe = ask_with_probe(client, case, gallery, FakeEngine.photo("ben", 9))
    examiner.post(f"/probes/{probe.pk}/search/", asked(gallery))
    search = examined(deployment, Search.objects.get())
    for photo in Photo.objects.all():
        client.post(f"/photos/{photo.pk}/remove/", {"reason": "asked to"})
    words = examiner.get(f"/searches/{search.pk}/").content.decode()
    assert "Nothing is left to show" in words
