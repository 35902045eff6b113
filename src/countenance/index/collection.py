"""The tier beyond one machine: a gallery's templates in a Milvus collection, found through its server.

What lies there is a row's id under a secret permutation and its rotated template, and nothing else. The truth
is in PostgreSQL; `apps/galleries/distributing.py` keeps a collection equal to it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np

from countenance.errors import IndexUnavailable
from countenance.index.base import (
    Hit,
    Rows,
    Template,
    Templates,
    check_added,
    check_k,
    check_model,
    check_probe,
    check_rows,
)
from countenance.index.flat import rescored
from countenance.index.kinds import FLAT, Kind
from countenance.index.milvus import Connection
from countenance.index.opaque import OpaqueIds
from countenance.index.snapshot import Snapshot, pack

BATCH: Final = 4096
"""Rows sent or asked for at once: a message of some megabytes, far from every limit of the server."""
BUILD_TIMEOUT: Final = 6 * 3600.0
STALLED: Final = 1800.0
"""Seconds without one more row indexed after which a build is given up: a part of the largest size takes minutes."""
_PAUSE: Final = 0.5
_MOST_FOUND: Final = 16_384  # the server's own limit for one search and one query
_SPARE: Final = 16
_INT64, _FLOAT_VECTOR = 5, 101  # Milvus's numbers of these types, in its protocol
# A similarity that the server sums may be off by so much from the one that is summed here.
_SLACK: Final = np.float32(4e-6)


class MilvusIndex:
    """An `Index` in one Milvus collection.

    Hits are compared again by the templates that the server returns, so similarities are those of
    `FlatIndex` and ties come in ascending row. Reads are as of the last change that this index made or was told
    of (`refresh`).
    """

    def __init__(
        self,
        connection: Connection,
        *,
        name: str,
        key: bytes,
        dimensions: int,
        model: str,
        kind: Kind = FLAT,
    ) -> None:
        """Name the collection; nothing is asked of the server yet.

        Args:
            connection: to the server.
            name: of the collection: random, it says nothing about the gallery.
            key: of the permutation of the row ids, 32 bytes.
            dimensions: the length of a template.
            model: whose templates are taken.
            kind: how the collection is searched.

        Raises:
            InputError: the key has another length.
        """
        self._connection = connection
        self._ids = OpaqueIds(key)
        self._model, self._dimensions = model, dimensions
        self._seen = 0
        # What the server searches by, if this object had it built; another process may have been stopped in between.
        self._built: Kind | None = None
        self.name, self.kind = name, kind

    @property
    def model(self) -> str:
        """Return the id of the only model whose templates are taken."""
        return self._model

    @property
    def dimensions(self) -> int:
        """Return the length of a template."""
        return self._dimensions

    @property
    def nbytes(self) -> int:
        """Return the memory held on this machine: none that grows with the rows."""
        return 0

    def __len__(self) -> int:
        """Return the number of rows.

        Raises:
            IndexUnavailable: the server does not answer.
        """
        found = self._call("query", filter="", output_fields=["count(*)"], **self._as_of())
        return int(found[0]["count(*)"])

    def create(self) -> None:
        """Make the collection, empty; one of the same name stays as it is.

        Raises:
            IndexUnavailable: the server does not answer.
        """
        if not self.exists():
            schema = self._connection.ask(lambda client: client.create_schema(auto_id=False))
            schema.add_field("id", _INT64, is_primary=True)
            schema.add_field("vector", _FLOAT_VECTOR, dim=self._dimensions)
            self._call("create_collection", schema=schema, consistency_level="Strong")
        if not self._call("list_indexes"):
            self._build()
        self.open()

    def exists(self) -> bool:
        """Say whether the server has the collection.

        Raises:
            IndexUnavailable: the server does not answer.
        """
        return bool(self._call("has_collection"))

    def open(self) -> None:
        """Have the collection loaded, as it must be after a restart, and see all that was written.

        Raises:
            IndexUnavailable: it is not there, or the server does not answer.
        """
        self._call("load_collection", timeout=BUILD_TIMEOUT)
        self.refresh()

    def refresh(self) -> None:
        """See all that anybody wrote until now, from the next search on."""
        self._seen = max(self._seen, self._connection.stamp())

    def drop(self) -> None:
        """Delete the collection with all that is in it; that there is none is well, too."""
        self._call("drop_collection")

    def become(self, kind: Kind) -> None:
        """Search by another kind from now on; nobody can search while it is built.

        Raises:
            IndexUnavailable: the server does not answer, or cannot build it.
        """
        built, self.kind = self._built, kind
        if built is not None and (built.name, built.build) == (kind.name, kind.build):
            return
        self._call("release_collection")
        self._call("drop_index", index_name="vector")
        self._build()
        self.open()

    def settle(self) -> None:
        """Have the server seal what was written, so that it is searched by the chosen kind.

        Raises:
            IndexUnavailable: the server does not answer.
        """
        self._call("flush", timeout=BUILD_TIMEOUT)

    def compact(self) -> None:
        """Have the server write its files anew without what was removed, later and by itself."""
        self._call("compact")

    def add(self, rows: Rows, templates: Templates, *, model: str) -> None:
        """Add templates under their row ids; a row that is there already is replaced.

        Raises:
            ModelMismatch: the templates are of another model.
            InputError: rows or templates are not what `Index.add` asks for. Nothing is added then.
            IndexUnavailable: the server failed; some rows may have been added, so add all again.
        """
        check_model(self._model, model)
        checked_rows, checked = check_added(rows, templates, self._dimensions)
        ids = self._ids.hide(checked_rows)
        for start in range(0, ids.size, BATCH):
            end = start + BATCH
            data = [
                {"id": id, "vector": vector}
                for id, vector in zip(ids[start:end].tolist(), checked[start:end], strict=True)
            ]
            self._call("upsert", data)
        if ids.size:
            self.refresh()

    def remove(self, rows: Rows) -> int:
        """Remove these rows and return how many were there; unknown rows are passed over.

        That they are gone is verified with Strong consistency before this returns.

        Raises:
            IndexUnavailable: the server failed, or still finds a row; remove all again.
        """
        ids = self._ids.hide(check_rows(rows))
        removed = 0
        for start in range(0, ids.size, BATCH):
            named = f"id in {ids[start : start + BATCH].tolist()}"
            there = self._query(named, "id", consistency_level="Strong")
            self._call("delete", filter=named)
            if self._query(named, "id", consistency_level="Strong"):
                raise IndexUnavailable(
                    "Milvus acknowledged a removal and still finds what was removed. Nothing of it is shown; "
                    "run `countenance index repair`."
                )
            removed += len(there)
        if ids.size:
            self.refresh()
        return removed

    def search(self, template: Template, *, k: int, model: str) -> list[Hit]:
        """Return the at most `k` most similar rows.

        Raises:
            ModelMismatch: the probe's template is of another model.
            InputError: the template or `k` is not what `Index.search` asks for.
            IndexUnavailable: the server does not answer.
        """
        check_model(self._model, model)
        check_k(k)
        probe = check_probe(template, self._dimensions)
        asked = min(k + max(k, _SPARE), _MOST_FOUND)
        while True:
            rows, similarities = self._nearest(probe, asked)
            # At the edge there may be more that are as alike; then all of them must be compared.
            cut = rows.size >= asked and similarities[k - 1] <= similarities[-1] + 2 * _SLACK
            if not cut or asked == _MOST_FOUND:
                break
            asked = min(asked * 4, _MOST_FOUND)
        return [Hit(int(rows[at]), float(similarities[at])) for at in range(min(k, rows.size))]

    def rows(self) -> Rows:
        """Return all row ids, in no particular order.

        Raises:
            IndexUnavailable: the server does not answer.
        """
        found = [self._ids.show(_ids_of(part)) for part in self._parts("id")]
        return np.concatenate(found) if found else np.empty(0, dtype=np.int64)

    def batches(self) -> Iterator[tuple[Rows, Templates]]:
        """Yield all rows with their templates, part by part.

        Raises:
            IndexUnavailable: the server does not answer.
        """
        for part in self._parts("id", "vector"):
            yield self._ids.show(_ids_of(part)), _vectors_of(part, self._dimensions)

    def templates(self, rows: Rows) -> dict[int, Template]:
        """Return the templates of those of at most `BATCH` rows that are there.

        Raises:
            IndexUnavailable: the server does not answer.
        """
        named = f"id in {self._ids.hide(rows).tolist()}"
        found = self._query(named, "id", "vector", consistency_level="Strong")
        shown = self._ids.show(_ids_of(found)).tolist()
        return dict(zip(shown, _vectors_of(found, self._dimensions), strict=True))

    def to_bytes(self) -> bytes:
        """Return all rows and templates as the bytes of an exact index.

        Raises:
            IndexUnavailable: the server does not answer.
        """
        parts = list(self.batches())
        rows = [part[0] for part in parts] or [np.empty(0, dtype=np.int64)]
        held = [part[1] for part in parts] or [np.empty((0, self._dimensions), dtype=np.float32)]
        return pack(Snapshot(self._model, np.concatenate(rows), np.concatenate(held)))

    def _call(self, name: str, *arguments: Any, **more: Any) -> Any:
        return self._connection.call(name, self.name, *arguments, **more)

    def _as_of(self) -> dict[str, Any]:
        if not self._seen:
            return {"consistency_level": "Strong"}
        return {"consistency_level": "Customized", "guarantee_timestamp": self._seen}

    def _query(self, named: str, *fields: str, **more: Any) -> Any:
        return self._call(
            "query", filter=named, output_fields=list(fields), limit=_MOST_FOUND, **more
        )

    def _nearest(self, probe: Template, asked: int) -> tuple[Rows, Template]:
        """Return the rows that the server holds for the nearest, compared again and in order."""
        found = self._call(
            "search",
            data=[probe],
            limit=asked,
            output_fields=["vector"],
            search_params={"metric_type": "IP", "params": self.kind.search_for(asked)},
            **self._as_of(),
        )[0]
        rows = self._ids.show(_ids_of(found))
        exact = rescored(_vectors_of(found, self._dimensions), probe)
        order = np.lexsort((rows, -exact))
        return rows[order], exact[order]

    def _parts(self, *fields: str) -> Iterator[Any]:
        """Yield all rows in ranges of ids, which are spread evenly: the permutation sees to that."""
        count = max(1, -(-len(self) // BATCH))
        edges = [(2**63 - 1) * part // count for part in range(count + 1)]
        waiting = list(pairwise([-1, *edges[1:]]))
        while waiting:
            low, high = waiting.pop()
            part = self._query(f"id > {low} and id <= {high}", *fields, **self._as_of())
            if len(part) >= _MOST_FOUND:
                middle = (low + high) // 2
                waiting += [(low, middle), (middle, high)]
            elif part:
                yield part

    def _build(self) -> None:
        wanted = self._connection.ask(lambda client: client.prepare_index_params())
        wanted.add_index(
            "vector",
            index_type=self.kind.name,
            index_name="vector",
            metric_type="IP",
            params=dict(self.kind.build),
        )
        self._built = None
        # The client's own waiting has no end: it compares a limit only if that is a whole number.
        self._call("create_index", wanted, sync=False)
        self._await_built()
        self._built = self.kind

    def _await_built(self) -> None:
        """Wait until the server has built the index, for as long as it gets on.

        Raises:
            IndexUnavailable: it says that it failed, or indexes nothing more. Milvus 2.3 tries again for ever what it
                fails at, and meanwhile says "InProgress" and no reason (measured), so the rows are looked at.
        """
        stamp, indexed, since = self._connection.stamp(), -1, time.monotonic()
        while True:
            build = self._connection.build(self.name, "vector", stamp=stamp, timeout=STALLED)
            if build.state == "Finished":
                return
            if build.state in {"Failed", ""}:
                why = build.reason or "it does not say why; its own log does"
                raise IndexUnavailable(f"Milvus could not build the index {self.kind}: {why}.")
            now = time.monotonic()
            if build.indexed != indexed:
                indexed, since = build.indexed, now
            elif now - since >= STALLED:
                raise IndexUnavailable(
                    f"Milvus has indexed nothing for {STALLED / 60:.0f} minutes while it builds the index {self.kind}; "
                    f"{indexed} templates are done. It may be failing again and again; its own log says why."
                )
            time.sleep(_PAUSE)


def _ids_of(found: Sequence[Any]) -> Rows:
    return np.fromiter((one["id"] for one in found), dtype=np.int64, count=len(found))


def _vectors_of(found: Sequence[Any], dimensions: int) -> Templates:
    held = np.empty((len(found), dimensions), dtype=np.float32)
    for at, one in enumerate(found):
        held[at] = one["vector"] if "vector" in one else one["entity"]["vector"]
    return held
