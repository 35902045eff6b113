"""How many people a search is made among: not counted anew for each change of a large gallery."""

from __future__ import annotations

from typing import Any

import factories
import measuring as made
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from countenance.apps.evaluations import points
from countenance.apps.galleries.models import Gallery


def test_subjects_are_counted_anew_once_one_in_so_many_may_have_come_or_gone(
    deployment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(points, "ONE_IN", 5)
    gallery = made.filled(deployment, made.names(20))
    source = factories.make_source(deployment, "more")
    today = deployment.tools.clock().date()

    def subjects() -> tuple[int, bool]:
        with CaptureQueriesContext(connection) as asked:
            found = points.subjects_of(Gallery.objects.get(), today=today)
        return found, any("COUNT(DISTINCT" in one["sql"] for one in asked)

    assert subjects() == (20, True)
    assert subjects() == (20, False)
    factories.enrol(deployment, gallery, source, factories.people(["a", "b", "c"]))
    assert subjects() == (20, False)
    factories.enrol(deployment, gallery, source, factories.people(["d", "e"]))
    assert subjects() == (25, True)


def test_a_small_gallery_is_counted_at_each_change(deployment: Any) -> None:
    gallery = made.filled(deployment, made.names(20))
    today = deployment.tools.clock().date()
    assert points.subjects_of(gallery, today=today) == 20
    factories.enrol(
        deployment,
        gallery,
        factories.make_source(deployment, "more"),
        factories.people(["one more"]),
    )
    assert points.subjects_of(Gallery.objects.get(), today=today) == 21
