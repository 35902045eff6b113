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
from countenance.policy import SYSTEM, Actor, Role
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
Seer = Callable[[Actor, Search], bool]

_judges: list[Judge] = []
_seers: list[Seer] = []


def register(judge: Judge, seer: Seer) -> None:
    """Ask these functions.

    Args:
        judge: what somebody may know; called with the actor and the search, and with `tools` by keyword.
        seer: whether that is anything of its candidates.
    """
    _judges[:], _seers[:] = [judge], [seer]


def known(actor: Actor, search: Search, *, tools: Tools) -> Known:
    """Return what somebody may know of the candidates of a concluded search."""
    if actor == SYSTEM or not search.outcome["candidates"]:
        return Known(candidates=True)
    for judge in _judges:
        return judge(actor, search, tools=tools)
    return Known(candidates=False)


def is_kept_unseen(actor: Actor, search: Search) -> bool:
    """Say whether somebody could be asked to examine a search, and so is not shown its photo before.

    Whoever knew the photos would know of which case the one is that they draw, and that a control is none of
    them. It depends on nothing that others do, so that it tells nothing of them.
    """
    if Role.EXAMINER not in actor.roles or search.asked_by_id == actor.person:
        return False
    found = None if search.purged_at is not None else search.outcome
    if found is None or not found.get("candidates"):
        return False
    return not any(sees(actor, search) for sees in _seers)


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
