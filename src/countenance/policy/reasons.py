"""The vague-reason gate."""

from __future__ import annotations


def what_is_vague(reason: str) -> str:
    """Return in one sentence what a reason lacks; empty if it says something."""
    return "" if len(reason.split()) > 2 else "Say in words why this person is searched for."
