"""The key file: the root key of a deployment, sealed under the secret of its unseal factor.

While the root key is rotated the file also holds the one before, sealed under the new one, and the new one
sealed under the one before, so that processes that run follow without anybody typing anything. Both go when nothing is
under the one before any more. The file is always replaced as a whole.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

from argon2.exceptions import HashingError

from countenance.errors import AlreadyExists, KeyUnavailable, SealBroken, TamperDetected
from countenance.sealing.chest import FIRST_EPOCH
from countenance.sealing.envelope import EPOCH_LIMIT, Context, Key, epoch_of, seal, unseal
from countenance.sealing.factors import KINDS, SPLIT, Factor, as_bytes, as_text
from countenance.sealing.files import replace, write_once

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FORMAT: Final = "countenance key file"
_VERSION: Final = 1
_LARGEST_FILE: Final = 65_536
_EXISTS: Final = "There is a key file already; it is never overwritten."
_DAMAGED: Final = "The key file is damaged. Restore it from its copy."
_FORMER: Final = "former"
_HANDOVER: Final = "handover"


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """What a key file opens to.

    Attributes:
        key: the root key.
        epoch: its generation, from 1.
        deployment: whose it is.
        former: the root key before, by its epoch, while it is being rotated.
    """

    key: Key
    epoch: int
    deployment: UUID
    former: dict[int, Key] = field(default_factory=dict)

    @property
    def roots(self) -> dict[int, Key]:
        """Return every root key by epoch."""
        return {**self.former, self.epoch: self.key}


def create_key_file(path: Path, factor: Factor, *, deployment: UUID | None = None) -> Key:
    """Make a random root key, lock it into a new file and return it.

    Args:
        path: the key file; never overwritten.
        factor: what will unlock it.
        deployment: the deployment's id; a random one if left out.

    Raises:
        AlreadyExists: there is a file already; replacing it would lose every key.
        InputError: the passphrase is too weak.
        Unavailable: the file cannot be written.
    """
    if path.exists():
        raise AlreadyExists(_EXISTS)
    root = Root(key=Key.generate(), epoch=FIRST_EPOCH, deployment=deployment or uuid4())
    write_once(path, _written(_body(root, factor)))
    return root.key


def open_root(path: Path, factor: Factor) -> Root:
    """Return the root key, and the one before if it is being rotated.

    Raises:
        KeyUnavailable: the file is missing, or the factor is not the right one.
        TamperDetected: the file is damaged.
    """
    body = _read(path)
    if body["factor"] != factor.kind:
        detail = f"This deployment is unsealed with another factor: {body['factor']}."
        raise KeyUnavailable(detail)
    try:
        return _opened(body, _secret(body, factor))
    except (KeyError, TypeError, ValueError, AttributeError, HashingError):
        raise TamperDetected(_DAMAGED) from None


def open_key_file(path: Path, factor: Factor) -> tuple[Key, UUID]:
    """Return the root key and the deployment's id; raises as `open_root`."""
    root = open_root(path, factor)
    return root.key, root.deployment


def factor_kind(path: Path) -> str:
    """Return which factor unlocks a key file, such as `passphrase`.

    Raises:
        KeyUnavailable: the file is missing.
        TamperDetected: the file is damaged.
    """
    return str(_read(path)["factor"])


def factor_parts(path: Path) -> list[str]:
    """Return the kinds of the factors of a key file: three of split custody, otherwise one.

    Raises:
        KeyUnavailable: the file is missing.
        TamperDetected: the file is damaged.
    """
    body = _read(path)
    if body["factor"] != SPLIT:
        return [str(body["factor"])]
    try:
        return [str(one["factor"]) for one in body["factors"]]
    except (KeyError, TypeError):
        raise TamperDetected(_DAMAGED) from None


def service_key(path: Path, kind: str) -> str:
    """Return the name of the key in the key management service of this kind, empty if there is none."""
    body = _read(path)
    entries = body.get("factors", []) if body["factor"] == SPLIT else [body]
    found = [
        one.get("key", "") for one in entries if isinstance(one, dict) and one["factor"] == kind
    ]
    return str(found[0]) if found else ""


def root_epoch(path: Path) -> tuple[int, bool]:
    """Return the root key's epoch, and whether it is being rotated; opens nothing.

    Raises:
        KeyUnavailable: the file is missing.
        TamperDetected: the file is damaged.
    """
    body = _read(path)
    return _epoch(body), _FORMER in body


def oldest_root(path: Path) -> int:
    """Return the epoch of the oldest root key that something may still be under; opens nothing."""
    epoch, rotating = root_epoch(path)
    return epoch - 1 if rotating else epoch


def change_factor(path: Path, factor: Factor, to: Factor) -> Root:
    """Lock the same root key with another factor; the one before opens this file no more.

    Raises:
        InputError, KeyUnavailable: a factor is too weak, or not the right one; nothing has changed.
    """
    root = open_root(path, factor)
    body = _body(root, to)
    before = _read(path)
    body |= {name: before[name] for name in (_FORMER, _HANDOVER) if name in before}
    replace(path, _written(body))
    return root


def begin_root(path: Path, factor: Factor) -> Root:
    """Lock a new root key with the same factor, beside the one before; one that was begun is gone on with.

    Raises:
        KeyUnavailable: the factor is not the right one.
    """
    root = open_root(path, factor)
    if root.former:
        return root
    body = _read(path)
    made = Root(
        key=Key.generate(),
        epoch=root.epoch + 1,
        deployment=root.deployment,
        former={root.epoch: root.key},
    )
    body |= _sealed(made, str(body["factor"]), _secret(body, factor))
    context = _context(root.deployment, _FORMER)
    body[_FORMER] = as_text(
        seal(root.key.material, key=made.key, context=context, epoch=root.epoch)
    )
    context = _context(root.deployment, _HANDOVER)
    body[_HANDOVER] = as_text(
        seal(made.key.material, key=root.key, context=context, epoch=made.epoch)
    )
    replace(path, _written(body))
    return made


def end_root(path: Path) -> None:
    """Destroy the root key before, when nothing is under it any more; needs no factor."""
    body = _read(path)
    if _FORMER in body:
        del body[_FORMER]
        body.pop(_HANDOVER, None)
        replace(path, _written(body))


def followed(path: Path, roots: Mapping[int, Key], deployment: UUID) -> dict[int, Key]:
    """Return the root keys that are new to a process which holds older ones; none if nothing is new.

    Raises:
        KeyUnavailable: they were rotated too long ago; the unseal factor is needed.
        TamperDetected: the file is damaged.
    """
    body = _read(path)
    epoch = _epoch(body)
    if epoch in roots:
        return {}
    older, handed = roots.get(epoch - 1), body.get(_HANDOVER)
    if older is None or handed is None:
        raise KeyUnavailable("The root key was rotated meanwhile. Unseal again.")
    try:
        context = _context(deployment, _HANDOVER)
        return {epoch: Key(unseal(as_bytes(handed), key=older, context=context))}
    except (SealBroken, ValueError, TypeError):
        raise TamperDetected(_DAMAGED) from None


def _body(root: Root, factor: Factor) -> dict[str, Any]:
    """Return the fields of a key file that this factor unlocks."""
    locked, secret = factor.enrol(root.deployment)
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "deployment": str(root.deployment),
        "factor": factor.kind,
        **locked,
        **_sealed(root, factor.kind, secret),
    }


def _sealed(root: Root, kind: str, secret: Key) -> dict[str, Any]:
    context = _context(root.deployment, kind)
    wrapped = seal(root.key.material, key=secret, context=context, epoch=root.epoch)
    return {"epoch": root.epoch, "wrapped": as_text(wrapped)}


def _secret(body: Mapping[str, Any], factor: Factor) -> Key:
    return factor.secret(body, UUID(body["deployment"]))


def _opened(body: Mapping[str, Any], secret: Key) -> Root:
    deployment, epoch = UUID(body["deployment"]), _epoch(body)
    wrapped = as_bytes(body["wrapped"])
    try:
        context = _context(deployment, str(body["factor"]))
        key = Key(unseal(wrapped, key=secret, context=context))
        former = {}
        if _FORMER in body:
            sealed = as_bytes(body[_FORMER])
            context = _context(deployment, _FORMER)
            former[epoch_of(sealed)] = Key(unseal(sealed, key=key, context=context))
    except SealBroken:
        raise KeyUnavailable(_wrong(str(body["factor"]))) from None
    if epoch_of(wrapped) != epoch:
        raise TamperDetected(_DAMAGED)
    return Root(key=key, epoch=epoch, deployment=deployment, former=former)


def _wrong(kind: str) -> str:
    if kind == "passphrase":
        return "The passphrase is wrong, or the key file was changed."
    if kind == "file":
        return "The unseal file is not the one of this key file."
    return "The unseal factor is not the one of this key file, or the key file was changed."


def _context(deployment: UUID, what: str) -> Context:
    """Return the context that a root key is sealed for."""
    return Context(
        deployment=deployment, agency=None, kind="key/root", object=deployment, field=what
    )


def _epoch(body: Mapping[str, Any]) -> int:
    epoch = body.get("epoch", FIRST_EPOCH)
    if not isinstance(epoch, int) or not FIRST_EPOCH <= epoch < EPOCH_LIMIT:
        raise TamperDetected(_DAMAGED)
    return epoch


def _read(path: Path) -> dict[str, Any]:
    """Return the fields of a key file whose frame is right."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE)
    except OSError:
        detail = "The key file is missing or cannot be read."
        raise KeyUnavailable(detail) from None
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise TamperDetected(_DAMAGED) from None
    if (
        not isinstance(body, dict)
        or (body.get("format"), body.get("version")) != (_FORMAT, _VERSION)
        or body.get("factor") not in KINDS
    ):
        raise TamperDetected(_DAMAGED)
    return body


def _written(body: Mapping[str, Any]) -> bytes:
    return (json.dumps(body, indent=2) + "\n").encode()
