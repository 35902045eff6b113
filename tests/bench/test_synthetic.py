"""The synthetic templates are what the benchmarks say that they are."""

from __future__ import annotations

import numpy as np
from bench.synthetic import SUBJECTS_PER_LOOK, people


def test_mates_are_at_a_half_and_look_alikes_at_a_quarter() -> None:
    drawn = people(20_000, 128, probes=1000)
    assert np.allclose(np.linalg.norm(drawn.templates, axis=1), 1, atol=1e-5)
    mated = np.einsum("ij,ij->i", drawn.probes, drawn.templates[drawn.mates])
    assert abs(mated.mean() - 0.5) < 0.02
    others = drawn.probes @ drawn.templates.T
    others[np.arange(1000), drawn.mates] = 0
    assert abs(others.mean()) < 0.01
    # The nearest 25 of evenly drawn templates would lie at 0.29 among this many.
    nearest = np.sort(others, axis=1)[:, -SUBJECTS_PER_LOOK // 2 :]
    assert nearest.mean() > 0.31


def test_the_same_seed_draws_the_same_people() -> None:
    one, other = people(500, 32, probes=10), people(500, 32, probes=10)
    assert (one.templates == other.templates).all()
    assert (one.probes == other.probes).all()
