"""Is this face one of the people whom the case is about? Templates of its earlier searches tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from countenance.apps.searches.candidates import CANDIDATES, NO_CANDIDATE
from countenance.apps.searches.models import Search, SearchState
from countenance.errors import SealBroken
from countenance.faces.types import Template

COMPARED = frozenset({CANDIDATES, NO_CANDIDATE})
"""The answers of searches that compared a face."""

UNRELATED_BELOW = 0.30
"""Two faces less similar than this are taken for two people, in a case that is about one.

With the default model, of the pairs of two different people among the 102 of frl-london-512, 3.4 % are at 0.30
or above and pass for one person; of the pairs of one person, taken in one session, none is below 0.83. Photos
taken years apart are less alike than those. A wrong answer costs a supervisor's approval; it never adds or
hides a candidate.
"""


def earlier_templates(search: Search) -> list[np.ndarray]:
    """Return the templates of the case's concluded searches, as long as they were not purged.

    Raises:
        SealBroken: somebody took the template of one out of the database.
    """
    rows = Search.objects.filter(
        case_id=search.case_id, state=SearchState.CONCLUDED, purged_at=None
    ).exclude(pk=search.pk)
    model = search.request["model"]
    of_model = [one for one in rows if one.request["model"] == model]
    for one in of_model:
        # Searches of before there were authorities kept none.
        compared = "authority" in one.request and one.outcome["answer"] in COMPARED
        if compared and one.template is None:
            raise SealBroken("The template of an earlier search of this case is gone.")
    return [
        np.frombuffer(one.template, dtype="<f4") for one in of_model if one.template is not None
    ]


def same_person(template: Template, earlier: Sequence[np.ndarray]) -> int:
    """Return how many of the earlier faces are taken for this person's."""
    return sum(float(one @ template.vector) >= UNRELATED_BELOW for one in earlier)


def count_people(faces: Sequence[np.ndarray]) -> int:
    """Return how many people these faces are taken for: who is like one of a group belongs to it."""
    groups: list[list[np.ndarray]] = []
    for face in faces:
        near = [
            group
            for group in groups
            if any(float(face @ other) >= UNRELATED_BELOW for other in group)
        ]
        groups = [group for group in groups if not any(group is one for one in near)]
        groups.append([face, *(other for group in near for other in group)])
    return len(groups)
