"""The composition root: settings in, a running home and its tools out."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import django
from django.core.management import call_command
from pydantic import SecretStr

from countenance import config
from countenance.config import Config
from countenance.errors import AlreadyExists, DatabaseUnavailable, NotFound, Sealed
from countenance.index.milvus import Connection, Place
from countenance.index.shelf import Shelf
from countenance.policy import SYSTEM
from countenance.sealing.factors import Factor
from countenance.sealing.keyfile import create_key_file, open_key_file, open_root
from countenance.sealing.keyring import Keyring
from countenance.sealing.split import ENOUGH
from countenance.sealing.store import ObjectStore
from countenance.tools import Jobs, LedgerClock, NoJobs, PhotoEngine, Tools
from countenance.web import factors, memory
from countenance.web.backups import marks
from countenance.web.postgres import LocalPostgres

if TYPE_CHECKING:
    from countenance.web.following import Follower

_lock = threading.Lock()
_tools: list[Tools] = []
_postgres: list[LocalPostgres] = []
_make_engine: list[Callable[[Config], PhotoEngine]] = []
_jobs: list[Jobs] = []
_followers: list[Follower] = []
_brought: list[tuple[float, factors.Typed]] = []
"""What was typed so far, and when, where one alone does not open; forgotten once the process is unsealed or sealed."""
_WAITS: Final = 600.0
_MOST_BROUGHT: Final = 64


def start(settings: Config | None = None) -> Config:
    """Start the database if it is ours, and Django; nothing is unsealed yet.

    Raises:
        DatabaseUnavailable: the database cannot be started or reached.
    """
    settings = settings or config.current()
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if settings.database.url is None:
        server = LocalPostgres(settings.home)
        url = server.ensure_running()
        _postgres[:] = [server]
        parts = settings.database.model_copy(update={"url": SecretStr(url)})
        settings = settings.model_copy(update={"database": parts})
    config.install(settings)
    os.environ["DJANGO_SETTINGS_MODULE"] = "countenance.web.settings"
    django.setup()
    return settings


def stop() -> None:
    """Seal, stop the workers, and leave the database."""
    from django.db import connections  # only usable once Django is set up

    seal()
    connections.close_all()
    while _postgres:
        _postgres.pop().release()


def migrate() -> None:
    """Bring the database's tables up to this version.

    Raises:
        DatabaseUnavailable: it cannot be reached.
    """
    from django.db import OperationalError

    try:
        call_command("migrate", interactive=False, verbosity=0)
    except OperationalError as error:
        raise DatabaseUnavailable("The database cannot be reached.") from error


def is_initialised(settings: Config | None = None) -> bool:
    """Say whether this home has its keys."""
    return (settings or config.current()).key_file.exists()


def has_ledger() -> bool:
    """Say whether the database holds keys and a ledger already."""
    from countenance.apps.records.models import LedgerHead

    return LedgerHead.objects.exists()


def initialise(factor: Factor) -> None:
    """Make the keys of a new home and the first entry of its ledger; leaves it unsealed.

    Raises:
        AlreadyExists: the home is initialised already.
    """
    from countenance.apps.records import services

    memory.guard()
    settings = config.current()
    if has_ledger():
        raise AlreadyExists("This home is initialised already.")
    if is_initialised(settings):
        # An `init` that was interrupted left them; going on with them destroys nobody's keys.
        root, deployment = open_key_file(settings.key_file, factor)
    else:
        deployment = uuid4()
        settings.key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        root = create_key_file(settings.key_file, factor, deployment=deployment)
    records = Keyring.platform_records(root, deployment)
    try:
        tools = _install(Keyring(root, deployment=deployment, records=records))
        services.initialise(SYSTEM, records=records, tools=tools)
    except BaseException:
        seal()
        raise


def unseal(factor: Factor, *, serving: bool = False) -> Tools:
    """Open the keys, bring old records up to date, and close searches that a crash left behind.

    Args:
        factor: what opens the root key.
        serving: the process stays unsealed for others to use, which is an entry of its own.

    Raises:
        NotFound: the home is not initialised.
        KeyUnavailable: this is not the right factor.
        ErasuresNotReplayed: it was restored, and what was erased since is still there.
        LedgerBroken, BadProof: serving, and the ledger is gone, or does not go on from what it signed last.
    """
    from countenance.apps.agencies import upgrade
    from countenance.apps.records import checkpoints, services
    from countenance.apps.searches.services import abort_abandoned_searches

    marks.permit_use(config.current())
    tools = open_keys(factor)
    try:
        if serving:
            # Nobody is served from a ledger that is gone, cut or rolled back.
            checkpoints.check_ledger(tools=tools)
        if upgrade.is_needed(tools=tools):
            upgrade.upgrade_records(SYSTEM, tools=tools)
        abort_abandoned_searches(SYSTEM, tools=tools)
        if serving:
            services.note_unsealed(SYSTEM, by=factor.kind, tools=tools)
    except BaseException:
        # Nothing stays open that the ledger does not know of.
        seal()
        raise
    return tools


def open_keys(factor: Factor) -> Tools:
    """Open the keys and nothing more: for `unseal`, and for erasing again in a restored home.

    Raises:
        NotFound: the home is not initialised.
        KeyUnavailable: this is not the right factor.
    """
    from countenance.apps.records.keys import load_keys
    from countenance.web.following import Follower

    memory.guard()
    settings = config.current()
    if not is_initialised(settings):
        raise NotFound("There is nothing here yet. Run `countenance init`.")
    root = open_root(settings.key_file, factor)
    keyring = Keyring(root.key, deployment=root.deployment, roots=root.roots)
    # Before the keys are read: whoever rotates them waits from then on until this process has the new ones.
    follower = Follower(keyring, settings.key_file, lost=_lost, ended=seal)
    try:
        follower.start_holding()
        keyring.take_in(load_keys())
        _refuse_unfinished(keyring)
        tools = _install(keyring)
    except BaseException:
        follower.stop()
        raise
    _followers.append(follower)
    return tools


def _refuse_unfinished(keyring: Keyring) -> None:
    """Refuse a home whose keys were never stored."""
    if not keyring.chest.records:
        raise NotFound("`countenance init` was interrupted. Run it again.")


def _lost(keyring: Keyring) -> None:
    """Go on where the root key was rotated while this process slept: unseal anew, or seal.

    What opens without a person is asked again; otherwise a custodian unseals from the first page.
    """
    factor = known_factor()
    if factor is None:
        seal()
        return
    root = open_root(config.current().key_file, factor)
    keyring.chest.take_in((), root.roots)


def unseal_with_passphrase(passphrase: str) -> Tools | None:
    """Unseal the serving process from its screen, and record it; None if another passphrase is needed.

    With split custody a passphrase waits here for ten minutes, in memory only: whether it is right can only be
    told of two. Anybody can type one that is not, so each is tried with all that wait, and none is thrown away for it.

    Raises:
        InputError, KeyUnavailable: this is not the passphrase, or they do not open together.
    """
    with _lock:
        if _tools:
            return _tools[0]
        wanted = factors.wanted()
        if wanted < ENOUGH:
            return unseal(factors.known() or factors.with_typed([passphrase]), serving=True)
        now = time.monotonic()
        waiting = [one for one in _brought if one[0] > now - _WAITS]
        _brought[:] = [*waiting, (now, factors.Typed(passphrase))][-_MOST_BROUGHT:]
        if len(_brought) < wanted:
            return None
        tools = unseal(factors.with_typed([one for _, one in _brought]), serving=True)
        _brought.clear()
        return tools


def known_factor() -> Factor | None:
    """Return the factor that needs no person: of the settings, of a key service, or the demo file."""
    return factors.known()


def uses_demo_keys() -> bool:
    """Say whether the keys open with a file beside them: for demonstration and development only."""
    return factors.uses_demo_keys()


def seal() -> None:
    """Forget the keys and everything derived from them."""
    from countenance.apps.records.sealed import set_process_keyring

    set_process_keyring(None)
    _brought.clear()
    while _followers:
        _followers.pop().stop()
    while _tools:
        tools = _tools.pop()
        tools.engine.close()
        tools.shelf.clear()
        if tools.milvus is not None:
            tools.milvus.close()


def is_sealed() -> bool:
    """Say whether nothing can be read."""
    return not _tools


def current() -> Tools:
    """Return the tools of this process.

    Raises:
        Sealed: nothing has been unsealed.
    """
    if not _tools:
        raise Sealed
    return _tools[0]


def use_engine(make: Callable[[Config], PhotoEngine]) -> None:
    """Make engines this way instead: for tests."""
    _make_engine[:] = [make]


def use_jobs(jobs: Jobs) -> None:
    """Hand later work to this queue; called by the serving process before it unseals."""
    _jobs[:] = [jobs]


def _install(keyring: Keyring) -> Tools:
    from countenance.apps.records.sealed import set_process_keyring

    settings = config.current()
    make = _make_engine[0] if _make_engine else _engine
    tools = Tools(
        engine=make(settings),
        keyring=keyring,
        store=ObjectStore(settings.objects_folder),
        shelf=Shelf(),
        jobs=_jobs[0] if _jobs else NoJobs(),
        milvus=_milvus(settings),
        clock=LedgerClock(None if settings.trust_clock else _last_entry()),
        recall=settings.recall,
    )
    set_process_keyring(keyring)
    _tools[:] = [tools]
    return tools


def _last_entry() -> datetime | None:
    """Return when the ledger's last entry was made, as its head says; None before the first."""
    from countenance.apps.records.models import LedgerHead

    return LedgerHead.objects.values_list("at", flat=True).first()


def _engine(settings: Config) -> PhotoEngine:
    from countenance.faces import Engine  # slow to import, and tests replace it

    return Engine.open(
        settings.models_folder, workers=settings.workers or None, device=settings.faces.device
    )


def _milvus(settings: Config) -> Connection | None:
    place = settings.milvus
    if not place.uri:
        return None
    return Connection(
        Place(
            uri=place.uri,
            token=place.token.get_secret_value() if place.token else "",
            timeout=place.timeout,
            trusted=place.trusted,
            certificate=place.certificate,
            key=place.key,
            server_name=place.server_name,
        )
    )
