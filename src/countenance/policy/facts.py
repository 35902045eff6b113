"""What the rules need to know; services fill these in from sealed rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

DEFAULT_PACK = "default"
NOBODY = UUID(int=0)


class SearchKind(StrEnum):
    """What a search is for, in the words of Regulation (EU) 2024/1689 Art. 26(10) and Art. 5(1)(h)."""

    INITIAL = "initial identification"
    TARGETED = "targeted"
    MISSING = "missing person"
    VICTIM = "victim"


class SearchMode(StrEnum):
    """How a search decides whom to return, in the words of NIST's evaluations of 1:N search (FRTE).

    In the first, nobody below the operating point of the galleries is returned, and often nobody is; in the
    second, a list of fixed length always is.
    """

    IDENTIFICATION = "identification"
    INVESTIGATION = "investigation"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """What the rules need to know of a source."""

    agency: UUID
    missing: Sequence[str]  # passport entries that are empty
    retention_until: date
    removed: bool
    collected_on: date | None = None
    written_release: bool = False  # the passport says that its people agreed in writing


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantFacts:
    """What an owner granted to another agency."""

    grantee: UUID
    until: date
    kinds: frozenset[SearchKind]
    ended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryFacts:
    """What the rules need to know of a gallery.

    Attributes:
        agency: the owner.
        closed: no more searches.
        id: the gallery.
        pack: the owner's policy pack.
        sensitive: each case needs a second person's approval before it is searched.
        approved: that approval is there for this case.
        grant: what the owner granted to the asker's agency, if it is not the owner.
        unreleased: photos of it came from a source without a written release.
    """

    agency: UUID
    closed: bool
    id: UUID = NOBODY
    pack: str = DEFAULT_PACK
    sensitive: bool = False
    approved: bool = False
    grant: GrantFacts | None = None
    unreleased: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFacts:
    """What the rules need to know of a case.

    Attributes:
        agency: whose case.
        closed: it was closed.
        opened_by: the investigator.
        members: who may see it besides.
        expires_on: the last day on which it is searched for.
        glass_until: until when a supervisor set aside the wait for a second person; None if nobody did.
        late_before: an authority of an earlier search was not granted in time.
    """

    agency: UUID
    closed: bool
    opened_by: UUID = NOBODY
    members: frozenset[UUID] = frozenset()
    expires_on: date = date.max
    glass_until: datetime | None = None
    late_before: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityFacts:
    """What the rules need to know of an authority.

    Attributes:
        agency: whose.
        kind: which kind of search it is for.
        offence: the code of the offence in the pack's list, or empty.
        galleries: those that it covers.
        quota: how many searches it allows.
        used: how many were made.
        expires_on: its last day.
        proposed_by: who asked for it.
        granted_at: when a second person granted it; None while it waits.
        granted_by: who that was.
        refused: the second person said no.
        revoked: it was taken back.
        documented: its document (warrant, order, request) is in the file.
        first_used_at: when the first search was made under it.
    """

    agency: UUID
    kind: SearchKind
    offence: str
    galleries: frozenset[UUID]
    quota: int
    used: int
    expires_on: date
    proposed_by: UUID
    granted_at: datetime | None = None
    granted_by: UUID | None = None
    refused: bool = False
    revoked: bool = False
    documented: bool = False
    first_used_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFacts:
    """What the rules need to know of the photo that is to be searched with.

    Attributes:
        agency: whose.
        added_by: who added it to the case (of a crop: who added the photo it was cut from).
        asked_by: who asked for this search; None if nobody did.
        video_added_by: who added the video that the photo is a frame of; None if it is of none.
    """

    agency: UUID
    added_by: UUID
    asked_by: UUID | None
    video_added_by: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A search as the policy packs look at it.

    Attributes:
        kind: which kind of search.
        offence: the code of the offence, or empty.
        authorised: a second person granted the authority already.
        documented: its document is in the file.
        earlier: searches that were made before for the same person in this case.
        top: how many candidates are asked for.
        searches_today: how many this person ran since midnight, UTC.
        unreleased: a gallery holds photos of a source without a written release.
    """

    kind: SearchKind
    offence: str
    authorised: bool
    documented: bool
    earlier: int
    top: int
    searches_today: int
    unreleased: bool
