"""The pages of evaluations: what was measured of a gallery, one evaluation with its charts, and its report."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from countenance.apps.agencies.models import Agency, Person
from countenance.apps.evaluations import exporting, queries, showing
from countenance.apps.evaluations.counting import MARGIN, MORE
from countenance.apps.evaluations.models import Evaluation, OperatingPoint, SampleKind
from countenance.apps.evaluations.points import (
    in_words,
    numbers_of,
    point_at,
    present_of,
    subjects_of,
)
from countenance.apps.evaluations.saying import counted, share, within
from countenance.apps.galleries import queries as galleries
from countenance.apps.galleries import views as gallery_views
from countenance.apps.galleries.models import Gallery
from countenance.apps.records.queries import receipt_about
from countenance.errors import InputError, NotFound
from countenance.ledger.entry import Action
from countenance.ledger.receipt import Receipt
from countenance.policy import Deed, may
from countenance.ui.measured import charts_of
from countenance.ui.requests import Request

SECTION = "galleries"
OF_SELFTESTS = {
    "photos": "Photos",
    "people": "People",
    "without_face": "Photos without a usable face",
    "searched": "Different people searched for",
}
LISTED = 20
"""So many evaluations and selftests of a gallery are listed; the command line lists all."""


@require_safe
def gallery(request: Request, gallery_id: UUID) -> HttpResponse:
    """Show one gallery, and beside it what is known of how often searches in it err."""
    said: dict[str, Any] = {}
    if may(request.actor, Deed.EVALUATION_READ):
        one = galleries.gallery(request.actor, gallery_id)
        said = {"measured": _in_force(request, one) | _last_selftest(request, one)}
    return gallery_views.gallery(request, gallery_id, **said)


@require_safe
def evaluations(request: Request, gallery_id: UUID) -> HttpResponse:
    """Show what was measured of a gallery, the operating point in force, and what can be done next."""
    one = galleries.gallery(request.actor, gallery_id)
    steward = may(request.actor, Deed.EVALUATE)
    state = request.tools.jobs.evaluating(one.pk) if steward else ""
    if request.headers.get("HX-Request"):
        if state != "running":
            return HttpResponse(headers={"HX-Refresh": "true"})
        return render(request, "evaluations/progress.html", {"gallery": one, "state": state})
    found = list(queries.evaluations(request.actor, one)[:LISTED])
    tests = list(queries.selftests(request.actor, one)[:LISTED])
    context = {
        "section": SECTION,
        "gallery": one,
        "point": _in_force(request, one),
        "history": [_changed(point) for point in queries.points(one)],
        "evaluations": [_listed(row) for row in found],
        "selftests": [_tested(row) for row in tests],
        "kept": queries.non_mates(one) if steward else None,
        "state": state,
        "may_evaluate": steward,
        "may_set": may(request.actor, Deed.POINT_SET),
        "why_not": _why_not(request, one) if steward else "",
        "usable": bool(queries.usable(request.actor, one, most=1)),
    }
    return render(request, "evaluations/gallery.html", context)


@require_POST
def gallery_evaluate(request: Request, gallery_id: UUID) -> HttpResponse:
    """Measure a gallery with its own photos, as a job; its page says when it is done."""
    one = galleries.gallery(request.actor, gallery_id)
    if why := _why_not(request, one):
        raise InputError(why)
    request.tools.jobs.evaluate(one.pk, request.actor.person)
    return HttpResponseRedirect(reverse("gallery_evaluations", args=[one.pk]))


@require_safe
def evaluation(request: Request, evaluation_id: UUID) -> HttpResponse:
    """Show one evaluation, every chart with its numbers as a table."""
    one = queries.evaluation(request.actor, evaluation_id)
    if one.kind == SampleKind.SELFTEST:
        return _selftest(request, one)
    numbers = numbers_of(one)
    point, subjects = _resting_on(request, one)
    context = {
        **_about(request, one),
        "headline": showing.headline(one, numbers, point=point, subjects=subjects),
        "in_force": point is not None,
        "wishes": showing.wishes(numbers, subjects or numbers.others),
        "among": counted(subjects or numbers.others),
        "facts": showing.facts(one, numbers),
        "charts": charts_of(numbers, setting=showing.setting_of(numbers, point, subjects)),
        "groups": bool(numbers.groups),
        "again": showing.again(one),
    }
    return render(request, "evaluations/detail.html", context)


@require_safe
def evaluation_json(request: Request, evaluation_id: UUID) -> HttpResponse:
    """Return the numbers of an evaluation in their only spelling; nobody's name is in them."""
    one = queries.evaluation(request.actor, evaluation_id)
    if one.kind == SampleKind.SELFTEST:
        raise NotFound("Of a selftest only a blurred count is kept; its page says it.")
    made = exporting.export_numbers(request.actor, evaluation=one, tools=request.tools)
    answer = HttpResponse(made, content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="evaluation-{one.pk.hex[:8]}.json"'
    return answer


@require_safe
def evaluation_report(request: Request, evaluation_id: UUID) -> HttpResponse:
    """Return an evaluation as a printable report."""
    one = queries.evaluation(request.actor, evaluation_id)
    if one.kind == SampleKind.SELFTEST:
        raise NotFound("A selftest has no report of its own; its page says what it found.")
    point, subjects = _resting_on(request, one)
    made = exporting.export_report(
        request.actor,
        evaluation=one,
        agency=str(Agency.objects.get(pk=request.actor.agency).own_name or ""),
        receipt=_receipt(one),
        point=point,
        subjects=subjects,
        tools=request.tools,
    )
    answer = HttpResponse(made, content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="evaluation-{one.pk.hex[:8]}.pdf"'
    return answer


def _selftest(request: Request, one: Evaluation) -> HttpResponse:
    """Show one selftest: how many searches returned somebody, and how many were predicted to."""
    context = {
        **_about(request, one),
        "test": _tested(one),
        "margin": MARGIN,
        "threshold": float(one.details["selftest"]["threshold"]),
        "facts": _facts(one),
    }
    return render(request, "evaluations/selftest.html", context)


def _facts(one: Evaluation) -> list[tuple[str, str]]:
    said = one.details
    settings = said["settings"]
    told = [("Model", said["model"]), ("Licence of its weights", said["licence"])]
    told += [
        (label, counted(settings[name])) for name, label in OF_SELFTESTS.items() if name in settings
    ]
    return told


def _about(request: Request, one: Evaluation) -> dict[str, Any]:
    """Return what every page of an evaluation shows."""
    by = Person.objects.filter(pk=one.made_by, agency_id=request.actor.agency).first()
    return {
        "section": SECTION,
        "evaluation": one,
        "heading": showing.name_of(one),
        "gallery": one.gallery,
        "kind": showing.KINDS[SampleKind(one.kind)],
        "by": "" if by is None else by.name,
        "receipt": _receipt(one),
    }


def _receipt(one: Evaluation) -> Receipt:
    selftest = one.kind == SampleKind.SELFTEST
    return receipt_about(one.pk, Action.SELFTEST_RUN if selftest else Action.EVALUATION_RECORDED)


def _resting_on(request: Request, one: Evaluation) -> tuple[OperatingPoint | None, int]:
    """Return the operating point in force if it rests on this evaluation, and its gallery's size."""
    if one.gallery is None:
        return None, 0
    subjects = subjects_of(one.gallery, today=_today(request))
    present = present_of(one.gallery)
    return (present if present is not None and present.evaluation_id == one.pk else None), subjects


def _in_force(request: Request, one: Gallery) -> dict[str, Any]:
    """Return what is said of how a gallery is searched now."""
    present = present_of(one)
    if present is None:
        return {"by_hand": one.threshold, "words": ""}
    subjects = subjects_of(one, today=_today(request))
    told = point_at(present.evaluation, present.wanted_fpir, subjects=subjects)
    return {
        "by_hand": None,
        "words": in_words(told),
        "wanted": share(present.wanted_fpir),
        "threshold": told.threshold,
        "since": present.set_at,
        "evaluation": present.evaluation_id,
        "other_model": not showing.is_same_model(present.evaluation, request.tools.engine.model),
        "sizes": showing.sizes(numbers_of(present.evaluation), present.wanted_fpir, subjects),
    }


def _last_selftest(request: Request, one: Gallery) -> dict[str, Any]:
    last = queries.selftests(request.actor, one).first()
    return {"selftest": None if last is None else _tested(last)}


def _changed(point: OperatingPoint) -> dict[str, Any]:
    """Return one operating point of a gallery's past, for the list."""
    point.check_links()
    return {
        "wanted": share(point.wanted_fpir),
        "at": point.set_at,
        "evaluation": point.evaluation_id,
        "measured_at": point.evaluation.made_at,
    }


def _listed(one: Evaluation) -> dict[str, Any]:
    """Return one evaluation as the list shows it."""
    one.check_links()
    return {
        "id": one.pk,
        "at": one.made_at,
        "sample": one.details["sample"],
        "model": one.details["model"],
        "fnir": showing.fnir_told(one),
    }


def _tested(one: Evaluation) -> dict[str, Any]:
    """Return one selftest as the pages show it."""
    one.check_links()
    said = one.details["selftest"]
    predicted = None if said["point"] is None else float(said["point"]["fpir"][0])
    return {
        "id": one.pk,
        "at": one.made_at,
        "searches": said["searches"],
        "returned": said["returned"],
        "predicted": "" if predicted is None else share(predicted),
        "expected": "" if predicted is None else f"{predicted * said['searches']:.1f}",
        "share": within(*(float(value) for value in said["share"])),
        "verdict": said["verdict"],
        "said": said["said"],
        "alarming": said["verdict"] == MORE,
    }


def _why_not(request: Request, one: Gallery) -> str:
    """Return why a gallery cannot be measured with its own photos; nothing if it can."""
    if one.closed_at is not None:
        return "This gallery is closed."
    if one.model != request.tools.engine.model:
        return "Its templates are of another model than the one that searches now."
    if not queries.has_several_photos(one, tools=request.tools):
        return "Nobody in it has several photos, so no photo can be left out and searched for."
    return ""


def _today(request: Request) -> date:
    return request.tools.clock().date()
