"""Templates to nearest rows: the index protocol, its tiers, and the shelf that holds them."""

from countenance.index.base import MOST_CANDIDATES, Hit, Index
from countenance.index.flat import FlatIndex
from countenance.index.quantised import QuantisedIndex
from countenance.index.rotation import Rotation
from countenance.index.shelf import Shelf, Shelved

__all__ = [
    "MOST_CANDIDATES",
    "FlatIndex",
    "Hit",
    "Index",
    "QuantisedIndex",
    "Rotation",
    "Shelf",
    "Shelved",
]
