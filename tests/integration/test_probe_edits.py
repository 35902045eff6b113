"""Copies in another light, faces marked by hand, and who is blurred for whom."""

from __future__ import annotations

import io
from typing import Any

import factories
import numpy as np
import pytest
from clients import client_of
from PIL import Image

from countenance.apps.cases import services as cases
from countenance.apps.records.models import LedgerRow
from countenance.apps.searches import evidence, marking, queries, services
from countenance.apps.searches.models import Probe
from countenance.errors import (
    CaseClosed,
    InputError,
    NotPermitted,
    RoleMissing,
    SealBroken,
    WrongState,
)
from countenance.testing import FakeEngine
from countenance.testing_places import MISSED_FACE

REASON = "Reported missing on 3 May"
TWO = FakeEngine.photo("anna", 2, others=["ben"])
HIDDEN = FakeEngine.photo("ben", 3, missed="anna")
AROUND = (530, 370, 110, 110)


@pytest.fixture
def ready(deployment: Any) -> Any:
    source = factories.make_source(deployment)
    deployment.gallery = factories.make_gallery(deployment)
    factories.enrol(deployment, deployment.gallery, source, factories.people(["anna", "ben"]))
    deployment.case = factories.make_case(deployment)
    return deployment


def _add(on: Any, photo: bytes = TWO) -> Probe:
    return evidence.add_probe(
        on.actor, case=on.case, upload=photo, file_name="p.jpg", tools=on.tools
    )


def _mark(on: Any, probe: Probe, box: Any = AROUND, actor: Any = None) -> Probe:
    return marking.mark_face(actor or on.actor, probe=probe, box=box, tools=on.tools)


def _run(on: Any, probe: Probe, face: int | None, **more: Any) -> Any:
    return services.run_search(
        on.examiner,
        probe=probe,
        face=face,
        galleries=[on.gallery],
        reason=REASON,
        tools=on.tools,
        **more,
    )


def _last() -> LedgerRow:
    return LedgerRow.objects.order_by("-index")[0]


def test_a_copy_in_another_light_says_how_it_was_made_and_leaves_the_photo(ready: Any) -> None:
    probe = _add(ready)
    before = queries.photo_of(probe, tools=ready.tools)
    lighter = evidence.derive_probe(
        ready.actor, probe=probe, brightness=2, contrast=-1, tools=ready.tools
    )
    assert _last().action == "probe.derived"
    assert lighter.details["how"] == {
        "box": None,
        "quarter_turns": 0,
        "brightness": 2,
        "contrast": -1,
    }
    cropped = evidence.derive_probe(
        ready.examiner, probe=lighter, box=(0, 0, 320, 480), tools=ready.tools
    )
    assert queries.photo_of(probe, tools=ready.tools) == before
    assert queries.edits_of(probe) == []
    steps = queries.edits_of(cropped)
    assert [step.words for step in steps] == [
        ["Made brighter by 2 steps.", "Contrast lowered by 1 step."],
        ["Cropped to 320 × 480 px, 0 px from the left and 0 px from the top."],
    ]
    assert [(step.made_of, step.probe) for step in steps] == [
        (probe.pk, lighter.pk),
        (lighter.pk, cropped.pk),
    ]
    assert steps[1].by == ready.examiner.person


@pytest.mark.parametrize("wish", [{"brightness": 4}, {"contrast": -4}, {"brightness": 0}])
def test_no_light_or_too_much_of_it_is_refused(ready: Any, wish: Any) -> None:
    probe = _add(ready)
    with pytest.raises(InputError):
        evidence.derive_probe(ready.actor, probe=probe, tools=ready.tools, **wish)
    assert Probe.objects.count() == 1


def test_a_missed_face_that_is_marked_is_judged_and_searched_like_any_other(ready: Any) -> None:
    probe = factories.ask(ready, ready.case, [ready.gallery], HIDDEN)
    assert len(probe.details["faces"]) == 1
    marked = _mark(ready, probe, actor=ready.examiner)
    assert _last().action == "probe.marked"
    assert marked.pk == probe.pk
    face = Probe.objects.get(pk=probe.pk).details["faces"][1]
    assert face["manual"] is True
    assert face["box"] == list(MISSED_FACE.box)
    assert len(face["landmarks"]) == 5
    assert face["marked"]["box"] == list(AROUND)
    assert face["marked"]["by"] == str(ready.examiner.person)
    found = _run(ready, Probe.objects.get(pk=probe.pk), 1)
    assert found.request["face"] == 1
    best = queries.candidates(found)[0]
    assert best.label == "anna"


def test_where_no_face_is_found_the_box_stays_without_a_template(ready: Any) -> None:
    probe = factories.ask(ready, ready.case, [ready.gallery], HIDDEN)
    _mark(ready, probe, box=(10, 10, 60, 60))
    probe = Probe.objects.get(pk=probe.pk)
    face = probe.details["faces"][1]
    assert face["landmarks"] == []
    assert face["quality"]["gate"] == "unusable"
    found = _run(ready, probe, 1)
    assert found.outcome["answer"] == "quality_too_low"
    assert "No face was found where this one was marked" in found.outcome["reason"]
    assert found.template is None


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ((700, 500, 50, 50), "outside of the photo"),
        ((10, 10, 5, 40), "at least 12"),
        ((170, 90, 300, 300), "Face 1 is framed there already"),
    ],
)
def test_a_box_that_can_be_no_missed_face_is_refused(ready: Any, box: Any, said: str) -> None:
    probe = _add(ready, HIDDEN)
    with pytest.raises(InputError, match=said):
        _mark(ready, probe, box=box)
    assert len(Probe.objects.get(pk=probe.pk).details["faces"]) == 1


def test_one_face_is_marked_once_and_there_is_an_end_to_it(
    ready: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = _mark(ready, _add(ready, HIDDEN))
    with pytest.raises(InputError, match="Face 2 is framed"):
        _mark(ready, probe)
    monkeypatch.setattr(marking, "MOST_MARKED", 1)
    with pytest.raises(InputError, match="At most 1"):
        _mark(ready, probe, box=(10, 10, 60, 60))


def test_marking_is_refused_as_every_work_on_evidence_is(ready: Any) -> None:
    probe = _add(ready, HIDDEN)
    with pytest.raises(RoleMissing):
        _mark(ready, probe, actor=ready.supervisor)
    assert _last().action == "action.refused"
    Probe.objects.filter(pk=probe.pk).update(content_index=None)
    with pytest.raises(NotPermitted, match="adds it again"):
        _mark(ready, Probe.objects.get(pk=probe.pk))
    cases.close_case(ready.actor, case=ready.case, reason="Found at home", tools=ready.tools)
    with pytest.raises(CaseClosed):
        _mark(ready, Probe.objects.get(pk=probe.pk))


def test_a_photo_of_another_program_is_not_marked(ready: Any) -> None:
    probe = _add(ready, HIDDEN)
    probe.details = {**probe.details, "model": "fake/0"}
    with pytest.raises(WrongState, match="Add the photo again"):
        _mark(ready, probe)


def _grey(picture: bytes, face: dict[str, Any]) -> bool:
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))
    x, y, width, height = face["box"]
    middle = pixels[round(y + height / 2), round(x + width / 2)]
    return bool(np.abs(middle.astype(int) - 128).max() < 12)


def test_after_a_search_an_examiner_sees_only_the_face_that_was_searched_for(ready: Any) -> None:
    probe = factories.ask(ready, ready.case, [ready.gallery], TWO)
    look = {"probe": probe, "long_side": 1600, "tools": ready.tools}
    examiner = ready.examiner
    assert evidence.view_probe(examiner, **look)
    _run(ready, probe, 0)
    faces = probe.details["faces"]
    shown = evidence.view_probe(examiner, only=0, **look)
    assert not _grey(shown, faces[0])
    assert _grey(shown, faces[1])
    for refused in (None, 1):
        with pytest.raises(NotPermitted, match="blurred"):
            evidence.view_probe(examiner, only=refused, **look)
        assert _last().action == "action.refused"
    # Those whose work the evidence is see it whole; and so does the examiner when it is asked for anew.
    assert not _grey(evidence.view_probe(ready.actor, **look), faces[1])
    factories.ask(ready, ready.case, [ready.gallery], TWO)
    assert not _grey(evidence.view_probe(examiner, **look), faces[1])


def test_a_copy_of_a_searched_photo_shows_nobody_to_an_examiner(ready: Any) -> None:
    probe = factories.ask(ready, ready.case, [ready.gallery], TWO)
    _run(ready, probe, 0)
    copy = evidence.derive_probe(ready.examiner, probe=probe, quarter_turns=1, tools=ready.tools)
    look = {"probe": copy, "long_side": 1600, "tools": ready.tools}
    with pytest.raises(NotPermitted):
        evidence.view_probe(ready.examiner, **look)
    hidden = evidence.view_probe(ready.examiner, only=evidence.HIDE_ALL, **look)
    assert all(_grey(hidden, face) for face in copy.details["faces"])


def test_the_page_of_a_searched_photo_asks_for_the_blurred_picture(ready: Any) -> None:
    probe = factories.ask(ready, ready.case, [ready.gallery], TWO)
    _run(ready, probe, 1)
    examiner, own = client_of(ready, ready.examiner), client_of(ready)
    page = examiner.get(f"/probes/{probe.pk}/").content.decode()
    assert f"/probes/{probe.pk}/image/?face=1" in page
    assert f'"/probes/{probe.pk}/image/"' not in page
    assert examiner.get(f"/probes/{probe.pk}/image/").status_code == 403
    assert examiner.get(f"/probes/{probe.pk}/image/?face=0").status_code == 403
    assert examiner.get(f"/probes/{probe.pk}/image/?face=1").status_code == 200
    assert examiner.get(f"/probes/{probe.pk}/image/?face=none").status_code == 200
    assert own.get(f"/probes/{probe.pk}/image/").status_code == 200


def test_a_marked_bystander_is_blurred_beside_the_others(ready: Any) -> None:
    probe = factories.ask(ready, ready.case, [ready.gallery], HIDDEN)
    probe = _mark(ready, probe, box=(10, 10, 60, 60))
    picture = evidence.view_probe(
        ready.actor, probe=probe, long_side=1600, only=0, tools=ready.tools
    )
    assert _grey(picture, probe.details["faces"][1])


def test_a_face_put_under_another_photo_in_the_database_is_noticed(ready: Any) -> None:
    probe = factories.ask(ready, ready.case, [ready.gallery], HIDDEN)
    other = _add(ready, TWO)
    sealed = Probe.objects.filter(pk=other.pk).values_list("details", flat=True)[0]
    Probe.objects.filter(pk=probe.pk).update(details=sealed)
    with pytest.raises(SealBroken):
        _run(ready, Probe.objects.get(pk=probe.pk), 1)


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
    probe = _mark(ready, _add(ready), box=(10, 410, 60, 60))
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
    probe = _add(ready)
    light = evidence.derive_probe(ready.actor, probe=probe, brightness=1, tools=ready.tools)
    turned = evidence.derive_probe(ready.actor, probe=light, quarter_turns=2, tools=ready.tools)
    _mark(ready, probe, box=(10, 410, 60, 60))
    for copy in (light, turned):
        copy.refresh_from_db()
        assert len(copy.details["faces"]) == 3
    assert _middle(turned.details["faces"][2]["box"]) == (600, 40)
    again = evidence.derive_probe(ready.actor, probe=probe, brightness=1, tools=ready.tools)
    assert again.pk == light.pk
    assert len(again.details["faces"]) == 3


def test_a_face_that_a_copy_does_not_show_is_not_carried_into_it(ready: Any) -> None:
    probe = _mark(ready, _add(ready), box=(10, 410, 60, 60))
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
        ready.actor, probe=_mark(ready, probe), brightness=1, tools=ready.tools
    )
    assert copy.details["faces"][1]["landmarks"] == []
    copy = _mark(ready, copy)
    assert len(copy.details["faces"]) == 2
    assert len(copy.details["faces"][1]["landmarks"]) == 5
    found = _run(ready, Probe.objects.get(pk=copy.pk), 1)
    assert queries.candidates(found)[0].label == "anna"


def _unmark(on: Any, probe: Probe, number: int, actor: Any = None) -> Probe:
    return marking.unmark_face(actor or on.actor, probe=probe, number=number, tools=on.tools)


def test_a_wrong_mark_is_taken_back_everywhere_and_recorded(ready: Any) -> None:
    probe = _mark(ready, _add(ready), box=(10, 410, 60, 60))
    copy = evidence.derive_probe(ready.actor, probe=probe, brightness=1, tools=ready.tools)
    page = client_of(ready).get(f"/probes/{probe.pk}/").content.decode()
    assert "Take back the mark of face 3" in page
    assert "Take back" not in client_of(ready).get(f"/probes/{copy.pk}/").content.decode()
    with pytest.raises(InputError, match="marked in this photo"):
        _unmark(ready, copy, 2)
    answer = client_of(ready).post(f"/probes/{probe.pk}/unmark/", {"face": 2})
    assert answer.status_code == 302
    assert _last().action == "probe.unmarked"
    for one in (probe, copy):
        one.refresh_from_db()
        assert len(one.details["faces"]) == 2
    refused = client_of(ready).post(f"/probes/{probe.pk}/unmark/", {"face": 1})
    assert "Only a face that was marked" in refused.content.decode()


def test_taking_back_a_mark_in_a_copy_leaves_what_it_was_made_of_blurred(ready: Any) -> None:
    probe = _mark(ready, _add(ready, HIDDEN))
    copy = evidence.derive_probe(ready.actor, probe=probe, brightness=1, tools=ready.tools)
    copy = _unmark(ready, _mark(ready, copy), 1)
    faces = copy.details["faces"]
    assert len(faces) == 2
    assert "carried" in faces[1]
    assert "marked" in Probe.objects.get(pk=probe.pk).details["faces"][1]


def test_marks_stay_once_a_search_used_the_photo_or_a_copy_of_it(ready: Any) -> None:
    probe = factories.ask(ready, ready.case, [ready.gallery], TWO)
    probe = _mark(ready, probe, box=(10, 410, 60, 60))
    copy = evidence.derive_probe(ready.examiner, probe=probe, brightness=1, tools=ready.tools)
    _run(ready, copy, 0)
    with pytest.raises(WrongState, match="marks stay"):
        _unmark(ready, probe, 2)
    with pytest.raises(RoleMissing):
        _unmark(ready, probe, 2, actor=ready.supervisor)


def test_no_face_that_can_be_searched_gets_another_number(ready: Any) -> None:
    probe = _mark(ready, _add(ready, HIDDEN), box=(10, 10, 60, 60))
    probe = _mark(ready, probe)
    with pytest.raises(WrongState, match="Face 3 was marked after it"):
        _unmark(ready, probe, 1)
    _unmark(ready, probe, 2)
    assert len(_unmark(ready, probe, 1).details["faces"]) == 1


def test_a_box_over_a_face_that_was_found_is_refused(ready: Any) -> None:
    probe = _add(ready, HIDDEN)
    x, y, width, height = probe.details["faces"][0]["box"]
    eyes = (x + 0.2 * width, y + 0.3 * height, 0.6 * width, 0.2 * height)
    wide = (0, y + 0.3 * height, x + 0.8 * width, 0.55 * height)
    for box in (eyes, wide):
        with pytest.raises(InputError, match="covers face 1"):
            _mark(ready, probe, box=tuple(round(side) for side in box))
    # A face in front of somebody's chin is a face of its own.
    _mark(ready, probe, box=(round(x + 0.2 * width), round(y + 0.75 * height), 150, 150))


def test_the_face_that_is_looked_at_stays_clear_where_a_bystander_is_blurred(ready: Any) -> None:
    probe = _add(ready, HIDDEN)
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
