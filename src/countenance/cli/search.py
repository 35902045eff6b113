"""`countenance search`: a probe in, ranked candidates with their sources out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countenance.cli import output
from countenance.cli.evidence import case_of, gallery_of
from countenance.cli.options import AsJson, Reason, shown_with
from countenance.cli.session import unsealed
from countenance.errors import InputError
from countenance.policy import DEFAULT_CANDIDATES, MAX_CANDIDATES, MIN_CANDIDATES, Deed

if TYPE_CHECKING:
    from rich.console import RenderableType

    from countenance.apps.searches.models import Probe, Search
    from countenance.apps.searches.queries import Candidate
    from countenance.cli.session import Session

ANSWERS = {
    "no_face": "No face was found in the photo. That is recorded; nothing was compared.",
    "quality_too_low": "The face cannot be compared: its quality is too low. That is recorded.",
    "no_candidate": "No candidate: the galleries hold no face to compare with. That is recorded.",
}
CAUTION = (
    "These are the most similar subjects. A list is returned even if the person is not in the gallery; "
    "a similarity is not a probability. Compare the photos yourself before you conclude anything."
)


@shown_with(
    'countenance search probe.jpg --gallery people --case MP-17 --reason "reported missing on 3 May"',
    "countenance search group.jpg --face 2 --top 10 -g people -g archive --case MP-17 "
    '--reason "last seen at the station on 3 May" --json',
    deed=Deed.SEARCH_RUN,
)
def search(  # each is an option of the command
    photo: Annotated[Path, typer.Argument(help="The probe: a photo of the person to find.")],
    gallery: Annotated[
        list[str], typer.Option("--gallery", "-g", help="A gallery to search in; may be repeated.")
    ],
    case: Annotated[
        str, typer.Option("--case", help="The reference of the case that the photo is evidence of.")
    ],
    reason: Reason,
    face: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Which face of the probe, counted from 0 (the browser counts from 1); needed if there are several.",
        ),
    ] = None,
    top: Annotated[
        int,
        typer.Option(min=MIN_CANDIDATES, max=MAX_CANDIDATES, help="How many subjects at most."),
    ] = DEFAULT_CANDIDATES,
    as_json: AsJson = False,
) -> None:
    """Search galleries for the person in a photo that is evidence of a case.

    An investigator adds the photo (`countenance case add-evidence`) and asks for the search (`countenance
    case ask`); whoever runs it is an examiner and somebody else.

    The intent is on the ledger before anything is compared, the outcome before anything is shown, and the
    receipt proves both. “No face”, “quality too low” and “no candidate” are answers: they are recorded and
    the command exits with 0. Boxes are x, y, width and height in pixels of the upright photo.
    """
    with unsealed() as session:
        from countenance.cli.photos import probe_file  # needs Django set up

        probe = (photo.name, probe_file(photo))
        value, candidates = run_search(
            session, probe, galleries=gallery, case=case, reason=reason, face=face, top=top
        )
    show(value, candidates)


def run_search(
    session: Session,
    photo: tuple[str, bytes],
    *,
    galleries: list[str],
    case: str,
    reason: str,
    face: int | None = None,
    top: int = DEFAULT_CANDIDATES,
) -> tuple[dict[str, Any], list[Candidate]]:
    """Run one search with a photo (name and bytes); return its JSON object and its candidates.

    Raises:
        InputError: the choice of face does not do.
        NotFound: there is no such gallery, or no such case.
        NotEvidence: the photo is not evidence of the case, or nobody asked for a search with it; recorded.
    """
    from countenance.apps.galleries.grants import reading
    from countenance.apps.searches import evidence, queries, services

    chosen = [gallery_of(session, name) for name in dict.fromkeys(galleries)]
    _, data = photo
    actor, tools = session.actor, session.tools
    probe = evidence.find_evidence(actor, case=case_of(session, case), data=data, tools=tools)
    _check_face(probe, face)
    ran = services.run_search(
        actor, probe=probe, face=face, galleries=chosen, reason=reason, top=top, tools=tools
    )
    services.view_candidates(actor, search=ran, tools=tools)
    with reading(actor, chosen, tools=tools):
        candidates = queries.candidates(ran)
    return described(ran, candidates, galleries), candidates


def _check_face(probe: Probe, face: int | None) -> None:
    """Refuse with the list of faces if it is not clear which one is meant."""
    faces = probe.details["faces"]
    if (face is None and len(faces) <= 1) or (face is not None and face < max(len(faces), 1)):
        return
    listed = [{"face": number, "box": found["box"]} for number, found in enumerate(faces)]
    for one in listed:
        x, y, width, height = (round(side) for side in one["box"])
        output.say(f"  face {one['face']}: {width} x {height} px at {x}, {y}")
    problem = "The photo shows" if face is None else f"There is no face {face}; the photo shows"
    raise InputError(
        f"{problem} {len(faces)} face{'s' if len(faces) != 1 else ''}. "
        "Choose one with --face N, counted from 0 (the browser counts from 1).",
        faces=listed,
    )


def described(
    ran: Search, candidates: list[Candidate], galleries: list[str] | None = None
) -> dict[str, Any]:
    """Return a concluded search as the object that `--json` prints."""
    from countenance.apps.searches import queries

    return {
        "search_id": str(ran.pk),
        "receipt": queries.receipt(ran).to_dict(),
        "probe": {
            "faces": [
                {"box": face["box"], "score": face["score"], "quality": face["quality"]}
                for face in ran.probe.details["faces"]
            ],
            "face": ran.request["face"],
        },
        "gallery": list(
            dict.fromkeys(galleries or [one.name for one in queries.galleries_of(ran)])
        ),
        "model": ran.request["model"],
        "answer": ran.outcome["answer"],
        "candidates": [_candidate(candidate) for candidate in candidates],
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    best = candidate.best
    return {
        "rank": candidate.rank,
        "subject": candidate.label,
        "similarity": best.similarity,
        "photo": {
            "id": str(best.photo),
            "external_id": best.details.get("external_id") or None,
            "path": best.details.get("path"),
        },
        "box": best.box,
        "source": best.source,
    }


def show(value: dict[str, Any], candidates: list[Candidate]) -> None:
    """Print a search's object, or the same for people."""
    shown: list[RenderableType] = []
    if value["answer"] in ANSWERS:
        shown.append(ANSWERS[value["answer"]])
        chosen = value["probe"]["face"]
        if chosen is not None and (why := value["probe"]["faces"][chosen]["quality"]["reason"]):
            shown.append(why)
    if candidates:
        rows = [
            (
                one.rank,
                one.label,
                f"{one.best.similarity:.3f}",
                one.best.details.get("path"),
                len(one.faces) - 1,
                one.best.source["name"],
            )
            for one in candidates
        ]
        columns = ("#Rank", "Subject", "#Similarity", "Best photo", "#Others", "Source")
        shown += [output.table("", columns, rows), *_passports(candidates), CAUTION]
    shown.append(
        f"Receipt {value['receipt']['code']}: the search and its outcome are on the ledger."
    )
    output.result(value, *shown)


def _passports(candidates: list[Candidate]) -> list[str]:
    """Return one line for each source: whose it is, by what right, and until when."""
    sources = {one.best.source["name"]: one.best.source for one in candidates}
    return [
        f"Source “{name}”: {source['owner']}; {source['lawful_basis']}; for {source['purpose']}; "
        f"kept until {source['retention_until']}; reference {source['reference']}; steward {source['steward']}."
        for name, source in sources.items()
    ]
