"""Labels of subjects that differ in case only, in one batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import factories

from countenance.apps.galleries.models import Subject
from countenance.testing import FakeEngine


def test_given_labels_that_differ_in_case_only_are_one_subject(deployment: Any) -> None:
    source, gallery = factories.make_source(deployment), factories.make_gallery(deployment)
    run = factories.enrol(deployment, gallery, source, factories.people(["Anna", "anna"]))
    assert run.enrolled == 2
    assert Subject.objects.filter(gallery=gallery).count() == 1


def test_derived_labels_that_differ_in_case_only_are_two_subjects(deployment: Any) -> None:
    source, gallery = factories.make_source(deployment), factories.make_gallery(deployment)
    for shot in (1, 2):
        photos = [
            replace(
                factories.incoming(f"{name}.jpg", FakeEngine.photo(name, shot=shot), name),
                subject_given=False,
            )
            for name in ("Scan", "scan")
        ]
        assert factories.enrol(deployment, gallery, source, photos).enrolled == 2
    labels = [one.label for one in Subject.objects.filter(gallery=gallery)]
    assert sorted(labels) == ["Scan", "Scan (3)", "scan (2)", "scan (4)"]
