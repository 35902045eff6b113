"""FPIR predicted for galleries 10 and 100 times as large as the one evaluated, beside FPIR measured there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bench.home import Deployment
from bench.report import Results, Table
from bench.synthetic import people

from countenance.evaluation import Trials, against, expected, grow, wilson
from countenance.evaluation.protocol import unit

TIMES = (1, 10, 100)
FACTOR = 1.5
DIMENSIONS = 128
SMALL, SEARCHES = 10_000, 10_000
PADDED, MORE = 1_000, 4_796
SEED = 2026
BLOCK = 50_000

pytestmark = pytest.mark.timeout(900)


def test_synthetic_people(results: Results) -> None:
    """10,000 searches for people who are not among 10,000, 100,000 and 1,000,000."""
    drawn = people(SMALL * max(TIMES) + SEARCHES, DIMENSIONS, probes=SEARCHES)
    gallery = np.delete(drawn.templates, drawn.mates, axis=0)
    best = best_of(gallery, drawn.probes, [SMALL * one for one in TIMES])
    trials = against(
        gallery[:SMALL],
        range(SMALL),
        drawn.probes,
        range(SMALL, SMALL + SEARCHES),
        model="synthetic",
    )
    title = f"FPIR of {SEARCHES:,} searches, evaluated among {SMALL:,} synthetic people"
    add(results, title, trials, best, (0.1, 0.01))


def test_sample_people_among_synthetic_ones(
    home: Deployment, shared_data: Path, results: Results
) -> None:
    """The 204 photos of the sample people, and drawn ones like them, searched among drawn people."""
    photos = [path.read_bytes() for path in sorted(shared_data.glob("frl-london-512/*/*.jpg"))]
    found = (face for photo in photos for face in home.tools.engine.analyse(photo).faces[:1])
    real = unit(np.stack([face.template.vector for face in found if face.template is not None]))
    random = np.random.default_rng(SEED)
    count = PADDED * max(TIMES)
    drawn = alike(random, real, count + MORE)
    gallery, probes = drawn[:count], np.concatenate([real, drawn[count:]])
    best = best_of(gallery, probes, [PADDED * one for one in TIMES])
    # Both photos of a person are searches of one subject.
    subjects = [*np.repeat(np.arange(len(real) // 2), 2).tolist(), *range(-MORE, 0)]
    trials = against(
        gallery[:PADDED],
        range(10**6, 10**6 + PADDED),
        probes,
        subjects,
        model=str(home.tools.engine.model),
    )
    assert len(real) == len(photos) == 204
    title = (
        f"FPIR of {len(probes):,} searches, evaluated among {PADDED:,} people drawn like the sample"
    )
    add(results, title, trials, best, (0.3, 0.1, 0.03), real=len(real))


def alike(random: np.random.Generator, templates: np.ndarray, count: int) -> np.ndarray:
    """Draw templates of people with the mean and, nearly, the covariance of these."""
    mean, spread = templates.mean(axis=0), np.cov(templates.T)
    # 204 photos do not fill 128 dimensions: a tenth is spread evenly over all of them.
    even = np.eye(len(mean)) * np.trace(spread) / len(mean)
    root = np.linalg.cholesky(0.9 * spread + 0.1 * even + 1e-9 * np.eye(len(mean)))
    return unit((mean + random.standard_normal((count, len(mean))) @ root.T).astype(np.float32))


def best_of(gallery: np.ndarray, probes: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    """Return the best similarity of each probe in the first so many of the gallery."""
    best, done, found = np.full(len(probes), -1, dtype=np.float32), 0, []
    for size in sizes:
        for start in range(done, size, BLOCK):
            part = gallery[start : min(start + BLOCK, size)].T
            for first in range(0, len(probes), 1000):
                here = slice(first, first + 1000)
                best[here] = np.maximum(best[here], (probes[here] @ part).max(axis=1))
        done = size
        found.append(best.copy())
    return found


def add(
    results: Results,
    title: str,
    trials: Trials,
    best: list[np.ndarray],
    wanted: tuple[float, ...],
    *,
    real: int = 0,
) -> None:
    """Put prediction and measurement beside each other, and compare them."""
    model, rows, ratios = grow(trials), [], []
    for times, found in zip(TIMES, best, strict=True):
        size = trials.others * times
        for fpir in wanted:
            threshold = model.threshold_for(fpir, size)
            told = expected(trials, threshold, size, seed=SEED, replicates=200)
            reached = found >= threshold
            low, high = wilson(float(reached.sum()), len(reached))
            ratios.append(told.value / max(reached.mean(), 1e-9))
            rows.append(
                (
                    f"{size:,} ({times} times)",
                    f"{threshold:.3f}",
                    f"{told.value:.3f} ({told.low:.3f} to {told.high:.3f})",
                    f"{reached.mean():.4f} ({low:.4f} to {high:.4f})",
                    *([f"{reached[:real].mean():.3f}"] if real else []),
                    f"{ratios[-1]:.2f}",
                    "extrapolated" if told.extrapolated else "measured",
                )
            )
    results.add(
        "growth",
        Table(
            title,
            (
                "subjects",
                "threshold",
                "predicted FPIR",
                "measured FPIR",
                *(["of these, sample people"] if real else []),
                "predicted to measured",
                "",
            ),
            rows,
            f"Fitted to the {model.exceeding:,.0f} highest of {model.searches * model.others:,} comparisons.",
        ),
        packages=("numpy",),
    )
    assert all(1 / FACTOR <= one <= FACTOR for one in ratios), ratios
