"""Who may examine what a search found: the facts for policy, read from the rows."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from datetime import date
from uuid import UUID

from countenance.apps.agencies.models import Person
from countenance.apps.approvals import queries as approvals
from countenance.apps.cases.models import Authority
from countenance.apps.examinations.models import Comparison, ExaminationState
from countenance.apps.examinations.standings import CandidateStanding, closing_of, standings
from countenance.apps.galleries.models import Gallery
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.sealed import current_keyring
from countenance.apps.records.services import unseal_body
from countenance.apps.searches.models import Probe, Search, SearchRequest
from countenance.apps.searches.queries import root_of, video_added_by
from countenance.errors import SamePerson
from countenance.examination.checklist import Checklist, enough_to_lead
from countenance.examination.combine import EXAMINERS, Standing, Waiver, combine, lasting
from countenance.examination.scale import Conclusion
from countenance.ledger.entry import Action
from countenance.policy import Actor, Permit, Role, packs
from countenance.policy.approvals import ApprovalKind
from countenance.policy.examining import (
    ExaminedFacts,
    FollowFacts,
    permit_begin,
    permit_examine,
    permit_follow,
    permit_third,
)

SEEN = (Action.CANDIDATES_VIEWED, Action.EXAMINATIONS_COMPARED)


def terms_of(search: Search) -> packs.Terms:
    """Return the stricter of the packs of a search's agency and of the owners of its galleries."""
    galleries = Gallery.objects.filter(pk__in=search.request["galleries"])
    owners = {one.agency_id: one.agency for one in galleries.select_related("agency")}
    owners.setdefault(search.agency_id, search.agency)
    return packs.stricter(*(packs.terms_of(one.pack) for one in owners.values()))


def examiners_of(search: Search) -> int:
    """Return how many examiners a search needs before any disagreement: one only where a law waives the second."""
    return _examiners(terms_of(search))


def _examiners(terms: packs.Terms) -> int:
    return 1 if packs.waiver(terms) else max(EXAMINERS, packs.verifiers(terms))


def waiver_of(search: Search) -> Waiver | None:
    """Return the law by which one examiner is enough for a search; None unless every pack names one."""
    return _waiver(terms_of(search))


def _waiver(terms: packs.Terms) -> Waiver | None:
    rule = packs.waiver(terms)
    return None if rule is None else Waiver(law=rule.law, section=rule.section)


def standings_of(search: Search) -> list[CandidateStanding]:
    """Return how far each candidate of a search is, by the packs that hold for it."""
    terms = terms_of(search)
    return standings(search, waiver=_waiver(terms), examiners=_examiners(terms))


def facts_of(search: Search, *, today: date) -> ExaminedFacts:
    """Return what policy needs to know of a search whose candidates are examined."""
    rows = search.examinations.exclude(state=ExaminationState.ENDED)
    engaged = rows.count()
    recorded = rows.filter(state=ExaminationState.RECORDED).count()
    # Read only where an examiner more may be wanted: till then nothing, no time either, tells what was said.
    enough = examiners_of(search)
    whole = recorded == engaged and recorded >= enough
    found = standings_of(search) if whole else []
    return ExaminedFacts(
        agency=search.agency_id,
        added_by=frozenset(_adders(search)),
        asked_by=None if search.answers is None else search.answers.asked_by_id,
        granted_by=frozenset(_granters(search)) | frozenset(_other_askers(search)),
        examiners=frozenset(search.examinations.values_list("examiner_id", flat=True)),
        engaged=engaged,
        recorded=recorded,
        disagreed=any(one.standing == Standing.DISAGREED for one in found),
        lapsed=any(is_lapsed(one, search, today=today) for one in found),
        frozen=search.frozen_at is not None,
        purged=search.purged_at is not None,
        closed=closing_of(search) is not None,
    )


def _adders(search: Search) -> Iterator[UUID]:
    """Yield who added the photos of a search, whatever was made of them since."""
    others = Probe.objects.filter(pk__in=[one["probe"] for one in search.request.get("more", ())])
    for probe in (search.probe, *others):
        root = root_of(probe)
        root.check_links()
        yield root.added_by_id
        filmed = video_added_by(root)
        if filmed is not None:
            yield filmed


def _other_askers(search: Search) -> Iterator[UUID]:
    """Yield who asked for a search with the further photos of this one."""
    others = [one["answers"] for one in search.request.get("more", ())]
    for request in SearchRequest.objects.filter(pk__in=others):
        request.check_links()
        yield request.asked_by_id
    if search.answers is not None:
        search.answers.check_links()


def _granters(search: Search) -> Iterator[UUID]:
    """Yield who granted the authority, approved a gallery for the case, or broke the glass for it."""
    if search.authority_id is not None:
        granted = Authority.objects.get(pk=search.authority_id).facts.granted_by
        if granted is not None:
            yield granted
    for gallery in search.request["galleries"]:
        rows = approvals.about(search.agency_id, ApprovalKind.SENSITIVE_GALLERY, UUID(gallery))
        for row in rows.filter(decided_by__isnull=False):
            if row.decided_by and approvals.is_exactly(row, {"case": str(search.case_id)}):
                yield row.decided_by
    for row in approvals.about(search.agency_id, approvals.GLASS, search.case_id):
        yield row.asked_by


def _onlookers(search: Search) -> set[UUID]:
    """Return who has seen the candidates of a search as it returned them, by the ledger."""
    rows = LedgerRow.objects.filter(about=search.pk, action__in=[str(one) for one in SEEN])
    bodies = [unseal_body(row, keyring=current_keyring()) for row in rows]
    return {UUID(json.loads(body[1])["actor"]) for body in bodies if body is not None}


def still_certified(people: Collection[UUID], *, today: date) -> set[UUID]:
    """Return those who may still examine: certified, not suspended, and still examiners."""
    return {
        one.pk
        for one in Person.objects.filter(pk__in=people)
        if one.certified_until is not None
        and one.certified_until >= today
        and not one.suspended
        and Role.EXAMINER in one.roles
    }


def is_lapsed(one: CandidateStanding, search: Search, *, today: date) -> bool:
    """Say whether a candidate would be a lead if all its examiners could still examine."""
    if one.standing != Standing.AGREED:
        return False
    certified = still_certified({said.examiner for said in one.concluded}, today=today)
    terms = terms_of(search)
    left = combine(
        lasting(one.concluded, certified_now=certified),
        waiver=_waiver(terms),
        examiners=_examiners(terms),
    )
    return left != Standing.AGREED


def permit_examiner(actor: Actor, search: Search, *, today: date) -> Permit:
    """Permit an examiner who had no part in a search, and whom it needs.

    Raises:
        SamePerson: they added a photo, asked for the search, granted it, examined it, or saw what it found.
        WrongState: it is closed, or has its examiners.
        NotPermitted: nobody disagrees, so no third examiner is needed; or it is another agency's.
    """
    _permit_unseen(actor, search)
    facts, examiners = facts_of(search, today=today), examiners_of(search)
    if facts.engaged < max(EXAMINERS, examiners):
        return permit_examine(actor, facts, today=today, examiners=examiners)
    return permit_third(actor, facts, today=today, examiners=examiners)


def permit_beginner(actor: Actor, search: Search, *, today: date) -> Permit:
    """Permit whoever ran a search to begin an examination of it without drawing, as one of its first examiners.

    Raises:
        NotPermitted: somebody else ran it; the same is said of every search.
        SamePerson, CertificateMissing, SearchFrozen, WrongState: as for any examiner.
    """
    # Before anything of others is read, so that the time that it takes tells nothing.
    permit_begin(actor, agency=search.agency_id, ran_by=search.asked_by_id)
    facts, examiners = facts_of(search, today=today), examiners_of(search)
    permit_examine(actor, facts, today=today, examiners=examiners)
    return _permit_unseen(actor, search)


def _permit_unseen(actor: Actor, search: Search) -> Permit:
    if actor.person in _onlookers(search):
        raise SamePerson(
            "Whoever has seen what a search found, with names and similarities, does not examine it. "
            "Another examiner of your agency can.",
            rule="examination.unseen",
        )
    return Permit(rule="examination.unseen")


def permit_following(
    actor: Actor,
    search: Search,
    row: Comparison,
    *,
    checklist: Checklist,
    conclusion: Conclusion,
    reason: str,
    today: date,
) -> Permit:
    """Permit another conclusion after an own one; the facts are those of the candidate's standing.

    Raises:
        WrongState: not everybody has recorded theirs, or it is followed already.
        NotPermitted: it is somebody else's, or would come to support a lead where nobody disagrees.
        ReasonMissing: why is not said.
    """
    subject = UUID(row.about["subject"])
    known = next((one for one in standings_of(search) if one.subject == subject), None)
    every = [] if known is None else known.concluded
    before = next((one for one in every if one.id == row.pk), None)
    supports = conclusion.supports and enough_to_lead(checklist)
    stronger = before is not None and not before.concurs
    said = FollowFacts(
        examiner=row.examination.examiner_id,
        followed=Comparison.objects.filter(follows=row).exists(),
        control=row.examination.control is not None,
        gains=supports and stronger,
        disagreed=known is not None and known.standing == Standing.DISAGREED,
        reason=reason,
    )
    facts = facts_of(search, today=today)
    return permit_follow(actor, facts, said, examiners=examiners_of(search))
