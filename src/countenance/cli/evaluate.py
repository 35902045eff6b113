"""`countenance evaluate`, `evaluations` and `selftest`: how often searches err, measured and counted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from countenance.cli import output
from countenance.cli.options import AsJson, Commands, GalleryName, shown_with
from countenance.cli.session import unsealed
from countenance.errors import InputError, TamperDetected
from countenance.policy import Deed

if TYPE_CHECKING:
    from rich.console import RenderableType

    from countenance.apps.evaluations.models import Evaluation as Row
    from countenance.apps.evaluations.sampling import Listed
    from countenance.cli.session import Session
    from countenance.evaluation.intervals import Rate
    from countenance.evaluation.report import Evaluation

SHOWN_TURNED_AWAY = 5
Id = Annotated[UUID, typer.Argument(metavar="EVALUATION", help="The evaluation's id.")]
OneGallery = Annotated[
    str | None, typer.Option("--gallery", "-g", help="The gallery that it is of, or for.")
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="Write trials and numbers to this file: similarities, groups and running numbers, and no names.",
    ),
]


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
    if path is None and gallery is None:
        raise InputError("Name a folder or a CSV file of labelled photos, or a gallery.")
    with unsealed() as session:
        found = _evaluated(session, path, gallery, enrol=enrol, groups=groups)
        _show(session, found, out)


@shown_with("countenance evaluations list", deed=Deed.EVALUATION_READ)
def list_(gallery: OneGallery = None, as_json: AsJson = False) -> None:
    """List the evaluations and selftests of your agency, newest first."""
    with unsealed() as session:
        from countenance.apps.evaluations import queries

        one = None if gallery is None else session.gallery(gallery)
        rows = [*queries.evaluations(session.actor, one), *queries.selftests(session.actor, one)]
        rows.sort(key=lambda row: row.made_at, reverse=True)
        found = [_briefly(row) for row in rows]
    table = output.table(
        "",
        ("Evaluation", "When", "Kind", "Gallery", "Of", "Model"),
        [
            (
                one["id"],
                f"{datetime.fromisoformat(one['made_at']):%Y-%m-%d %H:%M}",
                one["kind"],
                one["gallery"] or "",
                one["sample"],
                one["model"],
            )
            for one in found
        ],
    )
    output.result({"evaluations": found}, table)


@shown_with(
    "countenance evaluations show 0b4e7f0a-6d0f-4f0e-9d5e-0a4c2f6f1f11",
    "countenance evaluations show 0b4e7f0a-6d0f-4f0e-9d5e-0a4c2f6f1f11 --out evaluation.json --json",
    deed=Deed.EVALUATION_READ,
)
def show(evaluation: Id, out: Out = None, as_json: AsJson = False) -> None:
    """Show an evaluation or a selftest: error rates with their intervals, by wanted FPIR, rank and group."""
    with unsealed() as session:
        from countenance.apps.evaluations import queries

        _show(session, queries.evaluation(session.actor, evaluation), out)


@shown_with(
    "countenance evaluations check 0b4e7f0a-6d0f-4f0e-9d5e-0a4c2f6f1f11",
    deed=Deed.EVALUATION_READ,
)
def check(evaluation: Id, as_json: AsJson = False) -> None:
    """Make a recorded evaluation again from its sealed trials; exits with 70 if one digit differs."""
    with unsealed() as session:
        from countenance.apps.evaluations import queries
        from countenance.apps.evaluations.measuring import differences
        from countenance.apps.evaluations.points import numbers_of

        one = queries.evaluation(session.actor, evaluation)
        trials = queries.trials_of(one, tools=session.tools)
        if trials is None:
            raise InputError(
                "Its trials were destroyed, because somebody was removed from the gallery. Its numbers stay, and "
                "cannot be made again."
            )
        _compared(differences(trials, numbers_of(one)), f"the evaluation {evaluation}")


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
            "a person."
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

    The photos are analysed in memory. Only counts come out, for twenty people or more, and who came back for
    whom is nowhere shown or kept. Run it after installing, after another model or operating point, and let the
    clock do it from then on.
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
        _show(session, found, None)


def _evaluated(
    session: Session, path: Path | None, gallery: str | None, *, enrol: int, groups: Path | None
) -> Row:
    from countenance.apps.evaluations import services
    from countenance.apps.evaluations.sampling import groups_of

    one = None if gallery is None else session.gallery(gallery)
    said = None if groups is None else groups_of(groups)
    if path is None:
        if one is None:
            raise InputError("Name a gallery.")
        output.say(f"Searching with the photos of {one.name} ...")
        return services.evaluate_gallery(
            session.actor, gallery=one, groups=said, tools=session.tools
        )
    listed = _listed(path, groups=said)
    with _progress(len(listed.photos)) as notify:
        return services.evaluate_sample(
            session.actor,
            photos=listed.photos,
            gallery=one,
            enrol=enrol,
            tools=session.tools,
            notify=notify,
        )


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
    _compared(differences(trials, numbers), str(file))


def _compared(names: list[str], what: str) -> None:
    if names:
        listed = ", ".join(name.replace("_", " ") for name in names)
        raise TamperDetected(
            f"Made again from its trials, {what} says something else: {listed}.", differs=names
        )
    output.result(
        {"same": True}, f"Made again from its trials, {what} is the same to the last digit."
    )


def _show(session: Session, one: Row, out: Path | None) -> None:
    from countenance.apps.evaluations import queries
    from countenance.apps.evaluations.measuring import to_file
    from countenance.apps.evaluations.points import numbers_of
    from countenance.evaluation.stored import plain

    numbers = numbers_of(one)
    if out is not None:
        trials = queries.trials_of(one, tools=session.tools)
        if trials is None:
            raise InputError(
                "The trials of this evaluation were destroyed, so no file can be made."
            )
        _write(out, to_file(trials, numbers, one.details))
    value = {**_briefly(one), "details": one.details, "numbers": plain(numbers)}
    output.result(value, *_tables(one, numbers))


def _briefly(one: Row) -> dict[str, Any]:
    one.check_links()
    return {
        "id": str(one.pk),
        "made_at": one.made_at.isoformat(),
        "kind": one.kind,
        "gallery": None if one.gallery is None else one.gallery.name,
        "sample": one.details["sample"],
        "model": one.details["model"],
    }


def _tables(one: Row, numbers: Evaluation) -> Iterator[RenderableType]:
    from countenance.apps.evaluations.saying import counted, share

    day = one.made_at
    yield f"Evaluation {one.pk}, {day.day} {day:%B %Y}: {one.details['sample']}."
    yield f"Model {numbers.model}. Licence of its weights: {one.details['licence']}."
    if "selftest" in one.details:
        said = one.details["selftest"]
        yield (
            f"{counted(said['returned'])} of {counted(said['searches'])} searches returned somebody who is not "
            f"searched for, {counted(said['candidates'])} candidates in all. {said['said']}"
        )
        return
    yield (
        f"{counted(numbers.mated_searches)} searches for {counted(numbers.mated_subjects)} people among "
        f"{counted(numbers.subjects)} (no face in {counted(numbers.failures)} photos), "
        f"{counted(numbers.non_mated_searches)} for people who were not there."
    )
    rows = [
        (
            share(s.wanted_fpir),
            f"{s.threshold:.3f}",
            _rated(s.fnir),
            "yes" if s.fpir.extrapolated else "",
        )
        for s in numbers.settings
    ]
    if rows:
        title = f"At the evaluated size of {counted(numbers.others)} people"
        yield output.table(title, ("FPIR", "#Similarity from", "FNIR", "Extrapolated"), rows)
    if numbers.ranks:
        ranks = [(rank.rank, _rated(rank.fnir)) for rank in numbers.ranks]
        yield output.table("By rank, without a threshold", ("#Rank", "FNIR"), ranks)
    yield from _group_tables(numbers)


def _group_tables(numbers: Evaluation) -> Iterator[RenderableType]:
    from countenance.apps.evaluations.saying import counted

    if not numbers.groups:
        return
    rows = []
    for group in numbers.groups:
        if group.too_few:
            rows.append((group.group, counted(group.subjects), "", "too few people to say", ""))
        rows += [
            (
                group.group,
                counted(group.subjects),
                f"{at.threshold:.3f}",
                _rated(at.fpir),
                _rated(at.fnir),
            )
            for at in group.at
        ]
    columns = ("Group", "#People", "#Similarity from", "FPIR", "FNIR")
    yield output.table("By group, as they were labelled", columns, rows)


def _rated(rate: Rate | None) -> str:
    from countenance.apps.evaluations.saying import share

    if rate is None:
        return "not measured"
    return f"{share(rate.value)} ({share(rate.low)} to {share(rate.high)})"


def _write(file: Path, data: bytes) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(data)
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}.") from None
    output.say(f"Wrote {file}.")


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


COMMANDS: Commands = {"list": list_, "show": show, "check": check}
