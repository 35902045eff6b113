"""Which exit code each error class ends a command with; `docs/reference/errors.md` shows the table."""

from __future__ import annotations

from countenance.errors import (
    Conflict,
    CountenanceError,
    InputError,
    NotFound,
    NotPermitted,
    SettingsInvalid,
    TamperDetected,
    Unavailable,
)

EXIT_CODES: dict[type[CountenanceError], int] = {
    CountenanceError: 1,
    InputError: 2,
    NotPermitted: 3,
    NotFound: 4,
    Conflict: 5,
    TamperDetected: 70,
    Unavailable: 75,
    SettingsInvalid: 78,
}
"""The nearest class in this table counts."""

USAGE = 2
INTERRUPTED = 130
CLOSED_PIPE = 141


def exit_code(error: type[CountenanceError]) -> int:
    """Return the exit code of an error class."""
    return next(EXIT_CODES[base] for base in error.__mro__ if base in EXIT_CODES)
