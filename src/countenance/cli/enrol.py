"""`countenance enrol`: photos into a gallery."""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countenance.apps.galleries.intake import Layout, plan
from countenance.cli import output
from countenance.cli.options import AsJson, GalleryName, shown_with
from countenance.cli.session import unsealed
from countenance.errors import InputError
from countenance.policy import Deed

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from countenance.apps.galleries.batch import Incoming, Reject
    from countenance.apps.galleries.models import EnrolmentRun, Gallery, Source
    from countenance.cli.session import Session

SHOWN_REJECTS = 5


@shown_with(
    "countenance enrol photos --gallery people --source archive",
    "countenance enrol photos.csv --gallery people --source archive --dry-run",
    "countenance enrol photos --manifest list.csv -g people -s archive --rejects rejects.csv --json",
    deed=Deed.ENROL,
)
def enrol(  # each is an option of the command
    path: Annotated[Path, typer.Argument(help="A folder, a photo, or a CSV manifest.")],
    gallery: GalleryName,
    source: Annotated[
        str, typer.Option("--source", "-s", help="The source whose passport covers them.")
    ],
    manifest: Annotated[
        Path | None,
        typer.Option(
            help="A CSV file with columns path, subject, external id, date, notes; paths below PATH."
        ),
    ] = None,
    layout: Annotated[
        Layout,
        typer.Option(
            help="folders: each sub-folder is a subject. flat: each photo is. auto: as it looks."
        ),
    ] = Layout.AUTO,
    rejects: Annotated[
        Path | None,
        typer.Option(
            help="Where to list what was turned away; default: countenance-rejects-….csv here."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be enrolled; nothing is stored.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Enrol photos into a gallery, on all cores; each photo once, however often this is run.

    Stop it whenever you like, even by cutting the power: what was acknowledged stays, and the same command
    goes on where it stopped. A photo that cannot be used is listed with the reason in the rejects file and
    does not stop the others. Hidden files are left out; links out of the folder are refused.
    """
    with unsealed() as session:
        to, by = session.gallery(gallery), session.source(source)
        output.say(f"Looking through {path} ...")
        items = Planned(path, layout, manifest)
        if dry_run:
            _show_dry_run(session, items, gallery=to, source=by)
            return
        with _rejects_file(rejects, home=session.settings.home) as turned_away:
            value = _enrol(session, items, gallery=to, source=by, turned_away=turned_away)
        _show(value, turned_away)


def enrol_quietly(
    session: Session, items: Collection[Incoming | Reject], *, gallery: Gallery, source: Source
) -> dict[str, Any]:
    """Enrol without a rejects file, for the demo; return the counts."""
    turned_away = RejectsFile(None)
    value = _enrol(session, items, gallery=gallery, source=source, turned_away=turned_away)
    for reject in turned_away.first:
        output.say(f"Turned away: {reject.label}: {reject.reason}")
    return value


class Planned:
    """What a path holds, as an enrolment takes it: each photo made ready when its turn comes.

    It is looked through twice, once to count, so that no list of a million photos is kept.
    """

    def __init__(self, path: Path, layout: Layout, manifest: Path | None) -> None:
        """Look through a path; no photo is opened."""
        # Imports Django's models, so not at the top.
        from countenance.cli.photos import names_subjects

        self._plan = partial(plan, path, layout=layout, manifest=manifest)
        self._count = sum(1 for _ in self._plan())
        self._named = names_subjects(path, layout, manifest)

    def __contains__(self, item: object) -> bool:
        """Say whether this is among them."""
        return any(one == item for one in self)

    def __len__(self) -> int:
        """Return how many there are, the ones turned away included."""
        return self._count

    def __iter__(self) -> Iterator[Incoming | Reject]:
        """Yield them in a stable order."""
        from countenance.cli.photos import incoming

        return (incoming(item, named=self._named) for item in self._plan())


def _enrol(
    session: Session,
    items: Collection[Incoming | Reject],
    *,
    gallery: Gallery,
    source: Source,
    turned_away: RejectsFile,
) -> dict[str, Any]:
    from countenance.apps.galleries import enrolment, indexing

    began = time.monotonic()
    done: list[EnrolmentRun] = []
    try:
        with _progress(len(items)) as (bar, task):

            def notify(run: EnrolmentRun, rejected: Sequence[Reject]) -> None:
                done[:] = [run]
                turned_away.add(rejected)
                rate = run.photos / max(time.monotonic() - began, 0.001)
                bar.update(task, completed=run.photos, rate=f"{rate:.1f} photos/s")

            run = enrolment.enrol(
                session.actor,
                gallery=gallery,
                source=source,
                incoming=items,
                total=len(items),
                tools=session.tools,
                notify=notify,
            )
        seconds = time.monotonic() - began
        gallery.refresh_from_db()
        if run.enrolled and indexing.snapshot_is_stale(gallery):
            indexing.write_snapshot(gallery, tools=session.tools)
    except KeyboardInterrupt:
        safe = done[0].enrolled if done else 0
        output.say(f"Stopped. {safe} photos are enrolled and safe; run the same command to go on.")
        raise
    return {
        "photos": run.photos,
        "faces": run.faces,
        "enrolled": run.enrolled,
        "skipped": run.skipped,
        "rejected": run.rejected,
        "seconds": round(seconds, 3),
    }


@contextmanager
def _progress(total: int) -> Iterator[tuple[Progress, TaskID]]:
    from rich import progress  # slow to import

    columns = (
        progress.TextColumn("Enrolling"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[rate]}"),
        progress.TimeRemainingColumn(),
    )
    console = output.console()
    with progress.Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        yield bar, bar.add_task("enrol", total=total, rate="")


class RejectsFile:
    """A CSV file of what was turned away, made at the first such photo."""

    def __init__(self, path: Path | None) -> None:
        """Name the file; without a name the rejects are only counted and the first ones kept."""
        self.path = path
        self.first: list[Reject] = []
        self.count = 0
        self._opened: io.TextIOWrapper | None = None

    def add(self, rejects: Sequence[Reject]) -> None:
        """Add rejects; on the disk when this returns."""
        self.count += len(rejects)
        self.first += rejects[: max(SHOWN_REJECTS - len(self.first), 0)]
        if self.path is None or not rejects:
            return
        if self._opened is None:
            self._opened = _create(self.path)
            csv.writer(self._opened).writerow(("path", "code", "reason"))
        csv.writer(self._opened).writerows((r.label, r.code, r.reason) for r in rejects)
        self._opened.flush()

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._opened is not None:
            self._opened.close()


@contextmanager
def _rejects_file(wanted: Path | None, *, home: Path) -> Iterator[RejectsFile]:
    path: Path | None = wanted or Path(time.strftime("countenance-rejects-%Y%m%d-%H%M%S.csv"))
    if path is not None and path.resolve().is_relative_to(home.resolve()):
        if wanted is not None:
            raise InputError(
                "The rejects file names photos in clear, so it cannot lie in the home folder."
            )
        path = None
    made = RejectsFile(path)
    try:
        yield made
    finally:
        made.close()


def _create(path: Path) -> io.TextIOWrapper:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        return os.fdopen(descriptor, "w", encoding="utf-8", newline="")
    except OSError as error:
        raise InputError(f"The rejects file {path} cannot be written: {error.strerror}.") from None


def _show(value: dict[str, Any], turned_away: RejectsFile) -> None:
    for reject in turned_away.first:
        output.say(f"Turned away: {reject.label}: {reject.reason}")
    if turned_away.count > len(turned_away.first):
        output.say(f"... and {turned_away.count - len(turned_away.first)} more.")
    if turned_away.count and turned_away.path is not None:
        output.say(f"All of them, with the reasons, are in {turned_away.path}.")
    rate = value["photos"] / max(value["seconds"], 0.001)
    output.result(
        value,
        f"{value['photos']} photos in {value['seconds']:.1f} s ({rate:.1f} a second): {value['enrolled']} enrolled "
        f"with {value['faces']} faces, {value['skipped']} here already, {value['rejected']} turned away.",
    )


def _show_dry_run(
    session: Session, items: Collection[Incoming | Reject], *, gallery: Gallery, source: Source
) -> None:
    from countenance import policy
    from countenance.apps.galleries.batch import Reject

    today = session.tools.clock().date()
    policy.permit_enrolment(session.actor, source=source.facts, gallery=gallery.facts, today=today)
    rejects = [item for item in items if isinstance(item, Reject)]
    subjects = {item.subject for item in items if not isinstance(item, Reject)}
    for reject in rejects:
        output.say(f"Would be turned away: {reject.label}: {reject.reason}")
    value = {
        "dry_run": True,
        "photos": len(items),
        "subjects": len(subjects),
        "rejected": len(rejects),
    }
    output.result(
        value,
        f"{len(items) - len(rejects)} photos of {len(subjects)} subjects would be looked at, {len(rejects)} are "
        "turned away by their names alone. Nothing was stored, and no photo was opened.",
    )
