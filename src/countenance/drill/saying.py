"""What the drill says when the product did not do what people do with it every day."""

from __future__ import annotations

import re

from countenance.errors import Unavailable


def require(held: object, *said: object) -> None:
    """Stop the drill unless something held.

    Raises:
        Unavailable: it did not; with what is said of it.
    """
    if not held:
        raise Unavailable("The drill went wrong: " + " ".join(str(part) for part in said))


def found(pattern: str, text: str) -> re.Match[str]:
    """Return where a pattern is in a text.

    Raises:
        Unavailable: it is nowhere in it.
    """
    there = re.search(pattern, text)
    if there is None:
        raise Unavailable(f"The drill went wrong: {pattern!r} is not in {text[:2000]!r}.")
    return there
