"""How many mates each of Milvus's index kinds finds, at which cost, on the real server.

    MILVUS_BIN=... COUNTENANCE_BENCH_MILVUS=1000000 .venv/bin/pytest -s tests/bench/test_milvus.py

Skipped where pymilvus or the server's programs are not; `make milvus` brings both.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from uuid import uuid4

import numpy as np
import psutil
import pytest
from bench.report import Results, Table
from bench.synthetic import People, people
from milvus.server import TOKEN, Server, programs

from countenance.index.choosing import Probes, Tried, kinds_for, mate_recall, try_kinds
from countenance.index.collection import MilvusIndex
from countenance.index.kinds import Kind
from countenance.index.milvus import Connection, Place

COUNT = int(os.environ.get("COUNTENANCE_BENCH_MILVUS", "200000"))
DIMENSIONS = 128
PROBES = 1000
MODEL = "synthetic"
ROWS = 1000  # as a search asks for
NOTE = (
    f"{COUNT:,} synthetic people of {DIMENSIONS} numbers, {PROBES:,} probes; Milvus 2.3.5 as one process on this "
    "machine, pymilvus 3. *Mates*: the share whose mate, which is in the gallery, is not lost. The median counts the "
    "way to the server and back, the templates of the hits, and comparing them again. *Usual* are settings that "
    "tutorials show. Rows that are not sealed yet are searched by a kind of the server's own."
)

pytestmark = pytest.mark.timeout(7200)


@pytest.fixture(scope="module")
def drawn() -> People:
    return people(COUNT, DIMENSIONS, probes=PROBES)


def probes_of(drawn: People) -> Probes:
    similarities = np.sum(drawn.probes * drawn.templates[drawn.mates], axis=1)
    return Probes(drawn.probes, similarities, np.full(len(drawn.probes), -1, dtype=np.int64))


@pytest.fixture(scope="module")
def binaries() -> Path:
    pytest.importorskip("pymilvus", reason="pymilvus is not installed; `make milvus` installs it")
    found = programs()
    if found is None:
        pytest.skip("the programs of the Milvus server are not here; `make milvus` fetches them")
    return found


def filled(server: Server, drawn: People) -> tuple[MilvusIndex, float]:
    """Return an index with everybody in it, and how long that took."""
    connection = Connection(Place(uri=server.uri, token=TOKEN, timeout=120))
    index = MilvusIndex(
        connection,
        name=f"c{uuid4().hex}",
        key=bytes(range(32)),
        dimensions=DIMENSIONS,
        model=MODEL,
    )
    index.create()
    begun = time.perf_counter()
    for start in range(0, COUNT, 50_000):
        rows = np.arange(start, min(start + 50_000, COUNT))
        index.add(rows, drawn.templates[rows], model=MODEL)
    return index, time.perf_counter() - begun


def usual() -> list[Kind]:
    lists = kinds_for(COUNT)[1].build
    return [
        Kind(name="IVF_SQ8", build=lists, search={"nprobe": 16}),
        Kind(name="IVF_SQ8", build=lists, search={"nprobe": 128}),
        Kind(name="HNSW", build={"M": 16, "efConstruction": 200}, search={"ef": 128}),
    ]


def memory_of(server: Server) -> float:
    assert server.process is not None
    return float(psutil.Process(server.process.pid).memory_info().rss) / 2**20


def test_mates_by_index_kind(
    drawn: People, binaries: Path, results: Results, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows: list[list[str]] = []
    probes = probes_of(drawn)
    for interim in ("true", "false"):
        server = Server(
            tmp_path_factory.mktemp("milvus") / "home",
            binaries,
            **{"queryNode.segcore.interimIndex.enableIndex": interim},
        )
        try:
            server.start()
            index, sent = filled(server, drawn)
            _, recall, p50 = mate_recall(index, probes, k=ROWS)
            said = "on, as it comes" if interim == "true" else "off"
            rows.append([f"not sealed, interimIndex {said}", f"{recall:.2%}", f"{p50:.1f}", "", ""])
            print(*rows[-1], f"{COUNT / sent:.0f} templates/s")
            if interim == "false":
                everything = [*kinds_for(COUNT), *usual()]
                for one in try_kinds(index, probes, everything, k=ROWS):
                    memory = memory_of(server)
                    rows.append(_row(one, memory, is_usual=one.kind in usual()))
                    print(*rows[-1], flush=True)
        finally:
            server.kill()
    columns = ("index kind", "mates", "p50 ms", "built s", "server's memory MB")
    results.add("milvus", Table("Mates by index kind", columns, rows, NOTE), packages=["numpy"])
    assert rows[2][1] == "100.00%"


def _row(tried: Tried, memory: float, *, is_usual: bool) -> list[str]:
    return [
        f"{tried.kind}{' (usual)' if is_usual else ''}",
        f"{tried.recall:.2%}",
        f"{tried.p50_ms:.1f}",
        f"{tried.built_s:.0f}",
        f"{memory:.0f}",
    ]
