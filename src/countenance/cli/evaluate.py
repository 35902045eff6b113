"""`countenance evaluate`, `evaluations` and `selftest`: how often searches err, measured and counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countenance.cli import output
from countenance.cli.evaluations import OneGallery, Out, compared, show_one
from countenance.cli.options import AsJson, GalleryName, shown_with
from countenance.cli.session import unsealed
from countenance.errors import InputError
from countenance.policy import Deed

if TYPE_CHECKING:
    from countenance.apps.evaluations.models import Evaluation as Row
    from countenance.apps.evaluations.sampling import Listed
    from countenance.cli.session import Session

SHOWN_TURNED_AWAY = 5


@shown_with(
    "countenance evaluate labelled-photos --gallery people",
    "countenance evaluate sample.csv --enrol 3 --groups groups.csv --out evaluation.json",
    "countenance evaluate --gallery people",
    "countenance evaluate --again evaluation.json",
    deed=Deed.EVALUATE,
)
def evaluate(  # each is an option of the command
    path: Annotated[
        Path | None,
        typer.Argument(
            help="A folder with a sub-folder of photos for each person, or a CSV file with the columns file, "
            "subject, and any groups."
        ),
    ] = None,
    gallery: OneGallery = None,
    enrol: Annotated[
        int,
        typer.Option(
            min=0,
            help="Of a sample: how many photos of each person are enrolled; the others are searched with. "
            "0: each photo against all others.",
        ),
    ] = 1,
    groups: Annotated[
        Path | None,
        typer.Option(
            help="A CSV file whose first column names a person and whose others say their groups. No group is "
            "ever told from a photo."
        ),
    ] = None,
    out: Out = None,
    again: Annotated[
        Path | None,
        typer.Option(
            help="Make an evaluation again from a file that --out wrote, and compare; needs no deployment."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure how often searches return strangers (FPIR) and how often they miss who is there (FNIR).

    With a path: on labelled photos, which are searched among themselves, analysed in memory and forgotten.
    With a gallery alone: on its own people who have several photos, each photo as if it were not enrolled.
    The numbers and the trials that they come from are recorded, sealed. With --again everything is computed
    once more from a file, and the command exits with 70 if one digit differs.
    """
    if again is not None:
        _again(again)
        return
    with unsealed() as session:
        found = _evaluated(session, path, gallery, enrol=enrol, groups=groups)
        show_one(session, found, out)


@shown_with(
    "countenance selftest --nonmates strangers --gallery people",
    "countenance selftest --nonmates strangers --gallery people --keep-until 2027-05-31",
    "countenance selftest --gallery people --forget",
    deed=Deed.EVALUATE,
)
def selftest(
    gallery: GalleryName,
    nonmates: Annotated[
        Path | None,
        typer.Option(
            help="A folder of photos of people known not to be in the gallery: each photo, or each sub-folder, is "
            "a person. Of people who look alike one is searched for."
        ),
    ] = None,
    keep_until: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="Keep their templates, sealed, until this day, so that the selftest runs again by itself: each "
            "week, and when the gallery or its operating point changed.",
        ),
    ] = None,
    forget: Annotated[
        bool,
        typer.Option(
            "--forget", help="Destroy the templates that were kept, and search for nobody."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Search a gallery for people who are not in it and count how many searches return somebody.

    The photos are analysed in memory. Twenty different people or more are searched for, each once, and only a
    blurred count comes out: who came back for whom, and how similar, is nowhere shown or kept. The more people,
    the more it says. Run it after installing, after another model or operating point, at most once a day, and
    let the clock do it from then on.
    """
    with unsealed() as session:
        one = session.gallery(gallery)
        if forget:
            _forget(session, one)
            return
        if nonmates is None:
            raise InputError("Name a folder of photos of people who are not in the gallery.")
        from countenance.apps.evaluations import selftests

        listed = _listed(nonmates, people=True)
        with _progress(len(listed.photos)) as notify:
            found = selftests.run_selftest(
                session.actor,
                gallery=one,
                photos=listed.photos,
                keep_until=None if keep_until is None else keep_until.date(),
                tools=session.tools,
                notify=notify,
            )
        show_one(session, found, None)


def _evaluated(
    session: Session, path: Path | None, gallery: str | None, *, enrol: int, groups: Path | None
) -> Row:
    from countenance.apps.evaluations import services
    from countenance.apps.evaluations.sampling import groups_of

    one = None if gallery is None else session.gallery(gallery)
    said = None if groups is None else groups_of(groups)
    if path is None:
        if one is None:
            raise InputError("Name a folder or a CSV file of labelled photos, or a gallery.")
        output.say(f"Searching with the photos of {one.name} ...")
        made = services.evaluate_gallery(
            session.actor, gallery=one, groups=said, tools=session.tools
        )
        _say_unfit(made.details["settings"].get("labels_of_nobody", 0))
        return made
    listed = _listed(path, groups=said)
    _say_unfit(len(set(said or ()) - {photo.subject for photo in listed.photos}))
    with _progress(len(listed.photos)) as notify:
        return services.evaluate_sample(
            session.actor,
            photos=listed.photos,
            gallery=one,
            enrol=enrol,
            tools=session.tools,
            notify=notify,
        )


def _say_unfit(labels: int) -> None:
    if labels:
        output.say(f"Labels in the file of groups that fit nobody: {labels:,}.")


def _listed(path: Path, *, groups: Any = None, people: bool = False) -> Listed:
    from countenance.apps.evaluations.sampling import listed
    from countenance.cli.photos import read_photo

    found = listed(path, read=read_photo, groups=groups, flat=people)
    for label, reason in found.turned_away[:SHOWN_TURNED_AWAY]:
        output.say(f"Turned away: {label}: {reason}")
    more = len(found.turned_away) - SHOWN_TURNED_AWAY
    if more > 0:
        output.say(f"... and {more} more.")
    return found


def _forget(session: Session, gallery: Any) -> None:
    from countenance.apps.evaluations import queries, selftests

    sample = queries.non_mates(gallery)
    if sample is None:
        raise InputError("No templates are kept for selftests of this gallery.")
    selftests.destroy_non_mates(session.actor, sample=sample, tools=session.tools)
    output.result({"destroyed": True}, f"Destroyed what was kept for selftests of {gallery.name}.")


def _again(file: Path) -> None:
    from countenance.apps.evaluations.measuring import differences, from_file

    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.") from None
    trials, numbers, _ = from_file(data)
    compared(differences(trials, numbers), str(file))


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    from rich import progress  # slow to import

    columns = (
        progress.TextColumn("Analysing"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
    )
    console = output.console()
    with progress.Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("analyse", total=total)
        yield lambda done: bar.update(task, completed=done)
