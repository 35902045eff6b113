"""The web app as an attacker sees it: in this process, as anybody, with everything undone afterwards."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Iterable
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.signals import got_request_exception, request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, connection, transaction
from matrix_world import World

from countenance.policy import Actor, Deed, may

NOBODY = "nobody"
HOST = "localhost"
CSRF = "c" * 32
RENEWED = 120.0
"""Seconds after which everybody proves anew who they are."""


class Attacked:
    """A WSGI app around ours: each request is one of its own, and nothing of it stays."""

    def __init__(self) -> None:
        self.application = get_wsgi_application()
        self.faults: list[BaseException] = []
        got_request_exception.connect(self._note)
        # As Django's own client does: a request within a transaction must not close its connection.
        for signal in (request_started, request_finished):
            signal.disconnect(close_old_connections)

    def close(self) -> None:
        """Listen no more."""
        got_request_exception.disconnect(self._note)
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)

    def _note(self, **_: Any) -> None:
        fault = sys.exception()
        if fault is not None:
            self.faults.append(fault)

    def told(self) -> str:
        """Return where the last fault came from."""
        return "".join(traceback.format_exception(self.faults[-1])[-12:]) if self.faults else ""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        with undone():
            answer = self.application(environ, start_response)
            try:
                return [b"".join(answer)]
            finally:
                answer.close()


@contextmanager
def undone() -> Any:
    """Undo whatever is written within, also where the database refused a statement on the way."""
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined] # as Django's own tests do
    with block:
        yield
        # A fault inside leaves the connection marked; it is rolled back all the same.
        connection.needs_rollback = False
        transaction.set_rollback(True)


class Crowd:
    """Cookies of everybody of a world, renewed now and then."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.kept: dict[str, str] = {}
        self.since = time.monotonic()

    def cookies(self, who: str) -> dict[str, str]:
        """Return the cookies with which somebody is signed in, and of the forms that are theirs."""
        if time.monotonic() - self.since > RENEWED:
            self.kept.clear()
            self.since = time.monotonic()
        cookies = {settings.CSRF_COOKIE_NAME: CSRF}
        if who != NOBODY:
            if who not in self.kept:
                self.kept[who] = self.world.key(self.world.people[who])
            cookies[settings.SESSION_COOKIE_NAME] = self.kept[who]
        return cookies

    def able(self, deed: Deed | None) -> list[str]:
        """Return who may do something; everybody where nothing is asked for."""
        if deed is None:
            return [NOBODY, *self.world.people]
        return [who for who, one in self.world.people.items() if may(self.actor(who), deed)]

    def actor(self, who: str) -> Actor:
        """Return somebody as they act."""
        return self.world.people[who].actor
