"""The main job: photos in, ranked candidates out, every step on the ledger."""

from __future__ import annotations

from typing import Any

import factories
import pytest

from countenance.apps.records import queries as ledger
from countenance.apps.records.models import LedgerRow
from countenance.apps.searches import queries
from countenance.testing import FakeEngine


@pytest.fixture
def enrolled(deployment: Any) -> tuple[Any, Any]:
    source, gallery = factories.make_source(deployment), factories.make_gallery(deployment)
    factories.enrol(
        deployment, gallery, source, factories.people(["anna", "ben", "cleo"], shots=[1, 2])
    )
    return deployment, gallery


def test_the_right_subject_is_at_rank_one_with_its_other_photo_below(
    enrolled: tuple[Any, Any],
) -> None:
    deployment, gallery = enrolled
    case = factories.make_case(deployment)
    search = factories.search(deployment, case, [gallery], FakeEngine.photo("ben", shot=3))
    found = queries.candidates(queries.search(deployment.actor, search.pk))
    assert [one.rank for one in found] == [1, 2, 3]
    assert found[0].label == "ben"
    assert {face.details["path"] for face in found[0].faces} == {"ben/1.jpg", "ben/2.jpg"}
    assert found[0].best.similarity == pytest.approx(0.8, abs=0.05)
    assert found[0].best.source["owner"] == factories.PASSPORT["owner"]


def test_every_step_is_on_the_ledger_in_order_and_it_verifies(enrolled: tuple[Any, Any]) -> None:
    deployment, gallery = enrolled
    case = factories.make_case(deployment)
    search = factories.search(deployment, case, [gallery], FakeEngine.photo("ben", shot=3))
    actions = list(LedgerRow.objects.values_list("action", flat=True))
    assert actions == [
        "deployment.initialised",
        "agency.admitted",
        "person.added",
        "person.added",
        "person.added",
        "source.registered",
        "gallery.created",
        "enrolment.started",
        "photos.enrolled",
        "enrolment.finished",
        "authority.proposed",
        "authority.granted",
        "case.opened",
        "probe.added",
        "search.asked",
        "search.intended",
        "search.concluded",
    ]
    report = ledger.verify_ledger(deployment.tools.keyring)
    assert report.size == len(actions)
    receipt = queries.receipt(search)
    receipt.verify()
    assert receipt.index == len(actions) - 1
