"""Destroying what was found under a refused authority, and the certificates of what was destroyed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from countenance.apps.agencies.models import Agency
from countenance.apps.cases import queries as cases
from countenance.apps.cases.models import Case
from countenance.apps.records.queries import receipt_about
from countenance.apps.searches import purging, queries
from countenance.apps.searches.models import Search
from countenance.errors import NotFound
from countenance.ledger.entry import Action
from countenance.ledger.receipt import Receipt
from countenance.reports import Certificate, certificate_pdf
from countenance.reports.words import moment
from countenance.ui.requests import Request


@require_safe
def certificate(request: Request, search_id: UUID) -> HttpResponse:
    """Show what was destroyed, when, and under which rule, with the receipt that proves it."""
    one = _purged(request, search_id)
    context = {
        "section": "searches",
        "case": one.case,
        "search_id": one.pk,
        "code": one.pk.hex[:8],
        "said": one.certificate,
        "ordered": _ordered(request, one.certificate),
        "searched_at": one.intended_at,
        "authorise_by": one.authorise_by,
        "destroyed_at": one.purged_at,
        "receipt": receipt_about(one.pk, Action.SEARCH_PURGED),
    }
    return render(request, "searches/certificate.html", context)


@require_safe
def certificate_json(request: Request, search_id: UUID) -> HttpResponse:
    """Return the certificate for machines."""
    one = _purged(request, search_id)
    receipt = receipt_about(one.pk, Action.SEARCH_PURGED)
    answer = JsonResponse({**one.certificate, "receipt": receipt.to_dict()})
    name = f"purge-{one.pk.hex[:8]}.json"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@require_safe
def certificate_paper(request: Request, search_id: UUID) -> HttpResponse:
    """Return the certificate as PDF."""
    one = _purged(request, search_id)
    said = one.certificate
    rows = [("Search", said["search"]), ("Run", moment(one.intended_at))]
    if one.authorise_by is not None:
        rows.append(("To be authorised by", moment(one.authorise_by)))
    return _paper(
        request,
        said,
        title="What this search found was destroyed",
        rows=rows,
        receipt=receipt_about(one.pk, Action.SEARCH_PURGED),
        name=f"purge-{one.pk.hex[:8]}.pdf",
    )


@require_safe
def evidence_certificate(request: Request, case_id: UUID) -> HttpResponse:
    """Show which photos of a closed case were destroyed, when, and under which rule."""
    one, said = _evidence(request, case_id)
    context = {
        "section": "cases",
        "case": one,
        "said": said,
        "ordered": _ordered(request, said),
        "destroyed_at": datetime.fromisoformat(said["destroyed_at"]),
        "receipt": receipt_about(one.pk, Action.EVIDENCE_PURGED),
    }
    return render(request, "searches/evidence_certificate.html", context)


@require_safe
def evidence_certificate_json(request: Request, case_id: UUID) -> HttpResponse:
    """Return the certificate of a case's photos for machines."""
    one, said = _evidence(request, case_id)
    receipt = receipt_about(one.pk, Action.EVIDENCE_PURGED)
    answer = JsonResponse({**said, "receipt": receipt.to_dict()})
    name = f"evidence-{one.pk.hex[:8]}.json"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@require_safe
def evidence_certificate_paper(request: Request, case_id: UUID) -> HttpResponse:
    """Return the certificate of a case's photos as PDF."""
    one, said = _evidence(request, case_id)
    closed = () if one.closed_at is None else (("Closed", moment(one.closed_at)),)
    return _paper(
        request,
        said,
        title="The photos of this case were destroyed",
        rows=[
            ("Case", said["case"]),
            *closed,
            ("Photos", str(len(said["photos"]))),
            ("Videos", str(len(said.get("videos", ())))),
        ],
        receipt=receipt_about(one.pk, Action.EVIDENCE_PURGED),
        name=f"evidence-{one.pk.hex[:8]}.pdf",
    )


@require_POST
def purge(request: Request, search_id: UUID) -> HttpResponse:
    """Destroy at once what a search found whose authority was refused or came too late."""
    one = queries.search(request.actor, search_id)
    purging.purge_search(request.actor, search=one, tools=request.tools)
    return HttpResponseRedirect(reverse("certificate", args=[one.pk]))


def _ordered(request: Request, said: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return who asked for an early erasure and who approved it, by name; nothing of any other destruction."""
    ordered = said.get("ordered")
    if ordered is None:
        return []
    return [
        (words, _who(request, ordered[f"{deed}_by"], ordered[f"{deed}_at"]))
        for words, deed in (("Asked for by", "asked"), ("Approved by", "approved"))
    ]


def _who(request: Request, by: str, at: str) -> str:
    found = cases.people_named([UUID(by)], request.actor)
    name = found[0].name if found else "Somebody who is no longer here"
    return f"{name}, {moment(datetime.fromisoformat(at))}"


def _purged(request: Request, search_id: UUID) -> Search:
    one = queries.search(request.actor, search_id)
    if one.certificate is None:
        raise NotFound("Nothing of this search was destroyed, so there is no certificate.")
    return one


def _evidence(request: Request, case_id: UUID) -> tuple[Case, dict[str, Any]]:
    one = cases.case(request.actor, case_id)
    said = (one.standing or {}).get("evidence")
    if said is None:
        raise NotFound("No photo of this case was destroyed, so there is no certificate.")
    return one, said


def _paper(
    request: Request,
    said: Mapping[str, Any],
    *,
    title: str,
    rows: Sequence[tuple[str, str]],
    receipt: Receipt,
    name: str,
) -> HttpResponse:
    """Return a certificate as a file to print; its page says the same."""
    why = [("Why", said["says"]), *_ordered(request, said), ("Rule", said["rule"])]
    law = [("Law", "; ".join(said["sections"]))] if said["sections"] else []
    made = certificate_pdf(
        Certificate(
            title=title,
            at=datetime.fromisoformat(said["destroyed_at"]),
            agency=str(Agency.objects.get(pk=request.actor.agency).own_name or ""),
            rows=(*rows, *why, *law),
            destroyed=tuple(_sentence(one) for one in said["destroyed"]),
            kept=tuple(_sentence(one) for one in said["kept"]),
            receipt=receipt,
        )
    )
    answer = HttpResponse(made, content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
