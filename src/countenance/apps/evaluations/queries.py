"""Reading evaluations, operating points and selftests."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, Q, QuerySet

from countenance.apps.evaluations.models import (
    Evaluation,
    KeptTrials,
    NonMates,
    OperatingPoint,
    SampleKind,
)
from countenance.apps.evaluations.templates import present
from countenance.apps.galleries.models import Gallery
from countenance.apps.records.objects import get_object
from countenance.errors import NotFound
from countenance.evaluation.trials import Trials
from countenance.policy import Actor
from countenance.tools import Tools


def evaluations(actor: Actor, gallery: Gallery | None = None) -> QuerySet[Evaluation]:
    """Return the agency's evaluations, newest first, selftests left out; slice it.

    Args:
        actor: of the agency.
        gallery: only what is of this one, or for it.
    """
    rows = Evaluation.objects.filter(agency_id=actor.agency).exclude(kind=str(SampleKind.SELFTEST))
    if gallery is not None:
        rows = rows.filter(gallery=gallery)
    return rows.select_related("gallery").order_by("-made_at", "pk")


def usable(actor: Actor, gallery: Gallery, *, most: int) -> list[Evaluation]:
    """Return the newest evaluations that an operating point of a gallery can rest on, at most so many.

    Raises:
        TamperDetected, SealBroken: one was changed in the database.
    """
    fits = Q(gallery=gallery) | Q(gallery=None, kind=str(SampleKind.SAMPLE))
    found: list[Evaluation] = []
    for one in evaluations(actor).filter(fits).iterator(chunk_size=most):
        one.check_links()
        # Its model is sealed, so the database cannot choose by it.
        if one.details["model"] == gallery.model:
            found.append(one)
        if len(found) == most:
            break
    return found


def selftests(actor: Actor, gallery: Gallery | None = None) -> QuerySet[Evaluation]:
    """Return the agency's selftests, newest first; slice it."""
    rows = Evaluation.objects.filter(agency_id=actor.agency, kind=str(SampleKind.SELFTEST))
    if gallery is not None:
        rows = rows.filter(gallery=gallery)
    return rows.select_related("gallery").order_by("-made_at", "pk")


def evaluation(actor: Actor, evaluation_id: UUID) -> Evaluation:
    """Return one evaluation or selftest of the agency, its plain columns checked.

    Raises:
        NotFound: there is none.
        TamperDetected, SealBroken: it was changed in the database.
    """
    rows = Evaluation.objects.filter(agency_id=actor.agency, pk=evaluation_id)
    found = rows.select_related("gallery").first()
    if found is None:
        raise NotFound("There is no such evaluation. `countenance evaluations list` shows all.")
    found.check_links()
    return found


def trials_of(one: Evaluation, *, tools: Tools) -> Trials | None:
    """Return the trials that an evaluation was made of; None once they were destroyed.

    Raises:
        NotFound, SealBroken: they are gone or changed, and nobody destroyed them.
    """
    kept = KeptTrials.objects.filter(evaluation=one).select_related("evaluation").first()
    return None if kept is None else Trials.from_json(get_object(kept, tools=tools))


def has_trials(one: Evaluation) -> bool:
    """Say whether the trials of an evaluation are still there, so that it can be made again."""
    return bool(KeptTrials.objects.filter(evaluation=one).exists())


def points(gallery: Gallery) -> list[OperatingPoint]:
    """Return every operating point that a gallery ever had, newest first."""
    rows = OperatingPoint.objects.filter(gallery=gallery).select_related("gallery", "evaluation")
    return list(rows.order_by("-set_at", "pk"))


def non_mates(gallery: Gallery) -> NonMates | None:
    """Return the kept sample of people known not to be in a gallery; None if there is none."""
    rows = NonMates.objects.filter(gallery=gallery, ended_at=None)
    return rows.select_related("gallery").first()


def has_several_photos(gallery: Gallery, *, tools: Tools) -> bool:
    """Say whether somebody in a gallery has several photos today, one of which can be left out and searched for."""
    faces = present(gallery, tools=tools).order_by().values("subject")
    return bool(faces.annotate(count=Count("pk")).filter(count__gt=1).exists())
