"""Galleries and sources: lists, pages, new ones, removal."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from countenance.apps.agencies import queries as agencies
from countenance.apps.galleries import grants, listing, looks, queries, services, viewing
from countenance.apps.galleries.models import EnrolmentRun, Gallery, Source
from countenance.apps.records.queries import receipt_about
from countenance.ledger.entry import Action
from countenance.policy import Deed, may
from countenance.ui.forms import DateInput, ErrorsOn, Form, ReasonForm
from countenance.ui.pages import confirm_page, form_page
from countenance.ui.requests import Request

SUBJECTS_A_PAGE = 48
REMAINS = "Backups made before, and the database's old pages until they are overwritten, still hold the wrapped key."
"""What removal does not reach; said wherever something is removed."""


class GalleryForm(Form):
    """What a gallery needs."""

    name = forms.CharField(max_length=200)


class SourceForm(Form):
    """A source's name and passport; all of it but the releases is required."""

    name = forms.CharField(max_length=200, help_text="How you will call this collection.")
    owner = forms.CharField(max_length=500, help_text="Who owns the photos.")
    lawful_basis = forms.CharField(
        max_length=1000, help_text="The statute, contract or consent by which they are held."
    )
    purpose = forms.CharField(max_length=1000, help_text="What they may be searched for.")
    collected_on = forms.DateField(label="Collected on", widget=DateInput())
    retention_until = forms.DateField(
        label="Kept until", widget=DateInput(), help_text="Nothing is enrolled after this day."
    )
    reference = forms.CharField(
        max_length=500, help_text="Where the agreement is filed, or the collection's address."
    )
    steward = forms.CharField(max_length=500, help_text="Who answers for this source.")
    written_release = forms.CharField(
        required=False,
        max_length=500,
        help_text="Where the written releases of the people in the photos are filed, if there are any. "
        "Some policy packs require them.",
    )

    def passport(self) -> dict[str, str]:
        """Return the passport as the service takes it: dates in ISO 8601."""
        cleaned = {key: value for key, value in self.cleaned_data.items() if key != "name"}
        return {key: str(value) for key, value in cleaned.items()}


@require_safe
def galleries(request: Request) -> HttpResponse:
    """List galleries and sources."""
    found = [
        {
            "id": one.pk,
            "name": one.name,
            "closed": one.closed_at is not None,
            "created_at": one.created_at,
            **_sizes(one),
        }
        for one in queries.uncounted_galleries(request.actor)
    ]
    sources = []
    if may(request.actor, Deed.SOURCE_READ):
        present = queries.sources(request.actor)
        sources = [_listed(one) for one in present if one.removed_at is None]
    context = {
        "section": "galleries",
        "galleries": found,
        "granted": [
            {
                "name": one.name,
                "owner": one.owner,
                "until": one.until,
                "kinds": ", ".join(sorted(one.kinds)),
            }
            for one in grants.granted_to(request.actor, tools=request.tools)
            if not one.closed
        ],
        "sources": sources,
        **_offers(request),
    }
    return render(request, "galleries/list.html", context)


@require_safe
def gallery(request: Request, gallery_id: UUID, **more: object) -> HttpResponse:
    """Show one gallery: size, sources, enrolments, and its subjects a page at a time.

    Args:
        request: of somebody of its agency.
        gallery_id: which one.
        more: what its page shows besides, of an app above this one.
    """
    one = queries.gallery(request.actor, gallery_id)
    page = Paginator(queries.subjects(one), SUBJECTS_A_PAGE).get_page(request.GET.get("page"))
    # Who stewards, examines or supervises sees faces; the others see how much there is.
    seen = may(request.actor, Deed.PHOTO_VIEW)
    faces = listing.first_faces(list(page.object_list)) if seen else {}
    if faces:
        rows = [face.pk for face in faces.values()]
        viewing.view_faces(request.actor, gallery=one.pk, faces=rows, tools=request.tools)
        looks.note_look(request, rows)
    subjects = [
        {
            "name": subject.label,
            "photos": subject.photo_count,  # type: ignore[attr-defined] # set by the query
            "photo_id": faces[subject.pk].photo_id,
            "crop": reverse("face_crop", args=[faces[subject.pk].pk]),
        }
        for subject in page.object_list
        if subject.pk in faces
    ]
    sizes = _sizes(one)
    context = {
        "section": "galleries",
        "gallery": {
            "id": one.pk,
            "name": one.name,
            "model": one.model,
            "sensitive": one.sensitive,
            **sizes,
        },
        **more,
        "sees_faces": seen,
        "grants": _grants(request, one),
        **_offers(request),
        "subjects": subjects,
        "page": page,
        "unnamed": sizes["subjects"] - page.paginator.count,
        "sources": [listing.passport(source) for source in listing.sources_of(one)],
        "enrolments": [run_context(run) for run in queries.runs(one)[:10]],
    }
    return render(request, "galleries/detail.html", context)


def gallery_new(request: Request) -> HttpResponse:
    """Create a gallery."""
    form = GalleryForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form):
            one = services.create_gallery(request.actor, **form.cleaned_data, tools=request.tools)
            return HttpResponseRedirect(reverse("gallery", args=[one.pk]))
    return form_page(
        request,
        form,
        heading="New gallery",
        verb="Create the gallery",
        back=reverse("galleries"),
        back_label="Galleries",
        section="galleries",
        lede="A gallery holds the people who may be found under one authority.",
    )


def source_new(request: Request) -> HttpResponse:
    """Register a source with its passport."""
    form = SourceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form):
            one = services.register_source(
                request.actor,
                name=form.cleaned_data["name"],
                passport=form.passport(),
                tools=request.tools,
            )
            return HttpResponseRedirect(reverse("source", args=[one.pk]))
    return form_page(
        request,
        form,
        heading="Register a source",
        verb="Register the source",
        back=reverse("galleries"),
        back_label="Galleries",
        section="galleries",
        lede="The passport of a source stands beside each of its photos wherever it is shown.",
    )


@require_safe
def source(request: Request, source_id: UUID) -> HttpResponse:
    """Show one source and its passport."""
    one = queries.source(request.actor, source_id)
    context = {
        "section": "galleries",
        "source": {**_listed(one), "removed_at": one.removed_at},
        **_offers(request),
        "receipt": receipt_about(one.pk, Action.SOURCE_REGISTERED),
    }
    return render(request, "galleries/source.html", context)


def source_remove(request: Request, source_id: UUID) -> HttpResponse:
    """Remove a source with all its photos."""
    one = queries.source(request.actor, source_id)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form):
            services.remove_source(
                request.actor, source=one, **form.cleaned_data, tools=request.tools
            )
            return HttpResponseRedirect(reverse("erasure_certificate", args=[one.pk]))
    count = listing.photo_count(one)
    return confirm_page(
        request,
        form,
        heading=f"Remove the source {one.name}?",
        verb="Remove the source and its photos",
        back=reverse("source", args=[one.pk]),
        back_label=one.name,
        crumb="Remove",
        section="galleries",
        consequences=[
            f"{count} {'photo' if count == 1 else 'photos'} of this source can be found no more.",
            "The sealed photos are deleted and their keys destroyed.",
            REMAINS,
            "The passport stays, to answer for the past.",
        ],
    )


def run_context(run: EnrolmentRun) -> dict[str, Any]:
    """Return an enrolment as the screens show it."""
    if run.finished_at is not None:
        state = "Finished"
    else:
        state = "Enrolling" if run.photos else "Waiting to begin"
    return {
        "id": run.pk,
        "started_at": run.started_at,
        "finished": run.finished_at is not None,
        "state_words": state,
        "total": run.total or run.photos,
        "done": run.photos,
        "enrolled": run.enrolled,
        "skipped": run.skipped,
        "rejected": run.rejected,
        "faces": run.faces,
    }


def _offers(request: Request) -> dict[str, bool]:
    """Return what this person may be offered; each service judges for itself."""
    return {
        "may_create": may(request.actor, Deed.GALLERY_CREATE),
        "may_read_sources": may(request.actor, Deed.SOURCE_READ),
        "may_register": may(request.actor, Deed.SOURCE_REGISTER),
        "may_remove": may(request.actor, Deed.SOURCE_REMOVE),
        "may_extend": may(request.actor, Deed.RETENTION_EXTEND),
        "may_enrol": may(request.actor, Deed.ENROL),
        "may_change": may(request.actor, Deed.GALLERY_TERMS),
        "may_grant": may(request.actor, Deed.GALLERY_GRANT),
    }


def _grants(request: Request, one: Gallery) -> list[dict[str, Any]]:
    names = dict(agencies.directory(request.actor))
    return [
        {
            "id": grant.pk,
            "to": names.get(grant.grantee_id, "an agency that is not listed"),
            "kinds": ", ".join(grant.details["kinds"]),
            "until": grant.facts.until,
            "ended_at": grant.ended_at,
        }
        for grant in grants.grants_of(request.actor, one)
    ]


def _sizes(one: Gallery) -> dict[str, int]:
    counts = queries.counts(one)
    return {"photos": counts["photo"], "faces": counts["face"], "subjects": counts["subject"]}


def _listed(one: Source) -> dict[str, Any]:
    return {**listing.passport(one), "photos": listing.photo_count(one)}
