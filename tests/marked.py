"""Photos of a case with faces that are found, missed and marked; used by the tests of marks and of copies."""

from __future__ import annotations

from typing import Any

import factories
import pytest

from countenance.apps.records.models import LedgerRow
from countenance.apps.searches import evidence, marking, services
from countenance.apps.searches.models import Probe
from countenance.testing import FakeEngine

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


def add(on: Any, photo: bytes = TWO) -> Probe:
    return evidence.add_probe(
        on.actor, case=on.case, upload=photo, file_name="p.jpg", tools=on.tools
    )


def mark(on: Any, probe: Probe, box: Any = AROUND, actor: Any = None) -> Probe:
    return marking.mark_face(actor or on.actor, probe=probe, box=box, tools=on.tools)


def run(on: Any, probe: Probe, face: int | None, **more: Any) -> Any:
    return services.run_search(
        on.examiner,
        probe=probe,
        face=face,
        galleries=[on.gallery],
        reason=REASON,
        tools=on.tools,
        **more,
    )


def last() -> LedgerRow:
    return LedgerRow.objects.order_by("-index")[0]
