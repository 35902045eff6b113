"""Rotating keys: new epochs in one commit, everything sealed anew, old epochs destroyed when nothing is under them.

It can be killed anywhere and run again: what is left to do is what has an old epoch (`resealing`). An old key is only
destroyed once every process has taken in the newer one and every transaction of before has ended, so that
nothing can still be sealed under it (`presence`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from countenance.apps.records import presence
from countenance.apps.records.keys import load_keys, save_keys
from countenance.apps.records.models import KeyRow
from countenance.apps.records.resealing import Retired, count_left, seal_anew
from countenance.apps.records.services import Record, accountable, composed_of
from countenance.errors import Conflict
from countenance.ledger.entry import Action
from countenance.policy import Actor, Deed
from countenance.sealing import rotating
from countenance.sealing.chest import Name
from countenance.sealing.kinds import KeyKind, KeyRecord
from countenance.tools import Tools

PASSES = 5
"""So often what somebody wrote meanwhile is looked for again; one is nearly always enough."""

Told = Callable[[int, int], None]
"""Called with how many values are sealed anew, and of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be rotated."""

    platform: bool = False
    agencies: Sequence[UUID] = ()
    parents: bool = False
    classes: bool = False


@dataclass(slots=True, kw_only=True)
class Done:
    """What a rotation did.

    Attributes:
        continued: it found one that was interrupted, ended that and began no other.
        rotated: how many keys have a new epoch.
        resealed: how many values were sealed anew.
        destroyed: how many keys were destroyed.
        left: how many values are still under old keys, which are kept, because they do not open.
        objects: how many objects were sealed anew under other keys of their own.
        objects_left: how many keep the keys that they had, because they do not open.
    """

    continued: bool = False
    rotated: int = 0
    resealed: int = 0
    destroyed: int = 0
    left: int = 0
    objects: int = 0
    objects_left: int = 0

    @property
    def changed(self) -> bool:
        """Say whether it did anything: nothing is left to go on with if it did not."""
        return bool(self.rotated or self.resealed or self.destroyed or self.objects)


@accountable(Action.KEYS_ROTATED, deed=Deed.SET_UP)
def make_epochs(
    actor: Actor, record: Record, *, names: Sequence[Name], tools: Tools
) -> list[KeyRecord]:
    """Store the next epoch of each of these keys; every process seals with it from now on.

    Raises:
        Conflict: somebody else rotates one of them at this moment.
    """
    made = rotating.next_records(tools.keyring, names)
    save_keys(made)
    agencies = {str(agency) for agency, _ in names if agency is not None}
    kinds = sorted({str(kind) for _, kind in names})
    record.note(
        about=tools.keyring.deployment, kinds=kinds, agencies=sorted(agencies), keys=len(made)
    )
    return made


@accountable(Action.KEYS_WRAPPED, deed=Deed.SET_UP)
def wrap_anew(
    actor: Actor, record: Record, *, records: Sequence[KeyRecord], tools: Tools
) -> list[KeyRecord]:
    """Wrap keys by the newest epoch of their parents; the keys themselves stay the same."""
    made = rotating.wrapped_anew(tools.keyring, records)
    for one in made:
        KeyRow.objects.filter(pk=one.id).update(wrapped=one.wrapped)
    record.note(about=tools.keyring.deployment, keys=len(made))
    return made


@accountable(Action.KEYS_DESTROYED, deed=Deed.SET_UP)
def destroy_epochs(actor: Actor, record: Record, *, retired: Retired, tools: Tools) -> int:
    """Destroy keys that nothing is sealed under any more; return how many.

    Raises:
        Conflict: something is.
    """
    if any(count_left(retired).values()) or _wrap_something(retired, tools=tools):
        raise Conflict("Something is sealed under a key that was to be destroyed.")
    gone = 0
    for (agency, kind), epochs in retired.items():
        rows = KeyRow.objects.filter(agency=agency, kind=str(kind), epoch__in=epochs)
        gone += rows.delete()[0]
    record.note(about=tools.keyring.deployment, keys=gone)
    return gone


@accountable(Action.ROOT_ROTATED, deed=Deed.SET_UP)
def note_root(actor: Actor, record: Record, *, epoch: int, tools: Tools) -> None:
    """Record that the root key before was destroyed."""
    record.note(about=tools.keyring.deployment, epoch=epoch)


@accountable(Action.UNSEALING_CHANGED, deed=Deed.SET_UP)
def note_unsealing(actor: Actor, record: Record, *, now: str, tools: Tools) -> None:
    """Record that another factor is about to open the deployment; before it does, so that none is unrecorded."""
    record.note(about=tools.keyring.deployment, factor=now)


@composed_of(make_epochs, wrap_anew, destroy_epochs)
def rotate(
    actor: Actor,
    *,
    wanted: Wanted | None,
    tools: Tools,
    told: Told = lambda _done, _all: None,
    wait: float = presence.LONGEST,
) -> Done:
    """Rotate keys and seal everything anew.

    Args:
        actor: who.
        wanted: what is to be rotated; None only goes on with what was interrupted.
        tools: every key.
        told: called after each batch.
        wait: how many seconds to wait for other processes; after that their keys are kept for the next run.
    """
    done = Done(continued=wanted is None)
    tools.keyring.take_in(load_keys())
    if wanted is not None:
        names = rotating.names_of(
            tools.keyring,
            platform=wanted.platform,
            agencies=wanted.agencies,
            classes=wanted.classes,
            parents=wanted.parents,
        )
        if names:
            made = make_epochs(actor, names=names, tools=tools)
            tools.keyring.take_in(made)
            done.rotated = len(made)
    finish(actor, done=done, tools=tools, told=told, wait=wait)
    return done


@composed_of(wrap_anew, destroy_epochs)
def finish(actor: Actor, *, done: Done, tools: Tools, told: Told, wait: float) -> None:
    """Seal everything anew that is under old epochs, and destroy those that nothing is under any more."""
    retired = rotating.retired(tools.keyring)
    classes = {name: each for name, each in retired.items() if name[1] is not KeyKind.AGENCY}
    presence.settle(wait=wait)
    for _ in range(PASSES):
        total = sum(count_left(classes).values())
        sealed = _sealed(classes, total, told) if total else 0
        done.resealed += sealed
        if not sealed:
            break
    left = count_left(classes)
    done.left = sum(left.values())
    # What does not open keeps the epoch that it names, and no other one.
    empty = {
        name: [one for one in each if not left[name] or not count_left({name: [one]})[name]]
        for name, each in classes.items()
    }
    empty = {name: each for name, each in empty.items() if each}
    done.destroyed += _destroyed(actor, empty, tools=tools)
    records = rotating.stale(tools.keyring)
    if records:
        tools.keyring.take_in(wrap_anew(actor, records=records, tools=tools))
    # The agencies' own keys wrap nothing but keys.
    parents = {name: each for name, each in retired.items() if name[1] is KeyKind.AGENCY}
    done.destroyed += _destroyed(actor, parents, tools=tools)


def _wrap_something(retired: Retired, *, tools: Tools) -> bool:
    """Say whether a stored key is wrapped by one of these."""
    tools.keyring.take_in(load_keys())
    parents = {agency for agency, kind in retired if kind is KeyKind.AGENCY}
    return any(
        one.agency in parents and one.kind is not KeyKind.AGENCY
        for one in rotating.stale(tools.keyring)
    )


def _sealed(retired: Retired, total: int, told: Told) -> int:
    sealed = 0
    for count in seal_anew(retired):
        sealed += count
        told(min(sealed, total), total)
    return sealed


def _destroyed(actor: Actor, retired: Retired, *, tools: Tools) -> int:
    if not retired:
        return 0
    gone = destroy_epochs(actor, retired=retired, tools=tools)
    tools.keyring.chest.keep_only(load_keys(), root=0)
    return gone
