"""Synthetic templates that behave like faces where it matters for a search.

A template is the sum of three directions, drawn evenly in all dimensions and weighted by variance:

- 0.25 a *look*, shared by about 50 subjects: look-alikes are at a mean cosine of 0.25, where real
  non-mates that a search has to tell apart lie, and not at 0 as in evenly drawn vectors;
- 0.25 the *subject*, the same in all photos of one person;
- 0.5 the *photo*: light, pose, age, expression.

So a mated probe is at a mean cosine of 0.5 to its gallery template, no nearer than the edge of its
look's cluster. That is what makes graphs and coarse quantisers lose mates, and what evenly drawn
templates with near-duplicate probes hide. `people` has one gallery template per subject.

`albums` draws several photos of each subject, some of them poor: the worse a photo, the less of its
template is the subject and the more the photo, and a third of what a poor photo adds is the same in
all poor photos, because blurred faces are alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LOOK, SUBJECT, PHOTO = 0.25, 0.25, 0.5
SUBJECTS_PER_LOOK = 50
POOR, POOR_QUALITY, SAME_BLUR = 0.3, (0.3, 0.8), 1 / 3
_BATCH = 100_000


@dataclass(frozen=True)
class People:
    """A gallery, and probes of some of its subjects: probe i is mated with template mates[i]."""

    templates: NDArray[np.float32]
    probes: NDArray[np.float32]
    mates: NDArray[np.int64]


@dataclass(frozen=True)
class Albums:
    """Photos of subjects, several of each.

    Attributes:
        templates: of each photo, subjects x photos x dimensions.
        worths: what a quality figure says of each photo, 0 to 1: near its true quality, not equal to it.
    """

    templates: NDArray[np.float32]
    worths: NDArray[np.float32]


def albums(
    subjects: int, photos: int, dimensions: int, *, alike: float = 0.0, seed: int = 2026
) -> Albums:
    """Draw photos of subjects; three in ten are poor.

    Args:
        subjects: how many.
        photos: of each.
        dimensions: of a template.
        alike: which share of what a photo adds is the same in all photos of its subject, 0 to 1: high for
            photos of one session, which tell less than photos of different days.
        seed: of the draw.
    """
    random = np.random.default_rng(seed)
    looks = _directions(random, max(1, subjects // SUBJECTS_PER_LOOK), dimensions)
    # Of all albums of this many dimensions, so that poor photos are alike across galleries and probes.
    blur = _directions(np.random.default_rng(dimensions), 1, dimensions)
    persons = np.sqrt(LOOK) * looks[random.integers(len(looks), size=subjects)]
    persons += np.sqrt(SUBJECT) * _directions(random, subjects, dimensions)
    sessions = _directions(random, subjects, dimensions)
    quality = np.where(
        random.random((subjects, photos)) < POOR,
        random.uniform(*POOR_QUALITY, (subjects, photos)),
        1.0,
    ).astype(np.float32)
    templates = np.empty((subjects, photos, dimensions), dtype=np.float32)
    for number in range(photos):
        own = _directions(random, subjects, dimensions)
        added = np.sqrt(alike) * sessions + np.sqrt(1 - alike) * own
        poor = 1 - quality[:, number, None] ** 2
        added = np.sqrt(1 - poor * SAME_BLUR) * added + np.sqrt(poor * SAME_BLUR) * blur
        mixed = (
            quality[:, number, None] * persons
            + np.sqrt(1 - quality[:, number, None] ** 2 * (1 - PHOTO)) * added
        )
        templates[:, number] = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    said = quality * random.lognormal(0, 0.2, quality.shape)
    return Albums(templates, np.clip(said, 0.05, 1).astype(np.float32))


def people(subjects: int, dimensions: int, *, probes: int, seed: int = 2026) -> People:
    """Draw a gallery of one template per subject, and mated probes."""
    templates = np.empty((subjects, dimensions), dtype=np.float32)
    drawn, mates = [], []
    start = 0
    for batch in batches(subjects, dimensions, probes=probes, seed=seed):
        templates[start : start + len(batch.templates)] = batch.templates
        drawn.append(batch.probes)
        mates.append(batch.mates)
        start += len(batch.templates)
    return People(templates, np.concatenate(drawn), np.concatenate(mates))


def batches(subjects: int, dimensions: int, *, probes: int, seed: int = 2026) -> Iterator[People]:
    """Draw the same people as `people`, some at a time, for galleries that memory does not hold.

    The mates are counted from the first template of all.
    """
    random = np.random.default_rng(seed)
    looks = _directions(random, max(1, subjects // SUBJECTS_PER_LOOK), dimensions)
    mates = np.sort(random.choice(subjects, probes, replace=False))
    for start in range(0, subjects, _BATCH):
        end = min(start + _BATCH, subjects)
        persons = np.sqrt(LOOK) * looks[random.integers(len(looks), size=end - start)]
        persons += np.sqrt(SUBJECT) * _directions(random, end - start, dimensions)
        templates = _photos(random, persons)
        here = mates[(mates >= start) & (mates < end)]
        yield People(templates, _photos(random, persons[here - start]), here)


def _directions(random: np.random.Generator, count: int, dimensions: int) -> NDArray[np.float32]:
    drawn = random.standard_normal((count, dimensions), dtype=np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def _photos(random: np.random.Generator, persons: NDArray[np.float32]) -> NDArray[np.float32]:
    photos = persons + np.sqrt(PHOTO) * _directions(random, *persons.shape)
    return (photos / np.linalg.norm(photos, axis=1, keepdims=True)).astype(np.float32)
