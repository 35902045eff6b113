"""What tests of signing in share: a clock that can be moved, people with an app, their codes."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
import pytest
from authenticator import Device

from countenance.apps.agencies import factor_rows, factors, proofs, signing
from countenance.apps.agencies.models import Person
from countenance.apps.agencies.webauthn import Site
from countenance.apps.records import services as records
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.services import Record
from countenance.ledger.entry import Action
from countenance.policy import SYSTEM
from countenance.tools import Tools

EMAIL, PASSWORD = "person@example.org", "a long test password"
SITE = Site(rp_id="localhost", origin="https://localhost:8443")
ARABIC_INDIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    now: datetime

    def __call__(self) -> datetime:
        """Return where it stands."""
        return self.now

    def move(self, **by: float) -> None:
        """Move it."""
        self.now += timedelta(**by)


def with_clock(tools: Tools) -> tuple[Tools, Clock]:
    """Return tools with a clock that can be moved, at the present moment."""
    clock = Clock(datetime.now(UTC))
    return replace(tools, clock=clock), clock


@dataclass
class App:
    """An authenticator app of somebody."""

    secret: str
    tools: Tools

    def code(self, steps: int = 0) -> str:
        """Return the code of now, or of so many steps later."""
        now = int(self.tools.clock().timestamp()) // proofs.STEP_SECONDS
        return pyotp.TOTP(self.secret).generate_otp(now + steps)


def give_app(person: Person, *, tools: Tools) -> App:
    """Give a person an app, past the services; its codes of now and later work."""
    app = App(proofs.new_app_secret(tools=tools), tools)
    factor = factor_rows.keep_app(
        person, secret=app.secret, code=app.code(), record=Record(Action.FACTOR_ADDED), tools=tools
    )
    factor.secret = factor.secret | {"last_step": 0}
    factor.save()
    return app


def give_codes(person: Person, *, tools: Tools) -> list[str]:
    """Give a person recovery codes, past the services."""
    return factor_rows.keep_recovery_codes(person, record=Record(Action.FACTOR_ADDED), tools=tools)[
        1
    ]


@pytest.fixture
def on(deployment: Any) -> Any:
    """Return the deployment with a clock that can be moved, its person with an app."""
    deployment.tools, deployment.clock = with_clock(deployment.tools)
    deployment.app = give_app(deployment.person, tools=deployment.tools)
    return deployment


@pytest.fixture
def actor(on: Any) -> Any:
    """Return that person, who has just proved who they are."""
    return replace(on.actor, stepped_up_at=on.tools.clock())


def register(on: Any, actor: Any, **wrong: Any) -> Device:
    """Add a passkey for somebody, and return its device."""
    device = Device(**{"origin": SITE.origin, "rp_id": SITE.rp_id} | wrong)
    options, number = factors.passkey_registration(actor, site=SITE, tools=on.tools)
    factors.add_passkey(
        actor,
        challenge=number,
        answer=device.make(options),
        name="Laptop",
        site=SITE,
        tools=on.tools,
    )
    return device


def with_passkey(on: Any, device: Device) -> Any:
    """Sign in with a passkey."""
    options, number = signing.passkey_challenge(site=SITE, tools=on.tools)
    return signing.sign_in_with_passkey(
        SYSTEM, challenge=number, answer=device.sign(options), site=SITE, tools=on.tools
    )


def facts_of(on: Any, action: str) -> list[dict[str, Any]]:
    """Return what the entries of an action say, oldest first."""
    bodies = [
        records.unseal_body(row, keyring=on.tools.keyring)
        for row in LedgerRow.objects.filter(action=action).order_by("index")
    ]
    return [json.loads(body[1])["facts"] for body in bodies if body]


def count(action: str) -> int:
    """Return how many entries of an action there are."""
    return LedgerRow.objects.filter(action=action).count()


def sign_in(tools: Tools, code: Any, *, email: str = EMAIL, password: str = PASSWORD) -> Any:
    """Sign in with address, password and code."""
    from countenance.apps.agencies import signing
    from countenance.policy import SYSTEM

    return signing.sign_in(SYSTEM, email=email, password=password, code=code, tools=tools)
