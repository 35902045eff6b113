"""The kinds of rule that a policy pack is made of: each a value with an order, a citation and a way out.

A rule says what it refuses, and whether it is at least as strict as another rule of its kind. Rules
of one kind need not be comparable (two lists of offences, say): then both hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar, Self

from countenance.policy.facts import Ask, SearchKind, SourceFacts
from countenance.policy.packs.base import PackRule
from countenance.policy.packs.results import (
    Controls,
    Kept,
    Lead,
    PhotoExport,
    Verifiers,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinds(PackRule):
    """Only these kinds of search."""

    allowed: frozenset[SearchKind]
    kind: ClassVar[str] = "kinds"

    @property
    def says(self) -> str:
        """Return the rule in a few words."""
        return f"only these kinds of search: {', '.join(_in_order(self.allowed))}"

    def covers(self, other: Self) -> bool:
        """Fewer kinds are stricter."""
        return self.allowed <= other.allowed

    def refuses(self, ask: Ask) -> str:
        """Refuse every other kind."""
        if ask.kind in self.allowed:
            return ""
        return (
            f"Searches of the kind “{ask.kind}” are not allowed, only: "
            f"{', '.join(_in_order(self.allowed))}. Propose an authority of such a kind, "
            "or leave this search to somebody whose law allows it."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Offences(PackRule):
    """For these kinds of search, an offence of this list; an empty code stands for none."""

    kinds: frozenset[SearchKind]
    codes: frozenset[str]
    kind: ClassVar[str] = "offence"

    @property
    def says(self) -> str:
        """Return the rule in a few words."""
        listed = ", ".join(sorted(self.codes - {""})) or "none"
        return f"offences for the kinds {', '.join(_in_order(self.kinds))}: {listed}"

    def covers(self, other: Self) -> bool:
        """A shorter list for more kinds is stricter."""
        return other.kinds <= self.kinds and self.codes <= other.codes

    def refuses(self, ask: Ask) -> str:
        """Refuse an offence that is not on the list."""
        if ask.kind not in self.kinds or ask.offence in self.codes:
            return ""
        if self.codes == {""}:
            return (
                "No search for an offence is made with these photos. "
                "Propose an authority that names no offence, if there is none to investigate."
            )
        if not ask.offence:
            return "The authority names no offence. Propose one that names an offence of the list."
        return (
            "The offence is not on the list of those for which a search may be made. "
            "If another one on the list is investigated, propose an authority that names it."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Document(PackRule):
    """The warrant, order or written request must be in the file."""

    kind: ClassVar[str] = "document"

    @property
    def says(self) -> str:
        """Return the rule in a few words."""
        return "the warrant, order or written request is in the file before a search"

    def covers(self, other: Self) -> bool:  # noqa: ARG002 # whichever it is
        """All are equally strict."""
        return True

    def refuses(self, ask: Ask) -> str:
        """Refuse a search without it."""
        if ask.documented:
            return ""
        return (
            "The authority's document is not in the file. "
            "Add the warrant, the order or the written request to the authority, then search."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorisation(PackRule):
    """A second person grants the authority first; for some kinds, within some time after."""

    late: frozenset[SearchKind]
    within: timedelta
    kind: ClassVar[str] = "authorisation"

    @property
    def says(self) -> str:
        """Return the rule in a few words."""
        if not self.late:
            return "the authority is granted before the first search"
        return (
            f"the authority is granted within {_hours(self.within)} hours of the first search "
            f"(kinds: {', '.join(_in_order(self.late))}), otherwise before it"
        )

    def covers(self, other: Self) -> bool:
        """Fewer kinds, and less time, are stricter."""
        return self.late <= other.late and (not self.late or self.within <= other.within)

    def refuses(self, ask: Ask) -> str:
        """Refuse a search before the grant, unless it may come later."""
        if ask.authorised or ask.kind in self.late:
            return ""
        return (
            "The authority waits for a supervisor to grant it, and must be granted before the "
            "first search. Search once that is done."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Once(PackRule):
    """Only the first search for a person of a case may be of this kind."""

    of: SearchKind
    kind: ClassVar[str] = "once"

    @property
    def says(self) -> str:
        """Return the rule in a few words."""
        return f"“{self.of}” only for the first search for a person of a case"

    def covers(self, other: Self) -> bool:
        """Only the same kind compares."""
        return self.of == other.of

    def refuses(self, ask: Ask) -> str:
        """Refuse the second one."""
        if ask.kind != self.of or ask.earlier < 1:
            return ""
        return (
            f"A second search for the same person is no longer “{self.of}”. "
            "Propose an authority for a targeted search of this person."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates(PackRule):
    """At most so many candidates."""

    most: int
    kind: ClassVar[str] = "candidates"

    @property
    def says(self) -> str:
        """Return the rule in a few words."""
        return f"at most {self.most} candidates"

    def covers(self, other: Self) -> bool:
        """Fewer are stricter."""
        return self.most <= other.most

    def refuses(self, ask: Ask) -> str:
        """Refuse a longer list."""
        if ask.top <= self.most:
            return ""
        return f"At most {self.most} candidates may be asked for. Ask for {self.most} or fewer."


@dataclass(frozen=True, slots=True, kw_only=True)
class Daily(PackRule):
    """One person runs at most so many searches a day."""

    most: int
    kind: ClassVar[str] = "daily"

    @property
    def says(self) -> str:
        """Return the rule in a few words."""
        return f"at most {self.most} searches a day for one person"

    def covers(self, other: Self) -> bool:
        """Fewer are stricter."""
        return self.most <= other.most

    def refuses(self, ask: Ask) -> str:
        """Refuse one more."""
        if ask.searches_today < self.most:
            return ""
        return (
            f"One person runs at most {self.most} searches a day. "
            "Another examiner of your agency can run this one, or you can after midnight, UTC."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(PackRule):
    """Everybody in the photos released them in writing."""

    kind: ClassVar[str] = "release"

    @property
    def says(self) -> str:
        """Return the rule in a few words."""
        return "a written release by the people in the photos, for every source"

    def covers(self, other: Self) -> bool:  # noqa: ARG002 # whichever it is
        """All are equally strict."""
        return True

    def refuses(self, ask: Ask) -> str:
        """Refuse a gallery that holds other photos."""
        if not ask.unreleased:
            return ""
        return (
            "A gallery holds photos of a source without a written release. Choose another gallery, "
            "or its steward files the releases in the source's passport."
        )

    def refuses_source(self, source: SourceFacts, *, today: date) -> str:  # noqa: ARG002 # on any day
        """Refuse a source whose passport names no release."""
        if source.written_release:
            return ""
        return (
            "The source's passport names no written release by the people in the photos. "
            "Name where the releases are filed, then enrol."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention(PackRule):
    """Photos are kept at most so many years after they were collected."""

    years: int
    kind: ClassVar[str] = "retention"

    @property
    def says(self) -> str:
        """Return the rule in a few words."""
        return f"photos are kept at most {self.years} years after they were collected"

    def covers(self, other: Self) -> bool:
        """Fewer years are stricter."""
        return self.years <= other.years

    def refuses_source(self, source: SourceFacts, *, today: date) -> str:
        """Refuse a later end; without a date of collection, or with a future one, count from today."""
        last = years_after(min(source.collected_on or today, today), self.years)
        if source.retention_until <= last:
            return ""
        return (
            f"The source's retention goes beyond {self.years} years after its photos were collected. "
            f"Set a retention that ends on {last:%d %B %Y} or before."
        )


RULE_KINDS: tuple[type[PackRule], ...] = (
    Kinds,
    Offences,
    Authorisation,
    Document,
    Once,
    Candidates,
    Daily,
    Release,
    Retention,
    Verifiers,
    Controls,
    Lead,
    PhotoExport,
    Kept,
)
"""In the order in which a search is judged: what it is first, how it is made later."""


def years_after(day: date, years: int) -> date:
    """Return the same day so many years later; the 28th of February for a missing 29th."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def _in_order(kinds: frozenset[SearchKind]) -> list[str]:
    return [kind.value for kind in SearchKind if kind in kinds]


def _hours(time: timedelta) -> int:
    return int(time / timedelta(hours=1))
