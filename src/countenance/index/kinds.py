"""How a Milvus collection is searched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

_AT_LEAST: Final = ("ef", "reorder_k")
"""How many rows a graph or a list of codes keeps in hand: never fewer than are asked of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """An index kind by Milvus's name, with what builds it and what each search is given."""

    name: str
    build: Mapping[str, Any] = field(default_factory=dict)
    search: Mapping[str, Any] = field(default_factory=dict)

    def search_for(self, count: int) -> dict[str, Any]:
        """Return what a search for so many rows is given: Milvus refuses one that looks at fewer than it returns."""
        wide = {name: max(self.search[name], count) for name in _AT_LEAST if name in self.search}
        return {**self.search, **wide}

    def as_json(self) -> dict[str, Any]:
        """Return it for a record."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return what `as_json` wrote."""
        return cls(name=value["name"], build=value["build"], search=value["search"])

    def __str__(self) -> str:
        """Name it with its numbers, for people."""
        numbers = [f"{name} {value}" for name, value in {**self.build, **self.search}.items()]
        return ", ".join([self.name, *numbers])


FLAT: Final = Kind(name="FLAT")
"""All templates are compared: complete whatever the templates are like."""
