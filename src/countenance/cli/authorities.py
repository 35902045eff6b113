"""`countenance authority`: the legal basis of searches. Granting and taking back need a signed-in session."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from countenance.cli import output
from countenance.cli.options import AsJson, Commands, shown_with
from countenance.cli.session import Session, unsealed
from countenance.errors import InputError, NotFound
from countenance.policy import Deed, SearchKind

if TYPE_CHECKING:
    from countenance.apps.cases.documents import Document
    from countenance.apps.cases.models import Authority

SHORTEST_CODE = 6
WAITS = (
    "A supervisor who did not propose it grants or refuses it in the web app, never with a token."
)

Code = Annotated[
    str,
    typer.Argument(
        metavar="CODE", help="The authority's code, as `countenance authority list` shows it."
    ),
]
DOCUMENT = typer.Option("--document", help="The warrant, order or request: PDF, JPEG, PNG or text.")
DocumentFile = Annotated[Path, DOCUMENT]


@shown_with(
    'countenance authority propose --kind "missing person" --statute "Order 17 Gs 4/26" '
    '--purpose "find Anna" -g people --quota 10 --until 2027-05-03 --document order.pdf',
    deed=Deed.AUTHORITY_PROPOSE,
)
def propose(
    kind: Annotated[SearchKind, typer.Option(help="Which kind of search it is for.")],
    statute: Annotated[str, typer.Option(help="The statute, or the reference of the warrant.")],
    purpose: Annotated[str, typer.Option(help="What the searches are to find out.")],
    gallery: Annotated[
        list[str],
        typer.Option("--gallery", "-g", help="A gallery that it covers; repeat for more."),
    ],
    quota: Annotated[int, typer.Option(help="How many searches.")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Its last day.")],
    offence: Annotated[
        str, typer.Option(help="The offence's code in the policy pack's list.")
    ] = "",
    note: Annotated[str, typer.Option(help="For the supervisor who decides.")] = "",
    document: Annotated[Path | None, DOCUMENT] = None,
    as_json: AsJson = False,
) -> None:
    """Propose an authority; a supervisor grants it in the web app."""
    with unsealed() as session:
        from countenance.apps.cases import authorities

        made = authorities.propose_authority(
            session.actor,
            kind=kind,
            statute=statute,
            purpose=purpose,
            galleries=_galleries(session, gallery),
            quota=quota,
            expires_on=until.date(),
            offence=offence,
            note=note,
            document=_document(document),
            tools=session.tools,
        )
        output.result(
            described(made, session=session), f"Proposed the authority {code_of(made)}. {WAITS}"
        )


@shown_with("countenance authority list", deed=Deed.AUTHORITY_READ)
def list_(as_json: AsJson = False) -> None:
    """List the authorities, newest first."""
    with unsealed() as session:
        from countenance.apps.cases import queries

        found = [described(one, session=session) for one in queries.authorities(session.actor)]
    rows = [(one["code"], one["statute"], one["kind"], one["standing"]) for one in found]
    columns = ("Code", "Statute or warrant", "Kind of search", "State")
    output.result({"authorities": found}, output.table("", columns, rows))


@shown_with("countenance authority show 3f2a91bc", deed=Deed.AUTHORITY_READ)
def show(code: Code, as_json: AsJson = False) -> None:
    """Show one authority, and what is left of it."""
    with unsealed() as session:
        value = described(find(session, code), session=session)
    rows = [(name.replace("_", " ").capitalize(), _shown(value[name])) for name in value]
    output.result(value, output.table("", ("", ""), rows))


@shown_with(
    "countenance authority attach 3f2a91bc --document order.pdf", deed=Deed.AUTHORITY_PROPOSE
)
def attach(code: Code, document: DocumentFile, as_json: AsJson = False) -> None:
    """Put the document to an authority that nobody has decided about yet."""
    with unsealed() as session:
        from countenance.apps.cases import authorities

        read = _document(document)
        assert read is not None  # noqa: S101 # the option is required
        one = authorities.attach_document(
            session.actor, authority=find(session, code), document=read, tools=session.tools
        )
        output.result(described(one, session=session), f"Added the document to {code_of(one)}.")


@shown_with("countenance authority document 3f2a91bc order.pdf", deed=Deed.AUTHORITY_READ)
def document(
    code: Code,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; a new file.")],
    as_json: AsJson = False,
) -> None:
    """Write the document of an authority to a file; that is an entry on the ledger."""
    with unsealed() as session:
        from countenance.apps.cases import authorities

        one = find(session, code)
        if path.exists():
            raise InputError("This file is there already; name a new one.")
        data = authorities.view_authority_document(
            session.actor, authority=one, tools=session.tools
        )
        with path.open("xb") as file:
            path.chmod(0o600)
            file.write(data)
        output.result(
            {"code": code_of(one), "bytes": len(data)},
            f"Wrote {len(data)} bytes, in clear. Delete the file when you need it no more.",
        )


def find(session: Session, code: str) -> Authority:
    """Return the authority of this code or id.

    Raises:
        NotFound: there is none, or more than one begins like this.
    """
    from countenance.apps.cases import queries

    wanted = code.strip().lower().replace("-", "")
    rows = queries.authorities(session.actor)
    found = [one for one in rows if len(wanted) >= SHORTEST_CODE and one.pk.hex.startswith(wanted)]
    if len(found) != 1:
        raise NotFound(
            "There is no authority of this code. `countenance authority list` shows all."
        )
    return queries.authority(session.actor, found[0].pk)


def code_of(one: Authority) -> str:
    """Return the short name of an authority: the first digits of its id."""
    return one.pk.hex[:8]


def described(one: Authority, *, session: Session) -> dict[str, Any]:
    """Return an authority as an object for `--json`."""
    from countenance.apps.cases import words

    today = session.tools.clock().date()
    return {
        "id": str(one.pk),
        "code": code_of(one),
        "kind": str(one.kind),
        **{name: one.details[name] for name in ("statute", "purpose", "offence", "note")},
        "galleries": sorted(str(gallery) for gallery in one.galleries),
        "quota": one.quota,
        "used": one.used,
        "left": one.left,
        "expires_on": one.expires_on.isoformat(),
        "state": str(one.state(today=today)),
        "standing": words.state_words(one, today=today),
        "documented": one.document is not None,
    }


def _galleries(session: Session, names: list[str]) -> list[UUID]:
    from countenance.apps.cases.coverage import coverable

    known = {one.name: one.id for one in coverable(session.actor, tools=session.tools)}
    missing = [name for name in names if name not in known]
    if missing:
        raise NotFound("One of these galleries is not there. `countenance gallery list` shows all.")
    return [known[name] for name in names]


def _document(path: Path | None) -> Document | None:
    from countenance.apps.cases.documents import MAX_BYTES, Document

    if path is None:
        return None
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(
            "The document cannot be read. Check the path and who may read it."
        ) from error
    return Document(file_name=path.name, data=data)


def _shown(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


COMMANDS: Commands = {
    "propose": propose,
    "list": list_,
    "show": show,
    "attach": attach,
    "document": document,
}
