"""Copies in another light, faces marked by hand, and who is blurred for whom."""

from __future__ import annotations

import io
from typing import Any

import factories
import marked
import numpy as np
import pytest
from clients import client_of
from marked import AROUND, HIDDEN, TWO, add, last, mark, run
from PIL import Image

from countenance.apps.cases import services as cases
from countenance.apps.searches import evidence, marking, queries
from countenance.apps.searches.models import Probe
from countenance.errors import (
    CaseClosed,
    InputError,
    NotPermitted,
    RoleMissing,
    SealBroken,
    WrongState,
)
from countenance.testing_places import MISSED_FACE

ready = marked.ready


def test_a_copy_in_another_light_says_how_it_was_made_and_leaves_the_photo(ready: Any) -> None:
    probe = add(ready)
    before = queries.photo_of(probe, tools=ready.tools)
    lighter = evidence.derive_probe(
        ready.actor, probe=probe, brightness=2, contrast=-1, tools=ready.tools
    )
    assert last().action == "probe.derived"
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
    probe = add(ready)
    with pytest.raises(InputError):
        evidence.derive_probe(ready.actor, probe=probe, tools=ready.tools, **wish)
    assert Probe.objects.count() == 1


def test_a_missed_face_that_is_marked_is_judged_and_searched_like_any_other(ready: Any) -> None:
    probe = factories.ask(ready, ready.case, [ready.gallery], HIDDEN)
    assert len(probe.details["faces"]) == 1
    marked = mark(ready, probe, actor=ready.examiner)
    assert last().action == "probe.marked"
    assert marked.pk == probe.pk
    face = Probe.objects.get(pk=probe.pk).details["faces"][1]
    assert face["manual"] is True
    assert face["box"] == list(MISSED_FACE.box)
    assert len(face["landmarks"]) == 5
    assert face["marked"]["box"] == list(AROUND)
    assert face["marked"]["by"] == str(ready.examiner.person)
    found = run(ready, Probe.objects.get(pk=probe.pk), 1)
    assert found.request["face"] == 1
    best = queries.candidates(found)[0]
    assert best.label == "anna"


def test_where_no_face_is_found_the_box_stays_without_a_template(ready: Any) -> None:
    probe = factories.ask(ready, ready.case, [ready.gallery], HIDDEN)
    mark(ready, probe, box=(10, 10, 60, 60))
    probe = Probe.objects.get(pk=probe.pk)
    face = probe.details["faces"][1]
    assert face["landmarks"] == []
    assert face["quality"]["gate"] == "unusable"
    found = run(ready, probe, 1)
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
    probe = add(ready, HIDDEN)
    with pytest.raises(InputError, match=said):
        mark(ready, probe, box=box)
    assert len(Probe.objects.get(pk=probe.pk).details["faces"]) == 1


def test_one_face_is_marked_once_and_there_is_an_end_to_it(
    ready: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = mark(ready, add(ready, HIDDEN))
    with pytest.raises(InputError, match="Face 2 is framed"):
        mark(ready, probe)
    monkeypatch.setattr(marking, "MOST_MARKED", 1)
    with pytest.raises(InputError, match="At most 1"):
        mark(ready, probe, box=(10, 10, 60, 60))


def test_marking_is_refused_as_every_work_on_evidence_is(ready: Any) -> None:
    probe = add(ready, HIDDEN)
    with pytest.raises(RoleMissing):
        mark(ready, probe, actor=ready.supervisor)
    assert last().action == "action.refused"
    Probe.objects.filter(pk=probe.pk).update(content_index=None)
    with pytest.raises(NotPermitted, match="adds it again"):
        mark(ready, Probe.objects.get(pk=probe.pk))
    cases.close_case(ready.actor, case=ready.case, reason="Found at home", tools=ready.tools)
    with pytest.raises(CaseClosed):
        mark(ready, Probe.objects.get(pk=probe.pk))


def test_a_photo_of_another_program_is_not_marked(ready: Any) -> None:
    probe = add(ready, HIDDEN)
    probe.details = {**probe.details, "model": "fake/0"}
    with pytest.raises(WrongState, match="Add the photo again"):
        mark(ready, probe)


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
    run(ready, probe, 0)
    faces = probe.details["faces"]
    shown = evidence.view_probe(examiner, only=0, **look)
    assert not _grey(shown, faces[0])
    assert _grey(shown, faces[1])
    for refused in (None, 1):
        with pytest.raises(NotPermitted, match="blurred"):
            evidence.view_probe(examiner, only=refused, **look)
        assert last().action == "action.refused"
    # Those whose work the evidence is see it whole; and so does the examiner when it is asked for anew.
    assert not _grey(evidence.view_probe(ready.actor, **look), faces[1])
    factories.ask(ready, ready.case, [ready.gallery], TWO)
    assert not _grey(evidence.view_probe(examiner, **look), faces[1])


def test_a_copy_of_a_searched_photo_shows_nobody_to_an_examiner(ready: Any) -> None:
    probe = factories.ask(ready, ready.case, [ready.gallery], TWO)
    run(ready, probe, 0)
    copy = evidence.derive_probe(ready.examiner, probe=probe, quarter_turns=1, tools=ready.tools)
    look = {"probe": copy, "long_side": 1600, "tools": ready.tools}
    with pytest.raises(NotPermitted):
        evidence.view_probe(ready.examiner, **look)
    hidden = evidence.view_probe(ready.examiner, only=evidence.HIDE_ALL, **look)
    assert all(_grey(hidden, face) for face in copy.details["faces"])


def test_the_page_of_a_searched_photo_asks_for_the_blurred_picture(ready: Any) -> None:
    probe = factories.ask(ready, ready.case, [ready.gallery], TWO)
    run(ready, probe, 1)
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
    probe = mark(ready, probe, box=(10, 10, 60, 60))
    picture = evidence.view_probe(
        ready.actor, probe=probe, long_side=1600, only=0, tools=ready.tools
    )
    assert _grey(picture, probe.details["faces"][1])


def test_a_face_put_under_another_photo_in_the_database_is_noticed(ready: Any) -> None:
    probe = factories.ask(ready, ready.case, [ready.gallery], HIDDEN)
    other = add(ready, TWO)
    sealed = Probe.objects.filter(pk=other.pk).values_list("details", flat=True)[0]
    Probe.objects.filter(pk=probe.pk).update(details=sealed)
    with pytest.raises(SealBroken):
        run(ready, Probe.objects.get(pk=probe.pk), 1)
