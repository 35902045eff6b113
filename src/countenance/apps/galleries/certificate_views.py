"""The certificate of an erasure: as a page, as JSON, and to print."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from countenance.apps.agencies.models import Agency
from countenance.apps.galleries.certificates import as_pdf, certified
from countenance.ui.requests import Request


@require_safe
def page(request: Request, erased_id: UUID) -> HttpResponse:
    """Show what was destroyed, by count, with the receipt that proves it."""
    one = certified(request.actor, erased_id, tools=request.tools)
    context = {
        "section": "galleries",
        "erased_id": erased_id,
        "title": one.title,
        "said": one.said,
        "counts": one.counted,
        "destroyed_at": one.destroyed_at,
        "receipt": one.receipt,
    }
    return render(request, "galleries/certificate.html", context)


@require_safe
def as_json(request: Request, erased_id: UUID) -> HttpResponse:
    """Return the certificate for machines."""
    one = certified(request.actor, erased_id, tools=request.tools)
    return _named(JsonResponse(one.to_dict()), erased_id, "json")


@require_safe
def paper(request: Request, erased_id: UUID) -> HttpResponse:
    """Return the certificate as PDF."""
    one = certified(request.actor, erased_id, tools=request.tools)
    name = str(Agency.objects.get(pk=request.actor.agency).own_name or "")
    made = HttpResponse(as_pdf(one, agency=name), content_type="application/pdf")
    return _named(made, erased_id, "pdf")


def _named(answer: HttpResponse, erased_id: UUID, kind: str) -> HttpResponse:
    name = f"erasure-{erased_id.hex[:8]}.{kind}"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
