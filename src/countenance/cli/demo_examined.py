"""What the demo shows of examinations: a lead that was released, and a search that waits for its second examiner."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from countenance.cli.demo_story import open_case
from countenance.examination.components import Answer, Component, Visibility
from countenance.examination.scale import Conclusion
from countenance.policy import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from countenance.apps.examinations.models import Examination
    from countenance.apps.galleries.models import Gallery
    from countenance.apps.searches.models import Search
    from countenance.cli.demo_story import Cast
    from countenance.policy import Actor

LEAD_CASE, WAITING_CASE = "DEMO-3", "DEMO-4"
FIRST, SECOND = 0, 1
NOTE = "Filled in by the program for this demo; nobody looked at these photos."
ANSWERS = {1: Answer.SIMILAR, 0: Answer.CANNOT, -1: Answer.DIFFERENT}
MOST_DRAWS = 10
LARGEST_FACE = 0


def show_examinations(cast: Cast, galleries: Sequence[Gallery], probe: tuple[str, bytes]) -> None:
    """Have one search examined by both examiners and its best candidate released; another one by the first alone."""
    found = _search(cast, galleries, probe, LEAD_CASE)
    if not found.outcome["candidates"]:
        return
    _examine_as_first(cast, found)
    if _examine_as_second(cast, found):
        _release(cast, found)
    _examine_as_first(cast, _search(cast, galleries, probe, WAITING_CASE))


def _search(
    cast: Cast, galleries: Sequence[Gallery], probe: tuple[str, bytes], reference: str
) -> Search:
    """Open a case and run the search that is asked for in it."""
    from countenance.apps.searches import queries, services

    case = open_case(cast, galleries, [probe], reference=reference)
    added = queries.probes(case).get()
    return services.run_search(
        cast.actor(Role.EXAMINER, number=FIRST),
        probe=added,
        face=LARGEST_FACE if added.details["faces"] else None,
        galleries=galleries,
        reason="The family's request is in the file",
        tools=cast.tools,
    )


def _examine_as_first(cast: Cast, search: Search) -> None:
    """Examine a search as the one who ran it."""
    from countenance.apps.examinations import services

    actor = cast.actor(Role.EXAMINER, number=FIRST)
    begun = services.begin_examination(actor, search=search, tools=cast.tools)
    _carry_out(cast, actor, begun)


def _examine_as_second(cast: Cast, search: Search) -> bool:
    """Draw as the other examiner until it is this search, and examine it; say whether it was."""
    from countenance.apps.examinations import taking

    actor = cast.actor(Role.EXAMINER, number=SECOND)
    for _ in range(MOST_DRAWS):  # now and then a control takes its place
        begun = taking.take_examination(actor, tools=cast.tools)
        _carry_out(cast, actor, begun)
        if begun.search_id == search.pk:
            return True
    return False


def _carry_out(cast: Cast, actor: Actor, begun: Examination) -> None:
    """Record an examination: one person at the first rank, two at all others, no support in a control."""
    from countenance.apps.examinations import queries, services

    clear = {str(one): {"said": str(Visibility.CLEAR)} for one in Component}
    checklist = {"marks": clear, "note": NOTE}
    services.record_analysis(actor, examination=begun, checklist=checklist, tools=cast.tools)
    begun.refresh_from_db()
    for row in queries.comparisons(begun):
        conclusion = Conclusion.SAME if row.about["rank"] == 1 else Conclusion.OTHER
        if begun.search_id is None:
            conclusion = Conclusion.NEITHER
        said = {str(one): {"said": str(ANSWERS[conclusion.direction])} for one in Component}
        services.record_conclusion(
            actor,
            comparison=row,
            checklist={"marks": said, "note": NOTE},
            conclusion=str(conclusion),
            tools=cast.tools,
        )


def _release(cast: Cast, search: Search) -> None:
    """Release the best candidate of a search as its supervisor."""
    from countenance.apps.leads import services

    search.refresh_from_db()
    services.release_lead(
        cast.actor(Role.SUPERVISOR),
        search=search,
        subject=UUID(search.outcome["candidates"][0]["subject"]),
        tools=cast.tools,
    )
