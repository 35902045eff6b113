"""Unseal factors: what a custodian brings so that the root key opens.

The root key is random and lies, locked by a factor, in one file of the home folder. To add a factor
(such as a key management service that unwraps the root key itself): write a class with `kind`,
`lock` and `unlock`, and name its kind in `_KINDS`. Nothing else knows how a factor works.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import unicodedata
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol
from uuid import UUID, uuid4

from argon2.exceptions import HashingError
from argon2.low_level import Type, hash_secret_raw

from countenance.errors import (
    AlreadyExists,
    InputError,
    KeyUnavailable,
    SealBroken,
    TamperDetected,
    Unavailable,
)
from countenance.sealing.envelope import KEY_SIZE, Context, Key, seal, unseal
from countenance.sealing.files import make_folder, sync, write_new

if TYPE_CHECKING:
    from pathlib import Path

SHORTEST_PASSPHRASE: Final = 12
FEWEST_CHARACTERS: Final = 5

_FORMAT: Final = "countenance key file"
_VERSION: Final = 1
_LARGEST_FILE: Final = 65_536
_SALT_SIZE: Final = 16
_PASSES: Final = 3
_MEMORY_KIB: Final = 64 * 1024
_LANES: Final = 2
# What a key file may ask for at most, so that a planted one cannot stop the machine.
_MOST_PASSES: Final = 64
_MOST_MEMORY_KIB: Final = 4 * 1024 * 1024
_MOST_LANES: Final = 64

_Locked = dict[str, str | int]


class Factor(Protocol):
    """What locks and unlocks the root key."""

    @property
    def kind(self) -> str:
        """The factor's name in the key file."""

    def lock(self, root: Key, context: Context) -> _Locked:
        """Return what the key file has to hold so that this factor unlocks the root key."""

    def unlock(self, locked: _Locked, context: Context) -> Key:
        """Return the root key, or raise `KeyUnavailable` if this factor is the wrong one."""


class Passphrase:
    """A passphrase, stretched with Argon2id."""

    kind: ClassVar[str] = "passphrase"

    def __init__(self, text: str) -> None:
        """Take the passphrase as it was typed; its Unicode form does not matter."""
        self._text = unicodedata.normalize("NFC", text)

    def __repr__(self) -> str:
        """Name the type and nothing of the secret."""
        return "Passphrase(hidden)"

    def lock(self, root: Key, context: Context) -> _Locked:
        """Lock the root key under this passphrase.

        Raises:
            InputError: the passphrase is too short or too uniform.
        """
        if len(self._text.strip()) < SHORTEST_PASSPHRASE:
            detail = f"The passphrase needs at least {SHORTEST_PASSPHRASE} characters."
            raise InputError(detail)
        if len(set(self._text)) < FEWEST_CHARACTERS:
            detail = f"The passphrase needs at least {FEWEST_CHARACTERS} different characters."
            raise InputError(detail)
        salt = os.urandom(_SALT_SIZE)
        key = self._stretched(salt, passes=_PASSES, memory_kib=_MEMORY_KIB, lanes=_LANES)
        return {
            "salt": _text(salt),
            "passes": _PASSES,
            "memory_kib": _MEMORY_KIB,
            "lanes": _LANES,
            "wrapped": _text(seal(root.material, key=key, context=context)),
        }

    def unlock(self, locked: _Locked, context: Context) -> Key:
        """Return the root key.

        Raises:
            KeyUnavailable: the passphrase is wrong.
        """
        key = self._stretched(
            _bytes(locked["salt"]),
            passes=_bounded(locked["passes"], _MOST_PASSES),
            memory_kib=_bounded(locked["memory_kib"], _MOST_MEMORY_KIB),
            lanes=_bounded(locked["lanes"], _MOST_LANES),
        )
        try:
            return Key(unseal(_bytes(locked["wrapped"]), key=key, context=context))
        except SealBroken:
            detail = "The passphrase is wrong, or the key file was changed."
            raise KeyUnavailable(detail) from None

    def _stretched(self, salt: bytes, *, passes: int, memory_kib: int, lanes: int) -> Key:
        """Return the key that the passphrase gives under these settings."""
        return Key(
            hash_secret_raw(
                self._text.encode(errors="surrogatepass"),
                salt,
                time_cost=passes,
                memory_cost=memory_kib,
                parallelism=lanes,
                hash_len=KEY_SIZE,
                type=Type.ID,
            )
        )


class FileFactor:
    """A secret in a file of this machine: for demonstration and development only."""

    kind: ClassVar[str] = "file"

    def __init__(self, path: Path) -> None:
        """Name the file that holds the secret; `lock` makes it if it is not there."""
        self._path = path

    def lock(self, root: Key, context: Context) -> _Locked:
        """Lock the root key under the file's secret.

        Raises:
            Unavailable: the file cannot be written.
        """
        if not self._path.exists():
            _write_once(self._path, secrets.token_bytes(KEY_SIZE))
        return {"wrapped": _text(seal(root.material, key=self._secret(), context=context))}

    def unlock(self, locked: _Locked, context: Context) -> Key:
        """Return the root key.

        Raises:
            KeyUnavailable: the file is missing, or is not the one that locked.
        """
        try:
            return Key(unseal(_bytes(locked["wrapped"]), key=self._secret(), context=context))
        except SealBroken:
            detail = "The unseal file is not the one of this key file."
            raise KeyUnavailable(detail) from None

    def _secret(self) -> Key:
        """Return the secret in the file."""
        try:
            return Key(self._path.read_bytes())
        except (OSError, InputError):
            detail = "The unseal file is missing or cannot be read."
            raise KeyUnavailable(detail) from None


_KINDS: Final = (Passphrase.kind, FileFactor.kind)


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
    deployment = uuid4() if deployment is None else deployment
    root = Key.generate()
    body = {
        "format": _FORMAT,
        "version": _VERSION,
        "deployment": str(deployment),
        "factor": factor.kind,
        **factor.lock(root, _context(deployment, factor.kind)),
    }
    _write_once(path, (json.dumps(body, indent=2) + "\n").encode())
    return root


def open_key_file(path: Path, factor: Factor) -> tuple[Key, UUID]:
    """Return the root key and the deployment's id.

    Raises:
        KeyUnavailable: the file is missing, or the factor is not the right one.
        TamperDetected: the file is damaged.
    """
    body = _read(path)
    if body["factor"] != factor.kind:
        detail = f"This deployment is unsealed with another factor: {body['factor']}."
        raise KeyUnavailable(detail)
    try:
        deployment = UUID(body["deployment"])
        return factor.unlock(body, _context(deployment, factor.kind)), deployment
    except (KeyError, TypeError, ValueError, AttributeError, HashingError):
        raise TamperDetected(_DAMAGED) from None


def factor_kind(path: Path) -> str:
    """Return which factor unlocks a key file: `passphrase` or `file`.

    Raises:
        KeyUnavailable: the file is missing.
        TamperDetected: the file is damaged.
    """
    return str(_read(path)["factor"])


_EXISTS: Final = "There is a key file already; it is never overwritten."
_DAMAGED: Final = "The key file is damaged. Restore it from its copy."


def _context(deployment: UUID, kind: str) -> Context:
    """Return the context that the root key is sealed for."""
    return Context(
        deployment=deployment, agency=None, kind="key/root", object=deployment, field=kind
    )


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
        or body.get("factor") not in _KINDS
    ):
        raise TamperDetected(_DAMAGED)
    return body


def _write_once(path: Path, data: bytes) -> None:
    """Write a private file durably: complete or not at all, and never over another."""
    part = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        make_folder(path.parent)
        write_new(part, data)
        sync(part)
        # Unlike a rename, a link fails if another process was faster.
        path.hardlink_to(part)
        part.unlink()
        sync(path.parent)
    except FileExistsError:
        part.unlink(missing_ok=True)
        raise AlreadyExists(_EXISTS) from None
    except OSError as error:
        part.unlink(missing_ok=True)
        detail = f"A key file cannot be written: {os.strerror(error.errno or 0)}."
        raise Unavailable(detail, errno=error.errno) from error


def _text(data: bytes) -> str:
    """Return bytes as the key file writes them."""
    return base64.b64encode(data).decode()


def _bytes(value: object) -> bytes:
    """Return bytes that the key file wrote; ValueError or TypeError if they are none."""
    return base64.b64decode(value, validate=True)  # type: ignore[arg-type]


def _bounded(value: object, most: int) -> int:
    """Return a setting of Argon2id within its bounds."""
    if not isinstance(value, int) or not 1 <= value <= most:
        raise ValueError
    return value
