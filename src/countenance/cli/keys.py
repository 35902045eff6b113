"""`countenance keys`: what opens the deployment, and rotating every key of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from countenance.cli import output, replacing, session
from countenance.cli.options import AsJson, Commands, shown_with
from countenance.errors import InputError, KeyUnavailable

if TYPE_CHECKING:
    from uuid import UUID

    from countenance.apps.records.rotating import Done
    from countenance.sealing.factors import Factor
    from countenance.tools import Tools

NAMED = 20
"""So many values that do not open are named for people; a reader of JSON gets all."""

LEFT = 1
"""The exit code if values are still under old keys at the end."""

To = Annotated[
    list[str],
    typer.Option(
        "--to",
        help="`passphrase` asks for one, `passphrase:FILE` reads one, `kms` is the settings' key management service.",
    ),
]
Whose = Annotated[
    list[str] | None, typer.Option("--agency", help="Only this agency's keys. Several: repeat it.")
]


@shown_with("countenance keys status", "countenance keys status --json")
def status(as_json: AsJson = False) -> None:
    """Say what opens this deployment, which epoch each key has, and what is still sealed under older ones."""
    with session.running():
        tools = session.unseal()
        from countenance.web import keykeeping

        value = keykeeping.status(tools)
        names = _names(tools)
    signing = [(one["kind"], one["key"], *replacing.span(one)) for one in value["signing_keys"]]
    rows = [
        (
            names.get(one["agency"] or "", "the deployment"),
            one["kind"],
            one["epoch"],
            ", ".join(map(str, one["retired"])) or "-",
            one["left"],
            one["do_not_open"],
        )
        for one in value["keys"]
    ]
    columns = (
        "Whose",
        "Key",
        "#Epoch",
        "Older epochs",
        "#Values under them",
        "#Do not open",
    )
    root = value["root"]
    output.result(
        value,
        f"Opens with: {_in_words(value['factors'])}. Root key: epoch {root['epoch']}"
        + (", being rotated." if root["rotating"] else "."),
        output.table("", columns, rows),
        f"Objects whose own keys are older than their class key: {value['objects_under_older_keys']}.",
        output.table("Keys that sign", ("Kind", "Public key", "Since", "Until"), signing),
        *_under_way(value),
    )


def _under_way(value: dict[str, Any]) -> Iterator[str]:
    """Yield what a rotation has left to do, and what it cannot do."""
    shut = value["do_not_open"]
    if value["handing_over"]:
        yield replacing.HANDING_OVER
    if value["unfinished"]:
        yield "A rotation was interrupted: `countenance keys rotate` goes on with it."
        yield f"Values left to seal anew: {value['left'] - len(shut)}."
    else:
        yield "No rotation is under way."
    if shut:
        yield (
            f"Values that cannot be opened: {len(shut)}. They were changed in the database, or are damaged; their old "
            "keys are kept, and no rotation waits for them. `countenance doctor --rows` says what else was changed. "
            "They stand in:"
        )
        yield from (f"- {where}" for where in shut[:NAMED])
        if len(shut) > NAMED:
            yield f"- and {len(shut) - NAMED} more, which --json names"


@shown_with(
    "countenance keys rotate",
    "countenance keys rotate --level class --agency 'Ourtown missing persons unit'",
    "countenance keys rotate --level all --objects --json",
    "countenance keys rotate --level signing",
    "countenance keys rotate --level signing --finish",
)
def rotate(
    level: Annotated[
        Literal["all", "root", "platform", "agency", "class", "objects", "signing"],
        typer.Option(
            help="`root`; `platform`: the deployment's own; `agency`: the agencies' own; `class`: those of accounts, "
            "cases, photos and so on; `objects`: those, and each photo's, probe's and document's own; `all`: every "
            "one of these but the objects' own; `signing`: those that sign, whose public halves others know."
        ),
    ] = "all",
    agency: Whose = None,
    objects: Annotated[
        bool,
        typer.Option(
            "--objects",
            help="With `all`: also give each photo, probe and document another key, and encrypt it anew.",
        ),
    ] = False,
    only: replacing.Only = None,
    at_once: replacing.AtOnce = False,
    finish: replacing.Finish = False,
    as_json: AsJson = False,
) -> None:
    """Replace keys, seal everything anew that was under the old ones, and destroy those.

    Can be interrupted at any point: run again, it ends what was begun, and begins nothing else then. Searches go on
    meanwhile, also in `countenance serve`. The key of the blind index is never replaced, and those that sign only with
    `--level signing`, because people have to be told: the how-to "Rotate keys" says whom.
    """
    if level == "signing":
        if agency or objects:
            raise InputError("The keys that sign belong to no agency, and no object is under them.")
        replacing.replace(only, at_once=at_once, finish=finish)
        return
    if only or at_once or finish:
        raise InputError("--only, --at-once and --finish are for --level signing.")
    _rotate(level, agency, objects=objects)


def _rotate(level: str, agency: list[str] | None, *, objects: bool) -> None:
    with session.running(), session.ends_tidily():
        factor = session.factor()
        tools = session.unseal(factor)
        from countenance.web import keykeeping

        if agency and level in {"root", "platform"}:
            raise InputError("The root key and the platform's keys belong to no agency.")
        whose = _agencies(agency) if agency else None
        with _bar() as told:
            done = keykeeping.rotate(
                level, factor=factor, tools=tools, agencies=whose, objects=objects, told=told
            )
    value = {
        "continued": done.continued,
        "keys_rotated": done.rotated,
        "values_sealed_anew": done.resealed,
        "keys_destroyed": done.destroyed,
        "objects_sealed_anew": done.objects,
        "left": done.left,
        "objects_left": done.objects_left,
    }
    lines = [
        "The rotation that was interrupted is ended; run it again to begin another."
        if done.continued
        else f"{done.rotated} keys replaced.",
        f"{done.resealed} values and {done.objects} objects sealed anew; {done.destroyed} old keys destroyed.",
    ]
    output.result(value, *lines, *_left(done))
    if done.left or done.objects_left:
        raise typer.Exit(LEFT)


def _left(done: Done) -> Iterator[str]:
    """Yield what is to be said of what does not open."""
    if done.left:
        yield f"{done.left} values do not open, so their old keys were kept. `countenance keys status` says where they stand."
    if done.objects_left:
        yield f"{done.objects_left} objects do not open, and keep the keys that they had."


@shown_with(
    "countenance keys change-factor --to passphrase",
    "countenance keys change-factor --to passphrase:/run/secrets/new-passphrase",
    "countenance keys change-factor --to kms",
)
def change_factor(to: To, as_json: AsJson = False) -> None:
    """Choose what opens this deployment from now on; what opened it before opens this key file no more.

    Whoever has an older copy of the key file and what opened it still has the root key: if they may, rotate that too,
    with `countenance keys rotate --level root`.
    """
    if len(to) != 1:
        raise InputError("Name one factor with --to. Several are for `countenance keys split`.")
    _change(to, split=False)


@shown_with(
    "countenance keys split --to passphrase --to passphrase --to passphrase",
    "countenance keys split --to passphrase --to passphrase --to kms",
)
def split(to: To, as_json: AsJson = False) -> None:
    """Have two of three factors open this deployment together, and no single one.

    Each passphrase is typed by its custodian, unseen. Any two of the three can change them again.
    """
    _change(to, split=True)


@shown_with("countenance keys join --to passphrase", "countenance keys join --to kms")
def join(to: To, as_json: AsJson = False) -> None:
    """End split custody: one factor opens this deployment from now on; two of the three have to agree."""
    if len(to) != 1:
        raise InputError("Name one factor with --to.")
    _change(to, split=False, joins=True)


def _change(to: list[str], *, split: bool, joins: bool = False) -> None:
    with session.running() as settings:
        from countenance.sealing.factors import SPLIT
        from countenance.sealing.keyfile import factor_kind
        from countenance.web import keykeeping

        if joins and factor_kind(settings.key_file) != SPLIT:
            raise InputError("This deployment is not in split custody.")
        factor = session.factor()
        tools = session.unseal(factor)
        new = factor_of(to, split=split)
        keykeeping.change_factor(factor, new, tools=tools)
        value = {"factor": new.kind, "to": [one.partition(":")[0] for one in to]}
    output.result(
        value,
        f"Opens with {_in_words(value['to'])} from now on.",
        "Make a new copy of the key file, and destroy the older ones.",
    )


def factor_of(to: list[str], *, split: bool = False) -> Factor:
    """Return the new factor that these words name.

    Raises:
        InputError: a word names none, or a file cannot be read.
        KeyUnavailable: there is no terminal to ask on.
    """
    from countenance.sealing.split import Split

    made = [_one_factor(word, number, len(to)) for number, word in enumerate(to, start=1)]
    return Split(made) if split else made[0]


def _one_factor(word: str, number: int, count: int) -> Factor:
    from countenance import config
    from countenance.sealing.factors import Passphrase
    from countenance.web import factors

    kind, _, path = word.partition(":")
    if kind == "kms" and not path:
        return factors.service(config.current())
    if kind != "passphrase":
        raise InputError(f"--to {word} names no factor: passphrase, passphrase:FILE or kms.")
    if not path:
        which = f" {number} of {count}" if count > 1 else ""
        return Passphrase(session.ask_secret(f"New passphrase{which}", twice=True))
    try:
        return Passphrase(Path(path).read_text(encoding="utf-8").rstrip("\r\n"))
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path} cannot be read.") from None


def _agencies(names: list[str]) -> list[UUID]:
    from countenance.apps.agencies import queries

    return [queries.agency_by_name(name).pk for name in names]


def _names(tools: Tools) -> dict[str, str]:
    from countenance.apps.agencies.models import Agency

    found = {}
    for one in Agency.objects.all():
        try:
            found[str(one.pk)] = one.name
        except KeyUnavailable:
            found[str(one.pk)] = str(one.pk)
    return found


def _in_words(factors: Sequence[str]) -> str:
    return factors[0] if len(factors) == 1 else f"two of {', '.join(factors)}"


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int], None]]:
    """Show how far it is, on standard error; on anything but a terminal, nothing."""
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
    )
    console = output.console()
    with progress.Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def told(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
                output.say(f"{what}: {total}")
            bar.update(tasks[what], completed=done, total=total)

        yield told


COMMANDS: Commands = {
    "status": status,
    "rotate": rotate,
    "change-factor": change_factor,
    "split": split,
    "join": join,
}
