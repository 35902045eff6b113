"""The certificate of an erasure on the command line: in the JSON answer, and as a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from countenance.cli import output
from countenance.errors import InputError

if TYPE_CHECKING:
    from countenance.cli.session import Session

To = Annotated[
    Path | None,
    typer.Option(
        "--certificate",
        help="Write the certificate to this new file: what was destroyed by count, when, and the receipt; as JSON if its "
        "name ends so, otherwise as PDF.",
    ),
]


def permit(to: Path | None) -> None:
    """Refuse a file that cannot be made, before anything is erased.

    Raises:
        InputError: it is there already, or its folder is not.
    """
    if to is not None and (to.exists() or not to.parent.is_dir()):
        raise InputError(f"{to} is there already, or its folder is not.")


def erased(
    session: Session,
    id: UUID,
    to: Path | None,
    said: str,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Say what was erased, with its certificate and what `more` is known, and write that if it is wanted."""
    from countenance.apps.agencies.models import Agency
    from countenance.apps.galleries.certificates import as_pdf, certified

    one = certified(session.actor, id, tools=session.tools)
    value = {"id": str(id), "removed": True, **(more or {}), "certificate": one.to_dict()}
    if to is not None:
        name = str(Agency.objects.get(pk=session.actor.agency).own_name or "")
        as_json = to.suffix == ".json"
        data = json.dumps(one.to_dict(), indent=2).encode() if as_json else as_pdf(one, agency=name)
        try:
            with to.open("xb") as file:
                file.write(data)
        except OSError as error:
            raise InputError(
                f"It was erased, and the certificate cannot be written to {to}: {error.strerror}."
            ) from None
    counts = ", ".join(f"{number} {name}" for name, number in one.said["counts"].items() if number)
    output.result(
        value,
        said,
        f"Destroyed: {counts or 'nothing was left of it'}.",
        f"Receipt {one.receipt.code}",
    )
