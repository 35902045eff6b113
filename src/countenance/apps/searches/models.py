"""Probes and searches; everything said and found is sealed."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models

from countenance.apps.agencies.models import Agency, Person
from countenance.apps.cases.models import Case
from countenance.apps.records.sealed import ObjectSealedModel, SealedJSON, SealedModel, SealedText
from countenance.sealing.kinds import KeyKind


class Probe(ObjectSealedModel):
    """A photo to be searched with, in a case. Its bytes are a sealed object of the same id.

    `details` holds file name, size, format and the faces found (box, landmarks, score, quality).
    """

    seal_kind: ClassVar[KeyKind] = KeyKind.PROBE

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="probes")
    details = SealedJSON()
    added_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField()


class SearchState(models.TextChoices):
    """How far a search is; it only moves down this list, and only once."""

    INTENDED = "intended"  # on the ledger, nothing asked of the index yet
    CONCLUDED = "concluded"  # outcome on the ledger
    ABORTED = "aborted"  # ended without an outcome; counted as a search all the same


class Search(SealedModel):
    """One search: who asked what and why, and what came of it.

    `request` holds face, galleries, number of candidates and threshold; `outcome` the answer and, for
    each candidate, ids and similarity only: what they stand for is read when it is shown, so that an
    erased photo is gone from old searches too.
    """

    seal_kind: ClassVar[KeyKind] = KeyKind.CASE

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="searches")
    probe = models.ForeignKey(Probe, on_delete=models.PROTECT, related_name="searches")
    state = models.CharField(max_length=16, choices=SearchState.choices)
    reason = SealedText()
    request = SealedJSON()
    outcome = SealedJSON(null=True)
    asked_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    intended_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
