"""What a command needs from the deployment: its settings, tools and the acting person."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from countenance.cli.options import running_command
from countenance.cli.output import say
from countenance.errors import KeyUnavailable, NotPermitted, NotSignedIn

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

    from countenance.apps.galleries.models import Gallery, Source
    from countenance.config import Config
    from countenance.policy import Actor
    from countenance.sealing.factors import Factor
    from countenance.tools import Tools

DEMO_KEYS = "Demo keys: the key that opens this home lies beside it. For demonstration and development only."


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """An unsealed deployment, and on whose behalf this command acts."""

    settings: Config
    tools: Tools
    actor: Actor

    def gallery(self, name: str) -> Gallery:
        """Return the gallery of this name, or raise NotFound."""
        from countenance.apps.galleries import queries

        return queries.gallery_by_name(self.actor, name, tools=self.tools)

    def source(self, name: str) -> Source:
        """Return the source of this name, or raise NotFound."""
        from countenance.apps.galleries import queries

        return queries.source_by_name(self.actor, name, tools=self.tools)


@contextmanager
def running() -> Iterator[Config]:
    """Start the database and Django, nothing unsealed, and leave both at the end.

    Raises:
        NotFound: nothing has been initialised here.
        ErasuresNotReplayed: it was restored, and what was erased since is still there.
        DatabaseUnavailable: the database cannot be started or reached, or went away meanwhile.
    """
    from django.db import InterfaceError, InternalError, OperationalError

    from countenance import config
    from countenance.errors import DatabaseUnavailable, NotFound
    from countenance.web import wiring
    from countenance.web.backups import marks

    settings = config.current()
    marks.permit_use(settings)
    if not wiring.is_initialised(settings):
        raise NotFound(
            f"There is no deployment in {settings.home}. Run `countenance init`, or set COUNTENANCE_HOME."
        )
    try:
        settings = wiring.start(settings)
        wiring.migrate()
        yield settings
    except (OperationalError, InterfaceError, InternalError):
        # Not chained: what the database says can quote values.
        raise DatabaseUnavailable(
            "The database went away. What was acknowledged is safe; run the same command again."
        ) from None
    finally:
        wiring.stop()


@contextmanager
def unsealed() -> Iterator[Session]:
    """Open the deployment for the person whose token this is, and judge what the command asks for.

    The command works with the keys of the person's agency only. A refusal within it that no service
    recorded is recorded here.

    Raises:
        NotFound: nothing has been initialised here.
        KeyUnavailable: the keys do not open.
        NotSignedIn: there is no token, or it has ended.
        NotPermitted: the person, or the token, may not do this; recorded.
    """
    with of_token() as session:
        # Models can only be imported once Django is set up.
        from countenance.apps.records.services import permit_at_gate, record_refusal

        command = running_command()
        permit_at_gate(session.actor, **command, tools=session.tools)
        try:
            yield session
        except NotPermitted as refusal:
            record_refusal(session.actor, **command, refusal=refusal, tools=session.tools)
            raise


@contextmanager
def of_token() -> Iterator[Session]:
    """Open the deployment for the person whose token this is; what they may do is not judged.

    Raises:
        NotSignedIn: there is no token, or it has ended.
    """
    with running() as settings:
        tools = unseal()
        from countenance.apps.agencies import tokens

        actor = tokens.actor_of(token_of(settings), tools=tools)
        with acting(actor, tools=tools) as narrowed:
            yield Session(settings=settings, tools=narrowed, actor=actor)


@contextmanager
def acting(actor: Actor, *, tools: Tools) -> Iterator[Tools]:
    """Work with the keys of the actor's agency only, within this block, in every thread."""
    from countenance.apps.records.sealed import current_keyring, set_process_keyring

    narrowed, before = tools.of(actor), current_keyring()
    set_process_keyring(narrowed.keyring)
    try:
        yield narrowed
    finally:
        set_process_keyring(before)


def token_of(settings: Config) -> str:
    """Return the token of the settings, or the one that `countenance login` kept."""
    if settings.token is not None:
        return settings.token.get_secret_value()
    kept = token_file(settings)
    try:
        return kept.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise NotSignedIn("Nobody is signed in here. Run `countenance login`.") from None
    except (OSError, UnicodeDecodeError):
        raise NotSignedIn(f"{kept} cannot be read. Run `countenance login` again.") from None


def token_file(settings: Config) -> Path:
    """Return where `countenance login` keeps the token for this home: in the user's own folder."""
    import hashlib

    import platformdirs

    name = hashlib.sha256(str(settings.home.resolve()).encode()).hexdigest()[:16]
    return platformdirs.user_config_path("countenance", appauthor=False) / f"token-{name}"


def unseal(given: Factor | None = None) -> Tools:
    """Open the keys of the running deployment and return its tools.

    Args:
        given: what opens them, if it was asked for already.

    Raises:
        KeyUnavailable: the keys do not open, or there is no terminal to ask for the passphrase on.
    """
    from countenance.web import wiring

    return wiring.unseal(given or factor())


def factor() -> Factor:
    """Return what unseals: of the settings, a key management service, the demo file, or what is typed in.

    With split custody each of two custodians types theirs.
    """
    from countenance.web import factors

    if factors.uses_demo_keys():
        say(DEMO_KEYS)
    known = factors.known()
    if known is not None:
        return known
    if not factors.types_help():
        raise KeyUnavailable(
            "This deployment opens with a key management service. Name it in COUNTENANCE_KMS__SERVICE and __KEY."
        )
    count = factors.wanted()
    asked = [
        ask_secret("Passphrase" if count == 1 else f"Passphrase {number} of {count}")
        for number in range(1, count + 1)
    ]
    return factors.with_typed(asked)


def ask_secret(prompt: str, *, twice: bool = False) -> str:
    """Ask for a secret on the terminal, unseen.

    Raises:
        KeyUnavailable: there is no terminal to ask on.
    """
    import typer

    if not sys.stdin.isatty():
        raise KeyUnavailable(
            "A passphrase is needed and there is no terminal to ask on. "
            "Name a file that holds it in COUNTENANCE_PASSPHRASE_FILE."
        )
    answer = typer.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True)
    return str(answer)


@contextmanager
def ends_tidily() -> Iterator[None]:
    """Let a request to end, or a closed terminal, stop this command as Ctrl-C does, with its database."""

    def interrupt(number: int, frame: FrameType | None) -> Any:  # the handler's signature
        raise KeyboardInterrupt

    before = {
        number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
