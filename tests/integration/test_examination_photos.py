"""How photos of an examination are laid over each other, drafts that save themselves, and who sees pins."""

from __future__ import annotations

from typing import Any

import pytest
from clients import client_of
from examining import ANALYSIS, Bench, begin, bench, conclude_all, examine
from factories import acting

from countenance.apps.examinations import queries, services, taking
from countenance.examination.components import Component
from countenance.examination.scale import Conclusion
from countenance.policy import Role
from countenance.testing import FakeEngine

MOVED = 3.0


@pytest.fixture
def made(deployment: Any) -> Bench:
    return bench(deployment)


@pytest.fixture
def looked_for(monkeypatch: Any) -> list[bytes]:
    """Let irises lie beside the landmarks, and return whose were looked for."""
    asked: list[bytes] = []

    def irises(_: Any, data: bytes, *, landmarks: Any) -> Any:
        asked.append(data)
        return tuple((x + MOVED, y) for x, y in landmarks)

    monkeypatch.setattr(FakeEngine, "irises", irises)
    return asked


def fields(said: str, **more: str) -> dict[str, str]:
    return {f"said-{one}": said for one in Component} | more


def begun(made: Bench) -> Any:
    one = begin(made.first, search=made.search, tools=made.on.tools)
    services.record_analysis(made.first, examination=one, checklist=ANALYSIS, tools=made.on.tools)
    one.refresh_from_db()
    return one


def test_irises_are_looked_for_once_and_sealed_with_what_they_are_of(
    made: Bench, looked_for: list[bytes]
) -> None:
    one = begun(made)
    client = client_of(made.on, made.first)
    here = f"/examinations/{one.pk}/A/"
    first = client.get(here).content
    assert len(looked_for) == 2  # the probe, and the one candidate that is shown large
    second = client.get(here).content
    assert len(looked_for) == 2
    one.refresh_from_db()
    sealed = one.about["irises"]
    landmarks = made.search.probe.details["faces"][0]["landmarks"]
    assert sealed == {"0": [[x + MOVED, y] for x, y in landmarks]}
    row = queries.comparison(one, "A")
    assert list(row.about["irises"]) == [str(row.about["faces"][0]["face"])]
    # Both pages lay the photos alike.
    assert [part for part in first.split() if part.startswith(b'transform="matrix')] == [
        part for part in second.split() if part.startswith(b'transform="matrix')
    ]


def test_another_photo_of_a_candidate_is_aligned_when_it_is_shown_large(
    made: Bench, looked_for: list[bytes]
) -> None:
    one = begun(made)
    client = client_of(made.on, made.first)
    client.get(f"/examinations/{one.pk}/A/?others=1")
    assert len(looked_for) == 2
    client.get(f"/examinations/{one.pk}/A/?photo=2")
    assert len(looked_for) == 3
    assert len(queries.comparison(one, "A").about["irises"]) == 2


def test_a_draft_saves_itself_and_says_so_in_one_line(made: Bench) -> None:
    one = begun(made)
    client = client_of(made.on, made.first)
    here = f"/examinations/{one.pk}/A/"
    answer = client.post(here, {"said-nose": "similar", "save": "1"}, HTTP_HX_REQUEST="true")
    assert (answer.status_code, answer.content) == (200, b"Draft saved")
    assert queries.comparison(one, "A").draft["checklist"]["marks"]["nose"]["said"] == "similar"
    page = client.get(here).content.decode()
    assert "Draft saved" in page
    wrong = client.post(here, {"said-nose": "perhaps", "save": "1"}, HTTP_HX_REQUEST="true")
    assert wrong.status_code == 422
    assert b"The draft is not saved." in wrong.content
    assert b"<html" not in wrong.content
    assert queries.comparison(one, "A").draft["checklist"]["marks"]["nose"]["said"] == "similar"


def test_photos_side_by_side_are_only_for_those_who_may_compare(made: Bench) -> None:
    tools = made.on.tools
    examine(made.first, made.search, tools=tools)
    photo = f"/searches/{made.search.pk}/consolidation/1.jpg"
    page = f"/searches/{made.search.pk}/consolidation/"
    first = client_of(made.on, made.first)
    assert first.get(page).status_code == 404
    assert first.get(photo).status_code == 404
    examine(made.second, made.search, tools=tools)
    assert first.get(photo).status_code == 404  # no page with it was recorded yet
    assert first.get(page).status_code == 200
    for rank in (0, 1):
        answer = first.get(f"/searches/{made.search.pk}/consolidation/{rank}.jpg")
        assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
    assert first.get(photo.replace("1.jpg", "2.jpg")).status_code == 404
    assert first.get(f"{page}?candidate=2").status_code == 200
    assert first.get(photo.replace("1.jpg", "2.jpg")).status_code == 200
    assert first.get(f"{page}?candidate=9").status_code == 404
    supervisor = client_of(made.on, acting(made.on, Role.SUPERVISOR))
    assert supervisor.get(page).status_code == 200
    assert supervisor.get(photo).status_code == 200


def test_pins_of_both_examiners_are_numbered_throughout(made: Bench) -> None:
    tools = made.on.tools
    for who in (made.first, made.second):
        one = begin(who, search=made.search, tools=tools)
        client = client_of(made.on, who)
        here = f"/examinations/{one.pk}/"
        client.get(here)
        client.post(here, fields("clear", record="1"))
        for row in queries.comparisons(queries.examination(who, one.pk)):
            if row.about["rank"] == 1:
                said = fields("similar", record="1", conclusion=str(Conclusion.SAME))
                said["pins-nose"] = "[[0.1,0.5]]"
                answer = client.post(f"{here}{row.about['letter']}/", said)
                assert answer.status_code == 302
        for row in queries.comparisons(queries.examination(who, one.pk)):
            if row.said is None:
                said = fields("cannot", record="1", conclusion=str(Conclusion.NEITHER))
                answer = client.post(f"{here}{row.about['letter']}/", said)
                assert answer.status_code == 302
    page = client.get(f"/searches/{made.search.pk}/consolidation/").content.decode()
    assert "Pin 1<" in page
    assert "Pin 2<" in page


@pytest.mark.parametrize("control", [False, True])
def test_what_one_wrote_can_be_read_again_from_the_recorded_examination(
    made: Bench, monkeypatch: Any, control: bool
) -> None:
    monkeypatch.setattr(taking, "is_control_due", lambda *_, **__: control)
    one = taking.take_examination(made.first, tools=made.on.tools)
    conclude_all(made.first, one, tools=made.on.tools, note="A notch in the brow")
    client = client_of(made.on, made.first)
    here = f"/examinations/{one.pk}/"
    recorded = client.get(here).content.decode()
    assert ("This was a control" in recorded) == control
    assert f'<a href="{here}B/"' in recorded
    page = client.get(f"{here}B/").content.decode()
    assert "A notch in the brow" in page
    assert "Give up" not in page
