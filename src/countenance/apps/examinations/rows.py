"""Making and ending the rows of an examination, alike for what a search returned and for a control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Any
from uuid import UUID

from countenance.apps.examinations.models import Comparison, Examination, ExaminationState
from countenance.apps.galleries.nearest import similarity_of
from countenance.apps.searches.models import Search
from countenance.policy import Actor
from countenance.tools import Tools

CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Letters and digits that are not taken for each other when they are read out; 32, so each byte gives one."""
CODE_LENGTH = 6
ORDER_BYTES = 16


def make_rows(
    actor: Actor,
    *,
    examination_id: UUID,
    search: Search,
    probe: Mapping[str, Any],
    candidates: Sequence[Mapping[str, Any]],
    control: Mapping[str, Any] | None = None,
    drawn: bool,
    tools: Tools,
) -> Examination:
    """Write an examination and one comparison for each candidate, in an order that is drawn now.

    Args:
        actor: the examiner.
        examination_id: its id.
        search: what it is of; for a control, in whose place it is.
        probe: which photo plays the probe, and which face of it.
        candidates: as a search records them, best first.
        control: what is known beforehand, for a control.
        drawn: whether the examiner asked for the next one that waits, and chose nothing.
        tools: the clock, the draw.
    """
    examination = Examination(
        pk=examination_id,
        agency_id=actor.agency,
        search=search if control is None else None,
        examiner_id=actor.person,
        state=ExaminationState.OPEN,
        begun_at=tools.clock(),
    )
    examination.about = {
        "links": examination.links,
        "code": _code(tools),
        "probe": dict(probe),
        "control": None if control is None else dict(control),
        "drawn": drawn,
        "candidates": len(candidates),
        "instead_of": None if control is None else str(search.pk),
    }
    examination.save(force_insert=True)
    ranked = list(enumerate(candidates, start=1))
    order = sorted(ranked, key=lambda _: tools.token_bytes(ORDER_BYTES))
    for place, (rank, candidate) in enumerate(order):
        one = Comparison(agency_id=actor.agency, examination=examination, place=place)
        one.about = {
            "links": one.links,
            "letter": letter(place),
            "subject": candidate["subject"],
            "rank": rank,
            "similarity": similarity_of(candidate),
            "fused": candidate.get("fused", 1),
            "faces": candidate["faces"],
        }
        one.save(force_insert=True)
    return examination


def letter(place: int) -> str:
    """Return the letters of a place: A to Z, then AA, AB and so on."""
    before, own = divmod(place, len(ascii_uppercase))
    return (ascii_uppercase[before - 1] if before else "") + ascii_uppercase[own]


def _code(tools: Tools) -> str:
    """Return what an examiner calls it by; drawn, so it says nothing."""
    drawn = tools.token_bytes(CODE_LENGTH)
    return "".join(CODE_LETTERS[byte % len(CODE_LETTERS)] for byte in drawn)


def end(examination: Examination, why: str, *, tools: Tools) -> None:
    """End a locked examination before all was concluded; what it recorded on the way stays sealed."""
    at = tools.clock().isoformat()
    examination.about = {**examination.about, "ended": {"reason": why, "at": at}}
    examination.move(ExaminationState.ENDED)
    examination.save(update_fields=("state", "about"))
