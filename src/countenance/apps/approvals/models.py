"""Requests for a second person's approval, and broken glass.

What gives power is sealed: what was asked, who decided, how often it was used. The plain columns are
there to be queried, and are compared with the sealed ones before anything is done with a row.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db import models

from countenance.apps.records.sealed import SealedJSON, SealedModel
from countenance.errors import TamperDetected
from countenance.policy.approvals import ApprovalFacts, ApprovalKind
from countenance.sealing.kinds import KeyKind


class Approval(SealedModel):
    """One request: what somebody asked for, what somebody else decided, how often it was used.

    Of broken glass, `expires_at` is until when it must be reviewed, and there is no decision.
    """

    seal_kind: ClassVar[KeyKind] = KeyKind.ACCOUNT
    ON_LEDGER: ClassVar[frozenset[str]] = frozenset({"decision", "details", "review", "used"})

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency_id = models.UUIDField()
    kind = models.CharField(max_length=32)
    subject = models.UUIDField()
    # kind, subject, asked_by, asked_at, expires_at, summary, reason, payload; of glass: usable_until
    details = SealedJSON()
    asked_by = models.UUIDField()
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)
    decision = SealedJSON(null=True)  # approved, reason, decided_by, decided_at, usable_until
    decided_by = models.UUIDField(null=True)
    decided_at = models.DateTimeField(null=True)
    usable_until = models.DateTimeField(null=True)
    used = SealedJSON(null=True)  # times
    uses = models.PositiveIntegerField(default=0)
    review = SealedJSON(null=True)  # justified, reason, reviewed_by, reviewed_at
    reviewed_by = models.UUIDField(null=True)
    reviewed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=("agency_id", "kind", "subject"), name="approvals_of_a_subject"),
            models.Index(fields=("agency_id", "asked_at"), name="approvals_of_an_agency"),
        )

    @property
    def facts(self) -> ApprovalFacts:
        """Return what policy needs to know, from the sealed columns.

        Raises:
            TamperDetected: a plain column says something else.
            SealBroken: a sealed column was changed or moved.
        """
        details, decision = self.details, self.decision or {}
        used, review = self.used or {}, self.review or {}
        until = decision.get("usable_until") or details.get("usable_until")
        self._compare(
            kind=details["kind"],
            subject=UUID(details["subject"]),
            asked_by=UUID(details["asked_by"]),
            asked_at=datetime.fromisoformat(details["asked_at"]),
            expires_at=datetime.fromisoformat(details["expires_at"]),
            decided_by=_uuid(decision.get("decided_by")),
            decided_at=_moment(decision.get("decided_at")),
            usable_until=_moment(until),
            uses=used.get("times", 0),
            reviewed_by=_uuid(review.get("reviewed_by")),
            reviewed_at=_moment(review.get("reviewed_at")),
        )
        if bool(decision) != bool(used):
            raise TamperDetected
        return ApprovalFacts(
            agency=self.agency_id,
            kind=ApprovalKind(self.kind),
            subject=self.subject,
            asked_by=self.asked_by,
            expires_at=self.expires_at,
            withdrawn=self.withdrawn_at is not None,
            decided_by=self.decided_by,
            approved=bool(decision.get("approved")),
            usable_until=self.usable_until,
            uses=self.uses,
            reviewed=bool(review),
            justified=bool(review.get("justified")),
        )

    @property
    def summary(self) -> str:
        """Return what is asked for, in the words of whoever asked."""
        return str(self.details["summary"])

    @property
    def reason(self) -> str:
        """Return why, in the words of whoever asked."""
        return str(self.details["reason"])

    @property
    def payload(self) -> Mapping[str, Any]:
        """Return exactly what is asked for; an approval is used for this and nothing else."""
        payload: Mapping[str, Any] = self.details["payload"]
        return payload

    def _compare(self, **sealed: object) -> None:
        for name, value in sealed.items():
            if getattr(self, name) != value:
                raise TamperDetected


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
