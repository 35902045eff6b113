"""`countenance verify-bundle`: check a disclosure bundle on any machine, without a deployment."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countenance.cli import output
from countenance.cli.options import AsJson, shown_with
from countenance.errors import BundleBroken, InputError

if TYPE_CHECKING:
    from countenance.bundle import Report

KEY_DIGITS = 64


@shown_with(
    "countenance verify-bundle case.zip",
    "countenance verify-bundle case.zip --key 9f86d081884c7d65…b0f00a08 --json",
)
def verify_bundle(
    file: Annotated[Path, typer.Argument(help="The bundle, as it was handed over; not unpacked.")],
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            help="The deployment's public key: 64 digits, as `countenance doctor` shows them. Get it by another "
            "way than the bundle.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify a disclosure bundle: every byte, its signature, each entry's proof, and that all parts agree.

    Needs no deployment, no database and no network, and unpacks nothing. Exits with 70 if anything was changed,
    left out or put in, or if the bundle is signed with another key. Without --key anybody could have made it:
    then it is whole, and whose it is remains open.
    """
    from countenance.bundle import verify

    _show(verify(_read(file), expected_key=None if key is None else _key(key)))


def _read(file: Path) -> bytes:
    from countenance.bundle.archive import MOST_BYTES

    try:
        if file.stat().st_size > MOST_BYTES:
            raise BundleBroken("This is no bundle: it is larger than any bundle is.")
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.") from None


def _key(text: str) -> bytes:
    digits = re.sub(r"[\s:]", "", text).lower()
    if re.fullmatch(f"[0-9a-f]{{{KEY_DIGITS}}}", digits, re.ASCII) is None:
        raise InputError(f"A public key has {KEY_DIGITS} hexadecimal digits.")
    return bytes.fromhex(digits)


def _show(report: Report) -> None:
    rows = [(name.replace("_", " "), count) for name, count in sorted(report.counts.items())]
    output.result(
        report.to_dict(),
        f"The bundle verifies. Case {report.case}, made at {report.made_at}, deployment {report.deployment}.",
        "",
        "Verified:",
        *(f"- {sentence}" for sentence in report.verified),
        "",
        "Cannot be verified offline:",
        *(f"- {sentence}" for sentence in report.not_verified),
        "",
        output.table("", ("Records", "#Number"), rows),
    )
