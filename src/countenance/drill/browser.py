"""A browser without a screen, for what only needs the requests."""

from __future__ import annotations

import http.cookiejar
import re
import secrets
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable
from typing import Any

from countenance.drill.saying import found
from countenance.errors import Unavailable

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


class Browser:
    """Follows links and sends forms, with the page's token, to one address."""

    def __init__(self, address: str) -> None:
        """Take the address that paths belong to."""
        self.address = address.rstrip("/")
        self._jar = http.cookiejar.CookieJar()
        # Only ever to the address that it was given, which is this machine's.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self._jar)
        )
        self.url, self.status, self.body = "", 0, b""
        self.headers: dict[str, str] = {}

    def come_in(self, key: str) -> None:
        """Take the key of a session that was begun past the sign-in form."""
        self.hold("sessionid", key)
        self.get("/")

    def hold(self, name: str, value: str) -> None:
        """Hold a cookie of this name and value, wherever it is from."""
        host = urllib.parse.urlsplit(self.address).hostname or ""
        # As the jar keeps what a server of one word sets.
        host = host if "." in host else f"{host}.local"
        given: Any = (name, value, None, False, host, False, False, "/", True, False)
        more: Any = (None, True, None, None, {"HttpOnly": ""})
        self._jar.set_cookie(http.cookiejar.Cookie(0, *given, *more))

    @property
    def cookies(self) -> list[http.cookiejar.Cookie]:
        """The cookies that it holds."""
        return list(self._jar)

    @property
    def text(self) -> str:
        """What it was answered, as text."""
        return self.body.decode("utf-8", "replace")

    def get(self, path: str) -> str:
        """Go to a page and return its text."""
        url = urllib.parse.urljoin(self.address, urllib.parse.quote(path, safe="/:?=&#%"))
        return self._go(urllib.request.Request(url))  # noqa: S310 # of this machine

    def send(
        self,
        path: str,
        fields: Iterable[tuple[str, str]],
        files: Iterable[tuple[str, str, bytes]] = (),
        *,
        form: str | None = None,
    ) -> str:
        """Send a form that is on the page `form`, or on the page of its own address."""
        token = TOKEN.search(self.get(form or path))
        if token is None:
            raise Unavailable(f"{form or path} has no form: {self.status} {self.text[:2000]}")
        parts = [("csrfmiddlewaretoken", token[1]), *fields]
        limit = secrets.token_hex(16).encode()
        body = b""
        for name, value in parts:
            head = f'Content-Disposition: form-data; name="{name}"'
            body += b"--" + limit + b"\r\n" + head.encode() + b"\r\n\r\n" + value.encode() + b"\r\n"
        for name, file_name, data in files:
            head = f'Content-Disposition: form-data; name="{name}"; filename="{file_name}"\r\n'
            head += "Content-Type: image/jpeg"
            body += b"--" + limit + b"\r\n" + head.encode() + b"\r\n\r\n" + data + b"\r\n"
        body += b"--" + limit + b"--\r\n"
        request = urllib.request.Request(urllib.parse.urljoin(self.address, path), data=body)  # noqa: S310 # of this machine
        request.add_header("Content-Type", f"multipart/form-data; boundary={limit.decode()}")
        return self._go(request)

    def _go(self, request: urllib.request.Request) -> str:
        for name, value in self.headers.items():
            request.add_header(name, value)
        try:
            with self._opener.open(request, timeout=60) as answer:
                self.url, self.status, self.body = answer.url, answer.status, answer.read()
        except urllib.error.HTTPError as answer:
            with answer:
                self.url, self.status, self.body = answer.url, answer.code, answer.read()
        return self.text

    def id(self) -> str:
        """Return the id in the present page's address."""
        return found(r"[0-9a-f-]{36}", self.url)[0]
