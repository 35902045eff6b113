"""The operating point at which a gallery is searched: what was wanted, and what was measured of it.

A threshold is not kept. What two people agreed on is a wanted FPIR and an evaluation; the similarity that
gives that FPIR is computed from both for the number of subjects that the searched galleries hold now, so it
follows them as they grow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Count

from countenance.apps.evaluations.models import Evaluation, OperatingPoint
from countenance.apps.evaluations.saying import about, between, counted, rounded
from countenance.apps.galleries.models import Face, Gallery, Source
from countenance.errors import InputError, NotFound, SealBroken
from countenance.evaluation.calibration import Calibration
from countenance.evaluation.growth import is_out_of_reach, is_predicted
from countenance.evaluation.report import Evaluation as Numbers
from countenance.evaluation.report import Histogram
from countenance.tools import Tools

ONE_IN = 1_000
"""The subjects of a gallery are counted anew once one in so many may have come or gone since.

Counting a million takes longer than searching them, and each enrolment would ask for it. A threshold does not
notice a thousandth; a gallery of fewer than so many subjects is counted at each change.
"""
_known: dict[UUID, tuple[frozenset[UUID], int, int]] = {}


OUT_OF_REACH = (
    " As seldom as was agreed on is out of reach at this size: no similarity is high enough for it, so hardly anybody "
    "is ever returned. A steward has to propose another operating point."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share of searches, and the 0.95 interval of that share."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The operating point of one search: what it was set to, and what is known of it.

    Attributes:
        wanted_fpir: what two people agreed on.
        threshold: the similarity from which on a candidate is returned.
        subjects: how many people the searched galleries hold together.
        fpir: predicted for that many; of searches of people who are not in them, the share that returns
            somebody.
        fnir: of searches of people who are in them, the share that does not return them.
        model: whose templates were compared.
        evaluation_id: the measurement that says so.
        evaluated_on: its day.
        evaluated_subjects: how many people were searched among in it.
        mated_searches: searches of people who were among those.
        non_mated_searches: searches of people who were not.
        extrapolated: the measurement alone does not reach that far; a model of its largest similarities does.
        sample: of whom the photos were, in words: "a labelled sample of 102 people".
        galleries: how many are searched together.
    """

    wanted_fpir: float
    threshold: float
    subjects: int
    fpir: Rate
    fnir: Rate
    model: str
    evaluation_id: UUID
    evaluated_on: date
    evaluated_subjects: int
    mated_searches: int
    non_mated_searches: int
    extrapolated: bool
    sample: str
    galleries: int = 1

    @property
    def is_predicted(self) -> bool:
        """Say whether more people are searched than were when it was measured."""
        return is_predicted(self.subjects, self.evaluated_subjects)

    def as_json(self) -> dict[str, Any]:
        """Return it in JSON's own types; fractions are texts, so that the ledger takes them too."""
        return {
            "wanted_fpir": repr(self.wanted_fpir),
            "threshold": repr(self.threshold),
            "subjects": self.subjects,
            "fpir": _written(self.fpir),
            "fnir": _written(self.fnir),
            "model": self.model,
            "evaluation": str(self.evaluation_id),
            "evaluated_on": self.evaluated_on.isoformat(),
            "evaluated_subjects": self.evaluated_subjects,
            "mated_searches": self.mated_searches,
            "non_mated_searches": self.non_mated_searches,
            "extrapolated": self.extrapolated,
            "sample": self.sample,
            "galleries": self.galleries,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Point:
        """Return what `as_json` wrote.

        Raises:
            InputError: something is missing, or is not what it should be.
        """
        try:
            return cls(
                wanted_fpir=float(data["wanted_fpir"]),
                threshold=float(data["threshold"]),
                subjects=int(data["subjects"]),
                fpir=_read(data["fpir"]),
                fnir=_read(data["fnir"]),
                model=str(data["model"]),
                evaluation_id=UUID(data["evaluation"]),
                evaluated_on=date.fromisoformat(data["evaluated_on"]),
                evaluated_subjects=int(data["evaluated_subjects"]),
                mated_searches=int(data["mated_searches"]),
                non_mated_searches=int(data["non_mated_searches"]),
                extrapolated=bool(data["extrapolated"]),
                sample=str(data["sample"]),
                galleries=int(data.get("galleries", 1)),
            )
        except (KeyError, TypeError, ValueError):
            raise InputError("What was kept of an operating point cannot be read.") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """How many times as often a similarity was seen of two photos of one person as of two people.

    Attributes:
        value: the ratio, never beyond what the evaluation's searches can show; None where nothing can be
            said, because the searched galleries are so much larger than the one evaluated.
        at_least: the similarity lies beyond them, so the true ratio may be larger.
        at_most: likewise, smaller.
        words: all of that in a sentence.
    """

    value: float | None
    at_least: bool
    at_most: bool
    words: str


def point_of(galleries: Sequence[Gallery], *, tools: Tools) -> Point | None:
    """Return the operating point at which these galleries are searched together now; None if there is none.

    Each of them needs one, for the model that searches. Together they are as large as the sum of their
    subjects, and the strictest is kept to: of the thresholds that give the least of the wanted FPIRs at that
    size, by each of their evaluations, the highest. Call it within `grants.reading` for granted ones.

    Raises:
        TamperDetected, SealBroken: what was agreed on or measured was changed in the database.
    """
    present = [present_of(one) for one in galleries]
    rows = [one for one in present if one is not None]
    if not rows or len(rows) < len(galleries):
        return None
    if {one.evaluation.details["model"] for one in rows} != {tools.engine.model}:
        return None
    wanted = min(one.wanted_fpir for one in rows)
    subjects = sum(subjects_of(one, today=tools.clock().date()) for one in galleries)
    evaluations = {one.evaluation_id: one.evaluation for one in rows}.values()
    found = [
        point_at(one, wanted, subjects=subjects, galleries=len(galleries)) for one in evaluations
    ]
    return max(found, key=lambda one: one.threshold)


def present_of(gallery: Gallery) -> OperatingPoint | None:
    """Return the row of a gallery's operating point, its evaluation at hand; None if there is none.

    Raises:
        TamperDetected, SealBroken: it was changed in the database.
    """
    if gallery.point is None:
        return None
    rows = OperatingPoint.objects.select_related("gallery", "evaluation")
    found = rows.filter(pk=gallery.point, gallery=gallery).first()
    if found is None:
        raise SealBroken("The operating point of a gallery is gone.")
    found.check_links()
    found.evaluation.check_links()
    return found


def point_at(
    evaluation: Evaluation, wanted_fpir: float, *, subjects: int, galleries: int = 1
) -> Point:
    """Return the operating point of a wanted FPIR among so many subjects, by an evaluation.

    Raises:
        InputError: too little was measured, or the wanted FPIR is not between 0 and 1.
    """
    numbers = numbers_of(evaluation)
    setting = numbers.setting(wanted_fpir, max(1, subjects))
    return Point(
        wanted_fpir=wanted_fpir,
        threshold=setting.threshold,
        subjects=subjects,
        fpir=Rate(value=setting.fpir.value, low=setting.fpir.low, high=setting.fpir.high),
        fnir=fnir_at(numbers, setting.threshold),
        model=numbers.model,
        evaluation_id=evaluation.pk,
        evaluated_on=evaluation.made_at.date(),
        evaluated_subjects=numbers.others,
        mated_searches=numbers.mated_searches,
        non_mated_searches=numbers.non_mated_searches,
        extrapolated=setting.fpir.extrapolated,
        sample=evaluation.details["sample"],
        galleries=galleries,
    )


def fnir_at(numbers: Numbers, threshold: float) -> Rate:
    """Return the FNIR that was measured at a threshold; all of them above every similarity that was seen.

    Raises:
        InputError: there was no mated search.
    """
    found = numbers.fnir_at(threshold)
    if found is None:
        raise InputError("Nobody in this evaluation was searched for who was there.")
    return Rate(value=found.value, low=found.low, high=found.high)


def numbers_of(evaluation: Evaluation) -> Numbers:
    """Return what an evaluation measured.

    Raises:
        SealBroken: it was changed in the database.
    """
    return Numbers.from_json(bytes(evaluation.numbers))


def subjects_of(gallery: Gallery, *, today: date) -> int:
    """Return how many subjects of a gallery a search can return today, named or not.

    Nobody counts who was removed, of whom no face can be compared, or whose photos may not be used any more.
    """
    over = Source.objects.filter(agency_id=gallery.agency_id, retention_until__lt=today)
    return _counted(gallery.pk, gallery.version, frozenset(over.values_list("pk", flat=True)))


def _counted(gallery: UUID, version: int, over: frozenset[UUID]) -> int:
    # Each change of a gallery has a version; what is over by its date changes none.
    known = _known.get(gallery)
    if known is not None and known[0] == over:
        _, at, count = known
        if at == version or _hardly_changed(gallery, since=at, most=count // ONE_IN):
            return count
    present = Face.objects.filter(gallery_id=gallery, removed_version=None, template__isnull=False)
    if over:
        present = present.exclude(photo__source_id__in=over)
    found: int = present.order_by().aggregate(count=Count("subject", distinct=True))["count"]
    _known[gallery] = over, version, found
    return found


def _hardly_changed(gallery: UUID, *, since: int, most: int) -> bool:
    """Say whether at most so many faces came or went since a version; fewer than one is never enough."""
    if not most:
        return False
    faces = Face.objects.filter(gallery_id=gallery).order_by()
    came = faces.filter(added_version__gt=since)[: most + 1].count()
    return came + faces.filter(removed_version__gt=since)[: most + 1].count() <= most


def in_words(point: Point) -> str:
    """Return what a person who reads a result has to know of the operating point it was found at."""
    together = f"these {point.galleries} galleries" if point.galleries > 1 else "this gallery"
    here = f"{together} of {counted(point.subjects)}"
    said = (
        f"At this setting {about(point.fpir.value)} searches for people who are not in {here} return somebody "
        f"({between(point.fpir.low, point.fpir.high)}), and {about(point.fnir.value)} searches for people who "
        f"are in it do not return them ({between(point.fnir.low, point.fnir.high)}). "
        f"Measured on {point.evaluated_on.day} {point.evaluated_on:%B %Y} with {point.sample}, searched among "
        f"{counted(point.evaluated_subjects)}: {counted(point.non_mated_searches)} searches for people who were not there, "
        f"{counted(point.mated_searches)} for people who were, all of them with several photos, and wherever they "
        "stood in the list."
    )
    if point.is_predicted:
        said += f" The first figure is predicted for {counted(point.subjects)} from that."
    if is_out_of_reach(point.threshold):
        said += OUT_OF_REACH
    if point.extrapolated:
        said += (
            " So few errors were not measured at this size: the figure is extrapolated from the most similar "
            "ones among them, and is less sure than its interval says."
        )
    return said


def ratios_of(point: Point, similarities: Sequence[float]) -> list[Ratio | None]:
    """Return the calibrated likelihood ratio of each similarity; None if too little was measured for one.

    Show it after the conclusion is recorded, never before. Call it within `grants.reading` for granted
    galleries.

    Raises:
        NotFound: the evaluation is not here.
        TamperDetected, SealBroken: what was measured was changed in the database.
    """
    calibration = _measured(point).calibration
    if calibration is None:
        return [None] * len(similarities)
    return [_ratio(calibration, one, point) for one in similarities]


def _ratio(calibration: Calibration, similarity: float, point: Point) -> Ratio:
    found = calibration.at(similarity, subjects=point.subjects)
    return Ratio(
        value=found.value,
        at_least=found.capped == "at least",
        at_most=found.capped == "at most",
        words=_ratio_in_words(found.value, found.capped, similarity, point),
    )


def distributions_of(point: Point) -> Histogram:
    """Return how the similarities of mates and of the most similar strangers were spread, for a plot.

    As `ratios_of`, show it after the conclusion is recorded.

    Raises:
        NotFound: the evaluation is not here.
        TamperDetected, SealBroken: what was measured was changed in the database.
    """
    return _measured(point).histogram


def _measured(point: Point) -> Numbers:
    found = Evaluation.objects.filter(pk=point.evaluation_id).first()
    if found is None:
        raise NotFound("There is no such evaluation.")
    found.check_links()
    return numbers_of(found)


def _ratio_in_words(value: float | None, capped: str, similarity: float, point: Point) -> str:
    if value is None:
        return (
            f"What a similarity of {similarity:.3f} weighs among {counted(point.subjects)} people cannot be said: "
            f"it was measured among {counted(point.evaluated_subjects)}. That speaks neither for nor against."
        )
    times = rounded(value if value >= 1 else 1 / value)
    how = {"at least": "at least ", "at most": "at most "}.get(capped, "about ")
    if value < 1:
        how = {"at least": "at most ", "at most": "at least "}.get(capped, "about ")
    often, beside = ("as often", "as with") if value >= 1 else ("less often", "than with")
    cap = " The evaluation is too small to say more." if capped else ""
    return (
        f"A similarity of {similarity:.3f} is seen {how}{times} times {often} between two photos of one person "
        f"{beside} the most similar of {counted(point.subjects)} other people.{cap}"
    )


def _written(rate: Rate) -> list[str]:
    return [repr(rate.value), repr(rate.low), repr(rate.high)]


def _read(values: Sequence[Any]) -> Rate:
    value, low, high = (float(one) for one in values)
    return Rate(value=value, low=low, high=high)
