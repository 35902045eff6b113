"""usearch: a graph (HNSW) over bytes, as its own page recommends for large collections."""

import numpy as np
from serve_search import CANDIDATES, serve
from usearch.index import Index


def build(templates, _):
    index = Index(ndim=templates.shape[1], metric="cos", dtype="i8")
    for start in range(0, len(templates), 100_000):
        part = np.asarray(templates[start : start + 100_000])
        index.add(np.arange(start, start + len(part)), part)

    def search(probe, setting):
        index.expansion_search = setting["ef"]
        return index.search(probe, CANDIDATES, threads=1).keys

    return search


serve(build)
