"""Marked faces in the copies of a photo, marks that are taken back, and several photos at once."""

from __future__ import annotations

import hashlib
import io
from types import SimpleNamespace
from typing import Any

import factories
import marked
import numpy as np
import pytest
from clients import client_of
from django.core.files.uploadedfile import SimpleUploadedFile
from marked import HIDDEN, REASON, TWO, add, last, mark, run
from PIL import Image

from countenance.apps.records.models import LedgerRow
from countenance.apps.searches import evidence, marking, queries
from countenance.apps.searches.evidence_views import has_few_left
from countenance.apps.searches.models import Probe, SearchRequest, content_index
from countenance.errors import InputError, RoleMissing, WrongState

ready = marked.ready


def _grey(picture: bytes, face: dict[str, Any]) -> bool:
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))
    x, y, width, height = face["box"]
    middle = pixels[round(y + height / 2), round(x + width / 2)]
    return bool(np.abs(middle.astype(int) - 128).max() < 12)


def _middle(box: Any) -> tuple[float, float]:
    return box[0] + box[2] / 2, box[1] + box[3] / 2


@pytest.mark.parametrize(
    ("wish", "middle"),
    [
        ({"brightness": 1}, (40, 440)),
        ({"box": (0, 100, 640, 380)}, (40, 340)),
        ({"quarter_turns": 1}, (40, 40)),
        ({"quarter_turns": 2}, (600, 40)),
        ({"quarter_turns": 3}, (440, 600)),
        ({"box": (0, 100, 640, 380), "quarter_turns": 1}, (40, 40)),
    ],
)
def test_a_marked_bystander_is_blurred_in_every_copy(ready: Any, wish: Any, middle: Any) -> None:
    probe = mark(ready, add(ready), box=(10, 410, 60, 60))
    copy = evidence.derive_probe(ready.actor, probe=probe, tools=ready.tools, **wish)
    faces = copy.details["faces"]
    assert len(faces) == 3
    assert _middle(faces[2]["box"]) == middle
    assert faces[2]["quality"]["gate"] == "unusable"
    client = client_of(ready)
    sent = client.get(f"/probes/{copy.pk}/image/?face=0").content
    assert _grey(sent, faces[2])
    assert _grey(sent, faces[1])
    assert not _grey(sent, faces[0])


def test_copies_of_copies_and_copies_that_were_there_before_blur_a_marked_face(ready: Any) -> None:
    probe = add(ready)
    light = evidence.derive_probe(ready.actor, probe=probe, brightness=1, tools=ready.tools)
    turned = evidence.derive_probe(ready.actor, probe=light, quarter_turns=2, tools=ready.tools)
    mark(ready, probe, box=(10, 410, 60, 60))
    for copy in (light, turned):
        copy.refresh_from_db()
        assert len(copy.details["faces"]) == 3
    assert _middle(turned.details["faces"][2]["box"]) == (600, 40)
    again = evidence.derive_probe(ready.actor, probe=probe, brightness=1, tools=ready.tools)
    assert again.pk == light.pk
    assert len(again.details["faces"]) == 3


def test_a_face_that_a_copy_does_not_show_is_not_carried_into_it(ready: Any) -> None:
    probe = mark(ready, add(ready), box=(10, 410, 60, 60))
    crop = evidence.derive_probe(
        ready.actor, probe=probe, box=(320, 0, 320, 480), tools=ready.tools
    )
    assert len(crop.details["faces"]) == 1
    partly = evidence.derive_probe(
        ready.actor, probe=probe, box=(40, 0, 600, 480), tools=ready.tools
    )
    # Cut off by the edge, and still blurred.
    assert partly.details["faces"][2]["box"] == [0.0, 410.0, 30.0, 60.0]


def test_a_marked_face_is_searched_in_a_copy_once_it_is_marked_there(ready: Any) -> None:
    probe = factories.ask(ready, ready.case, [ready.gallery], HIDDEN)
    copy = evidence.derive_probe(
        ready.actor, probe=mark(ready, probe), brightness=1, tools=ready.tools
    )
    assert copy.details["faces"][1]["landmarks"] == []
    copy = mark(ready, copy)
    assert len(copy.details["faces"]) == 2
    assert len(copy.details["faces"][1]["landmarks"]) == 5
    found = run(ready, Probe.objects.get(pk=copy.pk), 1)
    assert queries.candidates(found)[0].label == "anna"


def _unmark(on: Any, probe: Probe, number: int, actor: Any = None) -> Probe:
    return marking.unmark_face(actor or on.actor, probe=probe, number=number, tools=on.tools)


def test_a_wrong_mark_is_taken_back_everywhere_and_recorded(ready: Any) -> None:
    probe = mark(ready, add(ready), box=(10, 410, 60, 60))
    copy = evidence.derive_probe(ready.actor, probe=probe, brightness=1, tools=ready.tools)
    page = client_of(ready).get(f"/probes/{probe.pk}/").content.decode()
    assert "Take back the mark of face 3" in page
    assert "Take back" not in client_of(ready).get(f"/probes/{copy.pk}/").content.decode()
    with pytest.raises(InputError, match="marked in this photo"):
        _unmark(ready, copy, 2)
    answer = client_of(ready).post(f"/probes/{probe.pk}/unmark/", {"face": 2})
    assert answer.status_code == 302
    assert last().action == "probe.unmarked"
    for one in (probe, copy):
        one.refresh_from_db()
        assert len(one.details["faces"]) == 2
    refused = client_of(ready).post(f"/probes/{probe.pk}/unmark/", {"face": 1})
    assert "Only a face that was marked" in refused.content.decode()


def test_taking_back_a_mark_in_a_copy_leaves_what_it_was_made_of_blurred(ready: Any) -> None:
    probe = mark(ready, add(ready, HIDDEN))
    copy = evidence.derive_probe(ready.actor, probe=probe, brightness=1, tools=ready.tools)
    copy = _unmark(ready, mark(ready, copy), 1)
    faces = copy.details["faces"]
    assert len(faces) == 2
    assert "carried" in faces[1]
    assert "marked" in Probe.objects.get(pk=probe.pk).details["faces"][1]


def test_marks_stay_once_a_search_used_the_photo_or_a_copy_of_it(ready: Any) -> None:
    probe = factories.ask(ready, ready.case, [ready.gallery], TWO)
    probe = mark(ready, probe, box=(10, 410, 60, 60))
    copy = evidence.derive_probe(ready.examiner, probe=probe, brightness=1, tools=ready.tools)
    run(ready, copy, 0)
    with pytest.raises(WrongState, match="marks stay"):
        _unmark(ready, probe, 2)
    with pytest.raises(RoleMissing):
        _unmark(ready, probe, 2, actor=ready.supervisor)


def test_no_face_that_can_be_searched_gets_another_number(ready: Any) -> None:
    probe = mark(ready, add(ready, HIDDEN), box=(10, 10, 60, 60))
    probe = mark(ready, probe)
    with pytest.raises(WrongState, match="Face 3 was marked after it"):
        _unmark(ready, probe, 1)
    _unmark(ready, probe, 2)
    assert len(_unmark(ready, probe, 1).details["faces"]) == 1


def test_a_box_over_a_face_that_was_found_is_refused(ready: Any) -> None:
    probe = add(ready, HIDDEN)
    x, y, width, height = probe.details["faces"][0]["box"]
    eyes = (x + 0.2 * width, y + 0.3 * height, 0.6 * width, 0.2 * height)
    wide = (0, y + 0.3 * height, x + 0.8 * width, 0.55 * height)
    for box in (eyes, wide):
        with pytest.raises(InputError, match="covers face 1"):
            mark(ready, probe, box=tuple(round(side) for side in box))
    # A face in front of somebody's chin is a face of its own.
    mark(ready, probe, box=(round(x + 0.2 * width), round(y + 0.75 * height), 150, 150))


def test_the_face_that_is_looked_at_stays_clear_where_a_bystander_is_blurred(ready: Any) -> None:
    probe = add(ready, HIDDEN)
    face = probe.details["faces"][0]
    # Put there by an earlier version, which refused less.
    over = {**face, "box": face["box"], "landmarks": [], "manual": True}
    probe.details = {**probe.details, "faces": [face, over]}
    probe.save(update_fields=("details",))
    shown = evidence.view_probe(ready.actor, probe=probe, long_side=1600, only=0, tools=ready.tools)
    assert not _grey(shown, face)
    pixels = np.asarray(Image.open(io.BytesIO(shown)).convert("RGB")).astype(int)
    corner = pixels[round(face["box"][1]) + 8, round(face["box"][0]) + 8]
    assert np.abs(corner - 128).max() < 12


def test_copies_are_listed_by_what_was_done_to_them(ready: Any) -> None:
    probe = add(ready)
    light = evidence.derive_probe(ready.actor, probe=probe, brightness=1, tools=ready.tools)
    evidence.derive_probe(ready.actor, probe=light, box=(0, 0, 320, 480), tools=ready.tools)
    page = client_of(ready).get(f"/cases/{ready.case.pk}/").content.decode()
    assert ">p.jpg</a>" in page
    assert ">Copy: brighter by 1 step (p.jpg)</a>" in page
    assert ">Copy: brighter by 1 step, cropped to 320 × 480 px (p.jpg)</a>" in page


def _send(on: Any, *photos: tuple[str, bytes]) -> Any:
    files = [SimpleUploadedFile(name, data, content_type="image/jpeg") for name, data in photos]
    return client_of(on).post(f"/cases/{on.case.pk}/search/", {"photo": files})


def test_several_photos_are_added_and_asked_for_at_once(ready: Any) -> None:
    sent = _send(ready, ("1.jpg", TWO), ("2.jpg", HIDDEN))
    first, other = (Probe.objects.get(content_index=content) for content in _indices(ready))
    assert sent["Location"] == f"/probes/{first.pk}/?also={other.pk}"
    page = client_of(ready).get(sent["Location"]).content.decode()
    assert f'value="{other.pk}"' in page
    assert "checked" in page.split(f'value="{other.pk}"')[1].split(">")[0]
    wish = {"galleries": [str(ready.gallery.pk)], "reason": REASON, "also": [str(other.pk)]}
    assert client_of(ready).post(f"/probes/{first.pk}/ask/", wish).status_code == 302
    asked = SearchRequest.objects.filter(case=ready.case)
    assert {one.probe_id for one in asked} == {first.pk, other.pk}
    assert LedgerRow.objects.filter(action="search.asked").count() == 2


def _indices(on: Any) -> list[bytes]:
    return [
        content_index(on.case.agency_id, on.case.pk, hashlib.sha256(photo).hexdigest())
        for photo in (TWO, HIDDEN)
    ]


def test_of_several_photos_the_one_that_cannot_be_used_is_named(ready: Any) -> None:
    sent = _send(ready, ("1.jpg", TWO), ("2.jpg", b"no photo"), ("3.jpg", HIDDEN))
    said = sent.content.decode()
    assert "2.jpg cannot be used." in said
    assert "1 photo before it was added" in said
    assert Probe.objects.count() == 1


@pytest.mark.parametrize(
    ("left", "quota", "few"), [(10, 10, False), (3, 10, True), (4, 10, False), (10, 100, True)]
)
def test_few_searches_left_are_few_for_their_authority(left: int, quota: int, few: bool) -> None:
    assert has_few_left(SimpleNamespace(left=left, quota=quota)) is few  # type: ignore[arg-type] # all it reads
