"""Templates of made-up people, labelled: what an evaluation starts from."""

from __future__ import annotations

import numpy as np

from countenance.evaluation import Trials, leave_one_out

MODEL = "made-up 1"


def album(subjects=60, photos=3, dimensions=16, *, spread=0.7, seed=2026):
    """Return templates and the subject of each: one direction a person, and something added a photo."""
    random = np.random.default_rng(seed)
    counts = random.integers(1, photos + 1, subjects) if isinstance(photos, int) else photos
    labels = np.repeat(np.arange(subjects), counts)
    people = random.standard_normal((subjects, dimensions))
    drawn = people[labels] + spread * random.standard_normal((len(labels), dimensions))
    return drawn.astype(np.float32), labels.tolist()


def made(mated=(), best=(), *, subjects=100, people=None, **more):
    """Return trials with these similarities, each search of a person of its own unless told."""
    mated, best = np.array(mated, dtype=float), np.array(best, dtype=float)
    of = {"mated": np.arange(len(mated)), "non_mated": np.arange(len(best))} | (people or {})
    given = {
        "ranks": np.where(np.isneginf(mated), 0, 1),
        "mated_subjects": np.array(of["mated"], dtype=np.int64),
        "non_mated_subjects": np.array(of["non_mated"], dtype=np.int64),
    }
    return Trials(
        model=MODEL,
        subjects=subjects,
        others=subjects,
        mated=mated,
        non_mated=best[:, None],
        **(given | more),
    )


def searched(seed=2026, **how):
    """Return trials of an album, each photo left out once."""
    templates, labels = album(seed=seed, **how)
    return leave_one_out(templates, labels, model=MODEL)
