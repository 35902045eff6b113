"""Judging whoever sends something large, before a byte of it is read: reading it holds it in memory.

A form's own token is in its body, so that whatever checks it reads all of it first, before any view runs
and before the gate judges the page. What is said here is said again by the page's own service.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.urls import Resolver404, resolve

from countenance.apps.records import services as records
from countenance.apps.searches import footage_views
from countenance.errors import StepUpNeeded, UploadTooLarge
from countenance.ui.requests import Request
from countenance.web import access, bodies

JUDGES: Mapping[str, Callable[..., int]] = {"footage_new": footage_views.permit_upload}
"""What judges an upload by its route: called with the request, the size that it says it has, and what the
address names; returns how many bytes are read."""


def permit(request: Request) -> None:
    """Permit what is larger than any form without a file to be read.

    Raises:
        NotPermitted: the table does not give this person the page, recorded; or its judge refuses, not yet.
        NotFound, UploadTooLarge: its judge says so.
    """
    size = bodies.size_of(request) or 0
    if request.method != "POST" or size <= bodies.FORM_BYTES:
        return
    try:
        found = resolve(request.path)
    except Resolver404:
        return
    route = found.url_name or ""
    asked = access.ACCESS.get(route)
    deed = None if asked is None else asked.deed(request.method)
    if asked is None or deed is None or asked.open_to_strangers:
        return
    try:
        records.permit_at_gate(request.actor, deed=deed, asked=route, tools=request.tools)
    except StepUpNeeded:
        # The proof may be in the form. The gate asks for it once that was read.
        return
    if (judge := JUDGES.get(route)) is None:
        return
    try:
        request.most_bytes = judge(request, size, **found.kwargs)
    except UploadTooLarge:
        bodies.drain(request)
        raise
