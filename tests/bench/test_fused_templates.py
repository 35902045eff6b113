"""Drawn templates: how fusing photos works, and that re-ranking an index of single photos loses nobody by it."""

from __future__ import annotations

import time
from uuid import UUID, uuid4

import numpy as np
import pytest
from bench.decisions import PHOTOS, Photos
from bench.home import Deployment
from bench.report import Results, Table
from bench.synthetic import albums
from bench.ways import BEFORE, COLUMNS, KEPT, WAYS, Searched, normalised, similarities

from countenance.faces.types import Template
from countenance.index import QuantisedIndex
from countenance.index.shelf import Shelf

MODEL = "drawn"

pytestmark = pytest.mark.timeout(1800)


@pytest.mark.parametrize(
    ("name", "alike", "wrong"),
    [
        ("photos of different days", 0.0, 0.0),
        ("photos of one session", 0.7, 0.0),
        ("one photo in twenty filed under somebody else", 0.0, 0.05),
    ],
)
def test_the_mechanism_on_drawn_templates(
    results: Results, name: str, alike: float, wrong: float
) -> None:
    subjects, mated, non_mated = 10_000, 3_000, 20_000
    drawn = albums(subjects, PHOTOS + 1, 128, alike=alike, seed=1)
    away = albums(non_mated + 1_000, 1, 128, seed=2)
    vectors = drawn.templates[:, :PHOTOS].copy()
    random = np.random.default_rng(3)
    swapped = np.argwhere(random.random(vectors.shape[:2]) < wrong)
    moved = swapped[random.permutation(len(swapped))]
    vectors[tuple(swapped.T)] = drawn.templates[:, :PHOTOS][tuple(moved.T)]
    gallery = Photos(vectors=vectors, worths=drawn.worths[:, :PHOTOS])
    probes, cohort = drawn.templates[:mated, PHOTOS], away.templates[non_mated:, 0]
    subjects_fused = gallery.fused(weighted=True)
    rows, found = [], {}
    for way in (*WAYS, "fused by quality, normalised"):
        best = []
        for start in range(0, non_mated, 2_000):
            part = away.templates[start : min(start + 2_000, non_mated), 0]
            best.append(_drawn(way, gallery, part, subjects_fused, cohort).max(axis=1))
        own = _drawn(way, gallery, probes, subjects_fused, cohort)
        found[way] = Searched(
            mated=own[np.arange(mated), np.arange(mated)],
            best=np.concatenate(best),
            people=np.arange(mated),
        )
        rows.append([way, *_cells(found[way])])
    results.add(
        "decisions, drawn",
        Table(
            f"Drawn templates, three photos enrolled: {name}",
            COLUMNS,
            rows,
            f"{subjects:,} subjects, {mated:,} mated searches, {non_mated:,} non-mated ones of other people. Three "
            "photos in ten are poor; the quality figure is 20 % off. Harder than real faces: compare the ways, "
            "not the numbers with others.",
        ),
    )
    fused, before = (
        [float(cell.split()[0]) for cell in _cells(found[way])[1::2]] for way in (KEPT, BEFORE)
    )
    assert all(one < other for one, other in zip(fused, before, strict=True))


def _drawn(
    way: str, gallery: Photos, probes: np.ndarray, fused: np.ndarray, cohort: np.ndarray
) -> np.ndarray:
    if way == "fused by quality, normalised":
        return normalised(probes @ fused.T, probes @ cohort.T, fused @ cohort.T)
    return similarities(way, gallery, probes)


def _cells(one: Searched) -> list[str]:
    """Return threshold and FNIR at each wanted FPIR, where mated and non-mated searches are of different people."""
    ordered, cells = np.sort(one.best)[::-1], []
    for wanted in (0.01, 0.001):
        threshold = ordered[int(wanted * len(ordered))]
        cells += [f"{threshold:.3f}", f"{100 * np.mean(one.mated <= threshold):.1f} %"]
    return cells


def test_nobody_is_lost_whom_comparing_every_fused_template_ranks_first(
    home: Deployment, results: Results
) -> None:
    from countenance.apps.galleries import nearest

    subjects, probes, top = 333_000, 300, 20
    drawn = albums(subjects, PHOTOS + 1, 128, seed=5)
    gallery, shelf = uuid4(), Shelf()
    index = QuantisedIndex(128, model=MODEL)
    photos = np.ascontiguousarray(drawn.templates[:, :PHOTOS]).reshape(-1, 128)
    index.add(np.arange(len(photos)), photos, model=MODEL)
    shelf.put(gallery, index, version=1)
    weighted = (drawn.templates[:, :PHOTOS] * drawn.worths[:, :PHOTOS, None]).sum(axis=1)
    weighted /= np.linalg.norm(weighted, axis=1, keepdims=True)
    mates = np.random.default_rng(6).choice(subjects, probes, replace=False)
    took: dict[str, list[float]] = {
        "80 rows": [],
        "1,000 rows": [],
        "means of all subjects in them": [],
    }
    first = listed = kept_first = kept_listed = 0
    for mate in mates:
        template = Template(vector=drawn.templates[mate, PHOTOS], model=MODEL)
        every = weighted @ template.vector
        rank = int((every > every[mate]).sum()) + 1
        near = _near(template, gallery, shelf, took)
        exact = sorted(near[: top + nearest.SPARE], key=lambda one: -every[one])[:top]
        first += rank == 1
        listed += rank <= top
        kept_first += rank == 1 and exact[:1] == [mate]
        kept_listed += rank <= top and mate in exact
    results.add(
        "decisions, drawn",
        Table(
            f"Re-ranking instead of an index of fused templates, {len(photos):,} templates of {subjects:,} subjects",
            ("measure", "value"),
            [
                ("mates that comparing every fused template ranks first", f"{first} of {probes}"),
                ("of these, ranked first by the search", f"{kept_first / first:.1%}"),
                (f"mates that it ranks among the first {top}", f"{listed} of {probes}"),
                (f"of these, among the first {top} of the search", f"{kept_listed / listed:.1%}"),
                *((f"median ms, {name}", f"{np.median(ms):.2f}") for name, ms in took.items()),
            ],
            f"The quantised index returns {nearest.ROWS:,} photos; subjects in them are ordered by their best photo or "
            f"mean template as the index keeps it, and {top + nearest.SPARE} are compared by their sealed templates.",
        ),
    )
    assert kept_first / first >= 0.999


def _near(
    template: Template, gallery: UUID, shelf: Shelf, took: dict[str, list[float]]
) -> list[int]:
    """Return the numbers of subjects in the order in which a search looks at them closely."""
    from countenance.apps.galleries import nearest

    times = [time.perf_counter()]
    shelf.search(template.vector, galleries=[gallery], k=80, model=MODEL)
    times.append(time.perf_counter())
    rows = shelf.search(template.vector, galleries=[gallery], k=nearest.ROWS, model=MODEL)
    times.append(time.perf_counter())
    grouped: dict[int, nearest.Found] = {}
    for _, hit in rows:
        subject = hit.row // PHOTOS
        own = list(range(subject * PHOTOS, (subject + 1) * PHOTOS))
        made = nearest.Found(subject, rows=own, gallery=gallery)
        grouped.setdefault(subject, made).hits[hit.row] = hit.similarity
    times.append(time.perf_counter())
    ordered = nearest.nearest_first(list(grouped.values()), template, shelf=shelf)
    times.append(time.perf_counter())
    for name, at in zip(took, (0, 1, 3), strict=True):
        took[name].append((times[at + 1] - times[at]) * 1e3)
    return [one.subject for one in ordered]
