"""What each request passes through: a number, the seal, the sign-in, the access table, errors as pages.

Nothing but what `access.ACCESS` opens to strangers answers one. Whoever is signed in works with the
keys of their own agency only, from here on.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import quote

import structlog
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.urls import Resolver404, resolve

from countenance.apps.agencies import sessions
from countenance.apps.agencies import views as agencies
from countenance.apps.agencies.models import Person
from countenance.apps.records import services as records
from countenance.apps.records.sealed import using_keyring
from countenance.errors import (
    CountenanceError,
    KeyUnavailable,
    NotFound,
    NotPermitted,
    Sealed,
    StepUpNeeded,
    Suspended,
)
from countenance.policy import permit_sign_in
from countenance.ui.requests import Request, Shell
from countenance.web import access, bodies, frame, problems, unread, views, wiring

log = structlog.get_logger()

Handler = Callable[[HttpRequest], HttpResponse]

HEALTH, UNSEAL, SIGN_IN = "/health/", "/unseal/", "/sign-in/"
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
    """Lets nobody in while the deployment is sealed, and afterwards people to what the table gives them."""

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
            structlog.contextvars.bind_contextvars(person=str(person.pk))
            return self._of_person(ours, person)
        return self._answer(request) if _is_open(request) else _to_sign_in(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        """Refuse what the table does not give this person, before the view runs."""
        ours = cast("Request", request)
        if not hasattr(request, "actor"):
            return None  # a stranger, at a route that is open
        route = _route(request)
        asked = access.ACCESS.get(route)
        if not request.headers.get("HX-Request") and not (asked and asked.loaded_by_pages):
            # A person opens a page: that puts off the idle lock, and nothing else does.
            request.session.modified = True
        if asked is not None and asked.open_to_strangers:
            return None
        try:
            return _judge(ours, route, asked)
        except StepUpNeeded:
            return agencies.step_up_page(ours)
        except NotPermitted as refusal:
            return problems.page_of(request, refusal)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Show an error of ours as its page; Django answers any other with `handler500`, which logs it."""
        if isinstance(error, Sealed):
            return views.sealed(request)
        return self._refused(request, error) if isinstance(error, CountenanceError) else None

    def _refused(self, request: HttpRequest, error: CountenanceError) -> HttpResponse:
        if hasattr(request, "actor"):
            ours = cast("Request", request)
            if isinstance(error, StepUpNeeded):
                return agencies.step_up_page(ours)
            if isinstance(error, NotPermitted):
                _record(ours, _route(request), error)
            if isinstance(error, KeyUnavailable):
                # What another agency's key seals does not exist for this one.
                error = NotFound()
        log.info("request.refused", code=error.code)
        return problems.page_of(request, error)

    def _of_person(self, request: Request, person: Person) -> HttpResponse:
        """Pass on for somebody who is signed in, with the keys of their agency only."""
        request.actor = sessions.actor_of(person, request.session)
        request.tools = request.tools.of(request.actor)
        with using_keyring(request.tools.keyring):
            try:
                _permit_session(request, person)
            except NotPermitted as refusal:
                _record(request, _route(request), refusal)
                request.session.flush()
                return problems.page_of(request, refusal)
            request.shell = frame.shell_of(person, request.actor, request.tools)
            try:
                unread.permit(request)
            except CountenanceError as error:
                return self._refused(request, error)
            return self._answer(request)

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


def _judge(request: Request, route: str, asked: access.Access | None) -> HttpResponse | None:
    """Permit what the table gives; a page to be read needs no new proof of who one is, what it sends does.

    Raises:
        NotPermitted: the table does not give it; recorded.
    """
    if asked is None:
        records.permit_at_gate(request.actor, deed=None, asked=route, tools=request.tools)
        return None
    deed = asked.deed(request.method)
    if deed is None:
        return HttpResponseNotAllowed(asked.methods)
    if sessions.is_recovery(request.session) and not asked.account:
        refusal = NotPermitted(
            "You came in with a recovery code. Add a passkey or an authenticator app to your account "
            "first; then everything else is open again.",
            rule="session.recovery",
        )
        _record(request, route, refusal)
        raise refusal
    again = agencies.take_step_up(request)
    if again is not None:
        return again
    try:
        records.permit_at_gate(request.actor, deed=deed, asked=route, tools=request.tools)
    except StepUpNeeded:
        if request.method not in access.SAFE:
            raise
    # Spent before it is used: of two requests at the same moment, one has the proof.
    store = cast("sessions.SessionStore", request.session)
    if asked.consumes_step_up and request.method == "POST" and not sessions.spend_step_up(store):
        raise StepUpNeeded
    return None


def _permit_session(request: Request, person: Person) -> None:
    """Permit a session to go on.

    Raises:
        Suspended: the person or their agency was suspended meanwhile.
        CertificateMissing: their training has ended meanwhile.
    """
    if person.suspended or person.agency.suspended:
        raise Suspended
    today = request.tools.clock().date()
    permit_sign_in(person.roles, trained_until=person.trained_until, today=today)


def _record(request: Request, route: str, refusal: NotPermitted) -> None:
    """Put a refusal on the ledger that no service put there."""
    asked = access.ACCESS.get(route)
    records.record_refusal(
        request.actor,
        deed=asked.deed(request.method) if asked else None,
        asked=route,
        refusal=refusal,
        tools=request.tools,
    )


def _route(request: HttpRequest) -> str:
    """Return the name of the route that an address leads to; empty if there is none."""
    try:
        return resolve(request.path).url_name or ""
    except Resolver404:
        return ""


def _is_open(request: HttpRequest) -> bool:
    """Say whether strangers may come here."""
    asked = access.ACCESS.get(_route(request))
    return asked is not None and asked.open_to_strangers


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    part = bool(request.headers.get("HX-Request"))
    page = agencies.came_from(request) if part else request.get_full_path()
    asked = part or request.method == "GET"
    where = f"{SIGN_IN}?next={quote(page)}" if asked and page != "/" else SIGN_IN
    if part:
        # A redirect would put the sign-in page into a fragment of the page.
        return HttpResponse(status=401, headers={"HX-Redirect": where})
    return HttpResponseRedirect(where)
