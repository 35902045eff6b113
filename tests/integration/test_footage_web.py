"""Videos on the web: the upload, the progress, the faces to choose from, with an entry for each look."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from typing import Any

import factories
import pytest
from clients import client_of
from django.core.files.uploadedfile import SimpleUploadedFile
from footage_help import VIDEO, AtOnce, added, done, entries, prepare

from countenance.apps.cases import services as cases
from countenance.apps.records.models import LedgerRow
from countenance.apps.searches import footage, footage_queries
from countenance.apps.searches.footage_rows import Footage
from countenance.apps.searches.models import Probe
from countenance.ledger.entry import Action
from countenance.policy import Role
from countenance.testing import FakeEngine
from countenance.web import bodies, uploads

WHY = "Found safe on 9 May"
DJANGO_SPOOLS_FROM = 2_621_440
"""Bytes from which Django, left to itself, writes an upload to a temporary file in clear."""


@pytest.fixture
def ready(deployment: Any) -> Any:
    return prepare(deployment)


@pytest.fixture
def client(ready: Any) -> Any:
    object.__setattr__(ready.tools, "jobs", AtOnce(ready))
    return client_of(ready)


def upload(name: str = "shop.mp4", data: bytes = VIDEO) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, content_type="video/mp4")


def test_the_way_from_the_upload_to_the_photo(ready: Any, client: Any) -> None:
    page = client.get(f"/cases/{ready.case.pk}/video/")
    assert page.status_code == 200
    assert "100 MB and 15 minutes" in page.content.decode()
    answer = client.post(f"/cases/{ready.case.pk}/video/", {"video": upload()})
    assert answer.status_code == 302
    page = client.get(answer.url)
    text = page.content.decode()
    assert text.count('type="radio"') == 4
    assert text.count("<fieldset") == 2
    crops = [client.get(f"{answer.url}faces/{number}/") for number in range(4)]
    assert {crop["Content-Type"] for crop in crops} == {"image/jpeg"}
    made = client.post(f"{answer.url}use/", {"frame": "3"})
    assert made.status_code == 302
    assert made.url.startswith("/probes/")
    assert "A frame of a video" in client.get(made.url).content.decode()
    case = client.get(f"/cases/{ready.case.pk}/").content.decode()
    assert "Looked through" in case


def test_each_look_at_the_faces_is_an_entry_and_no_crop_comes_without_one(
    ready: Any, client: Any
) -> None:
    one = done(ready)
    assert client.get(f"/videos/{one.pk}/faces/0/").status_code == 404
    client.get(f"/videos/{one.pk}/")
    assert entries("footage.viewed") == ["footage.viewed"]
    assert client.get(f"/videos/{one.pk}/faces/0/").status_code == 200
    assert client.get(f"/videos/{one.pk}/faces/4/").status_code == 404
    assert client_of(ready, ready.examiner).get(f"/videos/{one.pk}/faces/0/").status_code == 404


def test_the_progress_is_shown_with_and_without_a_script(
    ready: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(ready)
    one = added(ready)
    text = client.get(f"/videos/{one.pk}/").content.decode()
    assert "Waits for its turn" in text
    assert "Stop looking through it" in text
    monkeypatch.setitem(footage._progress, one.pk, 0.42)
    part = client.get(f"/videos/{one.pk}/", headers={"HX-Request": "true"}).content.decode()
    assert 'value="42"' in part
    assert "<html" not in part
    assert client.post(f"/videos/{one.pk}/stop/").status_code == 302
    text = client.get(f"/videos/{one.pk}/").content.decode()
    assert "was stopped" in text
    over = client.get(f"/videos/{one.pk}/", headers={"HX-Request": "true"})
    assert over.headers["HX-Refresh"] == "true"


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({}, "Choose a video first."),
        ({"video": upload("a.jpg", FakeEngine.photo("anna"))}, "This is not a video"),
        ({"video": upload("a.mp4", b"")}, "The file is empty."),
    ],
)
def test_what_is_no_video_is_said_at_once(
    ready: Any, client: Any, sent: dict[str, Any], words: str
) -> None:
    answer = client.post(f"/cases/{ready.case.pk}/video/", sent)
    assert answer.status_code == 422
    assert words in answer.content.decode()


def test_a_frame_has_to_be_chosen(ready: Any, client: Any) -> None:
    one = done(ready)
    for frame in ("", "none", "99"):
        answer = client.post(f"/videos/{one.pk}/use/", {"frame": frame})
        assert answer.status_code in {404, 422}
    assert not Probe.objects.exists()


def test_an_examiner_sees_the_faces_and_chooses_none(ready: Any) -> None:
    one = done(ready)
    text = client_of(ready, ready.examiner).get(f"/videos/{one.pk}/").content.decode()
    assert "Use this frame" not in text
    assert text.count("disabled") == 4


def test_the_names_of_people_and_files_stay_out_of_plain_columns(ready: Any) -> None:
    done(ready)
    plain = Footage.objects.values("state", "added_at", "ended_at", "purged_at").get()
    assert plain["ended_at"] - plain["added_at"] < timedelta(minutes=1)
    assert "shop" not in str(plain)


LARGE = b"\x00\x00\x00\x18ftypisom" + bytes(3_000_000)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect how much of an upload was received."""
    sizes: list[int] = []
    before = uploads.InMemoryOnly.receive_data_chunk

    def receive(self: Any, raw_data: bytes, start: int) -> None:
        sizes.append(len(raw_data))
        before(self, raw_data, start)

    monkeypatch.setattr(uploads.InMemoryOnly, "receive_data_chunk", receive)
    return sizes


def refusals() -> int:
    return LedgerRow.objects.filter(action=str(Action.ACTION_REFUSED)).count()


def test_nothing_is_read_of_a_video_of_somebody_who_may_not_add_it(
    ready: Any, client: Any, held: list[int]
) -> None:
    path = f"/cases/{ready.case.pk}/video/"
    examiner = client_of(ready, ready.examiner)
    colleague = client_of(ready, factories.acting(ready, Role.INVESTIGATOR))
    before = refusals()
    assert examiner.post(path, {"video": upload(data=LARGE)}).status_code == 403
    assert refusals() == before + 1
    assert colleague.post(path, {"video": upload(data=LARGE)}).status_code == 404
    cases.close_case(ready.actor, case=ready.case, reason=WHY, tools=ready.tools)
    answer = client.post(path, {"video": upload(data=LARGE)})
    assert answer.status_code == 403
    assert "closed" in answer.content.decode()
    assert refusals() == before + 2
    assert held == []
    assert not Footage.objects.exists()


def test_a_video_over_the_limit_is_refused_in_words_before_it_is_read(
    ready: Any, client: Any, held: list[int], settings: Any
) -> None:
    settings.VIDEO_LIMIT = 1_000_000
    answer = client.post(f"/cases/{ready.case.pk}/video/", {"video": upload(data=LARGE)})
    assert answer.status_code == 413
    assert "At most 1 MB of video are read. Cut out the part" in answer.content.decode()
    assert held == []
    just_over = LARGE[:1_000_100]
    answer = client.post(f"/cases/{ready.case.pk}/video/", {"video": upload(data=just_over)})
    assert answer.status_code == 422
    assert "At most 1 MB of video are read." in answer.content.decode()
    assert not Footage.objects.exists()


def test_no_more_is_held_than_was_judged_whatever_was_said_of_the_length(
    ready: Any, client: Any, held: list[int], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.VIDEO_LIMIT = 1_000_000
    monkeypatch.setattr(bodies, "size_of", lambda _: 1_000_000)
    before = uploads.InMemoryOnly.handle_raw_input
    monkeypatch.setattr(
        uploads.InMemoryOnly,
        "handle_raw_input",
        lambda self, data, meta, _, *rest: before(self, data, meta, 1_000_000, *rest),
    )
    answer = client.post(f"/cases/{ready.case.pk}/video/", {"video": upload(data=LARGE)})
    assert answer.status_code == 422
    assert sum(held) <= 2 * uploads.InMemoryOnly.chunk_size
    assert not Footage.objects.exists()


def test_a_video_touches_no_temporary_file(
    ready: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(LARGE) > DJANGO_SPOOLS_FROM
    for name in ("NamedTemporaryFile", "TemporaryFile", "SpooledTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, None)
    answer = client.post(f"/cases/{ready.case.pk}/video/", {"video": upload(data=LARGE)})
    assert answer.status_code == 302
    one = Footage.objects.get()
    assert footage_queries.video_of(one, tools=ready.tools) == LARGE
    assert LARGE[:12] not in ready.tools.store.get(one.pk)
