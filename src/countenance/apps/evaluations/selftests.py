"""Selftests: a gallery is searched for people known not to be in it, and whoever comes back is counted.

Only counts come out, never who was returned for whom, and never for few people: otherwise it would be a way to
ask, without a case, whether somebody is enrolled.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
from django.db import transaction

from countenance import policy
from countenance.apps.evaluations import measuring, queries, templates
from countenance.apps.evaluations.measuring import Templates
from countenance.apps.evaluations.models import Evaluation, NonMates, SampleKind
from countenance.apps.evaluations.points import Point, point_of, subjects_of
from countenance.apps.evaluations.sampling import Labelled
from countenance.apps.evaluations.saying import counted
from countenance.apps.evaluations.services import Measured, record_evaluation
from countenance.apps.galleries.indexing import synchronise
from countenance.apps.galleries.models import Gallery
from countenance.apps.galleries.nearest import nearest
from countenance.apps.records.objects import delete_objects, get_object, put_object
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.errors import CountenanceError, InputError, ModelMismatch, WrongState
from countenance.evaluation.intervals import rate
from countenance.evaluation.trials import KEPT, Trials
from countenance.faces.types import Template
from countenance.ledger.entry import Action
from countenance.policy import SYSTEM, Actor, Deed
from countenance.tools import Tools

FEWEST = 20
"""Of fewer people nothing is counted: it would say little of the gallery, and too much of them."""

LONGEST = timedelta(days=366)
"""Templates of people who are not enrolled are kept for no longer."""

ANEW = timedelta(days=7)
AFTER_CHANGES = timedelta(days=1)

AS_PREDICTED, MORE, FEWER, UNPREDICTED = "as predicted", "more", "fewer", "not predicted"
VERDICTS = {
    AS_PREDICTED: "About as many as the evaluation predicts.",
    MORE: "More than the evaluation predicts. Evaluate the gallery again, and set its operating point anew.",
    FEWER: "Fewer than the evaluation predicts.",
    UNPREDICTED: "Nothing was predicted: the threshold was set by hand, and not measured.",
}


@composed_of(record_evaluation)
def run_selftest(
    actor: Actor,
    *,
    gallery: Gallery,
    photos: Sequence[Labelled],
    keep_until: date | None = None,
    tools: Tools,
    notify: templates.Notify | None = None,
) -> Evaluation:
    """Search a gallery for people known not to be in it and record how many searches return somebody.

    Args:
        actor: a steward of the gallery's agency.
        gallery: where to search, at its operating point.
        photos: of those people; they are analysed in memory, and not stored.
        keep_until: keep their templates, sealed, until that day, so that the selftest runs again by itself.
        tools: engine, keys, store, shelf, clock, randomness.
        notify: called with how many photos are analysed.

    Raises:
        InputError: too few people, or the day is over or too far.
        WrongState: the gallery has neither an operating point nor a threshold.
        ModelMismatch: its templates are of another model than the present one.
        NotPermitted: it is another agency's.
    """
    policy.permit_own(actor, gallery.agency_id)
    _check_day(keep_until, today=tools.clock().date())
    _threshold_of(gallery, tools=tools)
    people = len({one.subject for one in photos})
    if people < FEWEST:
        raise InputError(
            f"A selftest needs photos of at least {FEWEST} people; these are of {people}. Of fewer it would say "
            "little, and it must not be a way to ask whether somebody is enrolled."
        )
    found = templates.of_photos(photos, tools=tools, notify=notify)
    if measuring.with_face(found) < FEWEST:
        raise InputError(f"Fewer than {FEWEST} of these people have a photo with a usable face.")
    evaluation = _record(actor, gallery, found, tools=tools)
    if keep_until is not None:
        keep_non_mates(actor, gallery=gallery, found=found, until=keep_until, tools=tools)
    return evaluation


@accountable(Action.NON_MATES_KEPT, deed=Deed.EVALUATE)
def keep_non_mates(
    actor: Actor,
    record: Record,
    *,
    gallery: Gallery,
    found: Templates,
    until: date,
    tools: Tools,
) -> NonMates:
    """Keep the templates of people known not to be in a gallery, instead of those that were kept before.

    Raises:
        InputError: the day is over, or more than a year ahead.
        NotPermitted: the gallery is another agency's.
    """
    now = tools.clock()
    record.note(about=gallery.pk, photos=len(found), until=until)
    policy.permit_own(actor, gallery.agency_id)
    _check_day(until, today=now.date())
    Gallery.objects.select_for_update(no_key=True).get(pk=gallery.pk)
    if (before := queries.non_mates(gallery)) is not None:
        _destroy(before, tools=tools)
        record.note(replaces=before.pk)
    sample = NonMates(
        agency_id=gallery.agency_id,
        gallery=gallery,
        until=until,
        made_by=actor.person,
        made_at=now,
        details={
            "gallery": str(gallery.pk),
            "until": until.isoformat(),
            "photos": len(found),
            "model": tools.engine.model,
            "made_by": str(actor.person),
            "made_at": now.isoformat(),
        },
    )
    put_object(sample, _packed(found), tools=tools)
    sample.save(force_insert=True)
    return sample


@accountable(Action.NON_MATES_DESTROYED, deed=Deed.EVALUATE)
def destroy_non_mates(actor: Actor, record: Record, *, sample: NonMates, tools: Tools) -> None:
    """Destroy the kept templates of people who are not in a gallery; the clock does so after their last day.

    Raises:
        WrongState: they are destroyed already; or, of the clock, their last day is not over.
        NotPermitted: they are another agency's.
    """
    record.note(about=sample.gallery_id, until=sample.until)
    record.agency = sample.agency_id
    if actor != SYSTEM:
        policy.permit_own(actor, sample.agency_id)
    sample = NonMates.objects.select_for_update(no_key=True).get(pk=sample.pk)
    if sample.ended_at is not None:
        raise WrongState("These were destroyed already.")
    sample.check_links()
    if actor == SYSTEM and sample.until >= tools.clock().date():
        raise WrongState("Their last day is not over.")
    _destroy(sample, tools=tools)


@composed_of(record_evaluation, destroy_non_mates)
def run_due(actor: Actor, *, tools: Tools) -> int:
    """Run the selftests that are due, destroy samples whose last day is over, and return how many ran.

    One is due a week after the last one, when the operating point changed since, and a day after the last
    one if the gallery changed.

    Raises:
        CountenanceError: it failed for one; all others had their turn.
    """
    done, failures = 0, []
    for sample in NonMates.objects.filter(ended_at=None).select_related("gallery__agency"):
        try:
            sample.check_links()
            if sample.until < tools.clock().date():
                destroy_non_mates(actor, sample=sample, tools=tools)
            elif _is_due(sample, tools=tools):
                found = _unpacked(get_object(sample, tools=tools))
                _record(actor, sample.gallery, found, tools=tools)
                done += 1
        except CountenanceError as error:
            failures.append(error)
    if failures:
        raise failures[0]
    return done


def _is_due(sample: NonMates, *, tools: Tools) -> bool:
    """Say whether a kept sample is to be searched for again now."""
    gallery = sample.gallery
    if gallery.closed_at is not None or gallery.agency.suspended:
        return False
    if {gallery.model, sample.details["model"]} != {tools.engine.model}:
        return False  # Nothing is searched there with this model either.
    if gallery.point is None and gallery.threshold is None:
        return False
    rows = Evaluation.objects.filter(gallery=gallery, kind=str(SampleKind.SELFTEST))
    last = rows.order_by("-made_at").first()
    if last is None:
        return True
    last.check_links()
    ago = tools.clock() - last.made_at
    point = None if gallery.point is None else str(gallery.point)
    return (
        ago >= ANEW
        or last.details["selftest"]["operating_point"] != point
        or (ago >= AFTER_CHANGES and last.details["version"] != gallery.version)
    )


def _record(actor: Actor, gallery: Gallery, found: Templates, *, tools: Tools) -> Evaluation:
    gallery = Gallery.objects.get(pk=gallery.pk)
    threshold, point = _threshold_of(gallery, tools=tools)
    trials = _searched(gallery, found, tools=tools)
    people = measuring.people_searched(trials)
    measured = Measured(
        kind=SampleKind.SELFTEST,
        gallery=gallery,
        trials=trials,
        sample=f"photos of {counted(people)} people who are known not to be in the gallery",
        settings={"photos": len(found), "people": people, "without_face": found.without_face},
        more={"selftest": _said(gallery, trials, threshold, point)},
    )
    return record_evaluation(actor, measured=measured, tools=tools)


def _searched(gallery: Gallery, found: Templates, *, tools: Tools) -> Trials:
    """Search the gallery's own index with each template, as searches do."""
    synchronise([gallery], tools=tools)
    nearest = np.full((len(found), KEPT), -np.inf)
    for row, vector in enumerate(found.vectors):
        if np.isfinite(vector).all():
            seen = _nearest(gallery, vector, tools=tools)
            nearest[row, : len(seen)] = seen
    subjects = subjects_of(gallery, today=tools.clock().date())
    return Trials(
        model=tools.engine.model,
        subjects=subjects,
        others=subjects,
        non_mated=nearest,
        non_mated_subjects=found.people,
    )


def _nearest(gallery: Gallery, vector: np.ndarray, *, tools: Tools) -> list[float]:
    """Return the similarity of the most similar subjects that a search would return, best first."""
    probe = Template(vector=vector, model=tools.engine.model)
    present = templates.present(gallery, tools=tools)
    found = nearest(probe, [gallery.pk], present, top=KEPT, shelf=tools.shelf)
    return [one["similarity"] for one in found]


def _said(
    gallery: Gallery, trials: Trials, threshold: float, point: Point | None
) -> dict[str, Any]:
    """Return what came of it, as it is recorded: counts, what was predicted, and the verdict."""
    returned = trials.best >= threshold
    found = rate(returned, trials.non_mated_subjects, seed=0)
    low, high = (0.0, 1.0) if found is None else (found.low, found.high)
    verdict = UNPREDICTED
    if point is not None:
        verdict = (
            MORE if low > point.fpir.high else FEWER if high < point.fpir.low else AS_PREDICTED
        )
    return {
        "operating_point": None if gallery.point is None else str(gallery.point),
        "point": None if point is None else point.as_json(),
        "threshold": repr(threshold),
        "searches": len(returned),
        "returned": int(returned.sum()),
        "candidates": int((trials.non_mated >= threshold).sum()),
        "share": [repr(float(returned.mean())), repr(low), repr(high)],
        "verdict": verdict,
        "said": VERDICTS[verdict],
    }


def _threshold_of(gallery: Gallery, *, tools: Tools) -> tuple[float, Point | None]:
    """Return the similarity from which on somebody is returned, and the operating point that gives it.

    Raises:
        ModelMismatch: the gallery's templates are of another model than the present one.
        WrongState: a search here returns a list in any case, so there is nothing to count.
    """
    if gallery.model != tools.engine.model:
        raise ModelMismatch(gallery=gallery.model, engine=tools.engine.model)
    point = point_of([gallery], tools=tools)
    if point is not None:
        return point.threshold, point
    if gallery.threshold is None:
        raise WrongState(
            "A search of this gallery returns a list in any case, so there is nothing to count. Evaluate it, "
            "and ask for an operating point first."
        )
    return gallery.threshold, None


def _check_day(until: date | None, *, today: date) -> None:
    if until is not None and not today <= until <= today + LONGEST:
        raise InputError("Templates for selftests are kept until a day of the next twelve months.")


def _destroy(sample: NonMates, *, tools: Tools) -> None:
    sample.destroy_key()
    sample.details, sample.ended_at = None, tools.clock()
    sample.save(update_fields=("object_key", "details", "ended_at"))
    transaction.on_commit(lambda: delete_objects([sample.pk], tools=tools))


def _packed(found: Templates) -> bytes:
    target = io.BytesIO()
    np.savez(target, vectors=found.vectors, people=found.people, photo=found.photo)
    return target.getvalue()


def _unpacked(data: bytes) -> Templates:
    with np.load(io.BytesIO(data), allow_pickle=False) as kept:
        return Templates(vectors=kept["vectors"], people=kept["people"], photo=kept["photo"])
