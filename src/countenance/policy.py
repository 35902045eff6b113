"""May this person do this now? Pure rules: facts in, a permit or a refusal out.

Every refusal names its rule and the way out. (Roles, authorities and policy packs come with the
next issue; they add rules here and facts to the arguments, not another place to ask.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from countenance.errors import (
    CaseClosed,
    GalleryClosedToCase,
    InputError,
    NotPermitted,
    PassportIncomplete,
    ReasonMissing,
    SourceClosed,
)

MIN_CANDIDATES, DEFAULT_CANDIDATES, MAX_CANDIDATES = 1, 20, 50
MIN_REASON_LETTERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The person on whose behalf something is done."""

    person: UUID
    agency: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """Policy's yes, with the rule that gave it."""

    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """What the rules need to know of a source."""

    agency: UUID
    missing: Sequence[str]  # passport entries that are empty
    retention_until: date
    removed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryFacts:
    """What the rules need to know of a gallery."""

    agency: UUID
    closed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFacts:
    """What the rules need to know of a case."""

    agency: UUID
    closed: bool


def permit_own(actor: Actor, agency: UUID) -> Permit:
    """Permit what belongs to the actor's own agency.

    Raises:
        NotPermitted: it is another agency's.
    """
    if actor.agency != agency:
        raise NotPermitted("This belongs to another agency.", rule="agency.own_only")
    return Permit(rule="agency.own_only")


def permit_enrolment(
    actor: Actor, *, source: SourceFacts, gallery: GalleryFacts, today: date
) -> Permit:
    """Permit photos of a source with a full, running passport into a gallery of the same agency.

    Raises:
        PassportIncomplete, SourceClosed, GalleryClosedToCase, NotPermitted.
    """
    permit_own(actor, source.agency)
    permit_own(actor, gallery.agency)
    if source.missing:
        raise PassportIncomplete(
            f"The passport lacks: {', '.join(source.missing)}. Complete it with `countenance source add`."
        )
    if source.removed:
        raise SourceClosed("The source was removed; register it again to enrol from it.")
    if source.retention_until < today:
        raise SourceClosed(
            f"The source's retention ended on {source.retention_until:%d %B %Y}. "
            "Its steward can register a new source with a later date."
        )
    if gallery.closed:
        raise GalleryClosedToCase("The gallery is closed; choose another one.")
    return Permit(rule="enrolment.full_passport")


def permit_search(
    actor: Actor, *, case: CaseFacts, galleries: Sequence[GalleryFacts], reason: str, top: int
) -> Permit:
    """Permit a search for an open case of the same agency, in its open galleries, with a reason.

    Raises:
        ReasonMissing, InputError: the request is incomplete.
        CaseClosed, GalleryClosedToCase, NotPermitted: the request is refused.
    """
    if sum(c.isalpha() for c in reason) < MIN_REASON_LETTERS:
        raise ReasonMissing(
            "Say in words why this person is searched for; your oversight body reads it."
        )
    if not MIN_CANDIDATES <= top <= MAX_CANDIDATES:
        raise InputError(
            f"The number of candidates must be between {MIN_CANDIDATES} and {MAX_CANDIDATES}."
        )
    if not galleries:
        raise InputError("Choose at least one gallery.")
    permit_own(actor, case.agency)
    if case.closed:
        raise CaseClosed("The case is closed. Open a new case, or ask for a search in an open one.")
    for gallery in galleries:
        permit_own(actor, gallery.agency)
        if gallery.closed:
            raise GalleryClosedToCase("One of the galleries is closed; choose another one.")
    return Permit(rule="search.open_case")
