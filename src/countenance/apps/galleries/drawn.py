"""While an examiner has an examination open that they drew, they are shown no other picture and no search.

Whoever could look at evidence, at searches or at enrolled photos beside it would know of which case it is,
or that it is a control. Which examinations there are, an app above this one knows; it says so from its
`AppConfig.ready`.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from countenance.errors import NotPermitted
from countenance.policy import Actor

Finder = Callable[[Actor], UUID | None]

_finders: list[Finder] = []


def register(finder: Finder) -> None:
    """Ask this function which examination of an actor is open that they drew; None: none is."""
    _finders[:] = [finder]


def permit_beside_draw(actor: Actor) -> None:
    """Permit pictures and searches to whoever has no examination open that they drew.

    Raises:
        NotPermitted: one is open; the same is said of everything, so nobody can ask of what it is.
    """
    for find in _finders:
        drawn = find(actor)
        if drawn is not None:
            raise NotPermitted(
                "While an examination that you drew is open, no other photo and no search is shown to you, so "
                "that nothing tells you what it is of. Finish it, or give it up; then this opens again.",
                rule="examination.drawn_open",
                examination=drawn,
            )
