"""What the pages and the printed report say of an evaluation, so that both say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from countenance.apps.evaluations.models import Evaluation, OperatingPoint, SampleKind
from countenance.apps.evaluations.points import fnir_at, in_words, numbers_of, point_at
from countenance.apps.evaluations.queries import has_trials
from countenance.apps.evaluations.saying import about, counted, share, within
from countenance.errors import InputError
from countenance.evaluation.report import Evaluation as Numbers
from countenance.evaluation.report import Setting
from countenance.ui.measured import how_known

Rows = list[tuple[str, str]]

WISHES = (0.03, 0.01, 0.003, 0.001)
"""The wanted FPIRs that are offered and told."""

SHOWN = 0.01
"""The wanted FPIR that is told of an evaluation that no operating point rests on."""

TIMES = 10
"""A gallery is told of as it is, and this many times as large."""

KINDS = {
    SampleKind.SAMPLE: "Labelled sample",
    SampleKind.GALLERY: "The gallery's own photos",
    SampleKind.SELFTEST: "Selftest",
}
SETTINGS = {
    "photos": "Photos",
    "people": "People",
    "enrolled": "Photos enrolled of each person",
    "without_face": "Photos without a usable face",
    "protocol": "How it was searched",
    "groups_too_small": "Groups of too few people to tell of",
    "labels_of_nobody": "Labels in the file of groups that fit nobody",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What is to be expected of searches at one setting, in words.

    Attributes:
        name: of the setting or the gallery's size.
        threshold: the similarity from which on somebody is returned.
        fpir: of searches for people who are not there, the share that returns somebody.
        fnir: of searches for people who are there, the share that does not return them.
        how: "predicted" or "extrapolated" where the FPIR was not measured at that threshold and size, else "".
    """

    name: str
    threshold: float
    fpir: str
    fnir: str
    how: str

    @property
    def is_fnir_measured(self) -> bool:
        """Say whether anybody was searched for who was there."""
        return self.fnir != NOT_MEASURED


NOT_MEASURED = "not measured"


def wishes(numbers: Numbers, subjects: int) -> list[Expected]:
    """Return what each wanted FPIR means in a gallery of so many people; nothing if too little was measured."""
    return [expected(numbers, wish, subjects, name=share(wish)) for wish in told_wishes(numbers)]


def told_wishes(numbers: Numbers) -> Sequence[float]:
    """Return the wanted FPIRs that an evaluation can tell of."""
    return WISHES if numbers.growth is not None else ()


def sizes(numbers: Numbers, wanted_fpir: float, subjects: int) -> list[Expected]:
    """Return what a wanted FPIR means in a gallery as it is, and in one many times as large."""
    if numbers.growth is None:
        return []
    now = f"Now: {counted(subjects)} people"
    later = f"{TIMES} times as large: {counted(TIMES * subjects)}"
    return [
        expected(numbers, wanted_fpir, subjects, name=now),
        expected(numbers, wanted_fpir, TIMES * subjects, name=later),
    ]


def expected(numbers: Numbers, wanted_fpir: float, subjects: int, *, name: str) -> Expected:
    """Return what one wanted FPIR means in a gallery of so many people."""
    setting = numbers.setting(wanted_fpir, max(1, subjects))
    fpir, how = setting.fpir, how_known(setting.fpir, numbers.others)
    return Expected(
        name=name,
        threshold=setting.threshold,
        fpir=within(fpir.value, fpir.low, fpir.high),
        fnir=missed(numbers, setting.threshold),
        how="" if how == "measured" else how,
    )


def missed(numbers: Numbers, threshold: float) -> str:
    """Return the FNIR at a threshold in words; that it was not measured, if nobody was searched for who was there."""
    try:
        found = fnir_at(numbers, threshold)
    except InputError:
        return NOT_MEASURED
    return within(found.value, found.low, found.high)


def headline(
    one: Evaluation, numbers: Numbers, *, point: OperatingPoint | None, subjects: int
) -> str:
    """Return in a few sentences what was measured.

    Args:
        one: the evaluation.
        numbers: what it measured.
        point: the operating point in force, if it rests on this evaluation.
        subjects: how many people the gallery of that point holds.
    """
    if point is not None:
        return in_words(point_at(one, point.wanted_fpir, subjects=subjects))
    if numbers.growth is None:
        return (
            "Too few searches for people who were not there were made to say how often somebody is returned "
            "for them. Measure with photos of more people."
        )
    told = numbers.setting(SHOWN, max(1, numbers.others))
    try:
        found = fnir_at(numbers, told.threshold)
    except InputError:
        return (
            f"With a threshold of {told.threshold:.3f}, {about(told.fpir.value)} searches for people who are not "
            f"in a gallery of {counted(numbers.others)} return somebody. Nobody was searched for who was there."
        )
    return (
        f"With a threshold at which {about(told.fpir.value)} searches for people who are not in a gallery of "
        f"{counted(numbers.others)} return somebody, about {within(found.value, found.low, found.high)} searches "
        "for people who are in it do not return them."
    )


def setting_of(numbers: Numbers, point: OperatingPoint | None, subjects: int) -> Setting | None:
    """Return the setting whose threshold the charts show: the one in force, else the one that is told."""
    if numbers.growth is None:
        return None
    if point is not None:
        return numbers.setting(point.wanted_fpir, max(1, subjects))
    return numbers.setting(SHOWN, max(1, numbers.others))


def facts(one: Evaluation, numbers: Numbers) -> Rows:
    """Return what was measured, with what and how, as pairs of label and text; nobody's name."""
    said = one.details
    settings = {
        SETTINGS.get(name, name.replace("_", " ").capitalize()): _plain(value)
        for name, value in said["settings"].items()
    }
    return [
        ("Model", said["model"]),
        ("Licence of its weights", said["licence"]),
        ("Data", _sentence(said["sample"])),
        *settings.items(),
        ("Compared among", f"{counted(numbers.subjects)} people"),
        (
            "Searches for people who were there",
            _searches(numbers.mated_searches, numbers.mated_subjects),
        ),
        (
            "Searches for people who were not",
            _searches(numbers.non_mated_searches, numbers.non_mated_subjects),
        ),
        (
            "Probes without a usable face",
            f"{counted(numbers.failures)}; they count as not returned",
        ),
        (
            "Intervals",
            f"95 %, people drawn anew {counted(numbers.replicates)} times from the seed {numbers.seed}",
        ),
    ]


def again(one: Evaluation) -> str:
    """Say how an evaluation is made again, or why it cannot be."""
    if not has_trials(one):
        return (
            "Somebody was removed from the gallery since, and with them the trials that these numbers were made "
            "of. The numbers stay, and cannot be made again."
        )
    return (
        "The same trials and seed give the same numbers to the last digit: "
        f"“countenance evaluations check {one.pk}” makes them again."
    )


def name_of(one: Evaluation) -> str:
    """Return what was measured, in a few words: the heading of its page and of its report."""
    if one.kind == SampleKind.SELFTEST:
        return "Selftest"
    return "How often searches err"


def is_same_model(one: Evaluation, model: str) -> bool:
    """Say whether an evaluation is of this model."""
    return bool(one.details["model"] == model)


def fnir_told(one: Evaluation) -> str:
    """Return the FNIR of an evaluation at the wanted FPIR that is told, for a list."""
    numbers = numbers_of(one)
    if numbers.growth is None:
        return "too little measured"
    return missed(numbers, numbers.setting(SHOWN, max(1, numbers.others)).threshold)


def _searches(many: int, people: int) -> str:
    return f"{counted(many)} of {counted(people)} people"


def _plain(value: object) -> str:
    return counted(value) if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
