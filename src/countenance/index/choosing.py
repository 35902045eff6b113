"""Choosing how a Milvus collection is searched, by how many mates each kind finds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from countenance.errors import IndexUnavailable
from countenance.index.base import Index, Rows, Template, Templates
from countenance.index.collection import MilvusIndex
from countenance.index.kinds import FLAT, Kind

MATE_RECALL: Final = 0.999
"""The recall contract of `Index`."""
PROBES: Final = 2000
"""So many probes tell 99.9 % from less: two may be missed."""
_COSINE: Final = 0.5
_SLACK: Final = 1e-5
_LEFT_OUT: Final = -1


@dataclass(frozen=True, slots=True)
class Probes:
    """Probes with the similarity of their most alike mate, which is in the index for certain.

    `own` is the row of each probe itself where it was taken out of the gallery, -1 where it was drawn: that
    row does not count as found.
    """

    templates: Templates
    similarities: Template
    own: Rows

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.own)


class Measured(NamedTuple):
    """What came of a set of probes.

    `probes` are those whose mate comes first as far as is known, `recall` is the share of them whose mate is not
    lost, `p50_ms` the median time of a search.
    """

    probes: int
    recall: float
    p50_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What was measured of one kind; see `Measured`."""

    kind: Kind
    probes: int
    recall: float
    p50_ms: float
    built_s: float

    @property
    def enough(self) -> bool:
        """Say whether it keeps the recall contract."""
        return self.recall >= MATE_RECALL

    def as_json(self) -> dict[str, Any]:
        """Return it for a record."""
        return {
            "kind": self.kind.as_json(),
            "probes": self.probes,
            "recall": self.recall,
            "p50_ms": round(self.p50_ms, 3),
            "built_s": round(self.built_s, 1),
        }


def kinds_for(count: int) -> tuple[Kind, ...]:
    """Return the kinds worth trying at so many templates.

    At usual settings graphs and lists lose mates: a mate is no nearer than the edge of its cluster. So lists are
    scanned all, or the nearer half. Kinds of one build stand together. `ef` and `reorder_k` rise with what is asked.
    """
    lists = 1 << max(4, min(12, int(2 * max(count, 1) ** 0.5).bit_length() - 1))
    built = {"nlist": lists}
    scanned = [{"nprobe": lists}, {"nprobe": lists // 2}]
    return (
        FLAT,
        *(Kind(name="IVF_SQ8", build=built, search=each) for each in scanned),
        Kind(name="IVF_FLAT", build=built, search=scanned[1]),
        *(
            # It keeps the templates to compare again by itself; asked for it, Milvus 2.3 fails over the word for "yes".
            Kind(name="SCANN", build=built, search=each)
            for each in ({**each, "reorder_k": 500} for each in scanned)
        ),
        Kind(name="HNSW", build={"M": 32, "efConstruction": 200}, search={"ef": 1024}),
    )


def drawn(templates: Templates, count: int, random: np.random.Generator) -> Probes:
    """Draw probes at the cosine of a usual mate, 0.5, to templates of the gallery.

    For galleries whose subjects have one photo each. The rest of a probe is drawn evenly, so its nearest list
    tells little of its mate's: this asks more of an index than photos of one person do.
    """
    mates = templates[random.integers(len(templates), size=count)].astype(np.float64)
    other = random.standard_normal(mates.shape)
    other -= np.sum(other * mates, axis=1, keepdims=True) * mates
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    probes = _COSINE * mates + np.sqrt(1 - _COSINE**2) * other
    probes = (probes / np.linalg.norm(probes, axis=1, keepdims=True)).astype(np.float32)
    similarities = np.sum(probes * mates, axis=1).astype(np.float32)
    return Probes(probes, similarities, np.full(count, _LEFT_OUT, dtype=np.int64))


def mate_recall(index: Index, probes: Probes, *, k: int) -> Measured:
    """Return of how many probes the mate is not lost when `k` rows are asked for, and how long that takes.

    A mate is lost if the best that is found is less like the probe than the mate, which is there. A probe for which
    somebody is found who is more alike than its mate says nothing of that, and is not counted. So no exact search
    is needed, at any size of the gallery. None that counts is a recall of 0: nothing was shown.
    """
    lost = first = 0
    times = []
    for at in range(len(probes)):
        begun = time.perf_counter()
        hits = index.search(probes.templates[at], k=k, model=index.model)
        times.append(time.perf_counter() - begun)
        best = next((hit.similarity for hit in hits if hit.row != probes.own[at]), -1.0)
        mate = float(probes.similarities[at])
        lost += best < mate - _SLACK
        first += abs(best - mate) <= _SLACK
    counted = lost + first
    return Measured(counted, first / counted if counted else 0.0, float(np.median(times)) * 1000)


def try_kinds(
    index: MilvusIndex, probes: Probes, kinds: Sequence[Kind], *, k: int
) -> Iterator[Tried]:
    """Build each kind on a collection that nobody searches yet, and measure it by searches for `k` rows.

    Raises:
        IndexUnavailable: the server failed.
    """
    index.settle()
    for kind in kinds:
        begun = time.perf_counter()
        index.become(kind)
        built = time.perf_counter() - begun
        # The first searches after a load fetch what the later ones find at hand.
        few = Probes(probes.templates[:20], probes.similarities[:20], probes.own[:20])
        mate_recall(index, few, k=k)
        yield Tried(kind=kind, **mate_recall(index, probes, k=k)._asdict(), built_s=built)


def cheapest(tried: Sequence[Tried]) -> Kind:
    """Return the fastest kind that keeps the recall contract.

    Raises:
        IndexUnavailable: none does; a gallery is not searched by an index that loses people.
    """
    enough = [one for one in tried if one.enough]
    if not enough:
        raise IndexUnavailable(
            "No index kind was shown to find 99.9 % of the mates in this gallery, so it stays where it is. Is "
            "queryNode.segcore.interimIndex.enableIndex off at the server?"
        )
    return min(enough, key=lambda one: one.p50_ms).kind
