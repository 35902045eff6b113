"""Several photos of one person in one search: alike, weighed, recorded, and each of them asked for."""

from __future__ import annotations

import json
from typing import Any

import factories
import numpy as np
import pytest
from clients import client_of

from countenance.apps.records.models import LedgerRow
from countenance.apps.records.services import unseal_body
from countenance.apps.searches import asking, evidence, queries, services, several
from countenance.apps.searches.models import Probe, RequestState, Search, SearchRequest
from countenance.errors import (
    InputError,
    NotAlike,
    NotEvidence,
    NotPermitted,
    SamePerson,
    SealBroken,
    UnrelatedFace,
)
from countenance.faces.types import Gate
from countenance.testing import FakeEngine

REASON = "Reported missing on 3 May"


@pytest.fixture
def ready(deployment: Any) -> Any:
    source = factories.make_source(deployment)
    deployment.gallery = factories.make_gallery(deployment)
    names = ["anna", "ben", "cleo"]
    factories.enrol(deployment, deployment.gallery, source, factories.people(names))
    deployment.case = factories.make_case(deployment)
    return deployment


def _asked(on: Any, person: str = "ben", shot: int = 7, **made: Any) -> Probe:
    photo = FakeEngine.photo(person, shot, **made)
    return factories.ask(on, on.case, [on.gallery], photo)


def _run(on: Any, probe: Probe, *more: Any, face: int | None = 0, actor: Any = None) -> Search:
    return services.run_search(
        actor or on.examiner,
        probe=probe,
        face=face,
        more=more,
        galleries=[on.gallery],
        reason=REASON,
        tools=on.tools,
    )


def _entries(action: str) -> int:
    return LedgerRow.objects.filter(action=action).count()


def _template(search: Search) -> np.ndarray:
    return np.frombuffer(search.template, dtype="<f4")


def test_several_photos_are_one_search_with_one_template(ready: Any) -> None:
    first, second, third = (_asked(ready, shot=shot) for shot in (7, 8, 9))
    found = _run(ready, first, (second, 0), (third, None))
    assert Search.objects.count() == 1
    assert _entries("search.intended") == 1
    assert [(one.pk, face) for one, face in queries.faces_of(found)] == [
        (first.pk, 0),
        (second.pk, 0),
        (third.pk, 0),
    ]
    weights = [one["weight"] for one in found.outcome["photos"]]
    assert sum(weights) == pytest.approx(1, abs=1e-3)
    template = _template(found)
    assert float(np.linalg.norm(template)) == pytest.approx(1, abs=1e-5)
    # Nearer to the person than any one of the photos: what is special about each averages out.
    person = np.mean([ready.tools.engine.template("ben", n).vector for n in range(20, 80)], axis=0)
    person /= np.linalg.norm(person)
    single = [float(ready.tools.engine.template("ben", n).vector @ person) for n in (7, 8, 9)]
    assert float(template @ person) > max(single)
    assert queries.candidates(found)[0].label == "ben"


def test_every_request_of_a_fused_search_is_answered_by_it(ready: Any) -> None:
    first, second = _asked(ready, shot=7), _asked(ready, shot=8)
    found = _run(ready, first, (second, 0))
    requests = SearchRequest.objects.all()
    assert {one.state for one in requests} == {RequestState.DONE}
    assert {one.answer["search"] for one in requests} == {str(found.pk)}


def test_intent_and_outcome_say_which_photos_and_how_much_each_counted(ready: Any) -> None:
    first, second = _asked(ready, shot=7), _asked(ready, shot=8)
    found = _run(ready, first, (second, 0))
    rows = LedgerRow.objects.filter(about=found.pk)
    intended = _facts(ready, rows.get(action="search.intended"))
    assert intended["more"][0]["probe"] == str(second.pk)
    concluded = _facts(ready, rows.get(action="search.concluded"))
    assert concluded["photos"] == [[str(first.pk), 0, "0.5000"], [str(second.pk), 0, "0.5000"]]


def _facts(on: Any, row: LedgerRow) -> Any:
    _, body = unseal_body(row, keyring=on.tools.keyring)
    return json.loads(body)["facts"]


def test_the_photo_that_is_not_like_the_others_is_named_by_its_number(ready: Any) -> None:
    photos = [_asked(ready, shot=7), _asked(ready, "anna", 3), _asked(ready, shot=8)]
    factories.widen(ready.case)
    with pytest.raises(NotAlike, match="Photo 2 is not like the others") as refused:
        _run(ready, photos[0], (photos[1], 0), (photos[2], 0))
    assert refused.value.facts["photos"] == [2]
    assert "anna" not in refused.value.detail
    search = Search.objects.get()
    assert (search.state, search.template) == ("aborted", None)
    assert _entries("search.aborted") == 1
    assert {one.state for one in SearchRequest.objects.all()} == {RequestState.WAITING}


def test_photos_of_two_people_are_held_where_the_case_is_about_one(ready: Any) -> None:
    first, second = _asked(ready, shot=7), _asked(ready, "anna", 3)
    with pytest.raises(NotAlike, match="Photos 1 and 2 are not alike"):
        _run(ready, first, (second, 0))
    assert Search.objects.get().request["held"] == "case.people"
    assert (_entries("search.held"), _entries("search.aborted")) == (1, 0)


def test_alike_photos_of_somebody_else_than_the_case_is_about_are_held(ready: Any) -> None:
    _run(ready, _asked(ready, "cleo", 3))
    first, second = _asked(ready, shot=7), _asked(ready, shot=8)
    with pytest.raises(UnrelatedFace):
        _run(ready, first, (second, 0))


def test_each_photo_was_asked_for_by_somebody_else_and_is_of_the_case(ready: Any) -> None:
    first = _asked(ready)
    free = evidence.add_probe(
        ready.actor,
        case=ready.case,
        upload=FakeEngine.photo("ben", 8),
        file_name="p.jpg",
        tools=ready.tools,
    )
    with pytest.raises(NotEvidence):
        _run(ready, first, (free, 0))
    elsewhere = factories.ask(
        ready,
        factories.make_case(ready, "26-0002"),
        [ready.gallery],
        FakeEngine.photo("ben", 9),
    )
    with pytest.raises(InputError, match="Photo 2 belongs to another case"):
        _run(ready, first, (elsewhere, 0))
    SearchRequest.objects.filter(probe=first).update()
    with pytest.raises(SamePerson):
        _run(ready, first, actor=ready.actor)
    assert not Search.objects.exists()


def test_a_gallery_that_was_not_asked_for_with_every_photo_is_refused(ready: Any) -> None:
    first, second = _asked(ready), _asked(ready, shot=8)
    request = SearchRequest.objects.get(probe=second)
    asking.withdraw_request(ready.actor, request=request, tools=ready.tools)
    other = factories.make_gallery(ready, "Other")
    ready.case = factories.cover(ready, ready.case, [ready.gallery, other])
    second = Probe.objects.get(pk=second.pk)
    asking.ask_for_search(
        ready.actor, probe=second, reason=REASON, galleries=[other], tools=ready.tools
    )
    with pytest.raises(NotPermitted, match="did not ask for one of these galleries"):
        _run(ready, Probe.objects.get(pk=first.pk), (second, 0))


def test_a_photo_is_in_a_search_once_however_it_was_cut(ready: Any) -> None:
    probe = _asked(ready)
    crop = evidence.derive_probe(ready.examiner, probe=probe, brightness=1, tools=ready.tools)
    for twice in (probe, crop):
        with pytest.raises(InputError, match="Photos 1 and 2 go back to one photo"):
            _run(ready, probe, (twice, 0))


@pytest.mark.parametrize(
    ("made", "said"),
    [({"gate": Gate.UNUSABLE}, "px apart"), ({"faces": 0}, "shows no face")],
)
def test_a_photo_that_cannot_be_compared_is_left_out(ready: Any, made: Any, said: str) -> None:
    first, second = _asked(ready), _asked(ready, shot=8, **made)
    with pytest.raises(InputError, match=f"Photo 2 cannot be compared.*{said}"):
        _run(ready, first, (second, None))
    assert not Search.objects.exists()


def test_there_is_an_end_to_photos_of_one_search(
    ready: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(several, "MOST_PHOTOS", 1)
    with pytest.raises(InputError, match="At most 1"):
        _run(ready, _asked(ready), (_asked(ready, shot=8), 0))


def test_a_search_with_a_photo_that_was_filed_elsewhere_since_is_not_shown(ready: Any) -> None:
    first, second = _asked(ready), _asked(ready, shot=8)
    found = _run(ready, first, (second, 0))
    other = factories.make_case(ready, "26-0003")
    Probe.objects.filter(pk=second.pk).update(case=other)
    with pytest.raises(SealBroken):
        queries.faces_of(Search.objects.get(pk=found.pk))


def test_an_examiner_chooses_other_photos_in_the_browser(ready: Any) -> None:
    first, second = _asked(ready, shot=7), _asked(ready, shot=8)
    client = client_of(ready, ready.examiner)
    page = client.get(f"/probes/{first.pk}/").content.decode()
    choice = f"{second.pk}:0"
    assert f'name="more" value="{choice}"' in page
    sent = {
        "face": "0",
        "top": "5",
        "reason": REASON,
        "galleries": [str(ready.gallery.pk)],
        "more": [choice],
    }
    checked = client.post(f"/probes/{first.pk}/check/", sent).content.decode()
    assert "2 photos of one person, searched together" in checked
    assert f'name="more" value="{choice}"' in checked
    back = client.post(f"/probes/{first.pk}/", sent).content.decode()
    assert f'value="{choice}" checked' in back
    wrong = client.post(f"/probes/{first.pk}/check/", sent | {"more": [f"{first.pk}:0"]})
    assert wrong.status_code == 422
    ran = client.post(f"/probes/{first.pk}/search/", sent)
    assert ran.status_code == 302
    shown = client.get(ran["Location"]).content.decode()
    assert "2 photos of one person were searched together" in shown
    assert "weight 0.50 of 1" in shown
