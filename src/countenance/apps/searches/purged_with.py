"""What else is destroyed with what a search found; the apps above this one say it, from `AppConfig.ready`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from countenance.apps.searches.models import Search

Destroy = Callable[[Search], Sequence[str]]

_destroyers: list[Destroy] = []


def register(destroy: Destroy) -> None:
    """Call this inside the transaction of each purge; it returns what it destroyed, in words."""
    if destroy not in _destroyers:
        _destroyers.append(destroy)


def destroy_with(search: Search) -> list[str]:
    """Destroy what hangs on a search whose row is locked, and return what that was, for the certificate."""
    return [words for destroy in _destroyers for words in destroy(search)]
