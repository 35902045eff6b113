"""Leads; whom they are about and what they stand on is sealed."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models

from countenance.apps.agencies.models import Agency, Person
from countenance.apps.cases.models import Case
from countenance.apps.records.sealed import ObjectSealedModel, SealedJSON
from countenance.apps.searches.models import Search
from countenance.errors import SealBroken
from countenance.sealing.kinds import KeyKind


class Outcome(models.TextChoices):
    """What became of a lead, as its investigator says."""

    RIGHT = "right", "It was this person"
    WRONG = "wrong", "It was somebody else"
    UNKNOWN = "unknown", "It could not be found out"
    NO_ACTION = "no_action", "Nothing was done with it"


class Lead(ObjectSealedModel):
    """One candidate of one search that a supervisor released to the case's investigator.

    `details` holds the links, the candidate (subject, rank, similarity, face, photo, gallery), the
    comparisons that it stands on, the waiver if one did, and `paper`: everything that is printed except
    the photos, as it was when it was released. `outcome` holds what became of it, why, who says so, and
    when; the last one counts, and what was said `before` stays beside it. `independent` lists evidence that
    does not come from the search: what, who says so, and when. `withdrawn` holds why nobody may act on it
    any more, who says so, and when. All of it is under the row's own key, which a purge of the search
    destroys.
    """

    seal_kind: ClassVar[KeyKind] = KeyKind.CASE

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="leads")
    search = models.ForeignKey(Search, on_delete=models.PROTECT, related_name="leads")
    number = models.PositiveIntegerField()
    details = SealedJSON()
    outcome = SealedJSON(null=True)
    independent = SealedJSON(null=True)
    withdrawn = SealedJSON(null=True)
    released_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    released_at = models.DateTimeField()
    outcome_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("agency", "number"), name="one_lead_a_number"),
        )
        indexes = (models.Index(fields=("case", "outcome_at")),)

    @property
    def links(self) -> dict[str, str | int]:
        """Return what the row names in clear, as it is sealed in `details`."""
        return {
            "case": str(self.case_id),
            "search": str(self.search_id),
            "number": self.number,
            "released_by": str(self.released_by_id),
            "released_at": self.released_at.isoformat(),
        }

    @property
    def destroyed(self) -> bool:
        """Say whether what it says was destroyed with what its search found."""
        return self.object_key is None

    def check_links(self) -> None:
        """Check that the columns in clear say what is sealed.

        Raises:
            SealBroken: somebody changed them.
        """
        told = [None if said is None else said["at"] for said in (self.outcome, self.withdrawn)]
        plain = [
            None if at is None else at.isoformat() for at in (self.outcome_at, self.withdrawn_at)
        ]
        if self.details["links"] != self.links or told != plain:
            raise SealBroken("A lead is filed under a case, search or person it is not of.")
