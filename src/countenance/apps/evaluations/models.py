"""Evaluations and their trials, operating points, and the non-mates that a selftest searches for.

What a number says is sealed; the few plain columns beside it are for queries, and are compared with the
sealed ones before anything is done with a row. Evaluations and operating points are sealed with the key
that a grant lends, because whoever searches a granted gallery does so at its owner's operating point.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from django.db import models

from countenance.apps.agencies.models import Agency
from countenance.apps.galleries.models import Gallery
from countenance.apps.records.sealed import (
    ObjectSealedModel,
    SealedBytes,
    SealedJSON,
    SealedModel,
)
from countenance.errors import TamperDetected
from countenance.sealing.kinds import KeyKind


class SampleKind(StrEnum):
    """What was searched with."""

    SAMPLE = "sample"  # photos of people whom somebody labelled; nothing of them is kept
    GALLERY = "gallery"  # each photo of a gallery's subjects who have several, left out in turn
    SELFTEST = "selftest"  # photos of people who are known not to be in the gallery


class Evaluation(SealedModel):
    """One measurement, and what it was made of and for.

    `details` says what was measured: kind, gallery, made_by, made_at, model, licence, settings, sample (in
    words), version (of the gallery), photos, and of a selftest what was predicted and found. `numbers` is
    the canonical JSON of `evaluation.report.Evaluation`: shares and counts, of nobody in particular; of a
    selftest, of which only a blurred count is kept, they are empty.
    """

    seal_kind: ClassVar[KeyKind] = KeyKind.INDEX

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    gallery = models.ForeignKey(Gallery, on_delete=models.PROTECT, null=True, related_name="+")
    kind = models.CharField(max_length=16)
    made_by = models.UUIDField()
    made_at = models.DateTimeField()
    details = SealedJSON()
    numbers = SealedBytes()

    class Meta:
        indexes = (models.Index(fields=("agency", "made_at"), name="evaluations_of_an_agency"),)

    def check_links(self) -> None:
        """Check that the plain columns are what was sealed.

        Raises:
            TamperDetected: somebody changed one.
        """
        gallery = self.details["gallery"]
        _compare(
            self,
            kind=self.details["kind"],
            gallery_id=None if gallery is None else UUID(gallery),
            made_by=UUID(self.details["made_by"]),
            made_at=datetime.fromisoformat(self.details["made_at"]),
        )


class KeptTrials(ObjectSealedModel):
    """The trials of an evaluation, so that it can be made again: a sealed object of the same id.

    They hold similarities, groups, and for each person a running number that was drawn for this evaluation
    and from which nothing leads back to a subject or a photo. What a steward labelled one person with stands
    together, and may be that person's alone: so the groups of a gallery's own photos never leave in a file, and
    its trials are destroyed when anybody is removed from it; the evaluation's numbers stay.
    """

    # Not a key that a grant lends: a search needs the numbers only.
    seal_kind: ClassVar[KeyKind] = KeyKind.PROBE

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    evaluation = models.OneToOneField(Evaluation, on_delete=models.CASCADE, related_name="kept")

    def seal_agency(self) -> UUID | None:
        """Return the evaluation's agency."""
        return self.evaluation.agency_id


class OperatingPoint(SealedModel):
    """The wanted FPIR of a gallery and the evaluation that it rests on; the gallery's terms name the present one.

    `details` holds gallery, evaluation, wanted_fpir, subjects (when it was set), set_by, set_at. None is
    ever changed or deleted, so that what an earlier search was run at can be told.
    """

    seal_kind: ClassVar[KeyKind] = KeyKind.INDEX
    ON_LEDGER: ClassVar[frozenset[str]] = frozenset({"details"})

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    gallery = models.ForeignKey(Gallery, on_delete=models.PROTECT, related_name="+")
    evaluation = models.ForeignKey(Evaluation, on_delete=models.PROTECT, related_name="+")
    set_by = models.UUIDField()
    set_at = models.DateTimeField()
    details = SealedJSON()

    class Meta:
        indexes = (models.Index(fields=("gallery", "set_at"), name="points_of_a_gallery"),)

    def check_links(self) -> None:
        """Check that the plain columns are what was sealed.

        Raises:
            TamperDetected: somebody changed one.
        """
        _compare(
            self,
            gallery_id=UUID(self.details["gallery"]),
            evaluation_id=UUID(self.details["evaluation"]),
            set_by=UUID(self.details["set_by"]),
            set_at=datetime.fromisoformat(self.details["set_at"]),
        )

    @property
    def wanted_fpir(self) -> float:
        """Return the wanted FPIR, from what two people agreed on."""
        return float(self.details["wanted_fpir"])


class NonMates(ObjectSealedModel):
    """Templates of people known not to be in a gallery, for selftests to come; never their photos.

    The templates are a sealed object of the same id, and are destroyed with the key after the last day.
    `details` holds gallery, until, photos, model, made_by, made_at.
    """

    # Not a key that a grant lends: nobody else searches with them.
    seal_kind: ClassVar[KeyKind] = KeyKind.PROBE

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    gallery = models.ForeignKey(Gallery, on_delete=models.PROTECT, related_name="+")
    until = models.DateField()
    made_by = models.UUIDField()
    made_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    details = SealedJSON(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("gallery",),
                condition=models.Q(ended_at=None),
                name="one_sample_of_non_mates_a_gallery",
            ),
        )

    def check_links(self) -> None:
        """Check that the plain columns are what was sealed.

        Raises:
            TamperDetected: somebody changed one.
        """
        _compare(
            self,
            gallery_id=UUID(self.details["gallery"]),
            until=date.fromisoformat(self.details["until"]),
            made_by=UUID(self.details["made_by"]),
            made_at=datetime.fromisoformat(self.details["made_at"]),
        )


def _compare(row: Any, **sealed: object) -> None:
    for name, value in sealed.items():
        if getattr(row, name) != value:
            raise TamperDetected
