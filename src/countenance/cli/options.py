"""Options that several commands share, and how examples are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer

F = TypeVar("F", bound=Callable[..., Any])
Commands = dict[str, Callable[..., Any]]

AsJson = Annotated[
    bool,
    typer.Option(
        "--json", help="Print one JSON object on standard output; messages go to standard error."
    ),
]
Reason = Annotated[
    str,
    typer.Option(
        "--reason", help="Why, in words. It is recorded, sealed, for your oversight body."
    ),
]
GalleryName = Annotated[str, typer.Option("--gallery", "-g", help="The gallery's name.")]


def examples(*commands: str) -> str:
    """Return a help epilogue with one example a line."""
    return "Examples:\n\n" + "\n\n".join(f"$ {command}" for command in commands)


def shown_with(*commands: str) -> Callable[[F], F]:
    """Give a command its examples; `--help` and the reference show them."""

    def decorate(function: F) -> F:
        function.epilog = examples(*commands)  # type: ignore[attr-defined] # read where the tree is built
        return function

    return decorate
