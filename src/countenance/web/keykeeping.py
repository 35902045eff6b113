"""Rotating what opens a deployment: its keys, its root key and its unseal factor, in the order that nothing is lost by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from countenance import config
from countenance.apps.records import (
    presence,
    remaking,
    replacing,
    resealing,
    rotating,
    signers,
)
from countenance.apps.records.keys import load_keys
from countenance.apps.records.locks import session_lock
from countenance.errors import Unavailable, WrongState
from countenance.policy import SYSTEM
from countenance.sealing import keyfile
from countenance.sealing.chest import Name
from countenance.sealing.factors import Factor
from countenance.sealing.kinds import KeyKind
from countenance.sealing.rotating import agencies_of, retired, stale
from countenance.tools import Tools

MOST_TRIED = 10_000
"""Of so many values under old keys it is tried whether they open; more are left only by a rotation that was killed."""

LEVELS = ("all", "root", "platform", "agency", "class", "objects")

Told = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""


@contextmanager
def alone(tools: Tools) -> Iterator[None]:
    """Be the only one who rotates keys or backs up; whoever is killed holds nobody back.

    A backup is one moment of keys and rows, and objects that are copied later: under keys that came in between
    they would not open where it is restored.

    Raises:
        WrongState: somebody else is.
    """
    with session_lock(tools.keyring.deployment, wait=False) as held:
        if not held:
            raise WrongState(
                "Another command rotates keys or makes a backup. Try again when it has ended."
            )
        yield


def rotate(
    level: str,
    *,
    factor: Factor,
    tools: Tools,
    agencies: Sequence[UUID] | None = None,
    objects: bool = False,
    told: Told = lambda _what, _done, _all: None,
    wait: float = presence.LONGEST,
) -> rotating.Done:
    """Rotate keys of one level or all; a rotation that was interrupted is gone on with, and no other begun.

    Args:
        level: one of `LEVELS`.
        factor: what opens the key file.
        tools: every key.
        agencies: whose keys; all if left out.
        objects: also give each photo and other object another key of its own.
        told: called after each batch.
        wait: how many seconds to wait for other processes.

    Raises:
        Unavailable: a process did not take in new keys in time; run it again.
        WrongState: somebody else rotates keys.
    """
    with alone(tools):
        tools.keyring.take_in(load_keys())
        objects = objects or level == "objects"
        whose = [None, *agencies_of(tools.keyring)] if agencies is None else [*agencies]
        # The root key seals no value, so none holds it back.
        rooted = level == "root" or keyfile.root_epoch(config.current().key_file)[1]
        if rooted:
            rotate_root(factor, tools=tools, wait=wait)
        # Ended first: begun anew each time, a rotation that is killed again and again would never end.
        if retired(tools.keyring) or (objects and remaking.count_old(whose)):
            done = _through(None, whose, objects=objects, tools=tools, told=told, wait=wait)
            if done.changed or level == "root":
                done.continued = done.changed
                done.rotated += rooted
                return done
        # What is still under old keys does not open, now or later, and holds no other rotation back.
        if level == "all" and not rooted:
            rotate_root(factor, tools=tools, wait=wait)
            rooted = True
        wanted = _wanted(level, whose)
        done = _through(wanted, whose, objects=objects, tools=tools, told=told, wait=wait)
        done.rotated += rooted
        return done


def rotate_root(factor: Factor, *, tools: Tools, wait: float = presence.LONGEST) -> None:
    """Replace the root key, wrap what is under it anew, and destroy the one before.

    Raises:
        Unavailable: a process did not follow in time; both are kept until this is run again.
    """
    path = config.current().key_file
    root = keyfile.begin_root(path, factor)
    tools.keyring.chest.take_in((), root.roots)
    presence.settle(wait=wait, root=root.epoch)
    tools.keyring.take_in(load_keys())
    records = stale(tools.keyring)
    if records:
        tools.keyring.take_in(rotating.wrap_anew(SYSTEM, records=records, tools=tools))
    rotating.note_root(SYSTEM, epoch=root.epoch, tools=tools)
    keyfile.end_root(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """What became of the keys that sign.

    Attributes:
        begun: which kinds have a new key.
        handing_over: checkpoints are signed with the old and the new key.
        followed: every process that runs took that in; if not, one may still sign with the old key of bundles.
    """

    begun: Sequence[KeyKind]
    handing_over: bool
    followed: bool


def replace_signers(
    kinds: Sequence[KeyKind],
    *,
    tools: Tools,
    at_once: bool = False,
    finish: bool = False,
    wait: float = presence.LONGEST,
) -> Replaced:
    """Replace keys that sign; where a key of checkpoints is handed over already, no other is begun.

    Args:
        kinds: which.
        tools: every key.
        at_once: without a hand-over: the old key of checkpoints is destroyed too.
        finish: end a hand-over, and do nothing else.
        wait: how many seconds to wait for other processes.

    Raises:
        WrongState: a hand-over is to be ended and there is none, or one is under way and another is to begin at
            once; or somebody else rotates keys.
    """
    begun: Sequence[KeyKind] = ()
    with alone(tools):
        _take_stock(tools)
        under_way = signers.handing_over(tools.keyring)
        if finish and not under_way:
            raise WrongState("No key is being handed over, so there is nothing to end.")
        if finish:
            replacing.end_handover(SYSTEM, tools=tools)
        elif not (under_way and KeyKind.CHECKPOINT in kinds):
            replacing.replace_keys(SYSTEM, kinds=kinds, at_once=at_once, tools=tools)
            begun = kinds
        elif at_once:
            raise WrongState(
                "The key of checkpoints is being handed over. `countenance keys rotate --level signing --finish` destroys "
                "the old one now; after that the new one can be replaced as well."
            )
        _take_stock(tools)
        try:
            presence.settle(wait=wait)
        except Unavailable:
            followed = False
        else:
            followed = True
    handing_over = signers.handing_over(tools.keyring)
    return Replaced(begun=begun, handing_over=handing_over, followed=followed)


def _take_stock(tools: Tools) -> None:
    """Hold the keys that are stored, and no others."""
    stored = load_keys()
    tools.keyring.take_in(stored)
    tools.keyring.chest.keep_only(stored, root=0)


def change_factor(factor: Factor, to: Factor, *, tools: Tools) -> None:
    """Lock the root key with another factor; recorded first, so that none opens unrecorded.

    Raises:
        InputError: the new one is too weak; nothing has changed.
        KeyUnavailable: the old one is not right.
    """
    with alone(tools):
        to.enrol(tools.keyring.deployment)  # refused before it is recorded
        rotating.note_unsealing(SYSTEM, now=to.kind, tools=tools)
        keyfile.change_factor(config.current().key_file, factor, to)


def status(tools: Tools) -> dict[str, Any]:
    """Return every key with its epochs, and what is left to do under old ones."""
    path = config.current().key_file
    tools.keyring.take_in(load_keys())
    epoch, rotating_root = keyfile.root_epoch(path)
    old = retired(tools.keyring)
    sealing = {name: each for name, each in old.items() if str(name[1]) != "agency"}
    left = resealing.count_left(sealing)
    total = sum(left.values())
    shut = resealing.that_do_not_open(sealing) if 0 < total <= MOST_TRIED else []
    keys = [
        {
            "agency": None if agency is None else str(agency),
            "kind": str(kind),
            "epoch": max(epochs),
            "retired": sorted(one for one in epochs if one != max(epochs)),
            "left": left.get((agency, kind), 0),
            "do_not_open": sum(name == (agency, kind) for name, _ in shut),
        }
        for (agency, kind), epochs in sorted(tools.keyring.chest.records.items(), key=str)
    ]
    return {
        "factor": keyfile.factor_kind(path),
        "factors": keyfile.factor_parts(path),
        "root": {"epoch": epoch, "rotating": rotating_root},
        "keys": keys,
        "left": total,
        "do_not_open": [where for _, where in shut],
        "signing_keys": signers.to_dicts(tools.keyring),
        "handing_over": signers.handing_over(tools.keyring),
        "objects_under_older_keys": remaking.count_old([None, *agencies_of(tools.keyring)]),
        "unfinished": rotating_root
        or bool(stale(tools.keyring))
        or total > len(shut)
        or _is_to_destroy(old, left),
    }


def _is_to_destroy(old: resealing.Retired, left: Mapping[Name, int]) -> bool:
    """Say whether an old key is still there that nothing is under; a key is kept for what does not open."""
    return any(
        not left.get(name) or not resealing.count_left({name: [epoch]})[name]
        for name, epochs in old.items()
        for epoch in epochs
    )


def _wanted(level: str, whose: Sequence[UUID | None]) -> rotating.Wanted:
    return rotating.Wanted(
        platform=level == "platform" or (level == "all" and None in whose),
        agencies=[one for one in whose if one is not None],
        parents=level in {"all", "agency"},
        classes=level in {"all", "class", "objects"},
    )


def _through(  # what `rotate` was told
    wanted: rotating.Wanted | None,
    whose: Sequence[UUID | None],
    *,
    objects: bool,
    tools: Tools,
    told: Told,
    wait: float,
) -> rotating.Done:
    """Begin what is wanted, if anything, and go through all that is under old keys."""
    done = rotating.rotate(
        SYSTEM,
        wanted=wanted,
        tools=tools,
        told=lambda so_far, total: told("Sealing anew", so_far, total),
        wait=wait,
    )
    if objects:
        done.objects = _remake(whose, tools=tools, told=told)
        done.objects_left = remaking.count_old(whose)
    return done


def _remake(whose: Sequence[UUID | None], *, tools: Tools, told: Told) -> int:
    """Give objects other keys; nobody records it one by one, because nothing of them changes."""
    total, done = remaking.count_old(whose), 0
    for count in remaking.remake(whose, tools=tools):
        done += count
        told("Other keys for photos and documents", min(done, total), total)
    return done
