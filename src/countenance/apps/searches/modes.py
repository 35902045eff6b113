"""The two modes of a search: who is returned, and what that says of those who are, and of nobody being."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from countenance.apps.evaluations.points import Point, in_words, point_of
from countenance.apps.evaluations.saying import about, between, counted
from countenance.apps.galleries.models import Gallery
from countenance.apps.records.services import Record
from countenance.apps.searches.candidates import CANDIDATES, NO_CANDIDATE
from countenance.apps.searches.models import Search
from countenance.errors import InputError
from countenance.policy import SearchMode
from countenance.tools import Tools

NAMES = {
    SearchMode.IDENTIFICATION: "At the operating point",
    SearchMode.INVESTIGATION: "Investigation list",
}
UNMEASURED = (
    "How often a search returns somebody who is not in them was not measured for all of these galleries, so only "
    "an investigation list can be asked for. The way to the other mode: a steward has each gallery evaluated and "
    "proposes an operating point, and a supervisor approves it."
)
ALWAYS = (
    "This list is returned even if the person is not in the gallery: it holds those who look most alike, not those who "
    "are the person."
)
BY_HAND = (
    "The least similarity of this search was set by hand, not measured: a list at it can hold strangers, and how often it "
    "does is not known."
)
STRANGERS = "Whoever is returned can be a stranger all the same."


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How a search is cut.

    Attributes:
        mode: chosen by whoever runs it.
        point: the operating point of its galleries together; None if one of them has none.
        threshold: the least similarity of a candidate; None if a list is returned in any case.
    """

    mode: SearchMode
    point: Point | None
    threshold: float | None

    def as_request(self) -> dict[str, Any]:
        """Return what is sealed with the request of a search."""
        point = None if self.point is None else self.point.as_json()
        return {"mode": str(self.mode), "threshold": self.threshold, "point": point}

    def note(self, record: Record) -> None:
        """Put on the ledger how a search is cut."""
        threshold = None if self.threshold is None else f"{self.threshold:.6f}"
        record.note(mode=str(self.mode), threshold=threshold)
        if self.point is not None:
            said = self.point.as_json()
            record.note(**{name: said[name] for name in ("wanted_fpir", "subjects", "evaluation")})


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A mode as whoever runs a search can choose it; the first one offered is chosen unless they do."""

    mode: SearchMode
    name: str
    words: str


def setting_of(galleries: Sequence[Gallery], mode: SearchMode | None, *, tools: Tools) -> Setting:
    """Return how a search in these galleries is cut now; call it within `grants.reading`.

    Args:
        galleries: where to look.
        mode: as it was chosen; None for the first one that is offered.
        tools: the keys, the clock.

    Raises:
        InputError: the mode needs an operating point, and one of the galleries has none.
    """
    # As they are now: what was agreed on may have changed since they were looked up.
    galleries = list(Gallery.objects.filter(pk__in=[one.pk for one in galleries]).order_by("pk"))
    point = point_of(galleries, tools=tools)
    if mode is None:
        mode = SearchMode.INVESTIGATION if point is None else SearchMode.IDENTIFICATION
    if mode == SearchMode.INVESTIGATION:
        return Setting(mode=mode, point=point, threshold=_by_hand(galleries, tools=tools))
    if point is None:
        raise InputError(UNMEASURED)
    return Setting(mode=mode, point=point, threshold=point.threshold)


def offers(galleries: Sequence[Gallery], *, top: int, photos: int = 1, tools: Tools) -> list[Offer]:
    """Return the modes in which these galleries can be searched; call it within `grants.reading`.

    Args:
        galleries: where to look.
        top: how many people are returned at most.
        photos: how many of one person make the search.
        tools: the keys, the clock.
    """
    point, listed = point_of(galleries, tools=tools), _listed(galleries, top, tools=tools)
    found = [
        Offer(mode=SearchMode.INVESTIGATION, name=NAMES[SearchMode.INVESTIGATION], words=listed)
    ]
    if point is not None:
        most = "one person" if top == 1 else f"{top} people"
        words = (
            f"Returns nobody below similarity {point.threshold:.3f}, and at most {most}. Often it returns nobody, "
            f"and that is an answer. {_measured(point, photos)}"
        )
        name = NAMES[SearchMode.IDENTIFICATION]
        found.insert(0, Offer(mode=SearchMode.IDENTIFICATION, name=name, words=words))
    return found


def mode_of(search: Search) -> SearchMode | None:
    """Return the mode of a search; None for one of before there was a choice."""
    said = search.request.get("mode")
    return None if said is None else SearchMode(said)


def point_at(search: Search) -> Point | None:
    """Return the operating point of a search's galleries when it was run, in whichever mode that was."""
    said = search.request.get("point")
    return None if said is None else Point.from_json(said)


def is_measured(search: Search) -> bool:
    """Say whether a search was cut at an operating point."""
    return mode_of(search) == SearchMode.IDENTIFICATION


def error_of(search: Search) -> str:
    """Return how often a search like this errs, in sentences; empty for one without a measured threshold."""
    point = point_at(search)
    if point is None or not is_measured(search):
        return ""
    return _measured(point, 1 + len(search.request.get("more", ())))


def printed_error_of(search: Search) -> str:
    """Return the same as `error_of` in as few words as fit on a lead's one page."""
    point = point_at(search)
    if point is None or not is_measured(search):
        return ""
    photos = 1 + len(search.request.get("more", ()))
    return "".join(
        (
            "At this setting" if photos == 1 else "With one photo, at this setting",
            f" {about(point.fpir.value)} searches for people who are not in this gallery of ",
            f"{counted(point.subjects)} return somebody ({between(point.fpir.low, point.fpir.high)}), and ",
            f"{about(point.fnir.value)} for people who are in it do not return them ",
            f"({between(point.fnir.low, point.fnir.high)}). {_known(point)} {point.sample} among ",
            f"{counted(point.evaluated_subjects)} on {point.evaluated_on.day} {point.evaluated_on:%B %Y}",
            "."
            if photos == 1
            else f". With several, as this search with {photos}, it was not measured.",
        )
    )


def _measured(point: Point, photos: int) -> str:
    """Return what was measured of searches at an operating point, and that of several photos nothing was."""
    said = in_words(point)
    if photos == 1:
        return said
    return (
        f"This search is with {photos} photos of one person, and of such searches nothing was measured: they may return "
        f"strangers more often or less often. With one photo, {said[0].lower()}{said[1:]}"
    )


def _known(point: Point) -> str:
    if point.extrapolated:
        return "Extrapolated from"
    return "Predicted from" if point.is_predicted else "Measured with"


def words_of(search: Search) -> str:
    """Return what must be known of whoever a search returned, by how it was cut."""
    if error := error_of(search):
        return f"{error} {STRANGERS}"
    return ALWAYS if search.request["threshold"] is None else BY_HAND


def described(search: Search) -> dict[str, Any]:
    """Return how a concluded search was cut, and what that means for its answer, in JSON's own types."""
    request, answer = search.request, search.outcome["answer"]
    means = words_of(search) if answer == CANDIDATES else ""
    if answer == NO_CANDIDATE and request["threshold"] is not None:
        means = error_of(search) or BY_HAND
    return {
        "mode": request.get("mode"),
        "threshold": request["threshold"],
        "operating_point": request["point"] if is_measured(search) else None,
        "means": means or None,
    }


def _by_hand(galleries: Sequence[Gallery], *, tools: Tools) -> float | None:
    """Return the least similarity that older homes set by hand, where no operating point has replaced it."""
    set_by_hand = [
        one.threshold
        for one in galleries
        if one.threshold is not None and point_of([one], tools=tools) is None
    ]
    return max(set_by_hand, default=None)


def _listed(galleries: Sequence[Gallery], top: int, *, tools: Tools) -> str:
    most = "person" if top == 1 else f"{top} people"
    least = _by_hand(galleries, tools=tools)
    if least is None:
        return f"Always returns the {most} who look most alike, even if the person is not in the gallery."
    return (
        f"Returns the {most} who look most alike, but nobody below similarity {least:.3f}. That was set by hand, "
        "not measured: how often strangers are above it is not known."
    )
