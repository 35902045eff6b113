"""Who may know what a search found: examiners only once they have examined it themselves.

What examinations there are, the app above this one knows; it says so here, from its `AppConfig.ready`.
Until it did, nobody but the program itself sees a candidate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from countenance.apps.searches.models import Search
from countenance.errors import NotPermitted
from countenance.policy import SYSTEM, Actor
from countenance.tools import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What somebody may know of the candidates of a search.

    Attributes:
        candidates: who they are, their rank and similarity.
        begins: an examination of it may be begun.
        examination: the own examination, if it is known to be of this search.
        why: why nothing more is shown now, and the way to it.
    """

    candidates: bool
    begins: bool = False
    examination: UUID | None = None
    why: str = ""


Judge = Callable[..., Known]

_judges: list[Judge] = []


def register(judge: Judge) -> None:
    """Ask this function: it is called with the actor and the search, and with `tools` by keyword."""
    _judges[:] = [judge]


def known(actor: Actor, search: Search, *, tools: Tools) -> Known:
    """Return what somebody may know of the candidates of a concluded search."""
    if actor == SYSTEM or not search.outcome["candidates"]:
        return Known(candidates=True)
    for judge in _judges:
        return judge(actor, search, tools=tools)
    return Known(candidates=False)


def permit_candidates(actor: Actor, search: Search, *, tools: Tools) -> Known:
    """Permit a look at the candidates of a concluded search, and return what is known of them.

    Raises:
        NotPermitted: the examinations that it needs are not recorded yet.
    """
    said = known(actor, search, tools=tools)
    if not said.candidates:
        raise NotPermitted(
            "Who the candidates are is shown once they have been examined, so that nothing leads an "
            "examiner. Begin your examination, or take the next one that waits.",
            rule="search.examine_first",
        )
    return said
