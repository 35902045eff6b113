"""Words for figures, and the dozen icons."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

ICONS: Mapping[str, str] = {
    "mark": '<path d="M2 7V4a2 2 0 0 1 2-2h3M15 2h3a2 2 0 0 1 2 2v3M20 15v3a2 2 0 0 1-2 2h-3'
    'M7 20H4a2 2 0 0 1-2-2v-3" fill="none" stroke="currentColor" stroke-width="2" '
    'stroke-linecap="round"/><ellipse cx="11" cy="11" rx="3.6" ry="4.8" fill="currentColor"/>',
    "photo": '<path d="M3 5.5A1.5 1.5 0 0 1 4.5 4h13A1.5 1.5 0 0 1 19 5.5v11a1.5 1.5 0 0 1-1.5 1.5'
    'h-13A1.5 1.5 0 0 1 3 16.5zM3.5 15l4.5-4.5 4 4 2.5-2.5 4 4" fill="none" '
    'stroke="currentColor" stroke-width="1.6" stroke-linejoin="round"/>'
    '<circle cx="14" cy="8.5" r="1.5" fill="currentColor"/>',
}

AFTER_AT_OR_DOT = re.compile(r"(?<=[@.])(?=.)")
GOOD_SHARPNESS, FAIR_SHARPNESS = 0.5, 0.25
DARK, BRIGHT = 60, 205
FRONTAL, TURNED = 15, 45


@register.simple_tag
def icon(name: str, size: int = 22) -> SafeString:
    """Return one of our icons, hidden from screen readers: the words beside it say it."""
    return format_html(
        '<svg width="{}" height="{}" viewBox="0 0 22 22" aria-hidden="true">{}</svg>',
        size,
        size,
        mark_safe(ICONS[name]),  # noqa: S308 - a constant of this module
    )


@register.filter
def similarity(value: float) -> str:
    """Return a similarity with three decimals and a true minus sign."""
    return f"{value:.3f}".replace("-", "\N{MINUS SIGN}")


@register.filter
def degrees(value: float) -> str:
    """Return whole degrees with a true minus sign."""
    return f"{round(value)}\N{DEGREE SIGN}".replace("-", "\N{MINUS SIGN}")


@register.filter
def moment(value: datetime | None) -> str:
    """Return a moment as people write it here: 22 Nov 2026, 21:04 UTC."""
    if value is None:
        return ""
    at = value.astimezone(UTC)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


@register.filter
def day(value: date | str | None) -> str:
    """Return a day without its hour: 22 Nov 2026. Text is read as ISO 8601, or left as it is."""
    if not value:
        return ""
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            return str(value)
    return f"{value.day} {value:%b %Y}"


@register.filter
def number(value: int | None) -> str:
    """Return a count with thin spaces between thousands."""
    return "" if value is None else f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


@register.filter
def share(value: float) -> str:
    """Return a 0 to 1 figure with two decimals; we print no percentage near a face."""
    return f"{value:.2f}"


@register.filter
def sharpness_words(value: float) -> str:
    """Return what the sharpness means: good, fair or blurred."""
    if value >= GOOD_SHARPNESS:
        return "Good"
    return "Fair" if value >= FAIR_SHARPNESS else "Blurred"


@register.filter
def light_words(value: float) -> str:
    """Return what the brightness means: dark, even or overexposed."""
    if value < DARK:
        return "Dark"
    return "Overexposed" if value > BRIGHT else "Even"


@register.filter
def pose_words(quality: Mapping[str, float]) -> str:
    """Return what the pose means: frontal, turned or far turned."""
    turn = max(abs(quality["yaw"]), abs(quality["pitch"]))
    if turn < FRONTAL:
        return "Frontal"
    return "Turned" if turn < TURNED else "Far turned"


@register.filter
def gate_words(quality: Mapping[str, str]) -> str:
    """Return what the face may be used for, in words."""
    words = {"good": "Usable", "limited": "Usable, with limits"}
    return words.get(quality["gate"], "Not usable")


@register.filter
def address(value: str) -> SafeString:
    """Return an e-mail address that a line breaks after its @ or a dot, and only if need be elsewhere.

    A browser also breaks after a hyphen, which then reads as if it belonged to the break.
    """
    parts = (
        (format_html('<span class="whole">{}</span>', part) if "-" in part else part,)
        for part in AFTER_AT_OR_DOT.split(value)
    )
    broken = format_html_join(mark_safe("<wbr>"), "{}", parts)
    return format_html('<span class="address">{}</span>', broken)


@register.filter
def plural(count: int, words: str) -> str:
    """Return `3 photos` for 3 and "photo,photos"."""
    one, many = words.split(",")
    return f"{number(count)} {one if count == 1 else many}"
