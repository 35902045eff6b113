"""A search with several photos of one person is examined with all of them, and so is a control in its place."""

from __future__ import annotations

import io
import re
from typing import Any

import factories
import pytest
from clients import client_of
from django.db import connection
from django.test.utils import CaptureQueriesContext
from examining import ANALYSIS, Bench, begin, bench, drawing
from PIL import Image

from countenance.apps.examinations import photos, queries, services, taking
from countenance.apps.searches import services as searches
from countenance.examination.components import Component
from countenance.testing import FakeEngine
from countenance.ui import faceview

REASON = "Reported missing on 3 May"
WITH = 2
"""So many photos make the search of these tests."""


@pytest.fixture
def made(deployment: Any) -> Bench:
    return bench(deployment)


@pytest.fixture
def fused(made: Bench) -> Bench:
    """Let only one search wait, which was with several photos."""
    asked = [
        factories.ask(made.on, made.case, [made.gallery], FakeEngine.photo("anna", shot))
        for shot in range(11, 11 + WITH)
    ]
    made.search = searches.run_search(
        made.on.examiner,
        probe=asked[0],
        face=0,
        more=[(other, 0) for other in asked[1:]],
        galleries=[made.gallery],
        reason=REASON,
        top=4,
        tools=made.on.tools,
    )
    return made


def begun(made: Bench, *, analysed: bool = True) -> Any:
    tools = made.on.tools
    one = begin(made.first, search=made.search, tools=tools)
    if analysed:
        services.record_analysis(made.first, examination=one, checklist=ANALYSIS, tools=tools)
        one.refresh_from_db()
    return one


def fields(said: str, **more: str) -> dict[str, str]:
    return {f"said-{one}": said for one in Component} | more


def test_every_photo_of_the_probe_can_be_looked_at_before_any_candidate(fused: Bench) -> None:
    one = begun(fused, analysed=False)
    client = client_of(fused.on, fused.first)
    here = f"/examinations/{one.pk}/"
    first = client.get(here).content.decode()
    assert "Photos of the probe" in first
    assert 'href="?probe=2"' in first
    assert client.get(f"{here}probe.jpg").status_code == 200
    assert client.get(f"{here}probe.jpg?photo=2&small=1").status_code == 200
    assert client.get(f"{here}probe.jpg?photo=3").status_code == 404
    second = client.get(f"{here}?probe=2").content.decode()
    assert "Probe, photo 2" in second
    assert f"{here}probe.jpg?photo=2" in second
    pictures = [client.get(f"{here}probe.jpg{query}").content for query in ("", "?photo=2")]
    assert all(len(picture) > 1000 for picture in pictures)


def test_a_candidate_is_compared_with_any_photo_of_the_probe(fused: Bench) -> None:
    one = begun(fused)
    client = client_of(fused.on, fused.first)
    here = f"/examinations/{one.pk}/A/"
    page = client.get(f"{here}?probe=2&photo=3").content.decode()
    assert "Probe, photo 2" in page
    assert "Candidate A, photo 3" in page
    # Each choice keeps the other one.
    assert 'href="?photo=3&amp;probe=1"' in page
    assert 'href="?probe=2&amp;photo=1"' in page
    assert 'data-probe="2" data-photo="3"' in page


def test_a_pin_says_which_photos_it_was_put_on(fused: Bench) -> None:
    one = begun(fused)
    client = client_of(fused.on, fused.first)
    here = f"/examinations/{one.pk}/A/"
    said = fields("similar", save="1", **{"pins-nose": "[[0.1,0.5,2,3]]"})
    answer = client.post(f"{here}?probe=2&photo=3", said)
    assert answer["Location"] == f"{here}?probe=2&photo=3"
    row = queries.comparison(one, "A")
    assert row.draft["checklist"]["marks"]["nose"]["pins"] == [[0.1, 0.5, 2, 3]]
    drawn = {
        page: re.sub(r"\s+", " ", client.get(f"{here}{page}").content.decode()).count(
            '<g class="pin" '
        )
        for page in ("", "?probe=2", "?photo=3", "?probe=2&photo=3")
    }
    assert drawn == {"": 0, "?probe=2": 1, "?photo=3": 1, "?probe=2&photo=3": 2}


def test_a_search_with_one_photo_offers_no_other(made: Bench) -> None:
    one = begun(made)
    page = client_of(made.on, made.first).get(f"/examinations/{one.pk}/A/").content.decode()
    assert "Photos of the probe" not in page


def test_a_control_in_the_place_of_a_search_with_several_photos_has_as_many(fused: Bench) -> None:
    one = control_of(fused)
    assert one.search_id is None
    played = photos.probes(one)
    assert len({each["photo"] for each in played}) == WITH
    shown = {face["photo"] for row in one.comparisons.all() for face in row.about["faces"]}
    assert shown.isdisjoint(each["photo"] for each in played)
    client = client_of(fused.on, fused.first)
    page = client.get(f"/examinations/{one.pk}/").content.decode()
    assert "Photos of the probe" in page
    assert client.get(f"/examinations/{one.pk}/probe.jpg?photo=2").status_code == 200


def test_where_nobody_has_photos_enough_the_search_itself_is_drawn(
    fused: Bench, monkeypatch: Any
) -> None:
    # With one other photo of a person that is looked at, none is left to be found.
    monkeypatch.setattr("countenance.apps.examinations.controls.MOST_OTHERS", 1)
    assert control_of(fused).search_id == fused.search.pk


def control_of(made: Bench) -> Any:
    """Return what is drawn when a control is due and only the search with several photos waits."""
    other = next(
        search
        for search in queries.waiting_searches(made.first, tools=made.on.tools)
        if search.pk != made.search.pk
    )
    begin(made.first, search=other, tools=made.on.tools)
    return taking.take_examination(made.first, tools=drawing(made, control=True))


def test_every_picture_is_of_one_size_and_the_page_says_nothing_of_the_photo_behind(
    made: Bench,
) -> None:
    one = begun(made)
    client = client_of(made.on, made.first)
    page = client.get(f"/examinations/{one.pk}/A/?others=1").content.decode()
    assert "matrix(" not in page
    assert "640" not in page
    assert "480" not in page
    links = set(re.findall(r'"(/examinations/[^"]+\.jpg[^"]*)"', page))
    sizes = {True: set(), False: set()}
    for href in links:
        picture = Image.open(io.BytesIO(client.get(href.replace("&amp;", "&")).content))
        assert (picture.format, dict(picture.getexif())) == ("JPEG", {})
        sizes["small" in href].add(picture.size)
    assert sizes[False] == {faceview.SIZE}
    assert len(sizes[True]) == 1


def test_a_page_asks_the_database_as_often_however_many_candidates_there_are(made: Bench) -> None:
    few = begun(made)
    made.search = made.another_search("ben", top=6)
    many = begun(made)
    client = client_of(made.on, made.first)
    asked = []
    for one in (few, many, few, many):
        with CaptureQueriesContext(connection) as queries_made:
            assert client.get(f"/examinations/{one.pk}/A/").status_code == 200
        asked.append(len(queries_made))
    assert asked[2] == asked[3]


def test_small_pictures_of_candidates_decode_no_photo(made: Bench, monkeypatch: Any) -> None:
    one = begun(made)
    client = client_of(made.on, made.first)
    client.get(f"/examinations/{one.pk}/A/")

    def decode(*_: Any, **__: Any) -> bytes:
        raise AssertionError("A photo is decoded for a small picture.")

    monkeypatch.setattr(FakeEngine, "lay", decode)
    monkeypatch.setattr(FakeEngine, "render", decode)
    assert client.get(f"/examinations/{one.pk}/B/1.jpg?small=1").status_code == 200


def test_a_bystander_in_a_small_picture_is_blurred(made: Bench) -> None:
    crowd = FakeEngine.photo("gus", shot=1, others=("hal",))
    source = factories.make_source(made.on, "A crowd")
    factories.enrol(made.on, made.gallery, source, [factories.incoming("gus/1.jpg", crowd, "gus")])
    made.search = made.another_search("gus", top=1)
    one = begun(made)
    row = queries.comparison(one, "A")
    tools = made.on.tools
    with photos.candidate_sides(made.first, row, tools=tools) as (sides, lent):
        side = sides[0]
        assert side.blur
        assert photos.small(side, tools=lent) != photos.Face.objects.get(pk=side.crop).crop
