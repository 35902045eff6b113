"""Errors as pages: which status each class has, what it is called, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from countenance.errors import (
    Conflict,
    CountenanceError,
    InputError,
    NotFound,
    NotPermitted,
    TamperDetected,
    Unavailable,
    UploadTooLarge,
)
from countenance.ui.requests import Request, Shell

V = TypeVar("V")

STATUS: Mapping[type[CountenanceError], int] = {
    InputError: 422,
    UploadTooLarge: 413,
    NotPermitted: 403,
    NotFound: 404,
    Conflict: 409,
    TamperDetected: 500,
    Unavailable: 503,
}
"""A subclass has its nearest ancestor's status; a test asserts that no class is left without one."""

HEADINGS: Mapping[int, str] = {
    400: "This request could not be read",
    403: "Not permitted",
    404: "Not found",
    409: "This contradicts what is already there",
    413: "The upload is too large",
    422: "This cannot be used as it is",
    500: "Something went wrong here",
    503: "Not available just now",
}

WAYS_OUT: Mapping[type[CountenanceError], str] = {
    InputError: "Go back, correct it and try again.",
    NotPermitted: "",  # the sentence of a refusal says the way out itself
    NotFound: "Check the address, or begin again on the start page.",
    Conflict: "Go back and load the page again to see the present state.",
    TamperDetected: "Stop working, change nothing, and call the custodian.",
    Unavailable: "Wait a minute and try again. If it lasts, tell the custodian.",
}

LINKS: Sequence[tuple[str, str, str, tuple[str, ...]]] = (
    ("gallery.sensitive", "Ask for this gallery", "gallery_for_case", ("gallery", "case")),
    (
        "examination.drawn_open",
        "Go on with the open examination",
        "examination",
        ("examination",),
    ),
    ("", "Open the case", "case", ("case",)),
)
"""Where a refusal leads on to: its rule (empty: any), the words, the route, and the facts in its address.

Whoever runs searches may ask for no other approval that one can lack: what else is missing is asked for
by the case's investigator.
"""


def nearest(table: Mapping[type[CountenanceError], V], error: type[CountenanceError]) -> V | None:
    """Return the table's value for a class or its nearest ancestor."""
    return next((table[cls] for cls in error.__mro__ if cls in table), None)


def status_of(error: type[CountenanceError]) -> int:
    """Return the HTTP status of an error's class; 500 for what the table does not know."""
    return nearest(STATUS, error) or 500


def page_of(request: HttpRequest, error: CountenanceError) -> HttpResponse:
    """Return the page that says what went wrong, by which rule, and what to do."""
    status = status_of(type(error))
    tampered = isinstance(error, TamperDetected)
    return problem_page(
        request,
        status=status,
        code=error.code,
        heading="Stored data was changed from outside" if tampered else HEADINGS[status],
        detail=error.detail,
        way_out=nearest(WAYS_OUT, type(error)) or "",
        rule=error.rule if isinstance(error, NotPermitted) else "",
        links=links_of(error) if isinstance(error, NotPermitted) else (),
    )


def links_of(refusal: NotPermitted) -> list[tuple[str, str]]:
    """Return the words and addresses of the pages on which a refusal has its way out."""
    return [
        (words, reverse(route, kwargs={f"{name}_id": refusal.facts[name] for name in takes}))
        for rule, words, route, takes in LINKS
        if rule in {"", refusal.rule} and refusal.facts.keys() >= set(takes)
    ]


def problem_page(
    request: HttpRequest,
    *,
    status: int,
    code: str,
    detail: str,
    heading: str = "",
    way_out: str = "",
    rule: str = "",
    links: Sequence[tuple[str, str]] = (),
) -> HttpResponse:
    """Return one of our error pages. Its foot reads nothing, because reading may be what failed."""
    ours = cast("Request", request)
    ours.shell = getattr(request, "shell", Shell()).resting()
    context = {
        "status": status,
        "code": code,
        "heading": heading or HEADINGS[status],
        "detail": detail,
        "way_out": way_out,
        "rule": rule,
        "links": links,
        "request_id": getattr(request, "request_id", ""),
    }
    return render(request, "error.html", context, status=status)
