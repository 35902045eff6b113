"""`countenance case add-evidence` and `case ask`: what an investigator does before an examiner searches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countenance.cli import output
from countenance.cli.options import AsJson, Commands, Reason, shown_with
from countenance.cli.session import unsealed
from countenance.errors import InputError, NotFound
from countenance.policy import Deed

if TYPE_CHECKING:
    from countenance.apps.cases.models import Case
    from countenance.apps.galleries.models import Gallery
    from countenance.apps.searches.models import Probe, SearchRequest
    from countenance.cli.session import Session

Reference = Annotated[
    str, typer.Argument(metavar="CASE", help="The case's reference in your files.")
]
PhotoFile = Annotated[Path, typer.Argument(help="A photo of the person to find.")]


@shown_with("countenance case add-evidence MP-17 probe.jpg", deed=Deed.EVIDENCE_ADD)
def add_evidence(case: Reference, photo: PhotoFile, as_json: AsJson = False) -> None:
    """Add a photo to a case as evidence.

    The photo is sealed to the case. Nothing is compared; an examiner searches with it once somebody asked
    for that. The same photo again is the evidence that it was.
    """
    with unsealed() as session:
        from countenance.cli.photos import probe_file  # needs Django set up

        data = probe_file(photo)
        probe = add_photo(session, case_of(session, case), (photo.name, data))
        faces = len(probe.details["faces"])
        output.result(
            {"evidence_id": str(probe.pk), "sha256": probe.details["sha256"], "faces": faces},
            f"The photo is evidence of the case {case}; it shows {faces} face{'s' if faces != 1 else ''}.",
        )


@shown_with(
    'countenance case ask MP-17 probe.jpg --reason "reported missing on 3 May"',
    'countenance case ask MP-17 probe.jpg -g archive --reason "last seen at the station on 3 May" --json',
    deed=Deed.SEARCH_ASK,
)
def ask(
    case: Reference,
    photo: PhotoFile,
    reason: Reason,
    gallery: Annotated[
        list[str] | None,
        typer.Option(
            "--gallery",
            "-g",
            help="A gallery to search in; may be repeated. All that the authority covers, if left out.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask for a search with evidence of a case; an examiner, who is somebody else, runs it."""
    with unsealed() as session:
        from countenance.apps.searches import evidence
        from countenance.cli.photos import probe_file  # needs Django set up

        found = case_of(session, case)
        probe = evidence.find_evidence(
            session.actor, case=found, data=probe_file(photo), tools=session.tools
        )
        request = ask_with(session, probe, reason=reason, galleries=gallery or [])
        output.result(described(request), f"An examiner of your agency runs it; case {case}.")


def add_photo(session: Session, case: Case, photo: tuple[str, bytes]) -> Probe:
    """Add a photo (name and bytes) to a case as evidence."""
    from countenance.apps.searches import evidence

    name, data = photo
    return evidence.add_probe(
        session.actor, case=case, upload=data, file_name=name, tools=session.tools
    )


def ask_with(session: Session, probe: Probe, *, reason: str, galleries: list[str]) -> SearchRequest:
    """Ask for a search with evidence, in these galleries or all that the case's authority covers."""
    from countenance.apps.galleries.grants import searchable
    from countenance.apps.searches import asking

    chosen = [gallery_of(session, name) for name in dict.fromkeys(galleries)]
    if not chosen and probe.case.authority is not None:
        chosen = [searchable(session.actor, one) for one in probe.case.authority.galleries]
    return asking.ask_for_search(
        session.actor, probe=probe, reason=reason, galleries=chosen, tools=session.tools
    )


def case_of(session: Session, reference: str) -> Case:
    """Return the case of this reference.

    Raises:
        NotFound: there is none that this person sees.
    """
    from countenance.apps.cases import queries

    found = queries.case_by_reference(session.actor, reference, tools=session.tools)
    if found is None:
        raise NotFound("There is no case with this reference. `countenance case list` shows all.")
    return found


def gallery_of(session: Session, name: str) -> Gallery:
    """Return the gallery of this name: the agency's own, or one that another agency granted to it.

    Raises:
        NotFound: there is none.
        InputError: two agencies granted one of this name.
    """
    from countenance.apps.galleries.grants import granted_to, searchable

    try:
        return session.gallery(name)
    except NotFound:
        granted = [
            one for one in granted_to(session.actor, tools=session.tools) if one.name == name
        ]
        if len(granted) > 1:
            raise InputError(
                "Two agencies granted a gallery of this name; use the web app."
            ) from None
        if not granted:
            raise
        return searchable(session.actor, granted[0].gallery)


def described(request: SearchRequest) -> dict[str, Any]:
    """Return a request as an object for `--json`."""
    return {
        "request_id": str(request.pk),
        "evidence_id": str(request.probe_id),
        "galleries": list(request.wishes["galleries"]),
        "asked_at": request.asked_at.isoformat(),
        "state": str(request.state),
    }


COMMANDS: Commands = {"add-evidence": add_evidence, "ask": ask}
