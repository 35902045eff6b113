"""Rules of examination: who examines, who comes third, who follows, closes, releases and exports.

Nobody examines what they had a part in, nobody twice, and nobody releases what they examined. No
refusal here tells an examiner what another one concluded.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from countenance.errors import (
    CertificateMissing,
    LeadNotSupported,
    NotPermitted,
    ReasonMissing,
    SamePerson,
    SearchFrozen,
    WrongState,
)
from countenance.policy import packs
from countenance.policy.packs.results import ExportCondition
from countenance.policy.people import Actor, Permit, Role, permit_own
from countenance.policy.reasons import what_is_vague

EXAMINERS = 2
"""So many people examine a search, each for themselves, unless a pack asks for more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExaminedFacts:
    """What the rules need to know of a search whose candidates are examined.

    Attributes:
        agency: whose search.
        added_by: who added the photos that were searched with.
        asked_by: who asked for the search; None if nobody did.
        granted_by: who granted its authority, approved a gallery for it, or broke the glass for it.
        examiners: who began an examination of it, also one that was given up.
        engaged: how many examinations of it are open or recorded.
        recorded: how many of them are recorded.
        disagreed: the recorded ones disagree about a candidate.
        lapsed: a lead lacks an examiner only because a certificate has ended since.
        frozen: its authority was refused or came too late.
        purged: what it found was destroyed.
        closed: nobody works on it any more.
    """

    agency: UUID
    added_by: frozenset[UUID]
    asked_by: UUID | None
    granted_by: frozenset[UUID]
    examiners: frozenset[UUID]
    engaged: int
    recorded: int
    disagreed: bool = False
    lapsed: bool = False
    frozen: bool = False
    purged: bool = False
    closed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowFacts:
    """What the rules need to know of a conclusion that is to be followed by another one.

    Attributes:
        examiner: whose conclusion.
        followed: another one takes its place already.
        control: it is about a control, so nothing follows.
        gains: the new conclusion supports a lead, and the one before did not.
        disagreed: the examiners of this candidate disagree.
        reason: why, in the examiner's words.
    """

    examiner: UUID
    followed: bool
    control: bool
    gains: bool
    disagreed: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFacts:
    """What the rules need to know of a lead whose candidate's photo is to leave the program.

    Attributes:
        agency: whose lead.
        released: a supervisor released it.
        frozen: the search's authority was refused or came too late.
        purged: what the search found was destroyed.
        authorised: the search's authority is granted.
        independent: evidence independent of the search is recorded with the lead.
        reason: what for and for whom, in words.
        supported: enough examiners still conclude what it was released on.
        withdrawn: a supervisor withdrew it.
    """

    agency: UUID
    released: bool
    frozen: bool
    purged: bool
    authorised: bool
    independent: bool
    reason: str = ""
    supported: bool = True
    withdrawn: bool = False

    @property
    def met(self) -> frozenset[ExportCondition]:
        """Return the conditions of packs that hold."""
        holds = {
            ExportCondition.AUTHORISED: self.authorised,
            ExportCondition.INDEPENDENT_EVIDENCE: self.independent,
        }
        return frozenset(condition for condition, held in holds.items() if held)


def permit_examine(
    actor: Actor, search: ExaminedFacts, *, today: date, examiners: int = EXAMINERS
) -> Permit:
    """Permit one of the examiners that every search has, whoever comes first.

    Args:
        actor: the examiner.
        search: what is to be examined.
        today: the present day.
        examiners: how many a pack asks for.

    Raises:
        CertificateMissing: the actor's certificate is not in date.
        SamePerson: the actor added a photo, asked for the search, granted it, or examined it already.
        SearchFrozen: what was found may not be seen, or is destroyed.
        WrongState: it is closed, or enough people examine it.
        NotPermitted: it is another agency's.
    """
    _permit_examiner(actor, search, today)
    if search.engaged >= max(examiners, EXAMINERS):
        raise WrongState("Enough people examine this search. Take the next one that waits.")
    return Permit(rule="examination.other_person")


def permit_begin(actor: Actor, *, agency: UUID, ran_by: UUID) -> Permit:
    """Permit whoever ran a search to begin to examine it, as `permit_examine` allows; all others draw.

    Who draws does not choose, so they do not know of which case it is, nor whether it is a control.

    Raises:
        NotPermitted: somebody else ran it, or it is another agency's.
    """
    permit_own(actor, agency)
    if actor.person != ran_by:
        raise NotPermitted(
            "Only whoever ran a search begins to examine it from its page; all others take the next "
            "examination that waits, without choosing. Take yours.",
            rule="examination.drawn",
        )
    return Permit(rule="examination.ran")


def permit_third(
    actor: Actor, search: ExaminedFacts, *, today: date, examiners: int = EXAMINERS
) -> Permit:
    """Permit one examiner more where those before disagree, or one of them is no longer certified.

    Raises:
        NotPermitted: not all of those before have recorded theirs, or they do not disagree.
        CertificateMissing, SamePerson, SearchFrozen, WrongState: as for `permit_examine`.
    """
    _permit_examiner(actor, search, today)
    every = search.recorded >= max(examiners, EXAMINERS) and search.engaged == search.recorded
    if not (every and (search.disagreed or search.lapsed)):
        raise NotPermitted(
            "Another examiner is asked only once those before have recorded their conclusions and disagree. "
            "Take the next search that waits.",
            rule="examination.third",
        )
    return Permit(rule="examination.third")


def permit_follow(
    actor: Actor, search: ExaminedFacts, said: FollowFacts, *, examiners: int = EXAMINERS
) -> Permit:
    """Permit an examiner to follow an own conclusion by another one; nothing that was said goes away.

    By then the examiner has seen what the other one said, rank and similarity. So a conclusion may
    always become more careful, but come to support a lead only where the examiners disagree.

    Args:
        actor: the examiner.
        search: what was examined.
        said: the conclusion, and what is to take its place.
        examiners: how many a pack asks for; one under a law that waives the second.

    Raises:
        NotPermitted: the conclusion is somebody else's, or comes to support a lead where nobody disagrees.
        SearchFrozen: what was found may not be seen, or is destroyed.
        WrongState: not everybody has recorded theirs, it is about a control, or it is followed already.
        ReasonMissing: it gives no reason.
    """
    permit_own(actor, search.agency)
    if actor.person != said.examiner:
        raise NotPermitted(
            "Only whoever recorded a conclusion follows it by another one. "
            "You can say what you see in an examination of your own.",
            rule="examination.follow_own",
        )
    _permit_seen(search)
    if said.control:
        raise WrongState("This was a control, whose answer is known. Nothing follows it.")
    if search.recorded < max(examiners, 1) or search.engaged != search.recorded:
        raise WrongState(
            "Somebody's examination is not recorded yet. A conclusion can be followed after that."
        )
    if said.followed:
        raise WrongState("This conclusion is followed already. Follow the last one.")
    if said.gains and (search.closed or not said.disagreed):
        raise NotPermitted(
            "A conclusion comes to support a lead only where the examiners disagree and the search is open. "
            "It can be followed by a more careful one.",
            rule="examination.follow_disagreed",
        )
    if what_is_vague(said.reason):
        raise ReasonMissing("Say in a few words what you see differently now, and where.")
    return Permit(rule="examination.follow_own")


def permit_closer(actor: Actor, *, agency: UUID, ran_by: UUID) -> Permit:
    """Permit whoever ran a search, or a supervisor, to close it; judged before anything is read of others.

    Raises:
        NotPermitted: somebody else ran it, or it is another agency's.
    """
    permit_own(actor, agency)
    if actor.person != ran_by and Role.SUPERVISOR not in actor.roles:
        raise NotPermitted(
            "Closing a search ends everybody's examinations of it, so whoever ran it closes it, or a "
            "supervisor of your agency. You can give up your own.",
            rule="search.close_own",
        )
    return Permit(rule="search.close_own")


def permit_close_search(actor: Actor, search: ExaminedFacts, *, reason: str) -> Permit:
    """Permit to close a search by hand, with a reason: one with which all is done closes by itself.

    Raises:
        ReasonMissing: no reason is given.
        SearchFrozen: what was found may not be seen, or is destroyed.
        WrongState: it is closed already.
        NotPermitted: it is another agency's.
    """
    permit_own(actor, search.agency)
    _permit_open(search)
    if what_is_vague(reason):
        raise ReasonMissing("Say in a few words why nothing more is done with this search.")
    return Permit(rule="search.closed_with_reason")


def permit_release(actor: Actor, search: ExaminedFacts) -> Permit:
    """Permit a supervisor who examined nothing of a search, and had not asked for it, to release a lead of it.

    Whether a candidate is supported enough, the examination says.

    Raises:
        SamePerson: the actor examined the search, asked for it, or added a photo of it.
        SearchFrozen: what was found may not be seen, or is destroyed.
        NotPermitted: it is another agency's.
    """
    permit_own(actor, search.agency)
    _permit_seen(search)
    if actor.person in search.examiners:
        raise SamePerson(
            "Whoever examined a search releases no lead of it. Another supervisor of your agency can.",
            rule="lead.not_examiner",
        )
    if actor.person in search.added_by or actor.person == search.asked_by:
        raise SamePerson(
            "Whoever added the photo or asked for the search releases no lead of it. "
            "Another supervisor of your agency can.",
            rule="lead.other_person",
        )
    return Permit(rule="lead.not_examiner")


def permit_withdraw(actor: Actor, search: ExaminedFacts, *, reason: str) -> Permit:
    """Permit a supervisor who examined nothing of a search to withdraw a lead of it, with a reason.

    Raises:
        SamePerson, SearchFrozen, NotPermitted: as `permit_release`.
        ReasonMissing: why is not said.
    """
    permit_own(actor, search.agency)
    _permit_seen(search)
    if actor.person in search.examiners:
        raise SamePerson(
            "Whoever examined a search withdraws no lead of it. Another supervisor of your agency can.",
            rule="lead.not_examiner",
        )
    if what_is_vague(reason):
        raise ReasonMissing("Say in a few words why nobody may act on this lead any more.")
    return Permit(rule="lead.withdraw")


def permit_photo_leaves(lead: ExportFacts, *, terms: packs.Terms) -> None:
    """Permit the photo of a candidate to stand on anything that leaves: a file, a report, a bundle.

    Raises:
        LeadNotSupported: the lead is not released, withdrawn, or no longer supported.
        ForbiddenByPack: a condition of a pack does not hold; it says which, and the way out.
        SearchFrozen: nobody may see what was found.
    """
    _permit_found(frozen=lead.frozen, purged=lead.purged)
    if not lead.released:
        raise LeadNotSupported(
            "A candidate's photo leaves only with a released lead. A supervisor releases it.",
            rule="lead.released",
        )
    if lead.withdrawn:
        said = "This lead is withdrawn, so its candidate's photo does not leave."
        raise LeadNotSupported(said, rule="lead.withdrawn")
    if not lead.supported:
        raise LeadNotSupported(
            "The examiners no longer support this lead, so its candidate's photo does not leave. "
            "A supervisor withdraws the lead.",
            rule="lead.unsupported",
        )
    packs.permit_photo(terms, lead.met)


def permit_photo_export(actor: Actor, lead: ExportFacts, *, terms: packs.Terms) -> Permit:
    """Permit the photo of a candidate to leave, from a released lead, as far as the packs allow it.

    `terms` are the stricter of the packs of the agency and of the owners of the galleries.

    Raises:
        LeadNotSupported, ForbiddenByPack, SearchFrozen: as `permit_photo_leaves`.
        ReasonMissing: it is not said what for.
        NotPermitted: it is another agency's.
    """
    permit_own(actor, lead.agency)
    permit_photo_leaves(lead, terms=terms)
    if what_is_vague(lead.reason):
        raise ReasonMissing("Say in a few words what the photo is for and who gets it.")
    return Permit(rule="lead.photo_export")


def _permit_examiner(actor: Actor, search: ExaminedFacts, today: date) -> None:
    """Permit an open search to somebody certified who had no part in it."""
    permit_own(actor, search.agency)
    _permit_open(search)
    if actor.certified_until is None or actor.certified_until < today:
        raise CertificateMissing
    if actor.person in search.added_by | search.granted_by or actor.person == search.asked_by:
        raise SamePerson(
            "Whoever added the photo, asked for the search or granted its authority does not examine it. "
            "Another examiner of your agency can.",
            rule="examination.same_person",
        )
    if actor.person in search.examiners:
        raise SamePerson(
            "Nobody examines the same search twice. Another examiner of your agency can.",
            rule="examination.once",
        )


def _permit_open(search: ExaminedFacts) -> None:
    _permit_seen(search)
    if search.closed:
        raise WrongState("This search is closed. Ask for another one if more is to be compared.")


def _permit_seen(search: ExaminedFacts) -> None:
    _permit_found(frozen=search.frozen, purged=search.purged)


def _permit_found(*, frozen: bool, purged: bool) -> None:
    if purged:
        raise SearchFrozen(
            "What this search found was destroyed. Its certificate says when, and under which rule.",
            rule="search.purged",
        )
    if frozen:
        raise SearchFrozen(
            "The authority for this search was not granted in time, so what it found is not shown. "
            "Propose another authority, and ask again.",
            rule="search.frozen",
        )
