"""What changes with another operating point, as two people see it before they agree: the payload of the approval.

Both sides are told by one evaluation: how often searches err at the present threshold, and how often they would
at the new one, overall and in each group. Everything in it is computed from the evaluation, so a payload that
somebody wrote by hand is refused unless it says just that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from countenance.apps.evaluations import measuring, queries
from countenance.apps.evaluations.models import Evaluation, OperatingPoint, SampleKind
from countenance.apps.evaluations.points import (
    fnir_at,
    numbers_of,
    point_at,
    present_of,
    subjects_of,
)
from countenance.apps.evaluations.saying import counted, share
from countenance.apps.galleries.models import Gallery
from countenance.errors import InputError, ModelMismatch, NotFound
from countenance.evaluation.growth import expect, is_out_of_reach
from countenance.ledger.entry import canonical_json
from countenance.tools import Tools

Payload = dict[str, Any]
LEAST, MOST = 1e-6, 0.5
"""Wanted FPIRs that are taken; beyond them nothing that a person could use is left."""


def change_of(
    gallery: Gallery, evaluation: Evaluation, wanted_fpir: float, *, tools: Tools
) -> Payload:
    """Return what is asked for when a gallery is to be searched at another operating point.

    Raises:
        InputError: the evaluation cannot say how often such searches err, or the wanted FPIR is out of reach.
        ModelMismatch: it is of another model than the gallery.
    """
    present = present_of(gallery)
    replaces: Payload = {}
    if present is not None:
        replaces = {"point": str(present.pk)}
    elif gallery.threshold is not None:
        replaces = {"by_hand": repr(gallery.threshold)}
    return _payload(
        gallery,
        evaluation,
        wanted_fpir,
        replaces,
        subjects=subjects_of(gallery, today=tools.clock().date()),
        tools=tools,
    )


def again(gallery: Gallery, payload: Mapping[str, Any], *, tools: Tools | None) -> Payload:
    """Return the payload as the program writes it for the same gallery, evaluation, wish and size.

    Raises:
        KeyError, ValueError, TypeError: it is no payload of this kind.
        NotFound: it names something that is not the gallery's.
    """
    return _payload(
        gallery,
        evaluation_of(gallery, payload),
        float(payload["wanted_fpir"]),
        dict(payload["replaces"]),
        subjects=int(payload["subjects"]),
        tools=tools,
    )


def evaluation_of(gallery: Gallery, payload: Mapping[str, Any]) -> Evaluation:
    """Return the evaluation that a payload names.

    Raises:
        KeyError, ValueError, TypeError: it is no payload of this kind.
        NotFound: there is none of the gallery's agency.
    """
    rows = Evaluation.objects.filter(agency_id=gallery.agency_id)
    found = rows.filter(pk=UUID(payload["evaluation"])).select_related("gallery").first()
    if found is None:
        raise NotFound("There is no such evaluation.")
    found.check_links()
    return found


def is_as_written(gallery: Gallery, payload: Mapping[str, Any], *, tools: Tools | None) -> bool:
    """Say whether a payload says what the program says now.

    The groups are left aside without tools, with which trials are opened: they were compared when it was asked,
    and are once more when it is carried out. Of trials that were destroyed since, groups are nobody's figures.
    """
    now = again(gallery, payload, tools=tools)
    said = payload if tools is not None else _like(payload, now)
    return canonical_json(now) == canonical_json(said)


def said_of(evaluation: Evaluation) -> str:
    """Return in words what an evaluation is of: day, sample and how many searches."""
    numbers = numbers_of(evaluation)
    day, few = evaluation.made_at, evaluation.details["settings"].get("groups_too_small", 0)
    untold = f"; groups of too few people to tell of: {counted(few)}" if few else ""
    return (
        f"{evaluation.details['sample']} on {day.day} {day:%B %Y}: {counted(numbers.non_mated_searches)} searches "
        f"for people who were not there, {counted(numbers.mated_searches)} for people who were{untold}"
    )


def facts_in_words(payload: Mapping[str, Any], sample: str) -> list[tuple[str, str]]:
    """Return what a payload says but the error rates, as name and value."""
    before, after = payload["before"], payload["after"]
    return [
        (
            "Wanted",
            f"{share(float(payload['wanted_fpir']))} searches for people who are not in it return somebody",
        ),
        ("Measured with", sample),
        ("People in the gallery", counted(payload["subjects"])),
        ("Least similarity", _beside(_threshold(after), _threshold(before))),
    ]


def in_words(payload: Mapping[str, Any], sample: str) -> list[tuple[str, str]]:
    """Return what a payload says, as name and value."""
    before, after = payload["before"], payload["after"]
    said = [
        *facts_in_words(payload, sample),
        ("FPIR: return somebody else", _beside(_rate(after, "fpir"), _rate(before, "fpir"))),
        ("FNIR: do not return who is there", _beside(_rate(after, "fnir"), _rate(before, "fnir"))),
    ]
    if after["groups"] is None:
        return [*said, ("By group", "not known: the evaluation's trials were destroyed")]
    for name, one in after["groups"].items():
        old = None if before is None else before["groups"][name]
        if one["fpir"] is None and one["fnir"] is None:
            said.append((name, f"too few people to say: {counted(one['people'])}"))
            continue
        rates = [
            f"{label} {_beside(_rate(one, key), None if old is None else _rate(old, key))}"
            for label, key in (("FPIR", "fpir"), ("FNIR", "fnir"))
        ]
        said.append((f"{name}, {counted(one['people'])} people", "; ".join(rates)))
    return said


def _payload(
    gallery: Gallery,
    evaluation: Evaluation,
    wanted_fpir: float,
    replaces: Payload,
    *,
    subjects: int,
    tools: Tools | None,
) -> Payload:
    _check(gallery, evaluation, wanted_fpir)
    after = point_at(evaluation, wanted_fpir, subjects=subjects)
    if is_out_of_reach(after.threshold):
        raise InputError(
            "That is out of reach: in a gallery of this size no similarity is high enough. Choose a larger wanted FPIR."
        )
    old = _threshold_before(gallery, replaces, subjects=subjects)
    return {
        "evaluation": str(evaluation.pk),
        "wanted_fpir": repr(wanted_fpir),
        "subjects": subjects,
        "replaces": replaces,
        "before": None if old is None else _side(evaluation, old, subjects=subjects, tools=tools),
        "after": _side(evaluation, after.threshold, subjects=subjects, tools=tools),
    }


def _check(gallery: Gallery, evaluation: Evaluation, wanted_fpir: float) -> None:
    if not LEAST <= wanted_fpir <= MOST:
        raise InputError("A wanted FPIR lies between 0.000001 and 0.5: 0.003 is 3 in 1,000.")
    if evaluation.details["model"] != gallery.model:
        raise ModelMismatch(
            "This evaluation is of another model than the gallery's templates.",
            gallery=gallery.model,
            evaluation=evaluation.details["model"],
        )
    if evaluation.kind == SampleKind.SELFTEST:
        raise InputError("A selftest says nothing of people who are there. Evaluate a sample.")
    if evaluation.kind == SampleKind.GALLERY and evaluation.gallery_id != gallery.pk:
        raise InputError("This was measured on the people of another gallery. Evaluate this one.")


def _threshold_before(gallery: Gallery, replaces: Payload, *, subjects: int) -> float | None:
    if "by_hand" in replaces:
        return float(replaces["by_hand"])
    if "point" not in replaces:
        return None
    rows = OperatingPoint.objects.select_related("gallery", "evaluation")
    old = rows.filter(pk=UUID(replaces["point"]), gallery=gallery).first()
    if old is None:
        raise NotFound("There is no such operating point.")
    old.check_links()
    old.evaluation.check_links()
    return point_at(old.evaluation, old.wanted_fpir, subjects=subjects).threshold


def _side(
    evaluation: Evaluation, threshold: float, *, subjects: int, tools: Tools | None
) -> Payload:
    """Return how often searches err at a threshold, by an evaluation; fractions are texts."""
    numbers = numbers_of(evaluation)
    if numbers.growth is None:
        raise InputError("Too few searches were made to say how FPIR grows.")
    fpir = expect(numbers.growth, numbers.drawn, threshold, max(1, subjects))
    fnir = fnir_at(numbers, threshold)
    trials = None if tools is None else queries.trials_of(evaluation, tools=tools)
    groups: Payload | None = None
    if trials is not None:
        groups = {
            one.group: {
                "people": one.subjects,
                "fpir": None if one.fpir is None else [_exact(value) for value in one.fpir],
                "fnir": None if one.fnir is None else [_exact(value) for value in one.fnir],
            }
            for one in measuring.groups_at(trials, threshold, seed=numbers.seed)
        }
    return {
        "threshold": _exact(threshold),
        "fpir": [_exact(fpir.value), _exact(fpir.low), _exact(fpir.high)],
        "fnir": [_exact(fnir.value), _exact(fnir.low), _exact(fnir.high)],
        "groups": groups,
    }


def _like(payload: Mapping[str, Any], now: Payload) -> Payload:
    """Return a payload without its groups where the program did not compute them."""
    copied: Payload = json.loads(canonical_json(payload))
    for name in ("before", "after"):
        if now[name] is not None and now[name]["groups"] is None:
            copied[name]["groups"] = None
    return copied


def _exact(value: float) -> str:
    return f"{value:.6g}"


def _threshold(side: Mapping[str, Any] | None) -> str | None:
    return None if side is None else f"{float(side['threshold']):.3f}"


def _rate(side: Mapping[str, Any] | None, key: str) -> str | None:
    if side is None or side[key] is None:
        return None
    value, low, high = (float(one) for one in side[key])
    return f"{share(value)} ({share(low)} to {share(high)})"


def _beside(after: str | None, before: str | None) -> str:
    if before is None:
        return after or "not measured"
    return f"{after or 'not measured'}, instead of {before}"
