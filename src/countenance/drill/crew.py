"""People who join and work through the web app as people do, all that is secret about them planted."""

from __future__ import annotations

import base64
import html
import json
import re
import time
import urllib.parse
from collections.abc import Iterable
from typing import Any

import pyotp

from countenance.drill.browser import Browser
from countenance.drill.passkey import Device
from countenance.drill.plants import Garden
from countenance.drill.saying import found, require
from countenance.policy import Role

UUID = r"[0-9a-f]{8}-[0-9a-f-]{27}"
LATE = "2199-12-31"
REASON = "seen at the station near "
"""What a planted reason begins with, so that it is not vague."""

OK = 200
CODES = 10
STEP_SECONDS = 30
ENOUGH_TIME = 23
"""Seconds into a code's time after which the code before it may have ended on its way."""


def named(garden: Garden) -> tuple[str, str]:
    """Return a name and an e-mail address for somebody."""
    return garden.text("person"), garden.text("e-mail", before="mail.", after="@example.org")


class Member:
    """Somebody with an address, a password, a device with a passkey, and perhaps an app."""

    def __init__(
        self, garden: Garden, address: str, role: Role, *, invited: tuple[str, str] | None = None
    ) -> None:
        """Plant a name, an address and whatever opens their account."""
        self.garden, self.role = garden, role
        self.name, self.email = invited or named(garden)
        self.password = garden.text("password")
        self.passkey_name = garden.text("passkey name")
        self.device = Device(origin="", rp_id="localhost")
        garden.given("credential id", self.device.credential_id)
        self.app, self.last_step = "", 0
        self.browser = Browser(address)
        self.at(address)

    def at(self, address: str) -> None:
        """Work where the web app is reached now."""
        self.browser.address = address.rstrip("/").replace("127.0.0.1", "localhost")
        self.device.origin = self.browser.address

    def plant(self, kind: str) -> str:
        """Return a new secret of some kind as a reason."""
        return self.garden.text(kind, before=REASON)

    def send(
        self,
        path: str,
        *fields: tuple[str, str],
        files: Iterable[tuple[str, str, bytes]] = (),
        form: str | None = None,
        to: str = "",
    ) -> str:
        """Send a form, which must do what it is for, and return where that led."""
        page = form or path
        self.browser.send(path, list(fields), files, form=form)
        said = re.sub(r"<[^>]+>|\s+", " ", self.browser.text)[:4000]
        here = (self.role, path, self.browser.status, self.browser.url, said)
        require(self.browser.status == OK, *here)
        require(not _same(self.browser.url, page) or to == page, *here)
        require(to in self.browser.url, *here)
        return self.browser.url

    def _challenge(self, path: str, page: str) -> tuple[Any, dict[str, Any]]:
        self.browser.send(path, [], form=page)
        require(self.browser.status == OK, path, self.browser.text)
        asked = json.loads(self.browser.text)
        return asked["number"], asked

    def _make(self, path: str, page: str) -> str:
        number, options = self._challenge(path, page)
        return json.dumps({"number": number, "answer": self.device.make(options)})

    def _sign(self, path: str, page: str) -> str:
        number, options = self._challenge(path, page)
        self.device.counter += 1  # as a device does that counts, so that each use changes the row
        return json.dumps({"number": number, "answer": self.device.sign(options)})

    def code(self, *, first: bool = False) -> str:
        """Return a code of the app that has not been used; the first one, so that another is left."""
        while True:
            present, into = divmod(time.time(), STEP_SECONDS)
            step = int(present) - first
            if step > self.last_step and not (first and into > ENOUGH_TIME):
                self.last_step = step
                return str(pyotp.TOTP(self.app).generate_otp(step))
            time.sleep(0.2)

    def join(self, link: str, *, app: bool = False) -> None:
        """Accept an invitation with a passkey, or with an app and a passkey later; keep the codes."""
        page = urllib.parse.urlsplit(link).path
        self.garden.given("invitation secret", page.rstrip("/").rpartition("/")[2])
        text = self.browser.get(page)
        secret = found(r'name="app_secret" value="([A-Z2-7]{32})"', text)[1]
        fields = [("password", self.password), ("password_again", self.password)]
        if app:
            fields += [("app_secret", self._keep_app(secret)), ("code", self.code(first=True))]
        else:
            self.garden.given("authenticator secret, unused", secret)
            fields += [("passkey_name", self.passkey_name), ("app_secret", secret), ("code", "")]
            fields.append(("passkey", self._make(f"{page}passkey/", page)))
        self.send(page, *fields, to=page)
        self._keep_codes()

    def _keep_app(self, secret: str) -> str:
        self.app = self.garden.given("authenticator secret", secret)
        self.garden.given("authenticator secret, raw", base64.b32decode(secret))
        return secret

    def _keep_codes(self) -> None:
        codes = re.findall(r'<li class="id">([0-9a-z-]{19})</li>', self.browser.text)
        require(len(codes) == CODES, self.browser.text)
        for code in codes:
            self.garden.given("recovery code", code)
            self.garden.given("recovery code", code.replace("-", ""))

    def sign_in(self) -> None:
        """Sign in: with password and code where there is an app, else with the passkey."""
        if self.app:
            fields = [("email", self.email), ("password", self.password), ("code", self.code())]
        else:
            fields = [("passkey", self._sign("/sign-in/passkey/", "/sign-in/"))]
        self.send("/sign-in/", *fields)
        for cookie in self.browser.cookies:
            kind = "session key" if "session" in cookie.name else "form's cookie"
            self.garden.given(kind, cookie.value or "")

    def add_passkey(self) -> None:
        """Add a passkey to an account that has an app."""
        page = "/account/passkeys/new/"
        fields = [("name", self.passkey_name)]
        self.send(page, *fields, ("passkey", self._make("/account/passkeys/options/", page)))

    def add_app(self) -> None:
        """Add an app to an account that has a passkey."""
        page = "/account/app/"
        text = self.browser.get(page)
        secret = found(r'name="app_secret" value="([A-Z2-7]{32})"', text)[1]
        fields = [("app_secret", self._keep_app(secret)), ("code", self.code())]
        self.send(page, *fields)

    def prove(self) -> None:
        """Prove once more who it is, with the passkey."""
        answer = self._sign("/step-up/passkey/", "/step-up/")
        self.send("/step-up/", ("step_up_answer", answer))

    def token(self) -> str:
        """Make a token with every scope that the page offers, and return it."""
        page = "/account/tokens/new/"
        scopes = re.findall(r'name="scopes" value="(\w+)"', self.browser.get(page))
        name = self.garden.text("token name")
        fields = [("name", name), ("hours", "12"), *(("scopes", one) for one in scopes)]
        self.send(page, *fields, to=page)
        secret = found(r"countenance_[0-9a-f]{64}", self.browser.text)[0]
        self.garden.given("token", secret.removeprefix("countenance_"))
        return secret

    def links(self) -> list[str]:
        """Return the invitations' links that the present page shows, in their order."""
        there = re.findall(r"https?://[^/\s\"<]+(/invitation/[\w-]+/)", self.browser.text)
        return list(dict.fromkeys(there))

    def id_of(self, other: Member) -> str:
        """Return the id of somebody of the same agency, from the list of people."""
        listed = html.unescape(self.browser.get("/people/"))
        return found(rf"/people/({UUID})/\">\s*{re.escape(other.name)}", listed)[1]

    def decide(self, page: str) -> None:
        """Agree to a request whose page this is."""
        reason = ("reason", self.plant("decision's reason"))
        path = urllib.parse.urlsplit(page).path
        self.send(f"{path}decide/", ("decision", "yes"), reason, form=path, to=path)


def _same(url: str, path: str) -> bool:
    return urllib.parse.urlsplit(url).path == path


def engage(member: Member, role: Role, *, by: Member, supervisor: Member) -> None:
    """Let a coordinator invite a member, who joins; give them a role that a supervisor agrees to."""
    by.send("/people/invite/", ("name", member.name), ("email", member.email), to="/people/invite/")
    member.join(by.links()[0])
    person = by.id_of(member)
    reason = ("reason", by.plant("request's reason"))
    asked = by.send(f"/people/{person}/roles/", ("roles", str(role)), reason, to="/approvals/")
    supervisor.decide(asked)
    path = urllib.parse.urlsplit(asked).path
    by.send(f"{path}for-person/", to=person)
    days = [("trained_until", LATE), ("certified_until", LATE)]
    by.send(f"/people/{person}/training/", *days, to=person)
    member.sign_in()
