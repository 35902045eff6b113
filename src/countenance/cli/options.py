"""Options that several commands share, and how examples are written."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Annotated, Any, TypedDict, TypeVar

import typer

from countenance.policy import Deed

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


def shown_with(*commands: str, deed: Deed | None = None) -> Callable[[F], F]:
    """Give a command its examples, and say what it asks of the program.

    `session.unsealed` judges the deed before the command sees anything. A command without one needs only
    the machine: `unsealed` refuses it, and `app.MACHINE_ONLY` says why it needs nobody.
    """

    def decorate(function: F) -> F:
        @wraps(function)
        def command(*arguments: Any, **options: Any) -> Any:
            token = _running.set((deed, f"{function.__module__}.{function.__name__}"))
            try:
                return function(*arguments, **options)
            finally:
                _running.reset(token)

        command.epilog = examples(*commands)  # type: ignore[attr-defined] # read where the tree is built
        command.deed = deed  # type: ignore[attr-defined] # read by tests and docs
        return command  # type: ignore[return-value] # of the same signature

    return decorate


_running: ContextVar[tuple[Deed | None, str]] = ContextVar("running", default=(None, ""))


class Asked(TypedDict):
    """What a command asks of the program, and its name."""

    deed: Deed | None
    asked: str


def running_command() -> Asked:
    """Return what the running command asks of the program."""
    deed, name = _running.get()
    return Asked(deed=deed, asked=name)
