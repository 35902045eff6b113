"""What a lead's report is made of; plain values, so that what was printed can be sealed and printed again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from countenance.errors import InputError
from countenance.ledger.receipt import Receipt

Rows = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A photo as it is printed.

    Attributes:
        jpeg: the upright photo as the engine renders it, bystanders blurred; 1200 px on the long side are
            enough for paper, and more takes longer.
        crop: x, y, width and height of the part that is shown large, in pixels of `jpeg`; the whole photo
            then stands small beside it. None shows the whole photo only.
        plate: why there is no photo; `jpeg` is then a grey plate, on which these words stand.
    """

    jpeg: bytes
    crop: tuple[float, float, float, float] | None = None
    plate: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """So many wrong of so many with known answers, and the 0.95 interval of that share."""

    wrong: int
    of: int
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Examiner:
    """One examiner and the conclusion that the lead stands on.

    Attributes:
        name: pseudonym, initials or name, as policy allows.
        label: the step of the scale, in its own words.
        sentence: what that step means.
        note: what the examiner wrote about the whole; may be empty.
        recorded_at: when the conclusion was recorded.
        false_same: of pairs of two people with known answers, those concluded to be one.
        false_other: of pairs of one person, those concluded to be two.
        controls: how many examinations with known answers that was measured in.
        unreadable: how many more were altered in the database, so that they are not counted.
    """

    name: str
    label: str
    sentence: str
    recorded_at: datetime
    false_same: Share
    false_other: Share
    controls: int
    unreadable: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One component of the face, and each examiner's answer in words, in the order of the examiners."""

    component: str
    answers: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Say whether the examiners answered differently."""
        return len(set(self.answers)) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadFacts:
    """All that is printed of a lead but its photos and its receipt: what is sealed when it is released.

    Attributes:
        number: the lead's number, as people say it.
        agency: whose lead it is.
        case: the reference of the case.
        released_at: when.
        released_by: the supervisor's name or pseudonym.
        released_as: the role.
        probe: what there is to say of the probe, as pairs of label and text.
        candidate: the same of the candidate's photo and its source passport.
        examiners: on whose conclusions the lead stands.
        components: from the top of the face down.
        waiver: the sentence that names the law, where fewer than two examiners were needed.
        asked: when the search was run, and for how many candidates at most.
        threshold: the similarity below which nobody was listed; None where there was none.
        place: where the candidate stood on the list, such as "3 of 20 candidates".
        model: the model's name and version.
        model_licence: under what its weights are used.
        gallery: the gallery's name.
        gallery_size: how many templates were searched.
        snapshot: the version of the gallery's index.
        mode: "identification" or "investigation"; empty for searches of before there was a choice.
        measured: how often a search like this one errs, in sentences; empty where that was not measured.
        authority: what the search was permitted by.
        authority_section: law and section of it.
        limits: the pack's limits, as pairs of sentence and citation.
        portal: where a receipt can be checked; empty while there is no such page.
        standing: what is said first of a lead that does not stand any more, in a word and in sentences;
            known when it is printed, not when it is released.
    """

    number: str
    agency: str
    case: str
    released_at: datetime
    released_by: str
    released_as: str
    probe: Rows
    candidate: Rows
    examiners: tuple[Examiner, ...]
    components: tuple[Compared, ...]
    model: str
    model_licence: str
    gallery: str
    gallery_size: int
    snapshot: str
    authority: str
    authority_section: str
    limits: Rows
    asked: str = ""
    threshold: float | None = None
    place: str = ""
    waiver: str = ""
    mode: str = ""
    measured: str = ""
    portal: str = ""
    standing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a lead that no examiner stands for, and a component that not all of them answered."""
        if not self.examiners:
            raise InputError("A lead is printed with the conclusions that it stands on.")
        if any(len(one.answers) != len(self.examiners) for one in self.components):
            raise InputError("Each component has one answer of each examiner.")
        if self.released_at.tzinfo is None:
            raise InputError("When a lead was released is said with its time zone.")


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadPaper:
    """A lead as it is printed."""

    facts: LeadFacts
    probe: Photo
    candidate: Photo
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What is printed of a destruction.

    Attributes:
        title: what was done.
        at: when.
        agency: whose it was.
        rows: pairs of label and text.
        destroyed: what there is no more.
        kept: what there still is.
        receipt: of the entry that says so.
        portal: where a receipt can be checked; empty while there is no such page.
    """

    title: str
    at: datetime
    agency: str
    rows: Rows
    destroyed: tuple[str, ...]
    kept: tuple[str, ...]
    receipt: Receipt
    portal: str = ""


def facts_to_json(facts: LeadFacts) -> dict[str, Any]:
    """Return the facts in JSON's own types, as they are sealed."""
    data = asdict(facts)
    data["released_at"] = facts.released_at.isoformat()
    for one, said in zip(facts.examiners, data["examiners"], strict=True):
        said["recorded_at"] = one.recorded_at.isoformat()
    for name in ("probe", "candidate", "limits"):
        data[name] = [list(row) for row in data[name]]
    data["examiners"] = list(data["examiners"])
    data["components"] = [
        {"component": one.component, "answers": list(one.answers)} for one in facts.components
    ]
    return data


def facts_from_json(data: Mapping[str, Any]) -> LeadFacts:
    """Return the facts that `facts_to_json` wrote.

    Raises:
        InputError: something is missing, or is not what it should be.
    """
    try:
        known = {one.name for one in fields(LeadFacts)}
        kept = {name: value for name, value in data.items() if name in known}
        return LeadFacts(
            **{
                **kept,
                "released_at": datetime.fromisoformat(kept["released_at"]),
                "probe": _rows(kept["probe"]),
                "candidate": _rows(kept["candidate"]),
                "limits": _rows(kept["limits"]),
                "examiners": tuple(_examiner(one) for one in kept["examiners"]),
                "components": tuple(
                    Compared(component=one["component"], answers=tuple(one["answers"]))
                    for one in kept["components"]
                ),
                "standing": tuple(kept.get("standing", ())),
            }
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InputError("What was kept of a lead cannot be read.") from None


def _rows(value: Any) -> Rows:
    return tuple((str(label), str(text)) for label, text in value)


def _examiner(value: Mapping[str, Any]) -> Examiner:
    return Examiner(
        name=value["name"],
        label=value["label"],
        sentence=value["sentence"],
        note=value["note"],
        recorded_at=datetime.fromisoformat(value["recorded_at"]),
        false_same=Share(**value["false_same"]),
        false_other=Share(**value["false_other"]),
        controls=value["controls"],
        unreadable=value.get("unreadable", 0),
    )
