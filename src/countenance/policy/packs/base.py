"""What every rule of a policy pack has: a citation, an order, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Self

from countenance.policy.facts import Ask, SourceFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class PackRule:
    """A rule of a pack.

    Attributes:
        law: the law, order or policy that it comes from.
        section: where in it.
    """

    law: str
    section: str

    kind: ClassVar[str] = ""

    @property
    def name(self) -> str:
        """Return what the rule is called within its pack."""
        return self.kind

    @property
    def says(self) -> str:
        """Return the rule in a few words, for a table."""
        raise NotImplementedError

    def covers(self, other: Self) -> bool:
        """Say whether whatever the other refuses, this refuses too."""
        raise NotImplementedError

    def refuses(self, ask: Ask) -> str:  # noqa: ARG002 # for the kinds that judge a search
        """Return why a search is refused and the way out; empty if it is not."""
        return ""

    def refuses_source(self, source: SourceFacts, *, today: date) -> str:  # noqa: ARG002 # likewise
        """Return why photos of a source are refused and the way out; empty if they are not."""
        return ""
