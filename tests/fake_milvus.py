"""A Milvus server in memory with the ways of the real one that matter: above all, what is seen when.

A read sees what was written up to its timestamp, and "Session" sees insertions of its own client but no
deletions, as measured on the real server.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

WRITES = {"upsert", "delete"}


class Failed(Exception):
    """As pymilvus's own: its text quotes what was asked."""

    def __init__(self, code: int, message: str) -> None:
        """Keep the code where pymilvus keeps it."""
        super().__init__(message)
        self.code = code


class FakeMilvus:
    """The server: collections as lists of what was done to them."""

    def __init__(self) -> None:
        """Start empty."""
        self.now = 0
        self.collections: dict[str, list[tuple[int, int, Any]]] = {}
        self.calls: list[str] = []
        self.connected = 0
        # Asked before each call; raises to have it fail, also in the middle of a batch.
        self.before: Callable[[str], None] = lambda _: None
        self.keeps_deleted = False
        # What it says of a build, one after the other; the last for ever.
        self.builds: list[dict[str, Any]] = [{"state": "Finished", "indexed_rows": 0}]
        self.build_failed = ""

    def connect(self, _: object) -> FakeClient:
        """Return a client, as the real `_connect` does."""
        self.connected += 1
        return FakeClient(self)

    def rows(self, name: str, stamp: float) -> dict[int, Any]:
        """Return what a collection held at a time."""
        held: dict[int, Any] = {}
        for at, id, vector in self.collections[name]:
            if at <= stamp:
                held.pop(id, None)
                if vector is not None:
                    held[id] = vector
        return held

    def write(self, name: str, id: int, vector: Any) -> None:
        """Do one thing to a collection, past everybody."""
        self.now += 1
        self.collections[name].append((self.now, id, vector))


class FakeClient:
    """The methods of pymilvus's client that the product calls."""

    def __init__(self, server: FakeMilvus) -> None:
        """Belong to a server."""
        self.server = server
        self.written = 0

    def __getattribute__(self, name: str) -> Any:
        """Count and break calls."""
        if not name.startswith("_") and name not in {"server", "written", "close"}:
            self.server.calls.append(name)
            self.server.before(name)
        return object.__getattribute__(self, name)

    def close(self) -> None:
        """Leave."""

    def _get_connection(self) -> Any:
        self.server.calls.append("alloc_timestamp")
        self.server.before("alloc_timestamp")
        return SimpleNamespace(
            alloc_timestamp=lambda timeout: self.server.now,
            get_index_state=lambda *_, **__: (4, self.server.build_failed),
        )

    def create_schema(self, **_: Any) -> Any:
        return SimpleNamespace(add_field=lambda *_, **__: None)

    def prepare_index_params(self) -> Any:
        return SimpleNamespace(add_index=lambda *_, **__: None)

    def has_collection(self, name: str, **_: Any) -> bool:
        return name in self.server.collections

    def create_collection(self, name: str, **_: Any) -> None:
        self.server.collections.setdefault(name, [])

    def drop_collection(self, name: str, **_: Any) -> None:
        self.server.collections.pop(name, None)

    def list_indexes(self, name: str, **_: Any) -> list[str]:
        return ["vector"]

    def create_index(self, name: str, *_: Any, sync: bool = True, **__: Any) -> None:
        assert not sync, "the real client would wait for ever for a build that fails"

    def describe_index(self, name: str, *_: Any, **__: Any) -> dict[str, Any]:
        said = self.server.builds
        return said.pop(0) if len(said) > 1 else said[0]

    def drop_index(self, name: str, **_: Any) -> None: ...

    def load_collection(self, name: str, **_: Any) -> None:
        self._view(name, {})

    def release_collection(self, name: str, **_: Any) -> None: ...

    def flush(self, name: str, **_: Any) -> None: ...

    def compact(self, name: str, **_: Any) -> None: ...

    def upsert(self, name: str, data: list[dict[str, Any]], **_: Any) -> None:
        self._view(name, {})
        for one in data:
            self.server.write(name, one["id"], np.array(one["vector"]))
        self.written = self.server.now

    def delete(self, name: str, *, filter: str, **_: Any) -> None:  # noqa: A002
        wanted = _wanted(filter)
        for id in [id for id in self._view(name, {"consistency_level": "Strong"}) if wanted(id)]:
            if not self.server.keeps_deleted:
                self.server.write(name, id, None)

    def query(
        self,
        name: str,
        *,
        filter: str,  # noqa: A002
        output_fields: list[str],
        limit: int = 0,
        **more: Any,
    ) -> list[dict[str, Any]]:
        held = self._view(name, more)
        if output_fields == ["count(*)"]:
            return [{"count(*)": len(held)}]
        wanted = _wanted(filter)
        found = [{"id": id, "vector": vector} for id, vector in held.items() if wanted(id)]
        return [{field: one[field] for field in output_fields} for one in found][: limit or None]

    def search(
        self, name: str, *, data: list[Any], limit: int, output_fields: list[str], **more: Any
    ) -> list[list[dict[str, Any]]]:
        held = self._view(name, more)
        given = more["search_params"]["params"]
        if min(given.get("ef", limit), given.get("reorder_k", limit)) < limit:
            raise Failed(65535, "should be larger than k")
        order = sorted(held, key=lambda id: -float(held[id] @ data[0]))[:limit]
        return [[{"id": id, "entity": {"vector": held[id]}} for id in order]]

    def _view(self, name: str, more: dict[str, Any]) -> dict[int, Any]:
        if name not in self.server.collections:
            raise Failed(100, f"collection not found[collection={name}]")
        level = more.get("consistency_level")
        if level == "Strong":
            return self.server.rows(name, float("inf"))
        if level == "Customized":
            return self.server.rows(name, more["guarantee_timestamp"])
        return self.server.rows(name, self.written)


def _wanted(filter: str) -> Callable[[int], bool]:  # noqa: A002
    if match := re.fullmatch(r"id in \[(.*)\]", filter):
        ids = {int(id) for id in match.group(1).split(",") if id.strip()}
        return lambda id: id in ids
    if match := re.fullmatch(r"id > (-?\d+) and id <= (\d+)", filter):
        low, high = map(int, match.groups())
        return lambda id: low < id <= high
    raise Failed(1100, f"cannot parse expression: {filter}")
