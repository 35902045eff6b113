"""Identification through the product's services: one photo of each person enrolled, another searched.

The people are those of `frl-london-512` in the shared data. They are for showing that the product
reaches what its model can do, never for choosing a threshold or a setting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from countenance.policy import MAX_CANDIDATES

if TYPE_CHECKING:
    from pathlib import Path

ENROLLED, PROBE = "neutral.jpg", "smiling.jpg"
SEARCHES_EACH = 40
"""How many searches one examiner runs in one case; policy allows more than that, but not all of them."""


@dataclass(frozen=True)
class Found:
    """What the search for one person returned.

    Attributes:
        person: whose photo was searched.
        rank: the person's rank among the candidates; None if not among them.
        mated: the similarity to the person's own photo; None if not among the candidates.
        other: the most similar other person.
        non_mated: the similarity to that one.
    """

    person: str
    rank: int | None
    mated: float | None
    other: str
    non_mated: float

    @property
    def margin(self) -> float:
        """Return how much more similar the person is than the best other one."""
        return (self.mated or -1.0) - self.non_mated


def identify(on: Any, people: Path) -> list[Found]:
    """Enrol the first photo of every person, search with the second, in a new gallery."""
    import factories
    from bench.home import another_examiner

    from countenance.apps.searches import queries

    folders = sorted(path for path in people.iterdir() if path.is_dir())
    gallery, source = factories.make_gallery(on, "People"), factories.make_source(on, "People")
    photos = [
        factories.incoming(f"{one.name}/{ENROLLED}", (one / ENROLLED).read_bytes())
        for one in folders
    ]
    run = factories.enrol(on, gallery, source, photos)
    if (run.enrolled, run.rejected) != (len(folders), 0):
        raise ValueError(f"{run.enrolled} of {len(folders)} photos were enrolled.")
    found = []
    for number, one in enumerate(folders):
        if number % SEARCHES_EACH == 0:
            another_examiner(on)
            case = factories.make_case(on, f"accuracy {number}")
        photo = (one / PROBE).read_bytes()
        search = factories.search(on, case, [gallery], photo, top=MAX_CANDIDATES)
        found.append(_found(one.name, queries.candidates(search)))
    return found


def rank_one(found: list[Found]) -> float:
    """Return the share of probes whose person is the first candidate."""
    return sum(one.rank == 1 for one in found) / len(found)


def _found(person: str, candidates: list[Any]) -> Found:
    own = [one for one in candidates if one.label == person]
    other = next(one for one in candidates if one.label != person)
    return Found(
        person=person,
        rank=own[0].rank if own else None,
        mated=own[0].best.similarity if own else None,
        other=other.label,
        non_mated=other.best.similarity,
    )
