"""How many insiders who search for others under a real case are stopped, and how many honest searches are.

Each case is about one person. An insider searches for that person once and then for two others; an honest
investigator searches with several photos of the one. What counts people is the product's own function.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bench.decisions import Photos, pipelines, portraits, templates, worse
from bench.report import Results, Table

from countenance.evaluation import wilson

SEED = 2026
CASES = 20_000
WORSE = 3
"""Photos that are made of each of a person's two."""

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def people(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Photos:
    """Return of everybody two good photos, then worse ones that were made of each."""
    random = np.random.default_rng(SEED)
    model = pipelines(shared_data, tmp_path_factory.mktemp("models"))[:1]
    photos = [
        [*both, *(bad for one in both for bad in worse(one, WORSE, random))]
        for both in portraits(shared_data)
    ]
    return templates(model, photos)[0]


def stopped(faces: list[np.ndarray]) -> int | None:
    """Return at which search somebody is told that the case is about more people than one."""
    from countenance.apps.searches.unrelated import count_people  # needs Django set up

    for number in range(2, len(faces) + 1):
        if count_people(faces[:number]) > 1:
            return number
    return None


def usable(people: Photos, person: int, photos: slice) -> list[np.ndarray]:
    """Return the templates of a person's photos; one without a face that can be compared runs no search."""
    return [
        one
        for one, worth in zip(
            people.vectors[person, photos], people.worths[person, photos], strict=True
        )
        if worth > 0
    ]


def share(count: int, of: int, unit: str = "%") -> str:
    """Return a share with its interval, in hundredths or, if asked, in thousandths."""
    scale = 1000 if unit != "%" else 100
    low, high = wilson(count, of)
    return f"{count / of * scale:.2f}{unit} ({low * scale:.2f} to {high * scale:.2f})"


@pytest.mark.usefixtures("home")
def test_insiders_are_stopped_and_honest_people_are_not(people: Photos, results: Results) -> None:
    random, rows, caught, alarms = np.random.default_rng(SEED), [], {}, {}
    kinds = {"two good photos of each": slice(0, 2), "worse photos made of them": slice(2, None)}
    everybody = len(people.vectors)
    for kind, photos in kinds.items():
        of = [usable(people, person, photos) for person in range(everybody)]
        ends = []
        for _ in range(CASES):
            three = random.choice(everybody, 3, replace=False)
            if all(of[one] for one in three):
                ends.append(stopped([of[one][random.integers(len(of[one]))] for one in three]))
        second = sum(end == 2 for end in ends)
        third = sum(end is not None for end in ends)
        honest = [stopped(one) for one in of if len(one) > 1]
        searches = sum(len(one) - 1 for one in of if len(one) > 1)
        wrong = sum(end is not None for end in honest)
        caught[kind], alarms[kind] = third / len(ends), wrong
        cells = (share(second, len(ends)), share(third, len(ends)))
        rows.append((kind, *cells, f"{wrong} of {searches}", share(wrong, searches, " in 1,000")))
    results.add(
        "insider",
        Table(
            "An insider with a real case, and honest people",
            (
                "photos",
                "stopped at the 1st other person",
                "stopped by the 2nd",
                "honest searches stopped",
                "of them",
            ),
            rows,
            f"{CASES:,} drawn cases about one of {everybody} people each: a search for that person, then for two "
            "others; and each person's own photos one after the other. Intervals take each case for independent, "
            "which drawn cases of so few people are not quite.",
        ),
        packages=("numpy", "onnxruntime"),
    )
    assert min(caught.values()) >= 0.95
    assert alarms["two good photos of each"] == 0
