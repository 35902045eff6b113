"""What tests of signing in share: a clock that can be moved, people with an app, their codes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp

from countenance.apps.agencies import factor_rows, proofs
from countenance.apps.agencies.models import Person
from countenance.tools import Tools

EMAIL, PASSWORD = "person@example.org", "a long test password"


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
    factor = factor_rows.keep_app(person, secret=app.secret, code=app.code(), tools=tools)
    factor.secret = factor.secret | {"last_step": 0}
    factor.save()
    return app


def give_codes(person: Person, *, tools: Tools) -> list[str]:
    """Give a person recovery codes, past the services."""
    return factor_rows.keep_recovery_codes(person, tools=tools)[1]


def sign_in(tools: Tools, code: Any, *, email: str = EMAIL, password: str = PASSWORD) -> Any:
    """Sign in with address, password and code."""
    from countenance.apps.agencies import signing
    from countenance.policy import SYSTEM

    return signing.sign_in(SYSTEM, email=email, password=password, code=code, tools=tools)
