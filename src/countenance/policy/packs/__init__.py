"""Policy packs: the rules of a law as data, and the one place that applies them.

A gallery's owner has a pack and so has the asker's agency; `stricter` merges them, rule by rule, and
each rule keeps the pack and the section it came from. What the merged terms refuse, the pack named in
the refusal refuses by itself.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from countenance.errors import ForbiddenByPack
from countenance.policy.facts import Ask, SearchKind, SourceFacts
from countenance.policy.packs.base import PackRule
from countenance.policy.packs.catalogue import PACKS, Pack
from countenance.policy.packs.offences import OFFENCES
from countenance.policy.packs.results import (
    Controls,
    ExportCondition,
    Kept,
    Lead,
    LeadLimit,
    PhotoExport,
    Verifiers,
    Waiver,
)
from countenance.policy.packs.rules import RULE_KINDS, Authorisation, Offences
from countenance.policy.people import Permit

__all__ = [
    "OFFENCES",
    "PACKS",
    "ExportCondition",
    "Held",
    "Keeping",
    "LeadLimit",
    "Pack",
    "Terms",
    "Waiver",
    "controls_share",
    "grace",
    "kept",
    "lead_limits",
    "offences_for",
    "offences_of",
    "permit_ask",
    "permit_photo",
    "permit_source",
    "photo_export",
    "stricter",
    "terms_of",
    "verifiers",
    "waiver",
]

_KINDS = [made.kind for made in RULE_KINDS]

CONTROLS = 0.10
"""The share of examinations that are controls, where no pack says how many."""


@dataclass(frozen=True, slots=True)
class Held:
    """A rule, and the pack that it came from."""

    pack: str
    rule: PackRule

    @property
    def name(self) -> str:
        """Return the rule's full name, as the ledger keeps it."""
        return f"{self.pack}.{self.rule.name}"

    @property
    def citation(self) -> str:
        """Return where the rule comes from."""
        return f"{self.rule.law}, {self.rule.section}"


@dataclass(frozen=True, slots=True)
class Terms:
    """The rules of a pack, or of several merged: of each kind the strictest."""

    held: frozenset[Held] = frozenset()

    def in_order(self) -> list[Held]:
        """Return the rules in the order in which they are judged."""
        return sorted(self.held, key=_order)


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long what a closed case leaves behind is kept, and by which rule."""

    results: Held
    evidence: Held
    lead: Held
    results_days: int
    evidence_days: int
    lead_days: int


def terms_of(pack: str) -> Terms:
    """Return a pack's terms.

    Raises:
        ForbiddenByPack: there is no such pack, so nothing is permitted.
    """
    known = PACKS.get(pack)
    if known is None:
        raise ForbiddenByPack(
            "There is no policy pack of this name, so nothing can be permitted under it. "
            "The custodian chooses a pack for the agency.",
            rule="pack.unknown",
        )
    return stricter(Terms(frozenset(Held(known.name, rule) for rule in known.rules)))


def stricter(*terms: Terms) -> Terms:
    """Return the stricter of several terms, rule by rule.

    Where neither of two rules of a kind is stricter, both hold; of two that are equally strict, the
    one of the pack whose name comes first.
    """
    every = frozenset().union(*(part.held for part in terms))
    return Terms(
        frozenset(held for held in every if not any(_replaces(other, held) for other in every))
    )


def permit_ask(terms: Terms, ask: Ask) -> Permit:
    """Permit a search that every rule allows.

    Raises:
        ForbiddenByPack: a rule refuses; the refusal names pack and rule, law and section, and the way out.
    """
    _some(terms)
    for held in terms.in_order():
        if why := held.rule.refuses(ask):
            raise _refusal(held, why)
    return Permit(rule="pack.search")


def permit_source(terms: Terms, source: SourceFacts, *, today: date) -> Permit:
    """Permit enrolment from a source whose passport satisfies the pack.

    Raises:
        ForbiddenByPack: a rule refuses, as above.
    """
    _some(terms)
    for held in terms.in_order():
        if why := held.rule.refuses_source(source, today=today):
            raise _refusal(held, why)
    return Permit(rule="pack.source")


def grace(terms: Terms, kind: SearchKind) -> timedelta | None:
    """Return how long after the first search the authority may still be granted; None: not at all.

    Every pack says when an authority is granted; terms in which none does allow no delay.
    """
    rules = [held.rule for held in terms.held if isinstance(held.rule, Authorisation)]
    if not rules or any(kind not in rule.late for rule in rules):
        return None
    return min(rule.within for rule in rules)


def offences_for(terms: Terms, kind: SearchKind) -> tuple[tuple[str, str], ...]:
    """Return the codes and labels that an authority of a kind may name; empty if any may, or none need."""
    lists = [
        held.rule.codes
        for held in terms.held
        if isinstance(held.rule, Offences) and kind in held.rule.kinds
    ]
    if not lists:
        return ()
    allowed = frozenset.intersection(*lists)
    return tuple((code, label) for code, label in OFFENCES.items() if code in allowed)


def offences_of(terms: Terms) -> tuple[tuple[str, str], ...]:
    """Return the closed list of offences, as codes and labels; empty if there is none."""
    named = {pair for kind in SearchKind for pair in offences_for(terms, kind)}
    return tuple(pair for pair in OFFENCES.items() if pair in named)


def verifiers(terms: Terms) -> int:
    """Return how many people must confirm a result, each for themselves."""
    return max(
        (held.rule.least for held in terms.held if isinstance(held.rule, Verifiers)), default=2
    )


def waiver(terms: Terms) -> Waiver | None:
    """Return the law by which one person is enough; None unless every pack concerned has one.

    A merged rule of this kind is a waiver only where no pack asks for two.
    """
    rules = [held.rule for held in terms.in_order() if isinstance(held.rule, Verifiers)]
    waivers = [rule for rule in rules if isinstance(rule, Waiver)]
    return waivers[0] if waivers and len(waivers) == len(rules) else None


def controls_share(terms: Terms) -> float:
    """Return how many of all examinations are controls, of 1."""
    return max(
        (held.rule.share for held in terms.held if isinstance(held.rule, Controls)),
        default=CONTROLS,
    )


def kept(terms: Terms) -> Keeping | None:
    """Return how long what a closed case leaves behind is kept; None if no pack says so.

    The fewest days count, for results, for evidence and for what a lead keeps each.
    """
    rules = [(held, held.rule) for held in terms.in_order() if isinstance(held.rule, Kept)]
    if not rules:
        return None
    results, fewest_results = min(rules, key=lambda pair: pair[1].results_days)
    evidence, fewest_evidence = min(rules, key=lambda pair: pair[1].evidence_days)
    lead, fewest_lead = min(rules, key=lambda pair: pair[1].lead_days)
    return Keeping(
        results=results,
        evidence=evidence,
        lead=lead,
        results_days=fewest_results.results_days,
        evidence_days=fewest_evidence.evidence_days,
        lead_days=fewest_lead.lead_days,
    )


def photo_export(terms: Terms) -> dict[ExportCondition, str]:
    """Return what must hold before a candidate's photo leaves the program, each with its citation."""
    return {
        held.rule.condition: held.citation
        for held in terms.in_order()
        if isinstance(held.rule, PhotoExport)
    }


def permit_photo(terms: Terms, met: Collection[ExportCondition]) -> Permit:
    """Permit a candidate's photo to leave the program once every condition holds.

    Raises:
        ForbiddenByPack: one does not; as above.
    """
    _some(terms)
    for held in terms.in_order():
        if isinstance(held.rule, PhotoExport) and (why := held.rule.refuses_export(met)):
            raise _refusal(held, why)
    return Permit(rule="pack.photo_export")


def lead_limits(terms: Terms) -> dict[LeadLimit, str]:
    """Return what a lead may not be used for, or must be disclosed with, each with its citation."""
    return {
        held.rule.limit: held.citation for held in terms.in_order() if isinstance(held.rule, Lead)
    }


def _order(held: Held) -> tuple[int, str, str]:
    return _KINDS.index(held.rule.kind), held.rule.name, held.pack


def _replaces(one: Held, other: Held) -> bool:
    """Say whether one rule makes the other needless: it is stricter, or as strict and comes first."""
    if one.rule.kind != other.rule.kind or not one.rule.covers(other.rule):
        return False
    return not other.rule.covers(one.rule) or _first(one) < _first(other)


def _first(held: Held) -> tuple[str, str, str]:
    return held.pack, held.rule.law, held.rule.section


def _some(terms: Terms) -> None:
    """Refuse terms that hold no rule: they are no pack's."""
    if not terms.held:
        raise ForbiddenByPack(
            "No policy pack says what is allowed here. The custodian chooses one for the agency.",
            rule="pack.missing",
        )


def _refusal(held: Held, why: str) -> ForbiddenByPack:
    pack = PACKS[held.pack].title if held.pack in PACKS else held.pack
    return ForbiddenByPack(
        f"{why} ({held.citation}; policy pack “{pack}”)",
        rule=held.name,
        law=held.rule.law,
        section=held.rule.section,
    )
