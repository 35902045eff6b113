"""`countenance doctor`: is everything there and well, what is used and why, and the way out if not."""

from __future__ import annotations

import os
import shutil
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from countenance.cli import doctor_plan, doctor_rows, output
from countenance.cli.options import AsJson, shown_with
from countenance.errors import CountenanceError, SettingsInvalid

if TYPE_CHECKING:
    from countenance.config import Config
    from countenance.faces.devices import Choice
    from countenance.tools import PhotoEngine, Tools

PROBLEM_FOUND = 1
GIBIBYTE = 1024**3
LITTLE_SPACE, TOO_LITTLE_SPACE = 2 * GIBIBYTE, GIBIBYTE // 4


class State(StrEnum):
    """How one check came out."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the report: what was found, and what to do if it is not well."""

    check: str
    state: State
    found: str
    way_out: str = ""


@shown_with(
    "countenance doctor",
    "countenance doctor --rows",
    "countenance doctor --json",
    "countenance doctor --plan",
)
def doctor(
    plan: Annotated[
        bool, typer.Option("--plan", help="Show which index each size of gallery gets, instead.")
    ] = False,
    recall: Annotated[float | None, doctor_plan.recall_option()] = None,
    rows: Annotated[
        bool, typer.Option("--rows", help="Compare rows with the ledger however many there are.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check home, disk space, keys, database, models, workers, device, index, ledger, and rows against the ledger.

    Each line is ok, warning or problem, with the way out. Exits with 1 if there is a problem. Nothing is
    changed, except that a search that a crash left open is closed, as at every start.
    """
    if plan:
        doctor_plan.show(recall)
        return
    findings: list[Finding] = []
    for finding in _examine(all_rows=rows):
        findings.append(finding)
        output.say(f"{finding.state.upper():8} {finding.check}: {finding.found}")
        if finding.way_out:
            output.say(f"         {finding.way_out}")
    problems = [one for one in findings if one.state is State.PROBLEM]
    verdict = (
        "Everything needed is there."
        if not problems
        else f"{len(problems)} problem{'s' if len(problems) != 1 else ''}."
    )
    output.result({"ok": not problems, "checks": [asdict(one) for one in findings]}, verdict)
    if problems:
        raise typer.Exit(PROBLEM_FOUND)


def _examine(*, all_rows: bool) -> Iterator[Finding]:
    from countenance import config
    from countenance.web import wiring

    try:
        settings = config.current()
    except SettingsInvalid as fault:
        yield Finding(check="settings", state=State.PROBLEM, found=fault.detail)
        return
    yield _home(settings)
    yield _disk(settings)
    yield _memory()
    keys = _checked("keys", lambda: _keys(settings))
    yield keys
    if keys.state is State.PROBLEM:
        return
    try:
        database = _checked("database", lambda: _database(settings))
        yield database
        if database.state is not State.PROBLEM:
            yield from _inside(all_rows=all_rows)
    finally:
        wiring.stop()


def _checked(check: str, examine: Callable[[], Finding]) -> Finding:
    """Run one check; an error of ours is its finding."""
    try:
        return examine()
    except CountenanceError as error:
        return Finding(check=check, state=State.PROBLEM, found=error.detail)


def _home(settings: Config) -> Finding:
    why = "COUNTENANCE_HOME" if os.environ.get("COUNTENANCE_HOME") else "the default"
    found = f"{settings.home} ({why})"
    if not settings.home.is_dir():
        return Finding(
            check="home",
            state=State.PROBLEM,
            found=f"{found}: not there",
            way_out="Run `countenance init`.",
        )
    if not os.access(settings.home, os.R_OK | os.W_OK | os.X_OK):
        way_out = "Run as the user that owns it, or set COUNTENANCE_HOME."
        return Finding(
            check="home", state=State.PROBLEM, found=f"{found}: not writable", way_out=way_out
        )
    if settings.home.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH | stat.S_IWGRP | stat.S_IWOTH):
        way_out = f"chmod go-rw {settings.home}"
        return Finding(
            check="home", state=State.WARNING, found=f"{found}: open to others", way_out=way_out
        )
    return Finding(check="home", state=State.OK, found=found)


def _disk(settings: Config) -> Finding:
    place = settings.home
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    found = f"{free / GIBIBYTE:.1f} GiB free"
    way_out = (
        "Make room, or move the home folder: a full disk refuses every search and every enrolment."
    )
    if free < TOO_LITTLE_SPACE:
        return Finding(check="disk", state=State.PROBLEM, found=found, way_out=way_out)
    if free < LITTLE_SPACE:
        return Finding(check="disk", state=State.WARNING, found=found, way_out=way_out)
    return Finding(check="disk", state=State.OK, found=found)


def _keys(settings: Config) -> Finding:
    from countenance import config
    from countenance.web import wiring

    config.install(settings)
    if not wiring.is_initialised(settings):
        way_out = "Run `countenance init`."
        return Finding(check="keys", state=State.PROBLEM, found="none yet", way_out=way_out)
    if wiring.uses_demo_keys():
        found = "demo keys: the file that opens everything lies in the home folder"
        way_out = "For anything but a demonstration, make a new home with a passphrase."
        return Finding(check="keys", state=State.WARNING, found=found, way_out=way_out)
    from countenance.sealing.keyfile import factor_parts
    from countenance.web import factors

    parts = factor_parts(settings.key_file)
    what = f"a {parts[0]}" if len(parts) == 1 else f"two of {', '.join(parts)}"
    asked = factors.wanted()
    how = f"; {asked} asked for at the terminal" if asked else ", taken from the settings"
    if asked and not factors.types_help():
        way_out = "Name the service in COUNTENANCE_KMS__SERVICE and __KEY."
        found = f"{what}, which the settings do not name"
        return Finding(check="keys", state=State.PROBLEM, found=found, way_out=way_out)
    return Finding(check="keys", state=State.OK, found=what + how)


def _memory() -> Finding:
    from countenance.web import memory

    memory.guard()
    wrong = memory.findings()
    if wrong:
        found, way_out = "; ".join(wrong), "Run it on Linux, on a machine of its own."
        return Finding(check="memory", state=State.WARNING, found=found, way_out=way_out)
    found = "no core dumps, and no other program of the same user may read it"
    return Finding(check="memory", state=State.OK, found=found)


def _database(settings: Config) -> Finding:
    from countenance.web import wiring

    bundled = settings.database.url is None
    wiring.start(settings)
    from django.db import OperationalError, connection  # needs Django set up
    from django.db.migrations.executor import MigrationExecutor

    try:
        connection.ensure_connection()
    except OperationalError:
        way_out = "Check COUNTENANCE_DATABASE__URL and that the server runs."
        return Finding(
            check="database", state=State.PROBLEM, found="it cannot be reached", way_out=way_out
        )
    version = connection.pg_version // 10_000  # type: ignore[attr-defined] # of PostgreSQL only
    kind = "bundled with Countenance" if bundled else "from COUNTENANCE_DATABASE__URL"
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return Finding(
            check="database",
            state=State.PROBLEM,
            found=f"PostgreSQL {version}, {kind}: its tables are of an older version",
            way_out="Any other command, such as `countenance gallery list`, brings them up to date.",
        )
    return Finding(check="database", state=State.OK, found=f"PostgreSQL {version}, {kind}")


def _inside(*, all_rows: bool) -> Iterator[Finding]:
    """Check what can only be seen once the deployment is unsealed."""
    from countenance.cli.session import unseal

    try:
        tools = unseal()
    except CountenanceError as error:
        check = "models" if error.code.startswith("model_") else "unsealing"
        yield Finding(check=check, state=State.PROBLEM, found=error.detail)
        return
    yield Finding(
        check="models", state=State.OK, found=f"{tools.engine.model}; sums are as their cards say"
    )
    yield _checked("workers", lambda: _workers(tools))
    yield from _device(tools.engine)
    yield _checked("index", lambda: _index(tools))
    yield _checked("ledger", _ledger)
    yield _checked("witnesses", lambda: _witnesses(tools))
    yield _checked("rows", lambda: _rows(tools, asked=all_rows))
    yield _checked("signing key", lambda: _signing_key(tools))


def _workers(tools: Tools) -> Finding:
    from countenance.errors import ImageRejected

    try:
        tools.engine.analyse(b"not a photo", templates=False)
    except ImageRejected:
        count = getattr(tools.engine, "workers", 1)
        found = f"{count} on the CPU, one photo each at a time"
        return Finding(check="workers", state=State.OK, found=found)
    found = "a worker took for a photo what is none"
    return Finding(
        check="workers", state=State.PROBLEM, found=found, way_out="Install Countenance anew."
    )


def _device(engine: PhotoEngine) -> Iterator[Finding]:
    """Say what makes templates, and why; an engine of a test makes them by itself."""
    from countenance.faces import Engine  # slow to import

    if not isinstance(engine, Engine):
        return
    yield _checked("device", lambda: _chosen(engine.device()))


def _chosen(choice: Choice) -> Finding:
    if choice.accelerated:
        found = f"{choice.device} ({choice.provider}), one process, up to {choice.batch} faces of all photos in a run"
    else:
        found = f"the CPU ({choice.provider}), up to {choice.batch} faces of a photo in a run"
    return Finding(
        check="device",
        state=State.WARNING if choice.fell_back else State.OK,
        found=f"{found}: {choice.why}",
        way_out="See “Use a GPU” in the documentation, or set COUNTENANCE_FACES__DEVICE=cpu."
        if choice.fell_back
        else "",
    )


def _index(tools: Tools) -> Finding:
    from countenance.apps.galleries import indexing
    from countenance.apps.galleries.models import Collection, Face, Gallery

    galleries = list(Gallery.objects.all())
    indexing.synchronise(galleries, tools=tools)
    held = sum(len(tools.shelf.get(gallery.pk).index) for gallery in galleries)
    stored = Face.objects.filter(removed_version=None, template__isnull=False).count()
    noun = "gallery" if len(galleries) == 1 else "galleries"
    afar = Collection.objects.filter(serving_since__isnull=False, retired_at=None)
    in_milvus = set(afar.values_list("gallery_id", flat=True))
    tiers = Counter(
        "in Milvus" if one.pk in in_milvus else one.tier for one in Gallery.objects.all()
    )
    kinds = "".join(f", {count} {tier}" for tier, count in sorted(tiers.items()))
    found = (
        f"{held} templates in {len(galleries)} {noun}{kinds}; `countenance doctor --plan` says why"
    )
    if held != stored:
        found += f"; the database has {stored}"
        return Finding(
            check="index",
            state=State.PROBLEM,
            found=found,
            way_out="Try again when no enrolment runs.",
        )
    return Finding(check="index", state=State.OK, found=found)


def _ledger() -> Finding:
    from countenance.apps.records import queries

    head = queries.head()
    found = f"{head.size} entries, root {head.root.hex()[:16]}…; `countenance verify-ledger` checks each"
    return Finding(check="ledger", state=State.OK, found=found)


def _rows(tools: Tools, *, asked: bool) -> Finding:
    """Compare what gives power with the ledger: an older value that was put back opens, but shows here."""
    compared = doctor_rows.compared(tools, asked=asked)
    if compared is None:
        way_out = "Run `countenance doctor --rows` from time to time."
        found = doctor_rows.left_out()
        return Finding(check="rows", state=State.WARNING, found=found, way_out=way_out)
    if not compared.differences:
        found = f"{compared.columns} sealed values that give power are as the ledger last recorded"
        return Finding(check="rows", state=State.OK, found=found)
    way_out = "Somebody wrote to the database past the program. Keep a copy, find out who, and set them anew."
    found = doctor_rows.differing(compared)
    return Finding(check="rows", state=State.PROBLEM, found=found, way_out=way_out)


def _witnesses(tools: Tools) -> Finding:
    from countenance.apps.records import witnessed
    from countenance.errors import NotWitnessed

    policy = witnessed.policy_now().policy
    try:
        witnessed.require_witnesses(tools)
    except NotWitnessed as waits:
        way_out = "Run `countenance ledger checkpoint`: it says how each witness answers."
        return Finding(check="witnesses", state=State.PROBLEM, found=waits.detail, way_out=way_out)
    lost = witnessed.lost_words()
    if lost:
        found = f"{policy.words} {lost}"
        return Finding(check="witnesses", state=State.WARNING, found=found)
    if policy.quorum:
        return Finding(check="witnesses", state=State.OK, found=policy.words)
    way_out = "Ask somebody outside to run `countenance witness serve`, then `countenance ledger set-witnesses`."
    return Finding(check="witnesses", state=State.WARNING, found=policy.words, way_out=way_out)


def _signing_key(tools: Tools) -> Finding:
    from countenance.apps.records import signers
    from countenance.sealing.rotating import SIGNERS

    key = tools.keyring.verifying_key().hex()
    found = f"{key} verifies disclosure bundles; give it to who receives one"
    if len(signers.signing_keys(tools.keyring)) > len(SIGNERS):
        found += "; `countenance keys status` names the keys of before"
    if signers.handing_over(tools.keyring):
        found += ". Checkpoints are signed with two keys until `countenance keys rotate --level signing --finish`"
    return Finding(check="signing key", state=State.OK, found=found)
