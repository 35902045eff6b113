"""A browser without a screen, for tests that only need the requests."""

import http.cookiejar
import re
import secrets
import urllib.error
import urllib.parse
import urllib.request

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


class Browser:
    """Follows links and sends forms, with the page's token, to one address."""

    def __init__(self, address):
        self.address = address.rstrip("/")
        self._jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self._jar)
        )
        self.url, self.status, self.body = "", 0, b""

    def come_in(self, key):
        """Take the key of a session that was begun past the sign-in form."""
        host = urllib.parse.urlsplit(self.address).hostname
        # As the jar keeps what a server of one word sets.
        host = host if "." in host else f"{host}.local"
        given = ("sessionid", key, None, False, host, False, False, "/", True, False)
        more = (None, True, None, None, {"HttpOnly": None})
        self._jar.set_cookie(http.cookiejar.Cookie(0, *given, *more))
        self.get("/")

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def get(self, path):
        """Go to a page and return its text."""
        path = urllib.parse.quote(path, safe="/:?=&#%")
        return self._go(urllib.request.Request(urllib.parse.urljoin(self.address, path)))

    def send(self, path, fields, files=(), *, form=None):
        """Send a form that is on the page `form`, or on the page of its own address."""
        token = TOKEN.search(self.get(form or path))
        assert token, f"{form or path} has no form: {self.status} {self.text[:2000]}"
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
        request = urllib.request.Request(urllib.parse.urljoin(self.address, path), data=body)
        request.add_header("Content-Type", f"multipart/form-data; boundary={limit.decode()}")
        return self._go(request)

    def _go(self, request):
        try:
            with self._opener.open(request, timeout=60) as answer:
                self.url, self.status, self.body = answer.url, answer.status, answer.read()
        except urllib.error.HTTPError as answer:
            with answer:
                self.url, self.status, self.body = answer.url, answer.code, answer.read()
        return self.text

    def id(self):
        """Return the id in the present page's address."""
        return re.search(r"[0-9a-f-]{36}", self.url)[0]
