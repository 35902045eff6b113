"""The packs: which rules each one holds, and where each rule comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from countenance.policy.facts import DEFAULT_PACK, SearchKind
from countenance.policy.packs.base import PackRule
from countenance.policy.packs.offences import ANY_NAMED, DETROIT, MARYLAND, NONE
from countenance.policy.packs.results import (
    Controls,
    ExportCondition,
    Kept,
    Lead,
    LeadLimit,
    PhotoExport,
    Verifiers,
)
from countenance.policy.packs.rules import (
    Authorisation,
    Candidates,
    Daily,
    Document,
    Kinds,
    Offences,
    Once,
    Release,
    Retention,
)

_ALL = frozenset(SearchKind)
_SUSPECTS = frozenset({SearchKind.INITIAL, SearchKind.TARGETED})
_LOST = frozenset({SearchKind.MISSING, SearchKind.VICTIM})

_HOUSE = "Countenance house rules"
_NGI = "FBI NGI Interstate Photo System"
_EU = "EU AI Act, Regulation (EU) 2024/1689"
_MD = "Maryland Code, Criminal Procedure"
_DETROIT = "Detroit Police Department Manual"
_WILLIAMS = "Williams v. City of Detroit, settlement of 28 June 2024"
_BIPA = "Illinois BIPA, 740 ILCS 14"
_FAMILY = "33rd Red Cross and Red Crescent Conference, resolution 33IC/19/R4"
_LED = "Directive (EU) 2016/680"
_GDPR = "GDPR, Regulation (EU) 2016/679"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """A policy pack.

    Attributes:
        name: what it is called in settings and records.
        title: what it is called for people.
        summary: one sentence that says what it is for.
        rules: what it holds.
    """

    name: str
    title: str
    summary: str
    rules: tuple[PackRule, ...]


# What every pack holds. Each pack adds to it and says itself when an authority is granted.
_AUTHORITY_FIRST = Authorisation(
    law=_HOUSE, section="1, authority first", late=frozenset(), within=timedelta()
)
_DOCUMENT = Document(law=_HOUSE, section="2, on paper")
_CANDIDATES = Candidates(law=_NGI, section="2 to 50 candidates, 20 by default", most=50)
_DAILY = Daily(law=_HOUSE, section="3, fifty a day", most=50)
_VERIFIERS = Verifiers(law=_HOUSE, section="4, two examiners", least=2)
_CONTROLS = Controls(law=_HOUSE, section="5, one in ten is a control", share=0.10)
_GRANTED = PhotoExport(
    law=_HOUSE, section="6, no photo before the grant", condition=ExportCondition.AUTHORISED
)
_KEPT = Kept(
    law=_HOUSE,
    section="7, a year after the case, three for a lead without an outcome",
    results_days=365,
    evidence_days=365,
    lead_days=3 * 365,
)
_SOLE = Lead(law=_NGI, section="leads only", limit=LeadLimit.NEVER_SOLE_BASIS)
_SHARED = (_DOCUMENT, _CANDIDATES, _CONTROLS, _GRANTED)
_UNLESS_STRICTER = (*_SHARED, _DAILY, _VERIFIERS)
_BASE = (*_UNLESS_STRICTER, _KEPT)

_PACKS = (
    Pack(
        name=DEFAULT_PACK,
        title="House rules",
        summary="What holds everywhere: the authority is granted and on file before any search.",
        rules=(*_BASE, _AUTHORITY_FIRST, _SOLE),
    ),
    Pack(
        name="eu-ai-act",
        title="European Union: AI Act",
        summary=(
            "For law enforcement in the European Union: a named offence, "
            "authorisation at the latest 48 hours after the first search."
        ),
        rules=(
            *_SHARED,
            _DAILY,
            _KEPT,
            Offences(law=_EU, section="Art. 26(10)", kinds=_SUSPECTS, codes=ANY_NAMED),
            Authorisation(law=_EU, section="Art. 26(10)", late=_ALL, within=timedelta(hours=48)),
            Once(law=_EU, section="Art. 26(10)", of=SearchKind.INITIAL),
            Verifiers(law=_EU, section="Art. 14(5)", least=2),
            Lead(law=_EU, section="Art. 26(10)", limit=LeadLimit.NEVER_SOLE_BASIS),
        ),
    ),
    Pack(
        name="maryland",
        title="Maryland: Criminal Procedure, title 2, subtitle 5",
        summary="For law enforcement in Maryland: only for the crimes on a closed list.",
        rules=(
            *_BASE,
            _AUTHORITY_FIRST,
            Offences(
                law=_MD,
                section="§ 2-503(a)(1)(i)",
                kinds=_SUSPECTS | {SearchKind.VICTIM},
                codes=MARYLAND,
            ),
            Lead(law=_MD, section="§ 2-502(b)(2)", limit=LeadLimit.NEVER_SOLE_BASIS),
            Lead(law=_MD, section="§ 2-504", limit=LeadLimit.DISCLOSE_RESULTS),
        ),
    ),
    Pack(
        name="detroit-williams",
        title="Detroit: directive 307.5 and the Williams settlement",
        summary=(
            "Only for violent crimes and home invasion; no arrest and no line-up on a lead alone; "
            "searches that found nobody are disclosed."
        ),
        rules=(
            *_BASE,
            _AUTHORITY_FIRST,
            Offences(law=_DETROIT, section="directive 307.5-1", kinds=_SUSPECTS, codes=DETROIT),
            Lead(law=_DETROIT, section="directive 307.5-1", limit=LeadLimit.NEVER_SOLE_BASIS),
            Lead(law=_WILLIAMS, section="arrests", limit=LeadLimit.NO_ARREST_ALONE),
            Lead(law=_WILLIAMS, section="line-ups", limit=LeadLimit.NO_LINEUP_ALONE),
            Lead(law=_WILLIAMS, section="disclosure", limit=LeadLimit.DISCLOSE_RESULTS),
            Lead(law=_WILLIAMS, section="disclosure", limit=LeadLimit.DISCLOSE_NEGATIVE),
            PhotoExport(
                law=_WILLIAMS, section="line-ups", condition=ExportCondition.INDEPENDENT_EVIDENCE
            ),
        ),
    ),
    Pack(
        name="bipa",
        title="Illinois: Biometric Information Privacy Act",
        summary=(
            "For private bodies in Illinois: a written release for every source, "
            "and photos are kept three years at most."
        ),
        rules=(
            *_UNLESS_STRICTER,
            _AUTHORITY_FIRST,
            _SOLE,
            Release(law=_BIPA, section="section 15(b)"),
            Retention(law=_BIPA, section="section 15(a)", years=3),
            Kept(
                law=_BIPA,
                section="section 15(a), purpose satisfied; the days are ours",
                results_days=30,
                evidence_days=30,
                lead_days=365,
            ),
        ),
    ),
    Pack(
        name="humanitarian",
        title="Missing persons and family links",
        summary="Only to find missing people and to identify victims; never to investigate an offence.",
        rules=(
            *_BASE,
            _AUTHORITY_FIRST,
            _SOLE,
            Kinds(law=_FAMILY, section="humanitarian purpose", allowed=_LOST),
            Offences(law=_FAMILY, section="humanitarian purpose", kinds=_ALL, codes=NONE),
        ),
    ),
    Pack(
        name="archive",
        title="Archives and newsrooms",
        summary="For bodies without police powers: missing people and victims only, in small numbers.",
        rules=(
            *_SHARED,
            _VERIFIERS,
            _AUTHORITY_FIRST,
            _SOLE,
            Kinds(law=_LED, section="Art. 3(7), Art. 8(1)", allowed=_LOST),
            Offences(law=_GDPR, section="Art. 10", kinds=_ALL, codes=NONE),
            Daily(law=_GDPR, section="Art. 5(1)(c) and Art. 89(1)", most=20),
            Kept(
                law=_GDPR,
                section="Art. 5(1)(e), storage limitation; the days are ours",
                results_days=90,
                evidence_days=90,
                lead_days=365,
            ),
        ),
    ),
)

PACKS: Mapping[str, Pack] = MappingProxyType({pack.name: pack for pack in _PACKS})
"""Every pack by its name, the default first."""
