"""Selftests: a gallery is searched for people known not to be in it, and whoever comes back is counted.

Nothing but a blurred count comes out (see `counting`), and nothing else is kept: no similarity, no trials, no
curve. Otherwise it would be a way to ask, without a case, whether somebody is enrolled. That a run begins is
recorded before anybody is searched for, so that one that is broken off leaves its trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from countenance import policy
from countenance.apps.evaluations import counting, queries, templates
from countenance.apps.evaluations.forgetting import forget_non_mates
from countenance.apps.evaluations.measuring import Templates
from countenance.apps.evaluations.models import Evaluation, NonMates, SampleKind
from countenance.apps.evaluations.points import Point, point_of
from countenance.apps.evaluations.sampling import Labelled
from countenance.apps.evaluations.saying import counted
from countenance.apps.galleries.indexing import synchronise
from countenance.apps.galleries.models import Gallery
from countenance.apps.galleries.nearest import nearest
from countenance.apps.records.objects import get_object, put_object
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.errors import CountenanceError, InputError, ModelMismatch, WrongState
from countenance.evaluation.trials import KEPT
from countenance.faces.types import Template
from countenance.faces.zoo import licence_of
from countenance.ledger.entry import Action
from countenance.policy import SYSTEM, Actor, Deed
from countenance.tools import Tools

FEWEST = 20
"""Of fewer people nothing is counted: it would say little of the gallery, and too much of them."""

LONGEST = timedelta(days=366)
"""Templates of people who are not enrolled are kept for no longer."""

ANEW = timedelta(days=7)
AFTER_CHANGES = timedelta(days=1)
"""At one operating point a gallery is not tested again sooner: many blurred counts together are a sharp one."""

SEED_BYTES = 32


@accountable(Action.SELFTEST_BEGUN, deed=Deed.EVALUATE)
def begin_selftest(
    actor: Actor, record: Record, *, gallery: Gallery, found: Templates, tools: Tools
) -> None:
    """Record that a gallery is about to be searched for people known not to be in it.

    It is refused for what `record_selftest` refuses.
    """
    record.note(about=gallery.pk, people=len(found))
    _permit(actor, record, gallery)
    _check_count(len(found))
    _check_rest(gallery, now=tools.clock())
    threshold, _ = _threshold_of(gallery, tools=tools)
    record.note(threshold=repr(threshold))


@accountable(Action.SELFTEST_RUN, deed=Deed.EVALUATE)
def record_selftest(
    actor: Actor,
    record: Record,
    *,
    gallery: Gallery,
    best: np.ndarray,
    settings: dict[str, Any],
    tools: Tools,
) -> Evaluation:
    """Write down how many searches of a selftest returned somebody, blurred; nothing else of it is kept.

    `best` is of each person the similarity of the most similar subject, and `settings` how it was run. The actor
    is a steward of the gallery's agency, or the clock.

    Raises:
        InputError: they are too few.
        WrongState: there is nothing to count there, or one ran within the last day.
        ModelMismatch: the gallery's templates are of another model than the present one.
        NotPermitted: the gallery is another agency's.
    """
    record.note(about=gallery.pk)
    _permit(actor, record, gallery)
    _check_count(len(best))
    now = tools.clock()
    # Locked, so that two at the same moment are not both the first of the day.
    gallery = Gallery.objects.select_for_update(no_key=True).get(pk=gallery.pk)
    _check_rest(gallery, now=now)
    threshold, point = _threshold_of(gallery, tools=tools)
    returned = counting.blurred(
        int((best >= threshold).sum()), of=len(best), seed=tools.token_bytes(SEED_BYTES)
    )
    said = {
        "operating_point": None if gallery.point is None else str(gallery.point),
        "point": None if point is None else point.as_json(),
        "threshold": repr(threshold),
        **counting.told(returned, of=len(best), point=point),
    }
    evaluation = _row(actor, gallery, said, settings, now=now)
    evaluation.save(force_insert=True)
    record.note(about=evaluation.pk, gallery=gallery.pk, settings=settings, selftest=said)
    return evaluation


@composed_of(begin_selftest, record_selftest)
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
        photos: of those people; they are analysed in memory, and not stored. Of each person one is searched
            with, and of people who look alike one is searched for.
        keep_until: keep their templates, sealed, until that day, so that the selftest runs again by itself.
        tools: engine, keys, store, shelf, clock, randomness.
        notify: called with how many photos are analysed.

    Raises:
        InputError: too few people, or the day is over or too far.
        WrongState: the gallery has neither an operating point nor a threshold, or a selftest ran within the
            last day.
        ModelMismatch: its templates are of another model than the present one.
        NotPermitted: it is another agency's.
    """
    policy.permit_own(actor, gallery.agency_id)
    now = tools.clock()
    _check_day(keep_until, today=now.date())
    _threshold_of(gallery, tools=tools)
    _check_rest(gallery, now=now)
    people = len({one.subject for one in photos})
    if people < FEWEST:
        raise InputError(
            f"A selftest needs photos of at least {FEWEST} people; these are of {people}. Of fewer it would say "
            "little, and it must not be a way to ask whether somebody is enrolled."
        )
    analysed = templates.of_photos(photos, tools=tools, notify=notify)
    found = counting.different(analysed)
    settings = {
        "photos": len(photos),
        "people": people,
        "without_face": analysed.without_face,
        "searched": len(found),
    }
    evaluation = _run(actor, gallery, found, settings, tools=tools)
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
        forget_non_mates(before, tools=tools)
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
    put_object(sample, counting.packed(found), tools=tools)
    sample.save(force_insert=True)
    return sample


@accountable(Action.NON_MATES_DESTROYED, deed=Deed.EVALUATE)
def destroy_non_mates(actor: Actor, record: Record, *, sample: NonMates, tools: Tools) -> None:
    """Destroy the kept templates of people who are not in a gallery.

    The clock does so after their last day, and when the gallery's templates are of another model than they.

    Raises:
        WrongState: they are destroyed already; or, of the clock, they can still be searched for.
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
    outlived = _is_outlived(sample, tools=tools)
    if actor == SYSTEM and not outlived and sample.until >= tools.clock().date():
        raise WrongState("Their last day is not over.")
    record.note(other_model=outlived)
    forget_non_mates(sample, tools=tools)


@composed_of(begin_selftest, record_selftest, destroy_non_mates)
def run_due(actor: Actor, *, tools: Tools) -> int:
    """Run the selftests that are due, destroy samples that are of no use any more, and return how many ran.

    One is due a week after the last one, when the operating point changed since, and a day after the last
    one if the gallery changed.

    Raises:
        CountenanceError: it failed for one; all others had their turn.
    """
    done, failures = 0, []
    for sample in NonMates.objects.filter(ended_at=None).select_related("gallery__agency"):
        try:
            sample.check_links()
            over = sample.until < tools.clock().date()
            if over or _is_outlived(sample, tools=tools):
                destroy_non_mates(actor, sample=sample, tools=tools)
            elif _is_due(sample, tools=tools):
                found = counting.unpacked(get_object(sample, tools=tools))
                _run(actor, sample.gallery, found, {"searched": len(found)}, tools=tools)
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
        return False  # Nothing is searched there with this model either; see `_is_outlived`.
    if gallery.point is None and gallery.threshold is None:
        return False
    last = _last(gallery)
    if last is None:
        return True
    ago = tools.clock() - last.made_at
    point = None if gallery.point is None else str(gallery.point)
    return (
        ago >= ANEW
        or last.details["selftest"]["operating_point"] != point
        or (ago >= AFTER_CHANGES and last.details["version"] != gallery.version)
    )


def _is_outlived(sample: NonMates, *, tools: Tools) -> bool:
    """Say whether a gallery was given templates of the present model, with which a sample cannot be compared."""
    present: bool = sample.gallery.model == tools.engine.model
    return present and sample.details["model"] != tools.engine.model


def _run(
    actor: Actor, gallery: Gallery, found: Templates, settings: dict[str, Any], *, tools: Tools
) -> Evaluation:
    begin_selftest(actor, gallery=gallery, found=found, tools=tools)
    synchronise([gallery], tools=tools)
    best = np.array([_best(gallery, vector, tools=tools) for vector in found.vectors])
    return record_selftest(actor, gallery=gallery, best=best, settings=settings, tools=tools)


def _row(
    actor: Actor,
    gallery: Gallery,
    said: dict[str, Any],
    settings: dict[str, Any],
    *,
    now: datetime,
) -> Evaluation:
    return Evaluation(
        agency_id=gallery.agency_id,
        gallery=gallery,
        kind=str(SampleKind.SELFTEST),
        made_by=actor.person,
        made_at=now,
        numbers=b"",
        details={
            "kind": str(SampleKind.SELFTEST),
            "gallery": str(gallery.pk),
            "version": gallery.version,
            "made_by": str(actor.person),
            "made_at": now.isoformat(),
            "model": gallery.model,
            "licence": licence_of(str(gallery.model)),
            "settings": settings,
            "sample": f"photos of {counted(said['searches'])} people who are known not to be in the gallery",
            "selftest": said,
        },
    )


def _best(gallery: Gallery, vector: np.ndarray, *, tools: Tools) -> float:
    """Return the similarity of the most similar subject that a search would return."""
    probe = Template(vector=vector, model=tools.engine.model)
    present = templates.present(gallery, tools=tools)
    found = nearest(probe, [gallery.pk], present, top=KEPT, shelf=tools.shelf)
    return max((one["similarity"] for one in found), default=-np.inf)


def _permit(actor: Actor, record: Record, gallery: Gallery) -> None:
    if actor == SYSTEM:
        record.agency = gallery.agency_id
    else:
        policy.permit_own(actor, gallery.agency_id)


def _check_count(people: int) -> None:
    if people < FEWEST:
        raise InputError(
            f"Only {people} of these people have a photo with a usable face and look like none of the others; "
            f"a selftest needs {FEWEST}. Of people who look alike one is searched for, because it must not be a "
            "way to ask whether somebody is enrolled."
        )


def _check_rest(gallery: Gallery, *, now: datetime) -> None:
    last = _last(gallery)
    if last is None or now - last.made_at >= AFTER_CHANGES:
        return
    point = None if gallery.point is None else str(gallery.point)
    if last.details["selftest"]["operating_point"] == point:
        raise WrongState(
            "A selftest of this gallery ran within the last day. Each says a little about whoever is searched for, "
            "so at one operating point there is one a day. Run it tomorrow."
        )


def _last(gallery: Gallery) -> Evaluation | None:
    rows = Evaluation.objects.filter(gallery=gallery, kind=str(SampleKind.SELFTEST))
    last: Evaluation | None = rows.order_by("-made_at").first()
    if last is not None:
        last.check_links()
    return last


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
