"""The two page patterns that most screens share: one form on a page, and a confirmation."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from countenance.ui.forms import Form

UNUSABLE = 422


def form_page(
    request: HttpRequest,
    form: Form,
    *,
    heading: str,
    verb: str,
    back: str,
    back_label: str,
    section: str,
    lede: str = "",
) -> HttpResponse:
    """Show one form; with status 422 when it came back with errors."""
    context = {
        "form": form,
        "heading": heading,
        "verb": verb,
        "back": back,
        "back_label": back_label,
        "section": section,
        "lede": lede,
    }
    return render(request, "ui/form_page.html", context, status=status_of(form))


def confirm_page(
    request: HttpRequest,
    form: Form,
    *,
    heading: str,
    verb: str,
    back: str,
    back_label: str,
    crumb: str,
    section: str,
    consequences: Sequence[str],
    keep: str = "Keep it",
    template: str = "ui/confirm.html",
    **more: object,
) -> HttpResponse:
    """Ask once more, saying what follows, before something that cannot be taken back.

    A template of one's own extends "ui/confirm.html", and takes `more`.
    """
    context = {
        **more,
        "form": form,
        "heading": heading,
        "verb": verb,
        "keep": keep,
        "back": back,
        "back_label": back_label,
        "crumb": crumb,
        "section": section,
        "consequences": consequences,
    }
    return render(request, template, context, status=status_of(form))


def status_of(form: Form) -> int:
    """Return 422 for a form that came back with errors, else 200."""
    return UNUSABLE if form.is_bound and form.errors else 200
