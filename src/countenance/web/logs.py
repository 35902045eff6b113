"""The log is for operators and may be lost; nothing about a person is ever in it."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

ALLOWED = frozenset(
    {
        "event", "level", "timestamp", "request", "actor", "method", "route", "status", "ms", "code",
        "error", "run", "count", "person", "queued", "swept", "port", "host", "length", "traceback", "version", "step",
    }
)  # fmt: skip
"""Keys that may be logged; every other one is dropped, so that a new one is a decision."""


def drop_unknown(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Keep only allowed keys with plain, short values."""
    return {
        key: value if isinstance(value, bool | int | float) else str(value)[:200]
        for key, value in event.items()
        if key in ALLOWED and not isinstance(value, bytes | bytearray | memoryview)
    }


def configure(style: str = "auto") -> None:
    """Send structured lines to standard error: JSON, or pretty on a terminal."""
    pretty = style == "pretty" or (style == "auto" and sys.stderr.isatty())
    renderer: Any = (
        structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            drop_unknown,
            renderer,
        ],
        # Asked for each line: whoever replaces standard error later closes the one of now.
        logger_factory=lambda *_: structlog.PrintLogger(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Libraries' own messages can quote data, so only their existence is told.
    # Every refused form is a warning to Django; our own log says what matters of a request.
    logging.getLogger("django.request").setLevel(logging.ERROR)
    logging.basicConfig(handlers=[_Quiet()], level=logging.WARNING, force=True)


class _Quiet(logging.Handler):
    """Reports that a library logged something, without what it said."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().warning("library.message", error=record.name, level=record.levelname)
