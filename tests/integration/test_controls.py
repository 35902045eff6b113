"""Controls: an examiner's error is measured as it is, and no page tells a control from a search."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from typing import Any

import pytest
from clients import client_of
from django.urls import reverse
from examining import ANALYSIS, Bench, bench, conclude_all

from countenance.apps.examinations import queries, services, standings, taking
from countenance.apps.examinations.image_views import CANVAS_BYTES, SMALL_BYTES
from countenance.apps.examinations.models import Examination, ExaminationState
from countenance.examination.scale import Conclusion
from countenance.policy import Role

ERROR = 0.2
CONTROLS = 12


@pytest.fixture
def made(deployment: Any) -> Bench:
    return bench(deployment)


def drawing(made: Bench, *, control: bool) -> Any:
    """Return tools whose draw of whether a control is due comes out as wished; all else is drawn."""
    tools, chance = made.on.tools, 0 if control else 255

    def token_bytes(length: int) -> bytes:
        if length == taking.DRAW_BYTES:
            return bytes([chance]) * length
        drawn: bytes = tools.token_bytes(length)
        return drawn

    return replace(tools, token_bytes=token_bytes)


def test_an_examiner_with_one_error_in_five_is_measured_so_within_the_interval(
    made: Bench,
) -> None:
    tools, luck = drawing(made, control=True), random.Random(20260503)
    errs = 0
    for _ in range(CONTROLS):
        one = taking.take_examination(made.first, tools=tools)
        assert one.search_id is None

        def concluding(row: Any, one: Examination = one) -> Conclusion:
            nonlocal errs
            wrong = luck.random() < ERROR
            errs += wrong
            mated = row.about["subject"] == one.control["subject"]
            return Conclusion.SAME if mated != wrong else Conclusion.OTHER

        conclude_all(made.first, one, tools=tools, concluding=concluding)
    found = standings.measured(made.first.person, agency=made.first.agency)
    assert (found.all_wrong.wrong, found.all_wrong.of) == (errs, 4 * CONTROLS)
    assert found.all_wrong.low <= ERROR <= found.all_wrong.high
    assert found.false_same.of + found.false_other.of == found.all_wrong.of
    assert 0 < found.false_other.of < found.all_wrong.of


def test_the_share_of_controls_is_that_of_the_pack(made: Bench) -> None:
    share = taking.controls_share(made.first)
    assert share == pytest.approx(0.1)
    draws = [made.on.tools.token_bytes(taking.DRAW_BYTES) for _ in range(4000)]
    due = sum(taking.is_control_due(one, share=share) for one in draws)
    assert 300 < due < 500  # five standard deviations to either side


def plain(page: str, code: str) -> str:
    """Return a page without ids, tokens, times and its drawn code."""
    page = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9A-Za-z]{32,}", "id", page)
    page = re.sub(r'<span class="tag">[^<]*<span class="sr"> waiting</span></span>', "", page)
    page = re.sub(r'no\. [^<,]+|<span class="id">[^<]*</span>|\d{1,2}:\d{2}', "n", page)
    return page.replace(code, "CODE")


def pages_of(made: Bench, number: int, *, control: bool) -> tuple[list[str], list[dict[str, str]]]:
    """Return every page of an examination that an examiner took, and the headers of its photos."""
    actor = made.examiner(number)
    one = taking.take_examination(actor, tools=drawing(made, control=control))
    assert (one.search_id is None) == control
    client = client_of(made.on, actor)
    paths = [reverse("examination", args=[one.pk]), reverse("examinations"), reverse("inbox")]
    shown = [client.get(path).content.decode() for path in paths]
    services.record_analysis(actor, examination=one, checklist=ANALYSIS, tools=made.on.tools)
    for letter in "ABCD":
        where = reverse("comparison", args=[one.pk, letter])
        shown += [
            client.get(where).content.decode(),
            client.get(f"{where}?others=1").content.decode(),
        ]
    shown.append(client.get(reverse("search", args=[made.search.pk])).content.decode())
    images = [reverse("examination_probe", args=[one.pk])]
    images += [reverse("comparison_photo", args=[one.pk, letter, 1]) for letter in "ABCD"]
    images += [f"{path}?{wanted}=1" for path in images for wanted in ("small", "original")]
    headers = [dict(client.get(path).headers) for path in images]
    for found in headers:
        assert int(found["Content-Length"]) in {SMALL_BYTES, CANVAS_BYTES}
        for name in ("Content-Security-Policy", "X-Request-ID", "Set-Cookie"):
            found.pop(name, None)
    return [plain(page, one.about["code"]) for page in shown], headers


def test_the_pages_of_a_control_are_to_the_byte_those_of_an_examination_of_a_search(
    made: Bench,
) -> None:
    """Whatever a classifier is given of these pages, it does no better than tossing a coin."""
    real, real_headers = pages_of(made, 0, control=False)
    control, control_headers = pages_of(made, 1, control=True)
    assert real_headers == control_headers
    for one, other in zip(real, control, strict=True):
        # How many photos a person has is the person's; that of a mate lacks the one that plays the probe.
        assert without_others(one) == without_others(other)


def without_others(page: str) -> str:
    page = re.sub(
        r'<section class="[^"]*"><h2>Photos of this candidate.*?</section>',
        "",
        page,
        flags=re.DOTALL,
    )
    return re.sub(r'<p><a href="[^"]*">Other photos of this candidate</a></p>', "", page)


def test_the_place_of_the_one_who_looks_most_alike_is_drawn_alike(made: Bench) -> None:
    """Rank 1 lies anywhere in both, so its letter tells nothing."""
    places: dict[bool, list[int]] = {True: [], False: []}
    for control in (True, False):
        for n in range(10):
            if not control:
                made.another_search(shot=40 + n)
            actor = made.examiner(0)
            one = taking.take_examination(actor, tools=drawing(made, control=control))
            row = next(row for row in queries.comparisons(one) if row.about["rank"] == 1)
            places[control].append(row.place)
            Examination.objects.filter(pk=one.pk).update(state=ExaminationState.ENDED)
    assert all(len(set(found)) > 1 for found in places.values())


def test_an_auditor_reads_every_examiners_figures_and_an_examiner_only_their_own(
    made: Bench,
) -> None:
    from factories import acting

    from countenance.apps.agencies.models import Person
    from countenance.apps.examinations import viewing
    from countenance.errors import NotFound

    one = taking.take_examination(made.first, tools=drawing(made, control=True))
    conclude_all(made.first, one, tools=made.on.tools)
    first = Person.objects.get(pk=made.first.person)
    auditor = acting(made.on, Role.AUDITOR)
    for actor in (made.first, auditor):
        found = viewing.view_measured(actor, person=first, tools=made.on.tools)
        assert found.undecided.of == 4
    with pytest.raises(NotFound):
        viewing.view_measured(made.second, person=first, tools=made.on.tools)
    page = client_of(made.on, auditor).get(reverse("controls")).content.decode()
    assert "How examiners answer controls" in page
    assert "rests on few of them" in page
    assert "%" not in page.split("<main", 1)[1].split("</main", 1)[0]
