"""Videos of a case, and what looking through them found; all of it sealed under a key of their own."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import ClassVar

from django.db import models

from countenance.apps.agencies.models import Agency, Person
from countenance.apps.cases.models import Case
from countenance.apps.records.sealed import ObjectSealedModel, SealedBytes, SealedJSON
from countenance.errors import SealBroken
from countenance.sealing.kinds import KeyKind


class FootageState(models.TextChoices):
    """How far a video is; it leaves `waiting` once, and comes back only if it is asked for again."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Footage(ObjectSealedModel):
    """A video file that is evidence of a case; nothing is searched with it but frames that are taken out.

    Its bytes are a sealed object of the same id. `details` holds file name, size, the SHA-256 of the
    bytes, and who added it; `found` what looking through it said: its size and length and, by group, where
    each face is seen best, or the `problem`; `crops` the small heads to choose from, one after the other,
    which `found` cuts by length. No template is among them.
    """

    seal_kind: ClassVar[KeyKind] = KeyKind.PROBE

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="footage")
    details = SealedJSON(null=True)
    content_index = models.BinaryField(null=True)
    state = models.CharField(max_length=16, choices=FootageState.choices)
    found = SealedJSON(null=True)
    crops = SealedBytes(null=True)
    added_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    purged_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("case", "content_index"), name="one_footage_a_content"),
        )

    @property
    def links(self) -> dict[str, str]:
        """Return what the row names in clear, as it is sealed in `details`."""
        return {"case": str(self.case_id), "added_by": str(self.added_by_id)}

    def check_links(self) -> None:
        """Check that case and adder, kept in clear for queries, are the sealed ones.

        Raises:
            SealBroken: somebody changed them, or the video was destroyed.
        """
        if self.details is None or self.details["links"] != self.links:
            raise SealBroken("A video is filed under a case or person it was not added to or by.")

    def forget(self, at: datetime) -> None:
        """Forget the video and what was found in it; the caller saves, which destroys it for good."""
        self.details, self.found, self.crops = None, None, None
        self.content_index, self.purged_at = None, at
        self.destroy_key()
