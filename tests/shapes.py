"""How array shapes are checked while tests run."""

from collections.abc import Callable

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintException

# Where a float is asked for, an int is as good (PEP 484).
CONF = BeartypeConf(is_pep484_tower=True)


def checked(function: Callable) -> Callable:
    """Return the function with its arguments checked at each call.

    One with a hint that cannot be checked at run time (`Self` outside a class, a protocol) stays
    unchecked. Whole classes would be, but jaxtyping, which binds the dimensions, takes functions.
    """
    try:
        return beartype(conf=CONF)(function)
    except BeartypeDecorHintException:
        return function
