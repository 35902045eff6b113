"""How far beside its place something lies, told from its looks alone."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def misplaced(wanted, around):
    """Return how many pixels from the middle of a picture another lies in it, and how alike they are there.

    Args:
        wanted: a small grey picture.
        around: a larger one, in whose very middle it is expected.
    """
    wanted = wanted - wanted.mean()
    places = sliding_window_view(around, wanted.shape)
    centred = places - places.mean((2, 3), keepdims=True)
    alike = (centred * wanted).sum((2, 3))
    alike /= np.sqrt((centred**2).sum((2, 3)) * (wanted**2).sum()) + 1e-9
    row, column = np.unravel_index(alike.argmax(), alike.shape)
    middle = (np.array(alike.shape) - 1) / 2
    return float(np.hypot(*(np.array([row, column]) - middle))), float(alike.max())
