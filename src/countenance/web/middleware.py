"""What each request passes through: a number, the seal, the sign-in, and errors as pages.

Nothing but the sign-in page, the unseal page and the health check answers a stranger.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import quote

import structlog
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from countenance.apps.agencies.models import Person
from countenance.apps.records import queries as records
from countenance.errors import CountenanceError, Sealed
from countenance.ui.requests import LastEntry, Request, Shell
from countenance.web import bodies, problems, views, wiring

log = structlog.get_logger()

Handler = Callable[[HttpRequest], HttpResponse]

HEALTH, UNSEAL, SIGN_IN = "/health/", "/unseal/", "/sign-in/"
LOADED_BY_PAGES = frozenset({"photo_image", "probe_image", "face_crop"})
"""What a page loads by itself; like a poll of htmx, it is no sign that somebody sits there."""
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class RequestNumber:
    """Gives each request a number for the log and the error page, and each answer our headers."""

    def __init__(self, get_response: Handler) -> None:
        """Keep the next handler."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Number the request; forget the number afterwards, because threads are used again."""
        ours = cast("Request", request)
        ours.request_id = secrets.token_hex(8)
        ours.shell = Shell()
        structlog.contextvars.bind_contextvars(request=ours.request_id)
        try:
            response = self.get_response(request)
        finally:
            structlog.contextvars.clear_contextvars()
        response["X-Request-ID"] = ours.request_id
        for name, value in HEADERS.items():
            response[name] = value
        return response


class Gate:
    """Lets nobody in while the deployment is sealed, and only people who signed in afterwards."""

    def __init__(self, get_response: Handler) -> None:
        """Keep the next handler."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer for the gate, or pass on with actor and tools on the request."""
        ours = cast("Request", request)
        ours.shell = Shell(demo_keys=wiring.uses_demo_keys())
        if request.path == HEALTH:
            return bodies.refuse_unread(request, signed_in=False) or self.get_response(request)
        if wiring.is_sealed():
            # The form itself goes on to its route, where its CSRF token is checked.
            return bodies.refuse_unread(request, signed_in=False) or (
                self.get_response(request) if request.path == UNSEAL else views.sealed(request)
            )
        ours.tools = wiring.current()
        if request.path == UNSEAL:
            return HttpResponseRedirect("/")
        person = request.user
        refusal = bodies.refuse_unread(request, signed_in=isinstance(person, Person))
        if refusal is not None:
            return refusal
        if isinstance(person, Person):
            ours.actor = person.actor
            ours.shell = _shell_of(person)
            structlog.contextvars.bind_contextvars(person=str(person.pk))
        elif request.path != SIGN_IN:
            return _to_sign_in(request)
        return self._answer(request)

    def process_view(self, request: HttpRequest, *_: Any) -> None:
        """Put off the idle lock when a person opens a page, and only then."""
        match = request.resolver_match
        by_itself = request.headers.get("HX-Request") or (
            match is not None and match.url_name in LOADED_BY_PAGES
        )
        if not by_itself and hasattr(request, "actor"):
            request.session.modified = True

    def _answer(self, request: HttpRequest) -> HttpResponse:
        """Pass on; of large bodies, only so many at a time."""
        if (bodies.size_of(request) or 0) <= bodies.LARGE_BYTES:
            return self.get_response(request)
        if not bodies.large.acquire(blocking=False):
            return bodies.too_many(request)
        try:
            return self.get_response(request)
        finally:
            bodies.large.release()

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Show an error of ours as its page; Django answers any other with `handler500`, which logs it."""
        if isinstance(error, Sealed):
            return views.sealed(request)
        if isinstance(error, CountenanceError):
            log.info("request.refused", code=error.code)
            return problems.page_of(request, error)
        return None


def _shell_of(person: Person) -> Shell:
    return Shell(
        person=person.name,
        agency=person.agency.name,
        demo_keys=wiring.uses_demo_keys(),
        read_last_entry=_last_entry,
    )


def _last_entry() -> LastEntry | None:
    for row in records.newest_entries(1):
        receipt = records.receipt_of(row)
        return LastEntry(number=row.index, code=receipt.code, at=row.at)
    return None


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    where = SIGN_IN
    if request.method == "GET" and request.path != "/":
        where += f"?next={quote(request.get_full_path())}"
    if request.headers.get("HX-Request"):
        # A redirect would put the sign-in page into a fragment of the page.
        return HttpResponse(status=401, headers={"HX-Redirect": SIGN_IN})
    return HttpResponseRedirect(where)
