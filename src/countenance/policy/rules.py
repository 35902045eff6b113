"""May this person do this now? Pure rules: facts in, a permit or a refusal out.

Every refusal names its rule and the way out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from countenance.errors import (
    ApprovalNeeded,
    AuthorityExpired,
    AuthoritySpent,
    CaseClosed,
    GalleryClosedToCase,
    InputError,
    NoAuthority,
    NotEvidence,
    PassportIncomplete,
    ReasonMissing,
    SamePerson,
    SourceClosed,
)
from countenance.policy import packs
from countenance.policy.approvals import GLASS_REVIEW
from countenance.policy.facts import (
    Ask,
    AuthorityFacts,
    CaseFacts,
    EvidenceFacts,
    GalleryFacts,
    SearchKind,
    SourceFacts,
)
from countenance.policy.people import Actor, Permit, permit_own
from countenance.policy.reasons import what_is_vague

MIN_CANDIDATES, DEFAULT_CANDIDATES, MAX_CANDIDATES = 1, 20, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPermit(Permit):
    """Policy's yes to a search.

    Attributes:
        authorise_by: when the authority must be granted, or what was found is frozen and purged; None
            if it is granted already.
    """

    authorise_by: datetime | None


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
    packs.permit_source(packs.terms_of(gallery.pack), source, today=today)
    return Permit(rule="enrolment.full_passport")


def permit_reason(reason: str) -> Permit:
    """Permit a reason that says something.

    Raises:
        ReasonMissing: it is empty or vague; the message says what is missing.
    """
    if vague := what_is_vague(reason):
        raise ReasonMissing(f"{vague} Your oversight body reads it.")
    return Permit(rule="reason.specific")


def permit_case_work(actor: Actor, case: CaseFacts, *, today: date) -> Permit:
    """Permit work in an open case of the actor's agency.

    Raises:
        CaseClosed: it was closed, or its last day is over.
        NotPermitted: it is another agency's.
    """
    permit_own(actor, case.agency)
    if case.closed:
        raise CaseClosed("The case is closed. Open a new case, or ask for a search in an open one.")
    if case.expires_on < today:
        raise CaseClosed(
            f"The case ended on {case.expires_on:%d %B %Y}. Its investigator can open a new one.",
            rule="case.expired",
        )
    return Permit(rule="case.open")


def permit_evidence(actor: Actor, evidence: EvidenceFacts, *, case: CaseFacts) -> Permit:
    """Permit an examiner to search with evidence that somebody else added and asked about.

    Raises:
        NotEvidence: nobody asked for a search with it.
        SamePerson: the actor opened the case, added the photo or asked for the search.
    """
    permit_own(actor, evidence.agency)
    if evidence.asked_by is None:
        raise NotEvidence(
            "Nobody has asked for a search with this photo. The case's investigator asks for one first.",
            rule="search.asked_for",
        )
    added = {evidence.added_by, evidence.video_added_by}
    if actor.person in {case.opened_by, *added, evidence.asked_by}:
        raise SamePerson(
            "Whoever opened the case, added the photo or asked for the search does not run it. "
            "Another examiner of your agency can.",
            rule="search.same_person",
        )
    return Permit(rule="search.other_person")


def permit_authority(
    actor: Actor,
    authority: AuthorityFacts | None,
    galleries: Sequence[GalleryFacts],
    *,
    today: date,
) -> Permit:
    """Permit searches under an authority that is in date, unspent, and covers the galleries.

    Whether it must be granted already is for the policy packs.

    Raises:
        NoAuthority: there is none, it was refused or taken back, or does not cover a gallery.
        AuthorityExpired, AuthoritySpent: it has ended.
        SamePerson: the actor granted it.
    """
    if authority is None:
        raise NoAuthority("The case has no authority. Propose one, and a supervisor grants it.")
    permit_own(actor, authority.agency)
    if authority.refused:
        raise NoAuthority(
            "The authority was refused. Propose another one.", rule="authority.refused"
        )
    if actor.person == authority.granted_by:
        raise SamePerson(
            "Whoever granted the authority does not search under it. Another examiner of your agency can.",
            rule="authority.same_person",
        )
    if authority.revoked:
        raise NoAuthority(
            "The authority was taken back. Propose another one.", rule="authority.revoked"
        )
    if authority.expires_on < today:
        raise AuthorityExpired(
            f"Your authority for this case ended on {authority.expires_on:%d %B %Y}. "
            "Propose a new one; a supervisor grants it."
        )
    if authority.used >= authority.quota:
        raise AuthoritySpent(
            f"All {authority.quota} searches of this authority have been made. "
            "Propose a new one; a supervisor grants it.",
            quota=authority.quota,
        )
    if any(gallery.id not in authority.galleries for gallery in galleries):
        raise NoAuthority(
            "The authority does not cover one of these galleries. Choose others, or propose an authority that does.",
            rule="authority.gallery",
        )
    return Permit(rule="authority.covers")


def permit_gallery(
    actor: Actor, gallery: GalleryFacts, *, kind: SearchKind, glass: bool, today: date
) -> Permit:
    """Permit the search of an open gallery that is the agency's own or was granted to it.

    Raises:
        GalleryClosedToCase: closed, not granted, granted for other purposes, or no longer.
        ApprovalNeeded: it is sensitive, and no second person has approved it for this case.
    """
    if gallery.closed:
        raise GalleryClosedToCase("One of the galleries is closed; choose another one.")
    if gallery.agency != actor.agency:
        grant = gallery.grant
        if grant is None or grant.grantee != actor.agency or grant.ended:
            raise GalleryClosedToCase(
                "This gallery is another agency's, which has not granted it to yours. Only its owner can.",
                rule="grant.missing",
            )
        if grant.until < today:
            raise GalleryClosedToCase(
                f"The grant of this gallery ended on {grant.until:%d %B %Y}. Its owner can grant it again.",
                rule="grant.ended",
            )
        if kind not in grant.kinds:
            raise GalleryClosedToCase(
                f"This gallery is not granted for searches of the kind “{kind}”. Its owner can widen the grant.",
                rule="grant.purpose",
            )
    if gallery.sensitive and not gallery.approved and not glass:
        raise ApprovalNeeded(
            "This gallery is sensitive: a supervisor approves it for each case. Ask for that first.",
            rule="gallery.sensitive",
            gallery=gallery.id,
        )
    return Permit(rule="gallery.open")


def _permit_request(reason: str, *, top: int, galleries: Sequence[GalleryFacts]) -> None:
    """Refuse what is not a whole request yet; nothing has been judged, so this is no refusal."""
    permit_reason(reason)
    if not MIN_CANDIDATES <= top <= MAX_CANDIDATES:
        raise InputError(
            f"The number of candidates must be between {MIN_CANDIDATES} and {MAX_CANDIDATES}."
        )
    if not galleries:
        raise InputError("Choose at least one gallery.")


def permit_search(
    actor: Actor,
    *,
    case: CaseFacts,
    evidence: EvidenceFacts,
    authority: AuthorityFacts | None,
    galleries: Sequence[GalleryFacts],
    pack: str,
    reason: str,
    top: int,
    earlier: int,
    searches_today: int,
    now: datetime,
) -> SearchPermit:
    """Permit a search: the request is whole, the case open, the authority covers it, the packs allow it.

    Args:
        actor: the examiner.
        case: what it is for.
        evidence: the photo.
        authority: of the case.
        galleries: where to look.
        pack: the policy pack of the asker's agency; the stricter of it and each owner's counts.
        reason: why, in words.
        top: how many candidates.
        earlier: searches made before for the same person in this case.
        searches_today: how many the actor ran since midnight.
        now: the present moment.

    Raises:
        ReasonMissing, InputError: the request is incomplete.
        NotPermitted: one of its subclasses, naming the rule and the way out.
    """
    _permit_request(reason, top=top, galleries=galleries)
    today = now.date()
    permit_case_work(actor, case, today=today)
    permit_evidence(actor, evidence, case=case)
    permit_authority(actor, authority, galleries, today=today)
    assert authority is not None  # noqa: S101 # judged the line before
    glass = case.glass_until is not None and now <= case.glass_until
    for gallery in galleries:
        permit_gallery(actor, gallery, kind=authority.kind, glass=glass, today=today)
    terms = _terms(pack, galleries)
    packs.permit_ask(
        terms,
        Ask(
            kind=authority.kind,
            offence=authority.offence,
            authorised=authority.granted_at is not None or glass,  # then nobody is waited for
            documented=authority.documented,
            earlier=earlier,
            top=top,
            searches_today=searches_today,
            unreleased=any(gallery.unreleased for gallery in galleries),
        ),
    )
    again = case.late_before and not glass
    deadline = _authorise_by(authority, terms, late_before=again, now=now)
    return SearchPermit(rule="search.permitted", authorise_by=deadline)


def _terms(pack: str, galleries: Sequence[GalleryFacts]) -> packs.Terms:
    """Return the stricter of the asker's pack and the packs of the galleries' owners, rule by rule."""
    owners = (packs.terms_of(gallery.pack) for gallery in galleries)
    return packs.stricter(packs.terms_of(pack), *owners)


def _authorise_by(
    authority: AuthorityFacts, terms: packs.Terms, *, late_before: bool, now: datetime
) -> datetime | None:
    """Return until when the authority must be granted; refuse if that is over already, or was once.

    Whether it may be granted late at all, the packs have judged; where they allow no delay, the glass
    is broken, and a second person decides as late as a review of it may come.
    """
    if authority.granted_at is not None:
        return None
    grace = packs.grace(terms, authority.kind) or GLASS_REVIEW
    deadline = (authority.first_used_at or now) + grace
    if now > deadline:
        raise AuthorityExpired(
            "The authority was not granted in time after the first search. Propose a new one.",
            rule="authority.late",
        )
    if late_before:
        raise NoAuthority(
            "An earlier search of this case was not authorised in time, so the next one waits for its "
            "authority. A supervisor grants it.",
            rule="authority.late_before",
        )
    return deadline
