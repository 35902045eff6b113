"""Synthetic templates that behave like faces where it matters for a search.

A template is the sum of three directions, drawn evenly in all dimensions and weighted by variance:

- 0.25 a *look*, shared by about 50 subjects: look-alikes are at a mean cosine of 0.25, where real
  non-mates that a search has to tell apart lie, and not at 0 as in evenly drawn vectors;
- 0.25 the *subject*, the same in all photos of one person;
- 0.5 the *photo*: light, pose, age, expression.

So a mated probe is at a mean cosine of 0.5 to its gallery template, no nearer than the edge of its
look's cluster. That is what makes graphs and coarse quantisers lose mates, and what evenly drawn
templates with near-duplicate probes hide. One gallery template per subject.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LOOK, SUBJECT, PHOTO = 0.25, 0.25, 0.5
SUBJECTS_PER_LOOK = 50
_BATCH = 100_000


@dataclass(frozen=True)
class People:
    """A gallery, and probes of some of its subjects: probe i is mated with template mates[i]."""

    templates: NDArray[np.float32]
    probes: NDArray[np.float32]
    mates: NDArray[np.int64]


def people(subjects: int, dimensions: int, *, probes: int, seed: int = 2026) -> People:
    """Draw a gallery of one template per subject, and mated probes."""
    random = np.random.default_rng(seed)
    looks = _directions(random, max(1, subjects // SUBJECTS_PER_LOOK), dimensions)
    mates = np.sort(random.choice(subjects, probes, replace=False))
    templates = np.empty((subjects, dimensions), dtype=np.float32)
    drawn_probes = np.empty((probes, dimensions), dtype=np.float32)
    for start in range(0, subjects, _BATCH):
        end = min(start + _BATCH, subjects)
        persons = np.sqrt(LOOK) * looks[random.integers(len(looks), size=end - start)]
        persons += np.sqrt(SUBJECT) * _directions(random, end - start, dimensions)
        templates[start:end] = _photos(random, persons)
        here = (mates >= start) & (mates < end)
        drawn_probes[here] = _photos(random, persons[mates[here] - start])
    return People(templates, drawn_probes, mates)


def _directions(random: np.random.Generator, count: int, dimensions: int) -> NDArray[np.float32]:
    drawn = random.standard_normal((count, dimensions), dtype=np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def _photos(random: np.random.Generator, persons: NDArray[np.float32]) -> NDArray[np.float32]:
    photos = persons + np.sqrt(PHOTO) * _directions(random, *persons.shape)
    return (photos / np.linalg.norm(photos, axis=1, keepdims=True)).astype(np.float32)
