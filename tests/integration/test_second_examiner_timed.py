"""Nothing that a second examiner could measure tells whether the first one has recorded, or has not begun.

Searches come in twins: of the same photo, with the same candidates. Of one of them the first examiner has
recorded everything, of the other one nothing. The second examiner draws either, in an order that is drawn,
and works through the web up to the last conclusion but one; the last one combines both, so it may well tell.
There are 75 pairs of them, and 150 in `make attack`, which sets TELLING_PAIRS.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from clients import client_of
from django.test import Client
from django.urls import reverse
from examining import NAMES, Bench, bench, examine
from telling import Gathered, check_told_by_nothing, forget, let_wait, measured

from countenance.apps.examinations import taking
from countenance.apps.examinations.models import Examination
from countenance.examination.components import Answer, Component, Visibility
from countenance.examination.scale import Conclusion

CANDIDATES = 2
"""One to conclude of, and the last one."""
ANALYSED = {f"said-{one}": str(Visibility.CLEAR) for one in Component} | {"record": "1"}
COMPARED = {f"said-{one}": str(Answer.SIMILAR) for one in Component}
CONCLUDED = COMPARED | {"conclusion": str(Conclusion.NEITHER), "record": "1"}


@pytest.fixture
def made(deployment: Any) -> Bench:
    return bench(deployment, top=CANDIDATES)


def look(made: Bench, client: Client) -> dict[str, float]:
    """Draw an examination and work through it but for its last conclusion; return what was measured."""
    found: dict[str, float] = {}
    with measured(found, "take") as got:
        got.append(client.post(reverse("examination_next")))
    one = Examination.objects.get(examiner=made.second.person)
    page = reverse("examination", args=[one.pk])
    with measured(found, "probe alone") as got:
        got.append(client.get(page))
    with measured(found, "analysed") as got:
        got.append(client.post(page, ANALYSED))
    where = reverse("comparison", args=[one.pk, "A"])
    with measured(found, "candidate") as got:
        got.append(client.get(where))
    with measured(found, "concluded") as got:
        got.append(client.post(where, CONCLUDED))
    assert {value for name, value in found.items() if "status" in name} == {200, 302}
    assert one.comparisons.filter(recorded_at=None).count() == 1
    return found


def gathered(made: Bench, seed: int, pairs: int) -> Gathered:
    """Return what was measured where the first examiner recorded and where not, in pairs in a drawn order."""
    luck, client = random.Random(seed), client_of(made.on, made.second)
    twins = []
    for name in NAMES:
        shot = 9 + luck.randrange(9)
        recorded, untouched = (
            made.another_search(name, shot=shot, top=CANDIDATES) for _ in range(2)
        )
        examine(made.first, recorded, tools=made.on.tools)
        twins.append({True: recorded.pk, False: untouched.pk})
    rows, truth = [], []
    for pair in range(-3, pairs):  # the first ones warm up
        both = luck.choice(twins)
        for kind in luck.sample((False, True), 2):
            let_wait(both[kind])
            found = look(made, client)
            one = Examination.objects.get(examiner=made.second.person)
            assert one.search_id == both[kind]
            forget(one)
            if pair >= 0:
                rows.append(found)
                truth.append(kind)
    return Gathered.of(rows, truth)


@pytest.mark.slow
@pytest.mark.timeout(3600)  # a minute, but where chance asks for a thousand fresh pairs
def test_no_classifier_tells_whether_the_first_examiner_has_recorded_also_not_by_time(
    made: Bench, monkeypatch: Any
) -> None:
    monkeypatch.setattr(taking, "is_control_due", lambda *_, **__: False)
    check_told_by_nothing(lambda seed, pairs: gathered(made, seed, pairs))
