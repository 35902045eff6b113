"""Cases; everything in them is sealed."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models

from countenance.apps.agencies.models import Agency, Person
from countenance.apps.records.sealed import SealedModel, SealedText
from countenance.policy import CaseFacts
from countenance.sealing.kinds import KeyKind


class Case(SealedModel):
    """What searches are for: a reference that is unique in the agency, a purpose and a reason."""

    seal_kind: ClassVar[KeyKind] = KeyKind.CASE

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    reference = SealedText()
    reference_index = models.BinaryField()
    purpose = SealedText()
    reason = SealedText()
    opened_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    closing_reason = SealedText(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("agency", "reference_index"), name="one_case_a_reference"
            ),
        )

    @property
    def facts(self) -> CaseFacts:
        """Return what policy needs to know."""
        return CaseFacts(agency=self.agency_id, closed=self.closed_at is not None)
