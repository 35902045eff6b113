"""`countenance evaluations`: what was measured, shown, listed and made again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from countenance.cli import output
from countenance.cli.options import AsJson, Commands, shown_with
from countenance.cli.session import unsealed
from countenance.errors import InputError, TamperDetected
from countenance.policy import Deed

if TYPE_CHECKING:
    from rich.console import RenderableType

    from countenance.apps.evaluations.models import Evaluation as Row
    from countenance.cli.session import Session
    from countenance.evaluation.intervals import Rate
    from countenance.evaluation.report import Evaluation

OF_SELFTESTS = "Of a selftest only a blurred count is kept, so there is nothing to make again or to write to a file."

Id = Annotated[UUID, typer.Argument(metavar="EVALUATION", help="The evaluation's id.")]
OneGallery = Annotated[
    str | None, typer.Option("--gallery", "-g", help="The gallery that it is of, or for.")
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="Write trials and numbers to this file: similarities and running numbers, and no names; groups "
        "of labelled photos only. For stewards only, and on the ledger.",
    ),
]


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

        show_one(session, queries.evaluation(session.actor, evaluation), out)


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
        if "selftest" in one.details:
            raise InputError(OF_SELFTESTS)
        trials = queries.trials_of(one, tools=session.tools)
        if trials is None:
            raise InputError(
                "Its trials were destroyed, because somebody was removed from the gallery. Its numbers stay, and "
                "cannot be made again."
            )
        compared(differences(trials, numbers_of(one)), f"the evaluation {evaluation}")


def compared(names: list[str], what: str) -> None:
    """Say that an evaluation came out the same again.

    Raises:
        TamperDetected: parts of it came out differently.
    """
    if names:
        listed = ", ".join(name.replace("_", " ") for name in names)
        raise TamperDetected(
            f"Made again from its trials, {what} says something else: {listed}.", differs=names
        )
    output.result(
        {"same": True}, f"Made again from its trials, {what} is the same to the last digit."
    )


def show_one(session: Session, one: Row, out: Path | None) -> None:
    """Show one evaluation, and write it to a file if one is named.

    Raises:
        InputError: the file cannot be written, or the trials for it were destroyed.
    """
    from countenance.apps.evaluations import counting, exporting
    from countenance.apps.evaluations.points import numbers_of
    from countenance.evaluation.stored import plain

    if "selftest" in one.details:
        if out is not None:
            raise InputError(OF_SELFTESTS)
        said = counting.in_words(one.details["selftest"])
        verdict = str(one.details["selftest"]["said"])
        output.result({**_briefly(one), "details": one.details}, *_head(one), *said, verdict)
        return
    numbers = numbers_of(one)
    if out is not None:
        _write(out, exporting.export_trials(session.actor, evaluation=one, tools=session.tools))
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


def _head(one: Row) -> Iterator[str]:
    day = one.made_at
    yield f"Evaluation {one.pk}, {day.day} {day:%B %Y}: {one.details['sample']}."
    yield f"Model {one.details['model']}. Licence of its weights: {one.details['licence']}."


def _tables(one: Row, numbers: Evaluation) -> Iterator[RenderableType]:
    from countenance.apps.evaluations.saying import counted, share

    yield from _head(one)
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
            # A file that was there before keeps its own mode otherwise.
            os.fchmod(opened.fileno(), 0o600)
            opened.write(data)
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}.") from None
    output.say(f"Wrote {file}.")


COMMANDS: Commands = {"list": list_, "show": show, "check": check}
