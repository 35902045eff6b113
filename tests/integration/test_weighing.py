"""What similarities weigh: shown of an examination that is recorded, and nothing of it ever before."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import factories
import measured
import pytest
from clients import client_of, prove
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from examining import ANALYSIS, NAMES, begin, conclude_all
from matrix_world import grant_to

from countenance.apps.agencies.models import Agency
from countenance.apps.evaluations import points
from countenance.apps.evaluations.models import Evaluation
from countenance.apps.examinations import queries, services, weighing
from countenance.apps.galleries import grants
from countenance.apps.galleries.models import GalleryGrant
from countenance.apps.searches import modes
from countenance.apps.searches.models import Search
from countenance.policy import Role, SearchMode
from countenance.testing import FakeEngine

WEIGHED = "What the similarities weigh"
UNMEASURED = "Not measured for this search."
WHY = "Reported missing on 3 May"


@pytest.fixture
def ready(deployment: Any) -> Any:
    gallery = factories.make_gallery(deployment)
    source = factories.make_source(deployment)
    factories.enrol(deployment, gallery, source, factories.people(NAMES, shots=(1, 2)))
    deployment.gallery, deployment.case = gallery, factories.make_case(deployment)
    return deployment


def lax(on: Any) -> None:
    """Let a search at the operating point return several people."""
    found = measured.trials(on.tools.engine.model, strangers_at=-0.4)
    measured.set_point(on, on.gallery, evaluation=measured.evaluated(on, on.gallery, found=found))


def search(on: Any, **wishes: Any) -> Search:
    photo = FakeEngine.photo("anna", shot=9)
    found: Search = factories.search(on, on.case, [on.gallery], photo, top=4, **wishes)
    return found


def text(client: Any, *where: Any) -> str:
    page = client.get(reverse(where[0], args=where[1:])).content.decode()
    return " ".join(page.split())


@pytest.mark.parametrize("mode", list(SearchMode))
def test_an_open_examination_shows_and_asks_nothing_of_it(
    ready: Any, monkeypatch: pytest.MonkeyPatch, mode: SearchMode
) -> None:
    lax(ready)
    found = search(ready, mode=mode)
    assert len(found.outcome["candidates"]) == 4
    examiner = factories.acting(ready, Role.EXAMINER)
    one = begin(examiner, search=found, tools=ready.tools)
    client = client_of(ready, examiner)
    asked: list[object] = []
    monkeypatch.setattr(points, "_measured", lambda *given: asked.append(given))
    similarities = [
        f"{face['similarity']:.3f}"
        for found in found.outcome["candidates"]
        for face in found["faces"]
    ]
    secrets = [WEIGHED, "times as often", "At this setting", "operating point", *similarities]
    secrets += [f"{found.request['point']['threshold'][:6]}", str(Evaluation.objects.get().pk)]
    with CaptureQueriesContext(connection) as captured:
        pages = [text(client, "examination", one.pk)]
        services.record_analysis(examiner, examination=one, checklist=ANALYSIS, tools=ready.tools)
        one = queries.examination(examiner, one.pk)
        pages += [
            text(client, "comparison", one.pk, row.about["letter"])
            for row in queries.comparisons(one)
        ]
        pages += [
            text(client, "search", found.pk),
            text(client, "examinations"),
            text(client, "inbox"),
        ]
    assert [word for page in pages for word in secrets if word in page] == []
    assert [one["sql"] for one in captured if "evaluations_" in one["sql"]] == []
    assert asked == []


def test_once_it_is_recorded_each_similarity_is_weighed_with_its_cap_in_words(ready: Any) -> None:
    lax(ready)
    found = search(ready)
    examiner = factories.acting(ready, Role.EXAMINER)
    one = conclude_all(
        examiner, begin(examiner, search=found, tools=ready.tools), tools=ready.tools
    )
    page = text(client_of(ready, examiner), "examination", one.pk)
    assert WEIGHED in page
    abouts = [row.about for row in queries.comparisons(one)]
    best = max(row.get("similarity", row["faces"][0]["similarity"]) for row in abouts)
    assert (
        f"A similarity of {best:.3f} is seen at least 200 times as often between two photos of one person"
        in page
    )
    assert "The evaluation is too small to say more." in page
    assert (
        "This evaluation can say nothing beyond 200 times less often and 200 times as often."
        in page
    )
    assert "It is not how likely it is that two photos show one person" in page
    assert modes.error_of(found) in page
    assert page.count("<dt>Candidate ") == 4
    chart = page.split('<figure class="chart drawn">')[1].split("</figure>")[0]
    assert "Your candidates: " in chart
    written = re.findall(r'class="words strong"[^>]*>([A-Z ]+)<', chart)
    assert sorted(" ".join(written).split()) == list("ABCD")
    assert "Mates: 600 between" in chart


def test_a_list_from_galleries_with_an_operating_point_is_weighed_too(ready: Any) -> None:
    lax(ready)
    found = search(ready, mode=SearchMode.INVESTIGATION)
    examiner = factories.acting(ready, Role.EXAMINER)
    one = conclude_all(
        examiner, begin(examiner, search=found, tools=ready.tools), tools=ready.tools
    )
    page = text(client_of(ready, examiner), "examination", one.pk)
    assert "times as often between two photos of one person" in page
    assert modes.ALWAYS in page


def test_letters_that_would_touch_are_written_together_and_many_are_counted() -> None:
    near = [(100.0, "A"), (103.0, "B"), (200.0, "C")]
    assert weighing._labels(near) == [(101.5, "A B"), (200.0, "C")]
    assert weighing._labels([(float(n), str(n)) for n in range(6)]) == [(2.5, "6 of them")]


def test_without_a_measurement_it_says_so_and_an_evaluation_that_is_gone_weighs_nothing(
    ready: Any,
) -> None:
    examiner = factories.acting(ready, Role.EXAMINER)
    found = search(ready)
    one = conclude_all(
        examiner, begin(examiner, search=found, tools=ready.tools), tools=ready.tools
    )
    assert UNMEASURED in text(client_of(ready, examiner), "examination", one.pk)
    lax(ready)
    later = search(ready)
    later.request["point"]["evaluation"] = str(found.pk)
    assert weighing.weigh(later, [("A", 0.5)]) is None


def test_a_granted_gallery_is_searched_and_weighed_at_its_owners_operating_point(
    ready: Any,
) -> None:
    """With the grantee's own keys, as each request has them, until the grant has ended."""
    lax(ready)
    stranger = factories.other_agency(ready)
    theirs = Agency.objects.get(pk=stranger.agency)
    grant = GalleryGrant.objects.get(pk=grant_to(ready, ready.gallery, theirs))
    on = SimpleNamespace(tools=ready.tools, actor=stranger, agency=theirs)
    on.examiner, on.supervisor = (
        factories.acting(on, one) for one in (Role.EXAMINER, Role.SUPERVISOR)
    )
    case = factories.make_case(on, "B-1")
    probe = factories.ask(on, case, [ready.gallery], FakeEngine.photo("anna", shot=9))
    examiner = client_of(on, on.examiner)
    asked = {"face": "0", "galleries": [str(ready.gallery.pk)], "reason": WHY, "top": "4"}
    checked = examiner.post(reverse("search_check", args=[probe.pk]), asked).content.decode()
    assert 'value="identification" checked' in checked
    prove(examiner, ready)
    assert examiner.post(reverse("search_run", args=[probe.pk]), asked).status_code == 302
    found = Search.objects.get(case=case)
    assert found.request["mode"] == SearchMode.IDENTIFICATION
    one = conclude_all(
        on.examiner, begin(on.examiner, search=found, tools=ready.tools), tools=ready.tools
    )
    assert "times as often between two photos" in text(examiner, "examination", one.pk)
    grants.end_grant(ready.actor, grant=grant, reason="The child was found", tools=ready.tools)
    ended = examiner.get(reverse("examination", args=[one.pk]))
    assert "times as often between two photos" not in ended.content.decode()
