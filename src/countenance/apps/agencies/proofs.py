"""The arithmetic of codes: of authenticator apps (RFC 6238, by `pyotp`) and of recovery."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Final

import pyotp
from django.contrib.auth.password_validation import CommonPasswordValidator

from countenance.errors import InputError
from countenance.tools import Tools

STEP_SECONDS: Final = 30
MIN_PASSWORD_LENGTH: Final = 12
MAX_PASSWORD_LENGTH: Final = 1024
RECOVERY_CODES: Final = 10
# No letter that looks like a digit. Sixteen of 32 signs are 80 bits.
_SIGNS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_SIGNS_IN_A_CODE: Final = 16
_APP_SECRET_BYTES: Final = 20
_APP_SECRET: Final = re.compile(r"[A-Z2-7]{32}")
_SIX_DIGITS: Final = re.compile(r"[0-9]{6}")


def tidy(code: str) -> str:
    """Return a code without the spaces and hyphens that people put between its groups.

    Done once; what is compared afterwards has one spelling, so that a used code cannot come back in
    another.
    """
    return code.replace(" ", "").replace("-", "")


def is_of_app(code: str) -> bool:
    """Say whether a tidy code is six of the digits 0 to 9, as an app shows them."""
    return _SIX_DIGITS.fullmatch(code) is not None


def new_app_secret(*, tools: Tools) -> str:
    """Return a secret for an authenticator app."""
    return base64.b32encode(tools.token_bytes(_APP_SECRET_BYTES)).decode()


def step_of(secret: str, code: str, *, after: int, now: datetime) -> int | None:
    """Return the step of time whose code this is: the present one or the one before.

    Args:
        secret: of the app.
        code: tidy.
        after: the last step whose code was used; it and earlier ones count no more.
        now: the present time.
    """
    app, present = pyotp.TOTP(secret), int(now.timestamp()) // STEP_SECONDS
    found = None
    for step in (present - 1, present):
        right = hmac.compare_digest(app.generate_otp(step).encode(), code.encode())
        if right and step > after:
            found = step
    return found


def first_step_of(secret: str, code: str, *, now: datetime) -> int:
    """Return the step of the code that proves a new app.

    Raises:
        InputError: the secret is none of ours, or the code not of it.
    """
    code = tidy(code)
    step = None
    if _APP_SECRET.fullmatch(secret) and is_of_app(code):
        step = step_of(secret, code, after=-1, now=now)
    if step is None:
        raise InputError(
            "This is not the code that the app shows now. Wait for the next one, and look at the"
            " clock of the device if that is not right either."
        )
    return step


def new_recovery_codes(*, tools: Tools) -> list[str]:
    """Return ten codes, written in groups of four."""
    return [_new_code(tools) for _ in range(RECOVERY_CODES)]


def _new_code(tools: Tools) -> str:
    signs = "".join(_SIGNS[byte % len(_SIGNS)] for byte in tools.token_bytes(_SIGNS_IN_A_CODE))
    return "-".join(signs[at : at + 4] for at in range(0, _SIGNS_IN_A_CODE, 4))


def recovery_hash(code: str, *, salt: str) -> str:
    """Return what is kept of a recovery code.

    Slow enough for 80 random bits that are sealed besides; one hash a try, whoever tries.
    """
    tidied = tidy(code).lower().encode(errors="surrogatepass")
    return hashlib.scrypt(tidied, salt=bytes.fromhex(salt), n=2**12, r=8, p=1, dklen=32).hex()


def index_among(kept: Sequence[str], hashed: str) -> int | None:
    """Return which of the kept hashes this is; looks at every one."""
    found = None
    for at, one in enumerate(kept):
        if hmac.compare_digest(one, hashed):
            found = at
    return found


def check_new_password(password: str, *, email: str) -> None:
    """Check that a password may be used.

    Raises:
        InputError: it is too short, too long, the address, or one that many people have.
    """
    if len(password) < MIN_PASSWORD_LENGTH:
        raise InputError(f"A password needs at least {MIN_PASSWORD_LENGTH} characters.")
    if len(password) > MAX_PASSWORD_LENGTH:
        raise InputError(f"A password has at most {MAX_PASSWORD_LENGTH} characters.")
    if password.strip().casefold() == email.strip().casefold():
        raise InputError("The address itself is no password.")
    if password.casefold() in _common_passwords():
        raise InputError(
            "Many people have this password, so it is tried first. Choose a few words that belong "
            "together to you only."
        )


@cache
def _common_passwords() -> frozenset[str]:
    """Return the 20,000 most common passwords, in lower case, from the list that comes with Django."""
    return frozenset(CommonPasswordValidator().passwords)
