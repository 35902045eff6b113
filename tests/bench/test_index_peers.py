"""The quantised index beside other engines: CPU time of a search at the same recall of mates.

Each engine is asked in turns with ours, in the same minute. A graph or lists that are not all looked at
lose mates, so each is asked at several settings; what counts is the first that finds 99.9 % of the mates.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
from bench.report import Results, Table
from bench.rivals import SCRIPTS, peers_folder
from bench.tiers import CANDIDATES, MODEL, Filled, fill
from numpy.typing import NDArray

SECTION = "index peers"
EQUAL = 0.999
TURNS, CALLS = 4, 75
SMALL = 200_000

pytestmark = pytest.mark.timeout(2400)
Settings = Mapping[str, dict[str, int]]


@dataclass
class Asked:
    """What an engine did at one setting."""

    ms: list[float] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    cpu: float = 0.0

    @property
    def cpu_ms(self) -> float:
        return self.cpu / len(self.ms) * 1e3

    def recall(self, filled: Filled) -> float:
        """Return the share of mates that came first, of those that exact search finds first."""
        asked = np.arange(len(self.rows)) % len(filled.probes)
        here = filled.mated[asked]
        return float((np.array(self.rows)[here] == filled.mates[asked][here]).mean())


class Process:
    """An engine in a process of its own."""

    def __init__(self, python: Path, script: str, folder: Path, *arguments: str) -> None:
        command = [str(python), str(SCRIPTS / script), str(folder), *arguments]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "RUST_LOG": "error", "LANCE_LOG": "error"},
        )
        self.built_cpu_s = float(self._line()["built_cpu_s"])

    def ask(self, setting: dict[str, int], start: int, into: Asked) -> None:
        asked = {"setting": setting, "start": start, "count": CALLS}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = self._line()
        into.ms += answer["ms"]
        into.rows += answer["rows"]
        into.cpu += answer["cpu"]

    def close(self) -> None:
        self._process.communicate(timeout=60)

    def _line(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("The engine ended.")
        answer: dict[str, Any] = json.loads(line)
        return answer


class Here:
    """An engine in this process: ours, and FAISS's own indexes."""

    def __init__(
        self,
        probes: NDArray[np.float32],
        search: Callable[[NDArray[np.float32], dict[str, int]], int],
        *,
        built_cpu_s: float,
    ) -> None:
        self._probes, self._search, self.built_cpu_s = probes, search, built_cpu_s

    def ask(self, setting: dict[str, int], start: int, into: Asked) -> None:
        used = time.process_time()
        for number in range(start, start + CALLS):
            began = time.perf_counter()
            into.rows.append(self._search(self._probes[number % len(self._probes)], setting))
            into.ms.append((time.perf_counter() - began) * 1e3)
        into.cpu += time.process_time() - used

    def close(self) -> None:
        """Nothing to end."""


@pytest.fixture(scope="module")
def million(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Filled, Path]]:
    yield from _filled(1_000_000, tmp_path_factory.mktemp("million"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Filled, Path]]:
    yield from _filled(SMALL, tmp_path_factory.mktemp("small"))


def _filled(count: int, folder: Path) -> Iterator[tuple[Filled, Path]]:
    made = fill(count, 128, probes=TURNS * CALLS, keep=folder / "templates.npy")
    np.save(folder / "probes.npy", made.probes)
    yield made, folder
    (folder / "templates.npy").unlink()


def compare(
    name: str,
    key: str,
    engine: Process | Here,
    settings: Settings,
    *,
    on: Filled,
    results: Results,
) -> None:
    """Ask the engine and ours in turns, put both into the report, and hold the bar."""

    def search(probe: NDArray[np.float32], _: dict[str, int]) -> int:
        return on.index.search(probe, k=CANDIDATES, model=MODEL)[0].row

    ours = Here(on.probes, search, built_cpu_s=on.seconds)
    ways: dict[str, tuple[Process | Here, dict[str, int]]] = {"ours": (ours, {})}
    ways |= {label: (engine, setting) for label, setting in settings.items()}
    asked = {label: Asked() for label in ways}
    try:
        for way, setting in ways.values():
            way.ask(setting, 0, Asked())
        for turn in range(TURNS):
            for label, (way, setting) in ways.items():
                time.sleep(0.1)
                way.ask(setting, turn * CALLS, asked[label])
    finally:
        engine.close()
    own = asked.pop("ours")
    rows = [_row("**Countenance**", own, on, own, ours.built_cpu_s)]
    rows += [
        _row(f"{name}, {label}", one, on, own, engine.built_cpu_s) for label, one in asked.items()
    ]
    count = f"{len(on.index):,}"
    results.add(
        SECTION,
        Table(
            f"Beside {name}, {count} templates of 128 numbers",
            ("engine", "p50 ms", "p99 ms", "CPU ms", "mate@1", "CPU / ours", "CPU s to build"),
            rows,
        ),
        packages=("faiss-cpu", "numpy"),
    )
    equal = [one for one in asked.values() if one.recall(on) >= EQUAL]
    place = f"index.{'1m_128' if len(on.index) > SMALL else '200k_128'}.peers.{key}"
    best = min(equal, key=lambda one: one.cpu_ms, default=list(asked.values())[-1])
    results.figure(f"{place}.cpu_ms", best.cpu_ms)
    results.figure(f"{place}.p50_ms", float(np.median(best.ms)))
    results.figure(f"{place}.mate_at_1", best.recall(on))
    results.figure(f"{place}.ratio", best.cpu_ms / own.cpu_ms)
    results.figure(f"{place}.equal_recall", bool(equal))
    assert own.recall(on) >= EQUAL
    # The bar is set at a million. A smaller gallery gains less, as much of a search is the same for all sizes.
    times = 5 if len(on.index) > SMALL else 1
    assert all(one.cpu_ms >= times * own.cpu_ms for one in equal)


def _row(name: str, one: Asked, on: Filled, own: Asked, built: float) -> Sequence[str]:
    p50, p99 = np.percentile(one.ms, [50, 99])
    cells = (f"{p50:.2f}", f"{p99:.2f}", f"{one.cpu_ms:.2f}", f"{one.recall(on):.1%}")
    return (name, *cells, f"{one.cpu_ms / own.cpu_ms:.1f}", f"{built:,.0f}")


def _faiss(on: Filled, folder: Path, made: Any, field_name: str) -> Here:
    templates = np.load(folder / "templates.npy", mmap_mode="r")
    faiss.omp_set_num_threads(2)
    began = time.process_time()
    sample = np.ascontiguousarray(templates[:: max(1, len(templates) // 100_000)])
    made.train(sample)
    for start in range(0, len(templates), 100_000):
        made.add(np.ascontiguousarray(templates[start : start + 100_000]))
    built = time.process_time() - began
    faiss.omp_set_num_threads(1)
    space = faiss.ParameterSpace()

    def search(probe: NDArray[np.float32], setting: dict[str, int]) -> int:
        faiss.omp_set_num_threads(1)
        space.set_index_parameter(made, field_name, setting["value"])
        return int(made.search(probe[np.newaxis], CANDIDATES)[1][0, 0])

    return Here(on.probes, search, built_cpu_s=built)


def test_faiss_lists(million: tuple[Filled, Path], results: Results) -> None:
    on, folder = million
    made = faiss.index_factory(128, "IVF1024,SQ8", faiss.METRIC_INNER_PRODUCT)
    settings = {f"{lists} of 1,024 lists": {"value": lists} for lists in (32, 128, 512, 1024)}
    engine = _faiss(on, folder, made, "nprobe")
    compare("FAISS IVF, SQ8", "faiss_ivf", engine, settings, on=on, results=results)


def test_faiss_graph(small: tuple[Filled, Path], results: Results) -> None:
    # Graphs of a million take minutes to make, so all are compared at a fifth of that.
    on, folder = small
    made = faiss.index_factory(128, "HNSW16,SQfp16", faiss.METRIC_INNER_PRODUCT)
    settings = {f"ef {ef:,}": {"value": ef} for ef in (64, 512, 2048)}
    engine = _faiss(on, folder, made, "efSearch")
    compare("FAISS HNSW, fp16", "faiss_hnsw", engine, settings, on=on, results=results)


def test_lancedb(million: tuple[Filled, Path], results: Results) -> None:
    on, folder = million
    engine = Process(_python("lancedb"), "lancedb_search.py", folder)
    settings = {
        f"{lists} of 256 lists, {CANDIDATES * refine} compared again": {
            "lists": lists,
            "refine": refine,
        }
        for lists, refine in ((20, 1), (64, 20), (256, 50), (256, 500))
    }
    compare("LanceDB IVF-RQ", "lancedb", engine, settings, on=on, results=results)


def test_usearch(small: tuple[Filled, Path], results: Results) -> None:
    on, folder = small
    engine = Process(_python("usearch"), "usearch_search.py", folder)
    settings = {f"ef {ef:,}": {"ef": ef} for ef in (64, 512, 2048)}
    compare("usearch HNSW, int8", "usearch", engine, settings, on=on, results=results)


def test_pgvector_that_compares_every_row(small: tuple[Filled, Path], results: Results) -> None:
    on, folder = small
    engine = Process(Path(sys.executable), "pgvector_search.py", folder, "exact")
    compare("pgvector", "pgvector_exact", engine, {"exact": {}}, on=on, results=results)


def test_pgvector_graph(small: tuple[Filled, Path], results: Results) -> None:
    on, folder = small
    engine = Process(Path(sys.executable), "pgvector_search.py", folder, "hnsw")
    settings = {f"ef {ef:,}": {"ef": ef} for ef in (40, 400, 1000)}
    compare("pgvector HNSW", "pgvector_hnsw", engine, settings, on=on, results=results)


def _python(name: str) -> Path:
    folder = peers_folder()
    python = folder / name / "bin" / "python" if folder else None
    if python is None or not python.exists():
        pytest.skip(f"{name} is not installed; see `tests/bench/peers/README.md`")
    return python
