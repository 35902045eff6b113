"""The one door for writes: `@accountable` puts a change and its ledger entry into one commit.

A service raises to roll back. A refusal (`NotPermitted`) is rolled back like any other error and
then put on the ledger in a transaction of its own, because otherwise it would vanish with the rollback.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from django.db import IntegrityError, InternalError, OperationalError, transaction
from psycopg.errors import DiskFull

from countenance.apps.records.keys import save_keys
from countenance.apps.records.models import LedgerHead, LedgerRow
from countenance.apps.records.sealed import noting
from countenance.apps.records.witnessed import require_witnesses
from countenance.errors import (
    Conflict,
    DatabaseUnavailable,
    NotPermitted,
    StepUpNeeded,
    Unavailable,
)
from countenance.ledger.actions import NEED_WITNESSES
from countenance.ledger.entry import Action, Entry, canonical_json, commit
from countenance.ledger.merkle import Frontier
from countenance.ledger.receipt import Receipt
from countenance.policy import SYSTEM, Actor, Deed, permit_deed
from countenance.sealing.keyring import Keyring
from countenance.sealing.kinds import KeyKind, KeyRecord
from countenance.tools import Tools

P = ParamSpec("P")
R = TypeVar("R")

SALT_BYTES = 32


class Record:
    """What a service tells the ledger about itself; becomes the sealed body of its entry.

    `rows` holds the digests of what was written to columns that give power, by `sealed.column_of`; `agency` is
    whose the body is to read if not the actor's own: of what the clock does to a case.
    """

    def __init__(self, action: Action) -> None:
        """Start an empty record of one action."""
        self.action = action
        self.about: UUID | None = None
        self.agency: UUID | None = None
        self.facts: dict[str, Any] = {}
        self.rows: dict[str, str] = {}
        self.receipt: Receipt | None = None
        self.further: list[Record] = []

    def note(self, about: UUID | None = None, **facts: object) -> None:
        """Add facts; `about` is the id of the row that the entry is about, and is not sealed."""
        if about is not None:
            self.about = about
        self.facts.update(facts)

    def also(self, action: Action, *, about: UUID, **facts: object) -> None:
        """Have a further entry say what the same change did to another row, which a restore repeats by its id."""
        one = Record(action)
        one.note(about=about, **facts)
        self.further.append(one)


def accountable(
    action: Action, *others: Action, deed: Deed | None
) -> Callable[[Callable[Concatenate[Actor, Record, P], R]], Callable[Concatenate[Actor, P], R]]:
    """Make a service of a function: one durable transaction, its ledger entry, refusals recorded.

    `Record.also` adds entries about further rows, before the service's own and in the same commit.

    The function takes the actor and the record first and `tools` by keyword; callers leave the record
    out. The transaction is `durable`: a service cannot be called inside another transaction, so what
    it returns is on disk.

    Args:
        action: what the entry says was done.
        others: what it may say instead, if the service sets `record.action`, or besides, by `record.also`.
        deed: what the actor must be permitted to do; None for what comes before anybody has a role,
            such as signing in, or is a part of another service that was judged already.
    """

    def decorate(
        service: Callable[Concatenate[Actor, Record, P], R],
    ) -> Callable[Concatenate[Actor, P], R]:
        @wraps(service)
        def wrapper(actor: Actor, /, *args: P.args, **kwargs: P.kwargs) -> R:
            tools = _tools(kwargs)
            record = Record(action)
            try:
                if deed is not None:
                    permit_deed(actor, deed, now=tools.clock())
                if not NEED_WITNESSES.isdisjoint((action, *others)):
                    require_witnesses(tools)
                with transaction.atomic(durable=True), noting() as record.rows:
                    result = service(actor, record, *args, **kwargs)
                    for one in record.further:
                        one.agency = record.agency
                        append(actor, one, tools=tools)
                    append(actor, record, tools=tools)
            except StepUpNeeded:
                # Not a refusal: the person is asked to prove who they are, and goes on.
                raise
            except NotPermitted as refusal:
                _record_refusal(actor, str(record.action), refusal, tools=tools, about=record.about)
                raise
            except IntegrityError:
                raise Conflict("Somebody did the same at the same moment. Look again.") from None
            except (OperationalError, InternalError) as error:
                raise DatabaseUnavailable(_why_not(error)) from error
            return result

        wrapper.accountable = (action, *others)  # type: ignore[attr-defined] # read by tests and docs
        wrapper.deed = deed  # type: ignore[attr-defined] # likewise
        return wrapper

    return decorate


def _why_not(error: Exception) -> str:
    """Return why the database did nothing: a full disk is nothing that trying again mends."""
    if isinstance(error.__cause__, DiskFull):
        return "The database's disk is full, so nothing was changed. Make room there and try again."
    return "The database did not answer; try again."


def composed_of(*services: Callable[..., Any]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Mark a function that writes only by calling these services, each in its own commit."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        actions = tuple(a for service in services for a in getattr(service, "accountable", ()))
        function.accountable = actions  # type: ignore[attr-defined] # read by tests and docs
        return function

    return decorate


def append(actor: Actor, record: Record, *, tools: Tools) -> Receipt:
    """Append one entry inside the running transaction and return its receipt.

    The head row's lock serialises appends and is taken last, so it is held for a moment only. (Services
    lock other rows with `no_key=True`: the checks of foreign keys at the commit, after the head is
    locked, would otherwise wait for a service that waits for the head.) The
    entry's time never runs backwards, whatever the machine's clock does.
    """
    if not transaction.get_connection().in_atomic_block:
        raise Unavailable("An entry is appended in the transaction of what it records.")
    head = LedgerHead.objects.select_for_update().get(id=1)
    at = max(tools.clock(), head.at)
    frontier = Frontier.from_bytes(bytes(head.frontier))
    index = frontier.size
    said = {"actor": actor.person, "agency": actor.agency, "facts": record.facts}
    body = canonical_json(said | ({"rows": record.rows} if record.rows else {}))
    salt = tools.token_bytes(SALT_BYTES)
    entry = Entry(action=record.action, at=at, about=record.about, commitment=commit(body, salt))
    leaf = entry.leaf()
    path = frontier.append(leaf)
    agency = record.agency if actor.agency == SYSTEM.agency else actor.agency
    LedgerRow.objects.create(
        index=index,
        entry=entry.canonical(),
        path=b"".join(path),
        root=frontier.root(),
        action=str(record.action),
        at=at,
        about=record.about,
        agency=agency,
        body=seal_body(salt + body, index=index, agency=agency, keyring=tools.keyring),
    )
    head.frontier, head.at = frontier.to_bytes(), at
    head.save(update_fields=("frontier", "at"))
    receipt = Receipt(
        index=index, leaf=leaf, size=frontier.size, root=frontier.root(), path=tuple(path)
    )
    record.receipt = receipt
    return receipt


def seal_body(plaintext: bytes, *, index: int, agency: UUID | None, keyring: Keyring) -> bytes:
    """Seal salt and body of an entry under its agency's key, or the platform's."""
    kind = KeyKind.LEDGER if agency is None else KeyKind.ENTRY
    return keyring.seal(plaintext, kind=kind, agency=agency, object=f"entry-{index}", field="body")


def unseal_body(row: LedgerRow, *, keyring: Keyring) -> tuple[bytes, bytes] | None:
    """Return (salt, body) of an entry; None once erased.

    Raises:
        SealBroken: the body was changed or moved.
    """
    if row.body is None:
        return None
    kind = KeyKind.LEDGER if row.agency is None else KeyKind.ENTRY
    plaintext = keyring.unseal(
        bytes(row.body), kind=kind, agency=row.agency, object=f"entry-{row.index}", field="body"
    )
    return plaintext[:SALT_BYTES], plaintext[SALT_BYTES:]


@accountable(Action.DEPLOYMENT_INITIALISED, deed=Deed.SET_UP)
def initialise(actor: Actor, record: Record, *, records: list[KeyRecord], tools: Tools) -> None:
    """Store the platform's keys and start the ledger with its first entry."""
    save_keys(records)
    LedgerHead.objects.create(frontier=Frontier().to_bytes(), at=tools.clock())
    record.note(about=tools.keyring.deployment)


@accountable(Action.DEPLOYMENT_UNSEALED, deed=Deed.SET_UP)
def note_unsealed(actor: Actor, record: Record, *, by: str, tools: Tools) -> None:
    """Record that the deployment was unsealed, and with which kind of factor."""
    record.note(about=tools.keyring.deployment, factor=by)


@composed_of()
def permit_at_gate(actor: Actor, *, deed: Deed | None, asked: str, tools: Tools) -> None:
    """Permit what a page or a command asks for, before either begins; whatever it calls judges again.

    Args:
        actor: who asks.
        deed: what for; None if nobody said what it is, which is refused.
        asked: the name of the page's route, or of the command.
        tools: the keys and the clock.

    Raises:
        StepUpNeeded: the person has not proved just now who they are.
        NotPermitted: the person, or their token, may not do this; recorded.
    """
    try:
        if deed is None:
            _refuse_unclassified()
        else:
            permit_deed(actor, deed, now=tools.clock())
    except NotPermitted as refusal:
        record_refusal(actor, deed=deed, asked=asked, refusal=refusal, tools=tools)
        raise


def _refuse_unclassified() -> None:
    raise NotPermitted("Nobody said who may use this, so nobody may.", rule="route.unclassified")


@composed_of()
def record_refusal(
    actor: Actor, *, deed: Deed | None, asked: str, refusal: NotPermitted, tools: Tools
) -> None:
    """Record a refusal, unless a service did; that somebody is to prove who they are is none."""
    if not isinstance(refusal, StepUpNeeded) and not refusal.recorded:
        _record_refusal(actor, str(deed or ""), refusal, tools=tools, asked=asked)


def _tools(kwargs: dict[str, Any]) -> Tools:
    tools = kwargs.get("tools")
    if not isinstance(tools, Tools):
        raise TypeError("A service takes `tools` by keyword.")
    return tools


def _record_refusal(
    actor: Actor,
    attempted: str,
    refusal: NotPermitted,
    *,
    tools: Tools,
    about: UUID | None = None,
    **facts: object,
) -> None:
    record = Record(Action.ACTION_REFUSED)
    record.note(
        about=about,
        attempted=attempted,
        rule=refusal.rule,
        code=refusal.code,
        said=refusal.detail,
        **facts,
    )
    with transaction.atomic(durable=True):
        append(actor, record, tools=tools)
    refusal.recorded = True
