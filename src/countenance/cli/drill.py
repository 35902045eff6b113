"""`countenance drill breach` and `countenance drill check`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countenance.cli import output
from countenance.cli.options import AsJson, Commands, shown_with
from countenance.cli.session import ends_tidily
from countenance.errors import InputError, NotFound

if TYPE_CHECKING:
    from countenance.drill.breach import Result
    from countenance.drill.host import Run

FOUND = 1
LARGEST_REPORT = 4 * 1024 * 1024


@shown_with(
    "countenance drill breach",
    "countenance drill breach --out drill.json --json",
    "countenance drill breach --against /srv/countenance",
    "countenance drill breach --against /srv/countenance --names -",
)
def breach(
    context: typer.Context,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write the signed report into this file, and beside it the same as a PDF to print."
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            help="The home folder of a deployment: search it for what must never lie there in clear. Nothing is written."
        ),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(
            help="With --against: a list of values that are in the deployment, such as names and case numbers, one a line of at least 8 characters, in UTF-8. Each is looked for. - reads it from standard input."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Play each thief of the threat table against a deployment full of planted secrets, and say what each got.

    The deployment is made in a throw-away home and removed at the end. A control, the same deployment without its
    cipher, shows that the search finds what there is. Exits with 1 if any thief found anything, or the control
    found less than 99 of 100.
    """
    if against is not None:
        _search(against, names)
        return
    if names is not None:
        raise InputError("--names goes with --against: the drill itself plants what it looks for.")
    if out is not None and (out.suffix != ".json" or not out.absolute().parent.is_dir()):
        raise InputError("--out takes a file in a folder that exists, whose name ends in .json.")
    result = _play(context.find_root().obj)
    from countenance.drill.report import signed

    value = result.to_dict()
    document = signed(value, result.signs)
    if out is not None:
        _write(out, document, result)
    output.result({**value, "public_key": document["public_key"]}, *_shown(value))
    output.say(f"The report is signed with {document['public_key']}: write this down.")
    if not result.passed:
        raise typer.Exit(FOUND)


def _play(run: Run) -> Result:
    """Play the drill in a throw-away folder."""
    from countenance import config
    from countenance.cli import throwaway
    from countenance.drill.breach import STEPS, Drill
    from countenance.tools import utc_now

    config.current()
    with ends_tidily(), throwaway.folder() as folder:
        places = (folder / "sealed", folder / "control")
        for place in places:
            place.mkdir()
        drill = Drill(*places, run)
        try:
            with _progress(STEPS) as notify:
                return drill.play(notify, at=utc_now())
        finally:
            drill.close()


@contextmanager
def _progress(total: int) -> Iterator[Callable[[str], None]]:
    """Show which step is next: a bar on a terminal, a line for each elsewhere."""
    from rich import progress

    columns = (
        progress.BarColumn(),
        progress.TimeElapsedColumn(),
        progress.TextColumn("{task.description}"),
    )
    console = output.console()
    with progress.Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("begins", total=total)

        def notify(step: str) -> None:
            bar.update(task, advance=1, description=step)
            if not console.is_terminal:
                output.say(f"{step[0].upper()}{step[1:]} ...")

        yield notify


def _write(out: Path, document: dict[str, Any], result: Result) -> None:
    from countenance.drill.paper import pdf_of

    out.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    out.with_suffix(".pdf").write_bytes(pdf_of(result.to_dict(), document["public_key"]))


def _shown(value: dict[str, Any]) -> Iterator[Any]:
    rows = [
        (
            one["name"],
            one["findings"],
            f"{one['bytes_searched']:,}",
            f"{one['tries']:,}",
            "; ".join(one["could_change"]) or "nothing",
        )
        for one in value["thieves"]
    ]
    columns = ("thief", "#findings", "#bytes searched", "#tries", "could change")
    yield output.table("What each thief got", columns, rows)
    for one in value["thieves"]:
        for found in one["found"]:
            yield f"FOUND by {one['name']}: {found['what']} in {found['where']}"
    control = value["control"]
    yield (
        f"Planted: {value['planted']}. Control without the cipher: {control['found']} of {control['planted']} "
        "stored secrets found."
    )


@shown_with("countenance drill check drill.json", "countenance drill check drill.json --key KEY")
def check(
    report: Annotated[Path, typer.Argument(help="The signed report of a drill.")],
    key: Annotated[
        str, typer.Option(help="The key that the drill printed, in hexadecimal digits.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Check the signature of a drill's report, offline, and show what it says.

    Exits with 70 if it was changed, or was signed with another key than the one given.
    """
    from countenance.drill.report import checked

    try:
        with report.open("rb") as file:
            value = checked(file.read(LARGEST_REPORT), key=key)
    except OSError:
        raise NotFound(f"{report} cannot be read.") from None
    output.result(value, *_shown(value), "The signature holds.")


def _search(home: Path, names: Path | None) -> None:
    """Search a deployment's home, also for the values of a list, and exit with 1 if anything lies there in clear."""
    from countenance.drill.against import search

    with _progress(1) as notify:
        value = search(home, notify, names)
    rows = [
        (where, f"{one['bytes_searched']:,}", one["findings"])
        for where, one in value["places"].items()
    ]
    found = [f"FOUND: {one['what']} in {one['where']}" for one in value["found"]]
    if names is not None:
        found.append(f"Looked for {value['values']:,} values of the list.")
    output.result(value, output.table("", ("place", "#bytes searched", "#findings"), rows), *found)
    if value["found"]:
        raise typer.Exit(FOUND)


COMMANDS: Commands = {"breach": breach, "check": check}
