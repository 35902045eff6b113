"""`countenance search`: a probe in; `countenance result`: candidates with their sources, once examined."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID  # typer reads it

import typer

from countenance.cli import output
from countenance.cli.evidence import case_of, gallery_of
from countenance.cli.options import AsJson, Reason, shown_with
from countenance.cli.session import unsealed
from countenance.errors import InputError, WrongState
from countenance.policy import DEFAULT_CANDIDATES, MAX_CANDIDATES, MIN_CANDIDATES, Deed, SearchMode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from countenance.apps.searches.models import Probe, Search
    from countenance.apps.searches.queries import Candidate
    from countenance.cli.session import Session

Mode = Annotated[
    SearchMode | None,
    typer.Option(
        "--mode",
        help="The first returns nobody below the operating point of the galleries, and often nobody; all of them "
        "need one. The second returns a list of the most similar people, even if the person is not in the "
        "gallery. Without the option: the first, if it can be had.",
    ),
]
MorePhotos = Annotated[
    list[str] | None,
    typer.Option(
        "--probe",
        metavar="FILE[:FACE]",
        help="Another photo of the same person, evidence of the case that a search was asked for; may be repeated.",
    ),
]
ANSWERS = {
    "no_face": "No face was found in the photo. That is recorded; nothing was compared.",
    "quality_too_low": "The face cannot be compared: its quality is too low. That is recorded.",
    "no_candidate": "No candidate: the galleries hold no face to compare with. That is recorded.",
}
NOBODY = "No candidate: nobody in the galleries is at or above {least}. That is recorded."
TO_EXAMINE = (
    "{candidates} to be examined. Who they are is shown after two examiners compared them, each alone: begin the "
    "examination in the web app, then run `countenance result {search}`."
)
OF_MODE = ("mode", "threshold", "operating_point", "means")
CAUTION = (
    "A candidate is not an identification, and a similarity is not a probability. Compare the photos yourself before "
    "you conclude anything."
)


@shown_with(
    'countenance search probe.jpg --gallery people --case MP-17 --reason "reported missing on 3 May"',
    "countenance search group.jpg --face 2 --top 10 -g people -g archive --case MP-17 "
    '--reason "last seen at the station on 3 May" --mode investigation --json',
    "countenance search probe.jpg --probe second.jpg --probe group.jpg:2 -g people --case MP-17 "
    '--reason "reported missing on 3 May"',
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
    probe: MorePhotos = None,
    top: Annotated[
        int,
        typer.Option(min=MIN_CANDIDATES, max=MAX_CANDIDATES, help="How many subjects at most."),
    ] = DEFAULT_CANDIDATES,
    mode: Mode = None,
    as_json: AsJson = False,
) -> None:
    """Search galleries for the person in a photo that is evidence of a case.

    An investigator adds the photo (`countenance case add-evidence`) and asks for the search (`countenance
    case ask`); whoever runs it is an examiner and somebody else.

    With `--probe` several photos of one person make one search: their templates are fused into one, the better
    ones with more weight. If one is not like the others, no gallery is asked, and its number is said.

    The intent is on the ledger before anything is compared, the outcome before anything is shown, and the
    receipt proves both. “No face”, “quality too low” and “no candidate” are answers: they are recorded and
    the command exits with 0. Candidates are examined before anybody reads who they are: this says how many there
    are, and `countenance result` shows them later. Boxes are x, y, width and height in pixels of the upright photo.
    """
    with unsealed() as session:
        from countenance.cli.photos import probe_file  # needs Django set up

        first = (photo.name, probe_file(photo))
        more = [(probe_file(path), number) for path, number in map(_other, probe or [])]
        value, candidates = run_search(
            session,
            first,
            galleries=gallery,
            case=case,
            reason=reason,
            face=face,
            more=more,
            top=top,
            mode=mode,
        )
    show(value, candidates)


@shown_with(
    "countenance result 7f0c1c0e-7a6b-4c53-9a52-0a2f2d1f5a11",
    deed=Deed.CANDIDATES_VIEW,
)
def result(
    search_id: Annotated[UUID, typer.Argument(help="The id that `countenance search` printed.")],
    as_json: AsJson = False,
) -> None:
    """Show what a search found, once it was examined, and what came of it.

    An examiner reads who the candidates are after their own examination of that search is recorded, everybody
    else after two are. Before that this says how many there are. What came of it (being examined, to be
    decided, a lead, none) is said to whoever may know it.
    """
    with unsealed() as session:
        from countenance.apps.searches import queries  # needs Django set up
        from countenance.apps.searches.models import SearchState

        ran = queries.search(session.actor, search_id)
        if ran.state != SearchState.CONCLUDED or ran.purged_at is not None:
            raise WrongState("This search has no outcome, or what it found was destroyed.")
        value, candidates = _result(session, ran)
        value |= {"came_of": _came_of(session, ran)}
    show(value, candidates)


def _came_of(session: Session, ran: Search) -> dict[str, Any] | None:
    """Return what came of a search after it ended; None if the actor may not know it."""
    from countenance.apps.searches import afterwards

    said = afterwards.came_of(session.actor, [ran]).get(ran.pk)
    if said is None:
        return None
    return {
        "words": said.words,
        "since": said.at.isoformat(),
        "whose": said.whose,
        "reason": said.said,
        "pages": [
            {"words": link.words, "address": link.href}
            for link in afterwards.links_from(session.actor, ran)
        ],
    }


def run_search(
    session: Session,
    photo: tuple[str, bytes],
    *,
    galleries: list[str],
    case: str,
    reason: str,
    face: int | None = None,
    more: Sequence[tuple[bytes, int | None]] = (),
    top: int = DEFAULT_CANDIDATES,
    mode: SearchMode | None = None,
) -> tuple[dict[str, Any], list[Candidate]]:
    """Run one search with a photo (name and bytes) and perhaps more; return its JSON object and its candidates.

    Raises:
        InputError: the choice of face does not do, or the photos are not of one person.
        NotFound: there is no such gallery, or no such case.
        NotEvidence: the photo is not evidence of the case, or nobody asked for a search with it; recorded.
    """
    from countenance.apps.searches import evidence, services

    chosen = [gallery_of(session, name) for name in dict.fromkeys(galleries)]
    _, data = photo
    actor, tools = session.actor, session.tools
    of_case = case_of(session, case)
    probe = evidence.find_evidence(actor, case=of_case, data=data, tools=tools)
    _check_face(probe, face)
    others = [
        (evidence.find_evidence(actor, case=of_case, data=other, tools=tools), number)
        for other, number in more
    ]
    for other, number in others:
        _check_face(other, number)
    ran = services.run_search(
        actor,
        probe=probe,
        face=face,
        more=others,
        galleries=chosen,
        reason=reason,
        top=top,
        mode=mode,
        tools=tools,
    )
    return _result(session, ran, galleries)


def _result(
    session: Session, ran: Search, galleries: list[str] | None = None
) -> tuple[dict[str, Any], list[Candidate]]:
    """Return what the actor may know of a concluded search, and that its candidates are shown recorded."""
    from countenance.apps.galleries.grants import reading
    from countenance.apps.searches import knowing, queries, services

    actor, tools = session.actor, session.tools
    if not knowing.known(actor, ran, tools=tools).candidates:
        with reading(actor, queries.galleries_of(ran), tools=tools):
            value = described(ran, [], galleries)
        unseen = knowing.is_kept_unseen(actor, ran)
        # That nobody on a list is below a threshold is for whoever examines it to learn afterwards.
        cut = dict.fromkeys(OF_MODE) if unseen else {}
        return value | cut | {"to_examine": None if unseen else len(ran.outcome["candidates"])}, []
    services.view_candidates(actor, search=ran, tools=tools)
    with reading(actor, queries.galleries_of(ran), tools=tools):
        candidates = queries.candidates(ran)
        return described(ran, candidates, galleries), candidates


def _other(given: str) -> tuple[Path, int | None]:
    """Return the file and the face that `FILE` or `FILE:FACE` names."""
    name, colon, number = given.rpartition(":")
    if colon and number.isdecimal() and not Path(given).exists():
        return Path(name), int(number)
    return Path(given), None


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
        "Choose one with --face N, or --probe FILE:N, counted from 0 (the browser counts from 1).",
        faces=listed,
    )


def described(
    ran: Search, candidates: list[Candidate], galleries: list[str] | None = None
) -> dict[str, Any]:
    """Return a concluded search as the object that `--json` prints."""
    from countenance.apps.searches import modes, queries

    several = [
        {"evidence_id": one["probe"], "face": one["face"], "weight": one["weight"]}
        for one in ran.outcome.get("photos", ())
    ]
    return {
        "search_id": str(ran.pk),
        "receipt": queries.receipt(ran).to_dict(),
        "probe": {
            "faces": [
                {"box": face["box"], "score": face["score"], "quality": face["quality"]}
                for face in ran.probe.details["faces"]
            ],
            "face": ran.request["face"],
        }
        | ({"photos": several} if several else {}),
        "gallery": list(
            dict.fromkeys(galleries or [one.name for one in queries.galleries_of(ran)])
        ),
        "model": ran.request["model"],
        **modes.described(ran),
        "answer": ran.outcome["answer"],
        "candidates": [_candidate(candidate) for candidate in candidates],
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    best = candidate.best
    return {
        "rank": candidate.rank,
        "subject": candidate.label,
        "similarity": candidate.similarity,
        "fused": candidate.fused,
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
    if photos := value["probe"].get("photos"):
        shown.append(f"{len(photos)} photos of one person were searched together.")
    if value["answer"] in ANSWERS:
        shown.append(_answer(value))
        chosen = value["probe"]["face"]
        if chosen is not None and (why := value["probe"]["faces"][chosen]["quality"]["reason"]):
            shown.append(why)
    if "to_examine" in value:
        count = value["to_examine"]
        said = "Candidates are" if count is None else f"{count} {'is' if count == 1 else 'are'}"
        shown.append(TO_EXAMINE.format(candidates=said, search=value["search_id"]))
    if candidates:
        rows = [
            (
                one.rank,
                one.label,
                f"{one.similarity:.3f}",
                one.best.details.get("path"),
                len(one.faces) - 1,
                one.best.source["name"],
            )
            for one in candidates
        ]
        columns = ("#Rank", "Subject", "#Similarity", "Best photo", "#Others", "Source")
        shown += [output.table("", columns, rows), *_passports(candidates)]
    if means := value["means"]:
        shown.append(means)
    if candidates:
        shown.append(CAUTION)
    if came := value.get("came_of"):
        said = ". ".join(filter(None, (came["words"], came["reason"])))
        shown += [f"What came of it: {said}.", *map(_page_line, came["pages"])]
    shown.append(
        f"Receipt {value['receipt']['code']}: the search and its outcome are on the ledger."
    )
    output.result(value, *shown)


def _answer(value: dict[str, Any]) -> str:
    """Return the answer of a search without candidates in words."""
    if value["answer"] != "no_candidate" or value["threshold"] is None:
        return ANSWERS[value["answer"]]
    by = "the operating point, similarity" if value["operating_point"] else "similarity"
    return NOBODY.format(least=f"{by} {value['threshold']:.3f}")


def _page_line(page: dict[str, str]) -> str:
    return f"  {page['words']}: {page['address']}"


def _passports(candidates: list[Candidate]) -> list[str]:
    """Return one line for each source: whose it is, by what right, and until when."""
    sources = {one.best.source["name"]: one.best.source for one in candidates}
    return [
        f"Source “{name}”: {source['owner']}; {source['lawful_basis']}; for {source['purpose']}; "
        f"kept until {source['retention_until']}; reference {source['reference']}; steward {source['steward']}."
        for name, source in sources.items()
    ]
