"""Authorities and the cases under them; everything said in them is sealed.

What gives power is sealed in `standing`, so that nobody can add to it in the database. The few plain
columns beside it are for queries; `check_links` compares them, and `facts` does so each time.
"""

from __future__ import annotations

import json
import uuid
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from django.db import models

from countenance.apps.agencies.models import Agency, Person
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.sealed import (
    ObjectSealedModel,
    SealedJSON,
    SealedModel,
    SealedText,
    current_keyring,
)
from countenance.apps.records.services import unseal_body
from countenance.errors import SealBroken
from countenance.ledger.entry import Action, Entry
from countenance.policy import AuthorityFacts, CaseFacts, SearchKind
from countenance.sealing.kinds import KeyKind


class AuthorityState(StrEnum):
    """How an authority stands on a day."""

    WAITING = "waiting"
    GRANTED = "granted"
    SPENT = "spent"
    ENDED = "ended"
    REFUSED = "refused"
    REVOKED = "revoked"


class Authority(ObjectSealedModel):
    """The legal basis of searches: which statute or warrant, which galleries, until when, how many.

    `details` is what was proposed and stays as it is: kind, statute, purpose, offence, galleries, quota,
    expires_on, note, document (file name, bytes, format; its bytes are a sealed object of this row's id).
    `standing` is what became of it: proposed_by; granted, refused and revoked, each None or {by, at,
    reason}; used and first_used_at.
    """

    seal_kind: ClassVar[KeyKind] = KeyKind.CASE
    ON_LEDGER: ClassVar[frozenset[str]] = frozenset({"details", "standing"})

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    details = SealedJSON()
    standing = SealedJSON()
    expires_on = models.DateField()
    proposed_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    decided_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    @property
    def kind(self) -> SearchKind:
        """Return which kind of search it is for."""
        return SearchKind(self.details["kind"])

    @property
    def galleries(self) -> frozenset[UUID]:
        """Return the ids of the galleries that it covers."""
        return frozenset(UUID(one) for one in self.details["galleries"])

    @property
    def quota(self) -> int:
        """Return how many searches it allows."""
        return int(self.details["quota"])

    @property
    def used(self) -> int:
        """Return how many searches were made under it."""
        return int(self.standing["used"])

    @property
    def left(self) -> int:
        """Return how many searches are left."""
        return max(0, self.quota - self.used)

    @property
    def first_used_at(self) -> datetime | None:
        """Return when the first search was made under it."""
        return _moment(self.standing["first_used_at"])

    @property
    def granted_at(self) -> datetime | None:
        """Return when a second person granted it."""
        granted = self.standing["granted"]
        return _moment(granted["at"]) if granted else None

    @property
    def document(self) -> dict[str, Any] | None:
        """Return file name, bytes and format of its document, if there is one."""
        document: dict[str, Any] | None = self.details["document"]
        return document

    @property
    def decision(self) -> dict[str, Any] | None:
        """Return who decided, when and why; None while it waits."""
        decision: dict[str, Any] | None = self.standing["granted"] or self.standing["refused"]
        return decision

    def state(self, *, today: date) -> AuthorityState:
        """Return how it stands."""
        standing = self.standing
        if standing["revoked"]:
            return AuthorityState.REVOKED
        if standing["refused"]:
            return AuthorityState.REFUSED
        if self.expires_on < today:
            return AuthorityState.ENDED
        if self.left == 0:
            return AuthorityState.SPENT
        return AuthorityState.GRANTED if standing["granted"] else AuthorityState.WAITING

    def check_links(self) -> None:
        """Check that the plain columns, kept for queries, say what is sealed.

        Raises:
            SealBroken: somebody changed them.
        """
        standing, decision, revoked = self.standing, self.decision, self.standing["revoked"]
        sealed = (
            self.details["expires_on"],
            standing["proposed_by"],
            decision and (decision["by"], decision["at"]),
            revoked and (revoked["by"], revoked["at"]),
        )
        plain = (
            self.expires_on.isoformat(),
            str(self.proposed_by_id),
            _deed(self.decided_by_id, self.decided_at),
            _deed(self.revoked_by_id, self.revoked_at),
        )
        if sealed != plain:
            raise SealBroken("The columns of an authority contradict what is sealed in it.")

    @property
    def facts(self) -> AuthorityFacts:
        """Return what policy needs to know.

        Raises:
            SealBroken: a plain column was changed.
        """
        self.check_links()
        return AuthorityFacts(
            agency=self.agency_id,
            kind=self.kind,
            offence=self.details["offence"],
            galleries=self.galleries,
            quota=self.quota,
            used=self.used,
            expires_on=self.expires_on,
            proposed_by=self.proposed_by_id,
            granted_at=self.granted_at,
            granted_by=self.decided_by_id if self.granted_at else None,
            refused=bool(self.standing["refused"]),
            revoked=bool(self.standing["revoked"]),
            documented=self.document is not None,
            first_used_at=self.first_used_at,
        )


class Case(SealedModel):
    """What searches are for: a reference that is unique in the agency, a purpose and a reason.

    `members` holds the ids of people who may see it besides its investigator. `standing` holds people
    (how many persons it is about), expires_on, authority, opened_by, closed and closed_at; `hold` (by, at,
    reason) while a legal hold is on; `erasure` (by, at, reason, asked_by, asked_at, approved_by, approved_at)
    once it is to be destroyed before its time; `evidence`, the certificate of photos that were destroyed. It is
    None in cases of before there were authorities, for which nothing can be searched until one is set.
    """

    seal_kind: ClassVar[KeyKind] = KeyKind.CASE
    ON_LEDGER: ClassVar[frozenset[str]] = frozenset({"members", "standing"})

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
    authority = models.ForeignKey(
        Authority, on_delete=models.PROTECT, null=True, related_name="cases"
    )
    expires_on = models.DateField(null=True)
    erase_from = models.DateTimeField(null=True)
    members = SealedJSON(null=True)
    standing = SealedJSON(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("agency", "reference_index"), name="one_case_a_reference"
            ),
        )

    @property
    def people(self) -> int:
        """Return how many persons it is about."""
        return int(self.standing["people"]) if self.standing else 1

    @property
    def member_ids(self) -> frozenset[UUID]:
        """Return who may see it besides its investigator."""
        return frozenset(UUID(one) for one in self.members or ())

    @property
    def hold(self) -> dict[str, Any] | None:
        """Return who set the legal hold that is on, when and why; None if there is none."""
        hold: dict[str, Any] | None = (self.standing or {}).get("hold")
        return hold

    @property
    def erasure(self) -> dict[str, Any] | None:
        """Return who ordered that it is erased before its time, when and why; None if nobody did."""
        erasure: dict[str, Any] | None = (self.standing or {}).get("erasure")
        return erasure

    @property
    def closed_since(self) -> datetime | None:
        """Return since when it is closed: as it was sealed, or of cases closed before that, as the ledger says.

        Raises:
            SealBroken: somebody closed it in the database.
        """
        self.check_links()
        if self.closed_at is None:
            return None
        sealed = (self.standing or {}).get("closed_at")
        return datetime.fromisoformat(sealed) if sealed else _closed_on_ledger(self.pk)

    def set_standing(self, **changes: Any) -> None:  # plain JSON values
        """Write what gives power together with its plain columns; the caller saves."""
        if self.standing is None:
            self.standing = {
                "people": 1,
                "expires_on": None,
                "authority": None,
                "opened_by": str(self.opened_by_id),
                "closed": self.closed_at is not None,
            }
        self.standing = self.standing | changes
        authority, expires_on = self.standing["authority"], self.standing["expires_on"]
        self.authority_id = UUID(authority) if authority else None
        self.expires_on = date.fromisoformat(expires_on) if expires_on else None
        self.erase_from = _moment(self.erasure["at"]) if self.erasure else None

    def check_links(self) -> None:
        """Check that the plain columns, kept for queries, say what is sealed.

        Raises:
            SealBroken: somebody changed them.
        """
        if self.standing is None:
            plain_columns = (self.authority_id, self.expires_on, self.erase_from)
            changed = any(one is not None for one in plain_columns)
            changed = changed or _began_with_standing(self.pk)
        else:
            plain = {
                "expires_on": self.expires_on.isoformat() if self.expires_on else None,
                "authority": str(self.authority_id) if self.authority_id else None,
                "opened_by": str(self.opened_by_id),
                "closed": self.closed_at is not None,
            }
            if self.standing.get("closed_at"):
                plain["closed_at"] = self.closed_at.isoformat() if self.closed_at else None
            changed = plain != {name: self.standing[name] for name in plain}
            erased_at = _moment(self.erasure["at"]) if self.erasure else None
            changed = changed or self.erase_from != erased_at
        if changed:
            raise SealBroken("The columns of a case contradict what is sealed in it.")

    @property
    def facts(self) -> CaseFacts:
        """Return what policy needs to know; whether its glass is broken is for `queries.facts_of`.

        Raises:
            SealBroken: a plain column was changed.
        """
        self.check_links()
        return CaseFacts(
            agency=self.agency_id,
            closed=self.closed_at is not None,
            opened_by=self.opened_by_id,
            members=self.member_ids,
            expires_on=self.expires_on or date.max,
        )


def _began_with_standing(case: UUID) -> bool:
    """Say whether the ledger knows a case as one that had a standing when it was opened."""
    row = LedgerRow.objects.filter(about=case, action=str(Action.CASE_OPENED)).first()
    opened = None if row is None else unseal_body(row, keyring=current_keyring())
    return opened is None or "expires_on" in json.loads(opened[1])["facts"]


def _closed_on_ledger(case: UUID) -> datetime:
    row = LedgerRow.objects.filter(about=case, action=str(Action.CASE_CLOSED)).first()
    if row is None:
        raise SealBroken("A case is closed that nobody closed.")
    return Entry.parse(bytes(row.entry)).at


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _deed(by: UUID | None, at: datetime | None) -> tuple[str | None, str] | None:
    # By nobody: a restore took it back again.
    return (str(by) if by else None, at.isoformat()) if at else None
