"""On what grounds a search is permitted: rows locked, facts gathered, quotas kept.

Called inside the transaction of the intent, so that two searches at the same moment cannot both be the
last one that a quota allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from countenance import policy
from countenance.apps.agencies.models import Agency, Person
from countenance.apps.cases import queries as case_queries
from countenance.apps.cases.models import Authority, Case
from countenance.apps.cases.uses import lock_authority
from countenance.apps.galleries import grants
from countenance.apps.galleries.models import Gallery
from countenance.apps.searches.clock import was_late
from countenance.apps.searches.models import Probe, RequestState, Search, SearchRequest, SearchState
from countenance.apps.searches.queries import root_of, video_added_by
from countenance.errors import WrongState
from countenance.policy import Actor, SearchPermit, packs
from countenance.policy.facts import AuthorityFacts, CaseFacts, EvidenceFacts, GalleryFacts
from countenance.policy.packs.rules import Authorisation
from countenance.policy.searching import Quotas, permit_quotas, permit_wished
from countenance.tools import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What policy is told of a search, and the locked rows behind it."""

    case: CaseFacts
    evidence: EvidenceFacts
    authority_facts: AuthorityFacts | None
    galleries: Sequence[GalleryFacts]
    pack: str
    searches_today: int
    root: Probe
    locked_case: Case
    authority: Authority | None
    request: SearchRequest | None

    def permit(
        self, actor: Actor, *, reason: str, top: int, earlier: int, now: datetime
    ) -> SearchPermit:
        """Ask policy.

        Raises:
            ReasonMissing, InputError, NotPermitted: policy says no.
        """
        return policy.permit_search(
            actor,
            case=self.case,
            evidence=self.evidence,
            authority=self.authority_facts,
            galleries=self.galleries,
            pack=self.pack,
            reason=reason,
            top=top,
            earlier=earlier,
            searches_today=self.searches_today,
            now=now,
        )

    def of(self, probe: Probe) -> Grounds:
        """Return the grounds of another photo in the same search; its request is locked.

        Raises:
            NotEvidence: the photo was never sealed to the case.
        """
        root = root_of(probe)
        request = _request_for(root, lock=True)
        return replace(self, root=root, request=request, evidence=_facts_of(root, request))

    @property
    def sections(self) -> list[str]:
        """Return the law by which the authority must be granted, and until when."""
        each = (packs.terms_of(one.pack) for one in self.galleries)
        terms = packs.stricter(packs.terms_of(self.pack), *each)
        return [one.citation for one in terms.in_order() if isinstance(one.rule, Authorisation)]

    def before(self, search: Search) -> Grounds:
        """Return the grounds as they were before this search was counted."""
        facts, used = self.authority_facts, None
        if facts is not None and search.request["authority"] is not None:
            used = replace(facts, used=max(0, facts.used - 1))
        return replace(self, authority_facts=used or facts, searches_today=self.searches_today - 1)


def gather(
    actor: Actor, *, probe: Probe, galleries: Sequence[Gallery], lock: bool = True, tools: Tools
) -> Grounds:
    """Return what a search with this probe in these galleries would stand on.

    Args:
        actor: the examiner.
        probe: evidence, or something made of it.
        galleries: where to look; those of other agencies are opened by their grant.
        lock: lock the rows that the quotas depend on; only inside a transaction.
        tools: clock, keys.

    Raises:
        NotEvidence: the photo was never sealed to the case.
    """
    now = tools.clock()
    if lock:
        agency = Agency.objects.select_for_update(no_key=True).get(pk=actor.agency)
        Person.objects.select_for_update(no_key=True).get(pk=actor.person)
        case = Case.objects.select_for_update(no_key=True).get(pk=probe.case_id)
    else:
        agency, case = Agency.objects.get(pk=actor.agency), Case.objects.get(pk=probe.case_id)
    policy.permit_own(actor, case.agency_id)
    authority = _authority_of(case, lock=lock)
    root = root_of(probe)
    request = _request_for(root, lock=lock)
    return Grounds(
        case=replace(case_queries.facts_of(case, now=now), late_before=was_late(case, now=now)),
        evidence=_facts_of(root, request),
        authority_facts=None if authority is None else authority.facts,
        galleries=[
            grants.facts_of(actor, gallery, case=case.pk, tools=tools) for gallery in galleries
        ],
        pack=agency.pack,
        searches_today=_since_midnight(now).filter(asked_by_id=actor.person).count(),
        root=root,
        locked_case=case,
        authority=authority,
        request=request,
    )


def permit_one_more(
    actor: Actor, grounds: Grounds, galleries: Sequence[Gallery], *, now: datetime
) -> None:
    """Permit one search more: as it was asked for, once at a time, and within every quota.

    Raises:
        NotPermitted: a gallery that was not asked for.
        QuotaSpent: somebody has had all of theirs.
        WrongState: the request is being run already.
    """
    permit_as_asked(grounds, galleries)
    permit_quotas(
        quotas_of(Agency.objects.get(pk=actor.agency)),
        by_person=grounds.searches_today,
        in_case=Search.objects.filter(case=grounds.locked_case).count(),
        by_agency=_since_midnight(now).filter(agency_id=actor.agency).count(),
    )


def permit_as_asked(grounds: Grounds, galleries: Sequence[Gallery]) -> None:
    """Permit a search with a photo where it was asked for, and once at a time.

    Raises:
        NotPermitted: a gallery that was not asked for.
        WrongState: the request is being run already.
    """
    request = grounds.request
    if request is None:
        return
    wished = [UUID(one) for one in request.wishes["galleries"]]
    permit_wished([gallery.pk for gallery in galleries], wished=wished)
    running = Search.objects.filter(case=grounds.locked_case, state=SearchState.INTENDED)
    if any(request.pk in answered_by(one) for one in running):
        raise WrongState("This request is being run already.")


def answered_by(search: Search) -> list[UUID]:
    """Return the requests that a search answers: one for each of its photos."""
    first = [] if search.answers_id is None else [search.answers_id]
    return first + [UUID(other["answers"]) for other in search.request.get("more", ())]


def quotas_of(agency: Agency) -> Quotas:
    """Return the quotas of an agency: the usual ones, or what its standing says instead."""
    named: dict[str, Any] = (agency.standing or {}).get("quotas") or {}
    return replace(Quotas(), **{name: int(value) for name, value in named.items()})


def _authority_of(case: Case, *, lock: bool) -> Authority | None:
    case.check_links()
    if case.authority_id is None:
        return None
    return lock_authority(case.authority_id) if lock else case.authority


def _request_for(root: Probe, *, lock: bool) -> SearchRequest | None:
    found = SearchRequest.objects.filter(probe=root, state=RequestState.WAITING)
    if lock:
        found = found.select_for_update(no_key=True)
    request = found.order_by("asked_at", "pk").first()
    if request is not None:
        request.check_links()
    return request


def _facts_of(root: Probe, request: SearchRequest | None) -> EvidenceFacts:
    return EvidenceFacts(
        agency=root.agency_id,
        added_by=root.added_by_id,
        asked_by=None if request is None else request.asked_by_id,
        video_added_by=video_added_by(root),
    )


def _since_midnight(now: datetime) -> Any:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return Search.objects.filter(intended_at__gte=midnight)
