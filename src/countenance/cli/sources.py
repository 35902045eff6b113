"""`countenance source`: sources of photos and their passports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from countenance.cli import output
from countenance.cli.certificate import To, erased, permit
from countenance.cli.options import AsJson, Commands, Reason, shown_with
from countenance.cli.session import unsealed
from countenance.policy import Deed

if TYPE_CHECKING:
    from countenance.apps.galleries.models import Source

SourceArgument = Annotated[str, typer.Argument(metavar="NAME", help="The source's name.")]


@shown_with(
    'countenance source add "Missing persons 2026" --owner "Police of Ourtown" '
    '--lawful-basis "Police Act, section 12" --collected-on 2026-01-15 --purpose "finding missing persons" '
    '--retention-until 2027-01-15 --reference MP-2026 --steward "A. Keeper"',
    deed=Deed.SOURCE_REGISTER,
)
def add(  # one option for each entry of the passport
    name: SourceArgument,
    owner: Annotated[str, typer.Option(help="Who holds the photos lawfully.")] = "",
    lawful_basis: Annotated[
        str, typer.Option(help="The law, order or consent that allows it.")
    ] = "",
    collected_on: Annotated[
        str, typer.Option(help="When they were collected, as YYYY-MM-DD.")
    ] = "",
    purpose: Annotated[str, typer.Option(help="What they may be used for.")] = "",
    retention_until: Annotated[
        str, typer.Option(help="Until when they may be kept, as YYYY-MM-DD.")
    ] = "",
    reference: Annotated[str, typer.Option(help="Your file number for this source.")] = "",
    steward: Annotated[str, typer.Option(help="Who answers for it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Register a source with its passport; no photo is enrolled without one.

    All entries of the passport are needed.
    """
    passport = {
        "owner": owner,
        "lawful_basis": lawful_basis,
        "collected_on": collected_on,
        "purpose": purpose,
        "retention_until": retention_until,
        "reference": reference,
        "steward": steward,
    }
    with unsealed() as session:
        from countenance.apps.galleries import services

        source = services.register_source(
            session.actor, name=name, passport=passport, tools=session.tools
        )
        output.result(described(source), f"Registered the source “{source.name}”.")


@shown_with("countenance source list", "countenance source list --json", deed=Deed.SOURCE_READ)
def list_(as_json: AsJson = False) -> None:
    """List the sources with their passports."""
    with unsealed() as session:
        from countenance.apps.galleries import queries

        sources = [described(source) for source in queries.sources(session.actor)]
    rows = [
        (
            s["name"],
            s["passport"]["owner"],
            s["passport"]["lawful_basis"],
            s["passport"]["purpose"],
            s["passport"]["retention_until"],
            "removed" if s["removed"] else "",
        )
        for s in sources
    ]
    columns = ("Source", "Owner", "Lawful basis", "Purpose", "Kept until", "")
    output.result({"sources": sources}, output.table("", columns, rows))


@shown_with(
    'countenance source remove "Missing persons 2026" --reason "retention has ended"',
    deed=Deed.SOURCE_REMOVE,
)
def remove(
    name: SourceArgument, reason: Reason, certificate: To = None, as_json: AsJson = False
) -> None:
    """Remove a source with all its photos: templates leave the index, keys are destroyed.

    The source's passport stays on record. This cannot be undone.
    """
    permit(certificate)
    with unsealed() as session:
        from countenance.apps.galleries import services

        source = session.source(name)
        services.remove_source(session.actor, source=source, reason=reason, tools=session.tools)
        source.refresh_from_db()
        said = f"Removed the source “{source.name}” and every photo of it."
        erased(session, source.pk, certificate, said, described(source))


def described(source: Source) -> dict[str, Any]:
    """Return a source as an object for `--json`."""
    return {
        "id": str(source.pk),
        "name": source.name,
        "passport": source.passport,
        "registered_at": source.registered_at.isoformat(),
        "removed": source.removed_at is not None,
    }


COMMANDS: Commands = {"add": add, "list": list_, "remove": remove}
