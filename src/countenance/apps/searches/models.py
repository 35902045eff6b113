"""Evidence, requests for searches, and searches; everything said and found is sealed."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import ClassVar

from django.db import models

from countenance.apps.agencies.models import Agency, Person
from countenance.apps.cases.models import Case
from countenance.apps.records.sealed import (
    ObjectSealedModel,
    SealedBytes,
    SealedJSON,
    SealedModel,
    SealedText,
    current_keyring,
)
from countenance.apps.searches.footage_rows import Footage
from countenance.errors import SealBroken
from countenance.sealing.kinds import KeyKind


class Probe(ObjectSealedModel):
    """A photo to be searched with: evidence of a case, or a copy that was made of it.

    Its bytes are a sealed object of the same id. `details` holds file name, size, format, the faces found
    (box, landmarks, score, quality), the SHA-256 of the bytes, and who added it. A face that a person
    marked is `manual`, says what was `marked` by whom, and has no landmarks if none was found there. A face
    that was `carried` over from what a copy was made of is only blurred. Of a
    copy `details` also holds what it was made of and how (`box`, `quarter_turns`, `brightness`,
    `contrast`). `content_index` finds the same photo
    in the same case again; probes of before there was one have none. Once the photo was destroyed only
    whose it was and when it was added are left.
    """

    seal_kind: ClassVar[KeyKind] = KeyKind.PROBE

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="probes")
    details = SealedJSON(null=True)
    content_index = models.BinaryField(null=True)
    derived_from = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="derived"
    )
    footage = models.ForeignKey(Footage, on_delete=models.PROTECT, null=True, related_name="frames")
    added_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField()
    purged_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("case", "content_index"), name="one_probe_a_content"),
        )

    def check_links(self) -> None:
        """Check that case, adder and origin, kept in clear for queries, are the sealed ones.

        Raises:
            SealBroken: somebody changed them, or the photo was destroyed.
        """
        if self.details is None:
            raise SealBroken("The photo was destroyed; nothing says any more where it belongs.")
        sealed = self.details.get("links")
        if sealed is not None and sealed != self.links:
            raise SealBroken("A probe is filed under a case or person it was not added to or by.")

    def forget(self, at: datetime) -> None:
        """Forget the photo and everything said about it; the caller saves, which destroys it for good."""
        self.details, self.content_index, self.purged_at = None, None, at
        self.destroy_key()

    @property
    def links(self) -> dict[str, str | None]:
        """Return what the row names in clear, as it is sealed in `details`."""
        return {
            "case": str(self.case_id),
            "added_by": str(self.added_by_id),
            "derived_from": None if self.derived_from_id is None else str(self.derived_from_id),
            # Photos of before there were videos do not say that they are of none.
            **({} if self.footage_id is None else {"footage": str(self.footage_id)}),
        }


class RequestState(models.TextChoices):
    """What became of a request; it leaves `waiting` once."""

    WAITING = "waiting"
    DONE = "done"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class SearchRequest(SealedModel):
    """An investigator's wish for a search, which an examiner runs or declines.

    `wishes` holds why, the galleries wished for, and who asked with which photo; `answer` who answered
    and what they said.
    """

    seal_kind: ClassVar[KeyKind] = KeyKind.CASE
    ON_LEDGER: ClassVar[frozenset[str]] = frozenset({"wishes"})

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="requests")
    probe = models.ForeignKey(Probe, on_delete=models.PROTECT, related_name="requests")
    wishes = SealedJSON()
    asked_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=RequestState.choices)
    answer = SealedJSON(null=True)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (models.Index(fields=("agency", "state", "asked_at")),)

    def check_links(self) -> None:
        """Check that photo and asker, kept in clear for queries, are the sealed ones.

        Raises:
            SealBroken: somebody changed them, or opened again what was answered.
        """
        sealed = (self.wishes["probe"], self.wishes["asked_by"])
        answered = self.answer is not None
        if sealed != (str(self.probe_id), str(self.asked_by_id)) or answered == (
            self.state == RequestState.WAITING
        ):
            raise SealBroken("A request contradicts what is sealed in it.")


class SearchState(models.TextChoices):
    """How far a search is; it only moves down this list, and only once."""

    INTENDED = "intended"  # on the ledger, nothing asked of the index yet
    CONCLUDED = "concluded"  # outcome on the ledger
    ABORTED = "aborted"  # ended without an outcome; counted as a search all the same


class Search(ObjectSealedModel):
    """One search: who asked what and why, and what came of it.

    `request` holds face, galleries, number of candidates, mode, threshold and the operating point that the
    galleries had then (one of before there was a choice has no mode), and under what it was permitted;
    of a search with several photos of one person also the other ones, as `more`: photo, face, and which
    request it answers. `outcome` the answer and, for each candidate, ids and similarity only: what they stand for is read
    when it is shown, so that an erased photo is gone from old searches too. `template` is that of the
    face, to tell whether the next search of the case is about somebody else.

    `wants_examiner` says in clear whether somebody is still to examine what was found, so that those that
    wait are looked up without opening any other: kept by whatever changes the answer, it only leaves out,
    and who may examine is judged anew by what is sealed. Searches of before there was the column have null
    until the clock looks at them.

    Outcome and template are under the row's own key: a purge destroys it. The rest stays readable,
    because who searched for what and why is never purged. Searches of before there was such a key
    (`object_key` is null) have all of it under the key of their class.
    """

    seal_kind: ClassVar[KeyKind] = KeyKind.CASE
    ON_LEDGER: ClassVar[frozenset[str]] = frozenset({"certificate", "request"})
    under_own_key: ClassVar[frozenset[str]] = frozenset({"outcome", "template"})

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="searches")
    probe = models.ForeignKey(Probe, on_delete=models.PROTECT, related_name="searches")
    answers = models.ForeignKey(
        SearchRequest, on_delete=models.PROTECT, null=True, related_name="searches"
    )
    authority_id = models.UUIDField(null=True, db_index=True)
    state = models.CharField(max_length=16, choices=SearchState.choices)
    reason = SealedText()
    request = SealedJSON()
    outcome = SealedJSON(null=True)
    template = SealedBytes(null=True)
    asked_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    intended_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    authorise_by = models.DateTimeField(null=True)
    frozen_at = models.DateTimeField(null=True)
    purged_at = models.DateTimeField(null=True)
    certificate = SealedJSON(null=True)
    wants_examiner = models.BooleanField(null=True)

    class Meta:
        indexes = (
            models.Index(
                fields=("agency", "ended_at"),
                condition=models.Q(wants_examiner=True),
                name="searches_that_want_examiners",
            ),
        )

    def sealed_under(self, column: str) -> tuple[uuid.UUID | None, KeyKind] | None:
        """Return the key of the class, and None for what a purge destroys."""
        return None if self._own(column) else (self.agency_id, self.seal_kind)

    def seal_column(self, plaintext: bytes, column: str) -> bytes:
        """Seal what a purge destroys under the row's own key, the rest under the key of its class."""
        if self._own(column):
            return super().seal_column(plaintext, column)
        return SealedModel.seal_column(self, plaintext, column)

    def unseal_column(self, sealed: bytes, column: str) -> bytes:
        """Open a column with the key that it was sealed with."""
        if self._own(column):
            return super().unseal_column(sealed, column)
        return SealedModel.unseal_column(self, sealed, column)

    def _own(self, column: str) -> bool:
        keyed = self._state.adding or self.object_key is not None
        return keyed and column.rpartition(".")[2] in self.under_own_key

    @property
    def deadline(self) -> datetime | None:
        """Return until when its authority must be granted, as it was sealed; None once it was in time.

        Raises:
            SealBroken: the column in clear, which the clock looks for, says something else.
        """
        text = None if self.request.get("settled_at") else self.request.get("authorise_by")
        sealed = datetime.fromisoformat(text) if text else None
        under = self.request.get("authority")
        plain = None if self.authority_id is None else str(self.authority_id)
        if sealed != self.authorise_by or under != plain:
            raise SealBroken("The columns of a search contradict what is sealed in it.")
        return sealed


def content_index(agency: uuid.UUID, case: uuid.UUID, sha256: str) -> bytes:
    """Return the blind index of a photo within one case; in another case it is another."""
    purpose = f"probe.content.{case}"
    return current_keyring().blind_index(bytes.fromhex(sha256), purpose=purpose, agency=agency)
