"""Examinations and comparisons; what was seen, said and known beforehand is sealed."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.db import models

from countenance.apps.agencies.models import Agency, Person
from countenance.apps.records.sealed import ObjectSealedModel, SealedJSON, SealedModel
from countenance.apps.searches.models import Search
from countenance.errors import SealBroken
from countenance.sealing.kinds import KeyKind


class ExaminationState(models.TextChoices):
    """How far an examination is; it only moves down this list."""

    OPEN = "open"
    RECORDED = "recorded"  # all its comparisons have a conclusion
    ENDED = "ended"  # given up, or its search was closed or purged before


class Examination(ObjectSealedModel):
    """One examiner's examination of all candidates of a search, or of a control that looks like one.

    `about` holds the links, `probe` (which photo plays it: a probe and its face, or an enrolled face),
    `code` (what the examiner sees instead of a case), `control`: None, or what is known beforehand, and
    `instead_of`: the search in whose place a control is.
    `draft` and `analysis` are what is said of the probe alone, before and after it is recorded. All of it
    is under the row's own key, which a purge of the search destroys.
    """

    seal_kind: ClassVar[KeyKind] = KeyKind.CASE

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    search = models.ForeignKey(
        Search, on_delete=models.PROTECT, null=True, related_name="examinations"
    )
    examiner = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=16, choices=ExaminationState.choices)
    about = SealedJSON()
    draft = SealedJSON(null=True)
    analysis = SealedJSON(null=True)
    begun_at = models.DateTimeField()
    analysed_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("search", "examiner"), name="one_examination_each"),
        )
        indexes = (models.Index(fields=("agency", "examiner", "state")),)

    @property
    def links(self) -> dict[str, str | None]:
        """Return what the row names in clear, as it is sealed in `about`."""
        return {
            "search": None if self.search_id is None else str(self.search_id),
            "examiner": str(self.examiner_id),
            "state": str(self.state),
        }

    @property
    def place_of(self) -> uuid.UUID:
        """Return the search that this is of, or in whose place this control is: both are looked at alike."""
        return self.search_id or uuid.UUID(self.about["instead_of"])

    @property
    def control(self) -> dict[str, Any] | None:
        """Return what is known beforehand of a control; None for an examination of a search."""
        known: dict[str, Any] | None = self.about["control"]
        return known

    def check_links(self) -> None:
        """Check that search, examiner and state, kept in clear for queries, are the sealed ones.

        Raises:
            SealBroken: somebody changed them.
        """
        if self.about["links"] != self.links:
            raise SealBroken(
                "An examination is filed under a search or person it is not of, or in another state."
            )

    def move(self, state: ExaminationState) -> None:
        """Put it into another state, in clear and sealed; the caller saves both columns."""
        self.state = state
        self.about = {**self.about, "links": self.links}


class Comparison(ObjectSealedModel):
    """One candidate of one examination: its place in the drawn order, and what was said of it.

    `about` holds the links, the letter, and the candidate (subject, faces with photo and similarity, rank
    from 1): none of it is shown before the examination is recorded. `draft` is what was saved on the way;
    `said` the recorded checklist and conclusion, which nothing changes: `follows` names the one that this
    takes the place of, after a consolidation, for a reason.
    """

    seal_kind: ClassVar[KeyKind] = KeyKind.CASE

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    examination = models.ForeignKey(
        Examination, on_delete=models.PROTECT, related_name="comparisons"
    )
    place = models.PositiveSmallIntegerField()
    about = SealedJSON()
    draft = SealedJSON(null=True)
    said = SealedJSON(null=True)
    follows = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="followed_by"
    )
    recorded_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("examination", "place"),
                condition=models.Q(follows=None),
                name="one_candidate_a_place",
            ),
        )

    @property
    def links(self) -> dict[str, str | None]:
        """Return what the row names in clear, as it is sealed in `about`."""
        follows = None if self.follows_id is None else str(self.follows_id)
        return {"examination": str(self.examination_id), "follows": follows}

    def check_links(self) -> None:
        """Check that the examination, and what this follows, are the sealed ones.

        Raises:
            SealBroken: somebody changed them.
        """
        if self.about["links"] != self.links:
            raise SealBroken("A comparison is filed under an examination it is not of.")


class Closing(SealedModel):
    """That a search was closed: all its candidates were compared, or somebody says why they are not."""

    seal_kind: ClassVar[KeyKind] = KeyKind.CASE

    search = models.OneToOneField(
        Search, on_delete=models.PROTECT, primary_key=True, related_name="closing"
    )
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    # Null: the program closed it, because nothing was left to do.
    by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    details = SealedJSON()  # compared: bool, reason: text, and the links once more
    at = models.DateTimeField()

    @property
    def links(self) -> dict[str, str | None]:
        """Return what the row names in clear, as it is sealed in `details`."""
        return {
            "search": str(self.search_id),
            "by": None if self.by_id is None else str(self.by_id),
            "at": self.at.isoformat(),
        }

    def check_links(self) -> None:
        """Check that the row was sealed for this search, and says in clear what is sealed.

        Raises:
            SealBroken: somebody put it there, or changed it.
        """
        if self.details["links"] != self.links:
            raise SealBroken("A search counts as closed that was not, or not by this person.")


class ControlAnswer(SealedModel):
    """What stays of a control that was destroyed: how it was answered, for the examiner's error rate.

    `said` holds examiner and time once more, `answers` (for each candidate that counts: whether both photos
    were of one person, and the conclusion), and whether the examination was given up. No photo, nobody
    enrolled, nothing that was written about a face.
    """

    seal_kind: ClassVar[KeyKind] = KeyKind.CASE

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    examiner = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    said = SealedJSON()

    class Meta:
        indexes = (models.Index(fields=("agency", "examiner")),)

    @property
    def links(self) -> dict[str, str]:
        """Return what the row names in clear, as it is sealed in `said`."""
        return {"examiner": str(self.examiner_id), "at": self.at.isoformat()}

    def check_links(self) -> None:
        """Check that examiner and time are the sealed ones.

        Raises:
            SealBroken: somebody changed them.
        """
        if self.said["links"] != self.links:
            raise SealBroken("Answers to a control are filed under somebody who did not give them.")
