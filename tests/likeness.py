"""How far beside its place something lies, told from its looks alone."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def misplaced(wanted, around):
    """Return how many pixels from the middle of a picture another lies in it, and how alike they are there.

    Args:
        wanted: a small grey picture.
        around: a larger one, in whose very middle it is expected.
    """
    wanted, around = wanted - wanted.mean(), around - around.mean()
    # Each place is a row, so that what is done to all of them is one product.
    places = sliding_window_view(around, wanted.shape)
    rows = places.reshape(-1, wanted.size)
    spread = np.einsum("ij,ij->i", rows, rows) - rows.sum(axis=1) ** 2 / wanted.size
    alike = rows @ wanted.ravel()
    alike /= np.sqrt(spread.clip(min=0) * (wanted**2).sum()) + 1e-9
    alike = alike.reshape(places.shape[:2])
    row, column = np.unravel_index(alike.argmax(), alike.shape)
    middle = (np.array(alike.shape) - 1) / 2
    return float(np.hypot(*(np.array([row, column]) - middle))), float(alike.max())
