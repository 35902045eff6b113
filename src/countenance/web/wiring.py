"""The composition root: settings in, a running home and its tools out."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
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
from countenance.sealing.factors import (
    Factor,
    FileFactor,
    Passphrase,
    create_key_file,
    factor_kind,
    open_key_file,
)
from countenance.sealing.keyring import Keyring
from countenance.sealing.store import ObjectStore
from countenance.tools import Jobs, NoJobs, PhotoEngine, Tools
from countenance.web.postgres import LocalPostgres

_lock = threading.Lock()
_tools: list[Tools] = []
_postgres: list[LocalPostgres] = []
_make_engine: list[Callable[[Config], PhotoEngine]] = []
_jobs: list[Jobs] = []


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
    """
    from countenance.apps.agencies import upgrade
    from countenance.apps.records import services
    from countenance.apps.searches.services import abort_abandoned_searches

    settings = config.current()
    if not is_initialised(settings):
        raise NotFound("There is nothing here yet. Run `countenance init`.")
    root, deployment = open_key_file(settings.key_file, factor)
    records = services.load_keys()
    if not records:
        raise NotFound("`countenance init` was interrupted. Run it again.")
    keyring = Keyring(root, deployment=deployment, records=records)
    tools = _install(keyring)
    try:
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


def unseal_with_passphrase(passphrase: str) -> Tools:
    """Unseal the serving process from its screen, and record it.

    Raises:
        InputError, KeyUnavailable: this is not the passphrase.
    """
    with _lock:
        return _tools[0] if _tools else unseal(Passphrase(passphrase), serving=True)


def known_factor() -> Factor | None:
    """Return the factor that needs no person: the passphrase of the settings, or the demo file."""
    settings = config.current()
    if uses_demo_keys():
        return FileFactor(settings.file_factor)
    if settings.passphrase is not None:
        return Passphrase(settings.passphrase.get_secret_value())
    return None


def uses_demo_keys() -> bool:
    """Say whether the keys open with a file beside them: for demonstration and development only."""
    path = config.current().key_file
    return path.exists() and factor_kind(path) == "file"


def seal() -> None:
    """Forget the keys and everything derived from them."""
    from countenance.apps.records.sealed import set_process_keyring

    set_process_keyring(None)
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
    )
    set_process_keyring(keyring)
    _tools[:] = [tools]
    return tools


def _engine(settings: Config) -> PhotoEngine:
    from countenance.faces import Engine  # slow to import, and tests replace it

    return Engine.open(settings.models_folder, workers=settings.workers or None)


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
