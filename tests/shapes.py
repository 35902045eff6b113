"""How array shapes are checked while tests run."""

from collections.abc import Callable

from beartype import beartype
from beartype.roar import BeartypeDecorHintException


def checked(function: Callable) -> Callable:
    """Return the function with its arguments checked at each call.

    One with a hint that cannot be checked at run time (`Self` outside a class, a protocol) stays
    unchecked. Whole classes would be, but jaxtyping, which binds the dimensions, takes functions.
    """
    try:
        return beartype(function)
    except BeartypeDecorHintException:
        return function
