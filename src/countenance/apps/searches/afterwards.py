"""What came of a search after it ended, and where one reads it: examined, decided, a lead, or none.

Examinations and leads are known to apps above this one; the topmost of them says it here, from its
`AppConfig.ready`. Until it did, nothing came of any search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from countenance.apps.searches.models import Search
from countenance.policy import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A page that can be opened from a search; `subject`: the candidate that it is about, if it is about one."""

    words: str
    href: str
    subject: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Afterwards:
    """What came of a search.

    Attributes:
        words: how far it is, without a full stop.
        at: since when.
        whose: whose step is next, such as "A supervisor"; empty if it is nobody's.
        said: why it was closed before all was compared, as somebody wrote it; else empty.
        leads: those that were released of it.
    """

    words: str
    at: datetime
    whose: str = ""
    said: str = ""
    leads: tuple[Link, ...] = ()


Teller = Callable[[Actor, Sequence[Search]], Mapping[UUID, Afterwards]]
Guide = Callable[[Actor, Search], Iterable[Link]]

_tellers: list[Teller] = []
_guides: list[Guide] = []


def register(teller: Teller, guide: Guide) -> None:
    """Ask these functions: what came of searches, and which pages can be opened from one."""
    _tellers[:], _guides[:] = [teller], [guide]


def came_of(actor: Actor, searches: Sequence[Search]) -> Mapping[UUID, Afterwards]:
    """Return what came of searches by their ids; of those only of which the actor may know it."""
    return {pk: said for tell in _tellers for pk, said in tell(actor, searches).items()}


def links_from(actor: Actor, search: Search) -> list[Link]:
    """Return the pages that the actor can open from a search: leads, examinations, the next step."""
    return [link for guide in _guides for link in guide(actor, search)]
