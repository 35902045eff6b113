"""Enrolling photos by upload: the form, the progress, the rejects."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from countenance.apps.galleries import enrolment as services
from countenance.apps.galleries import listing, queries
from countenance.apps.galleries.batch import Incoming
from countenance.apps.galleries.intake import PHOTO_SUFFIXES, shown
from countenance.apps.galleries.models import EnrolmentRun
from countenance.apps.galleries.views import run_context
from countenance.apps.records.queries import receipt_about
from countenance.errors import InputError, NotFound
from countenance.ledger.entry import Action
from countenance.ui.forms import ErrorsOn, Form
from countenance.ui.pages import status_of
from countenance.ui.requests import Request

ACCEPT = ",".join(sorted(PHOTO_SUFFIXES))
EACH, ONE, FOLDERS = "each", "one", "folders"
SHOWN_REJECTS = 200
LONGEST_PATH = 1000
LONE = re.compile("[\ud800-\udfff]")
"""Halves of characters, which JSON can name but nothing can store."""


class EnrolForm(Form):
    """Where the photos come from, and whose they are."""

    source = forms.ChoiceField(help_text="Its passport covers every photo of this upload.")
    subjects = forms.ChoiceField(
        label="Whose photos are these?",
        choices=[
            (EACH, "Each photo is of a person of its own, named like the file"),
            (ONE, "All of them are of one person"),
            (FOLDERS, "Each sub-folder holds the photos of one person (choose a folder above)"),
        ],
        initial=EACH,
        widget=forms.RadioSelect,
    )
    subject_name = forms.CharField(
        label="Name of that one person",
        required=False,
        max_length=200,
        help_text="Only if all of the photos are of one person.",
    )
    paths = forms.CharField(required=False, strip=False, max_length=1_000_000)

    def clean(self) -> dict[str, Any]:
        """Ask for the name when it is needed."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("subjects") == ONE and not cleaned.get("subject_name", "").strip():
            self.add_error("subject_name", "Say whose photos these are.")
        return cleaned


def enrol(request: Request, gallery_id: UUID) -> HttpResponse:
    """Take photos in and start their enrolment."""
    gallery = queries.gallery(request.actor, gallery_id)
    sources = [one for one in queries.sources(request.actor) if one.removed_at is None]
    form = EnrolForm(request.POST or None)
    form.fields["source"].choices = [(str(one.pk), one.name) for one in sources]  # type: ignore[attr-defined] # a ChoiceField
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form):
            run = _start(request, gallery_id, form.cleaned_data)
            return HttpResponseRedirect(reverse("enrolment", args=[run.pk]))
    context = {
        "section": "galleries",
        "gallery": {"id": gallery.pk, "name": gallery.name},
        "form": form,
        "accept": ACCEPT,
        "max_files": settings.DATA_UPLOAD_MAX_NUMBER_FILES,
        "max_megabytes": settings.UPLOAD_LIMIT // 2**20,
    }
    return render(request, "galleries/enrol.html", context, status=status_of(form))


def _start(request: Request, gallery_id: UUID, asked: dict[str, Any]) -> EnrolmentRun:
    files = request.FILES.getlist("photos")
    if not files:
        raise InputError("Choose at least one photo.")
    items = incoming(
        _labels(files, asked["paths"]),
        subjects=asked["subjects"],
        subject_name=asked["subject_name"].strip(),
    )
    uploads = [
        (item, file.read()) for item, file in zip(items, files, strict=True) if item is not None
    ]
    if not uploads:
        raise InputError("None of these files can be a photo.")
    run = services.start_enrolment(
        request.actor,
        gallery=queries.gallery(request.actor, gallery_id),
        source=queries.source(request.actor, UUID(asked["source"])),
        total=len(uploads),
        uploads=uploads,
        tools=request.tools,
    )
    request.tools.jobs.enrol(run.pk)
    return run


def _labels(files: Sequence[UploadedFile[Any]], paths: str) -> list[str]:
    """Return each file's path below the chosen folder; without the script, its bare name."""
    names = [shown(file.name or "photo") for file in files]
    try:
        given = json.loads(paths) if paths else names
    except (ValueError, RecursionError):
        given = names
    if not isinstance(given, list) or len(given) != len(names):
        given = names
    return [_path(path) or name for path, name in zip(given, names, strict=True)]


def _path(given: object) -> str:
    """Return a path that a browser sent as it can be stored; empty if it names no file."""
    if not isinstance(given, str) or len(given) > LONGEST_PATH or not PurePosixPath(given).name:
        return ""
    return shown(LONE.sub("\N{REPLACEMENT CHARACTER}", given))


def incoming(labels: Sequence[str], *, subjects: str, subject_name: str) -> list[Incoming | None]:
    """Say for each uploaded file whose photo it is; None for hidden files, which are left out.

    Raises:
        InputError: a photo lies in no sub-folder although the sub-folders name the subjects.
    """
    stems = Counter(PurePosixPath(label).stem for label in labels)
    items: list[Incoming | None] = []
    for label in labels:
        parts = PurePosixPath(label).parts
        if any(part.startswith(".") or part == "__MACOSX" for part in parts):
            items.append(None)
            continue
        stem = PurePosixPath(label).stem
        subject = stem if stems[stem] == 1 else label
        if subjects == ONE:
            subject = subject_name
        elif subjects == FOLDERS:
            # The first part is the chosen folder itself.
            if len(parts) < 3:  # noqa: PLR2004 # folder, sub-folder, file
                raise InputError(
                    f"{label} lies in no sub-folder. Choose a folder whose sub-folders are the people."
                )
            subject = parts[1]
        given = subjects != EACH
        items.append(Incoming(label=label, subject=subject, subject_given=given, read=_staged))
    return items


def _staged() -> bytes:
    raise NotFound("An upload is read from where it was staged.")


@require_safe
def enrolment(request: Request, run_id: UUID) -> HttpResponse:
    """Show an enrolment; htmx asks for the progress alone and loads the page anew at the end."""
    run = queries.run(request.actor, run_id)
    shown_run = run_context(run)
    seconds = (request.tools.clock() - run.started_at).total_seconds()
    shown_run["rate"] = run.photos / seconds if seconds > 0 else 0
    if request.headers.get("HX-Request"):
        if run.finished_at is not None:
            return HttpResponse(headers={"HX-Refresh": "true"})
        return render(request, "galleries/progress.html", {"enrolment": shown_run})
    shown_run["source"] = listing.passport(run.source)
    kept = run.rejects
    context = {
        "section": "galleries",
        "gallery": {"id": run.gallery_id, "name": run.gallery.name},
        "enrolment": shown_run,
        "rejects": kept[:SHOWN_REJECTS],
        "more_rejects": run.rejected - min(len(kept), SHOWN_REJECTS),
        "kept_rejects": len(kept),
        "lost_rejects": run.rejected - len(kept),
        "receipt": _receipt(run),
    }
    return render(request, "galleries/enrolment.html", context)


def _receipt(run: EnrolmentRun) -> object:
    done = run.finished_at is not None
    return receipt_about(run.pk, Action.ENROLMENT_FINISHED if done else Action.ENROLMENT_STARTED)


@require_safe
def rejects(request: Request, run_id: UUID) -> HttpResponse:
    """Return the rejects as a CSV file."""
    run = queries.run(request.actor, run_id)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["file", "code", "reason"])
    for one in run.rejects:
        writer.writerow([_plain(one["label"]), one["code"], one["reason"]])
    if lost := run.rejected - len(run.rejects):
        writer.writerow(["", "not_listed", f"{lost} more were rejected; their names are not kept."])
    return HttpResponse(
        text.getvalue(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="rejects.csv"'},
    )


def _plain(cell: str) -> str:
    """Keep a file name from being read as a formula by a spreadsheet."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
