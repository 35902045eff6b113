"""Unseal factors: what a custodian brings so that the root key opens.

A factor gives a secret of 256 bits, and the key file (`keyfile.py`) holds the root key sealed under that
secret. To add a factor: write a class with `kind`, `enrol` and `secret`, and name its kind in `KINDS`. A
key management service needs none of its own: it is a `KeyService`, whose client lives outside of this package.
"""

from __future__ import annotations

import base64
import os
import secrets
import unicodedata
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from argon2.low_level import Type, hash_secret_raw

from countenance.errors import InputError, KeyUnavailable
from countenance.sealing.envelope import KEY_SIZE, Key
from countenance.sealing.files import write_once

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from uuid import UUID

SHORTEST_PASSPHRASE: Final = 12
FEWEST_CHARACTERS: Final = 5

_SALT_SIZE: Final = 16
_PASSES: Final = 3
_MEMORY_KIB: Final = 64 * 1024
_LANES: Final = 2
# What a key file may ask for at most, so that a planted one cannot stop the machine.
_MOST_PASSES: Final = 64
_MOST_MEMORY_KIB: Final = 4 * 1024 * 1024
_MOST_LANES: Final = 64

Locked = dict[str, Any]
"""What the key file keeps of a factor: nothing that opens without the factor itself."""


class Factor(Protocol):
    """What a custodian brings: a secret that can be had again from what the key file keeps."""

    @property
    def kind(self) -> str:
        """The factor's name in the key file."""

    def enrol(self, deployment: UUID) -> tuple[Locked, Key]:
        """Return what the key file has to hold so that this factor gives its secret, and the secret."""

    def secret(self, locked: Mapping[str, Any], deployment: UUID) -> Key:
        """Return the secret; a wrong factor gives another one, or raises `KeyUnavailable`."""


class KeyService(Protocol):
    """A key management service that wraps small secrets with a key that never leaves it.

    The context is authenticated there: what was wrapped in one is not unwrapped in another. Errors are
    `KeyUnavailable`, and say nothing of the secret.
    """

    @property
    def kind(self) -> str:
        """Which service: one of `SERVICES`."""

    @property
    def key(self) -> str:
        """The name of the key there, which is no secret."""

    def wrap(self, secret: bytes, *, context: Mapping[str, str]) -> bytes:
        """Return the secret, wrapped by the newest version of the key."""

    def unwrap(self, wrapped: bytes, *, context: Mapping[str, str]) -> bytes:
        """Return a secret that any version of the key wrapped in this context."""


class Passphrase:
    """A passphrase, stretched with Argon2id."""

    kind: ClassVar[str] = "passphrase"

    def __init__(self, text: str) -> None:
        """Take the passphrase as it was typed; its Unicode form does not matter."""
        self._text = unicodedata.normalize("NFC", text)

    def __repr__(self) -> str:
        """Name the type and nothing of the secret."""
        return "Passphrase(hidden)"

    def same_as(self, other: Factor) -> bool:
        """Say whether another factor is a passphrase of the same words."""
        return isinstance(other, Passphrase) and self._text == other._text  # noqa: SLF001 # a Passphrase too

    def enrol(self, deployment: UUID) -> tuple[Locked, Key]:  # noqa: ARG002 # as the protocol says
        """Choose a salt, and return it with the secret.

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
        locked = {
            "salt": as_text(salt),
            "passes": _PASSES,
            "memory_kib": _MEMORY_KIB,
            "lanes": _LANES,
        }
        key = self._stretched(salt, passes=_PASSES, memory_kib=_MEMORY_KIB, lanes=_LANES)
        return locked, key

    def secret(self, locked: Mapping[str, Any], deployment: UUID) -> Key:  # noqa: ARG002 # likewise
        """Return what the passphrase gives under the salt and the settings of the key file."""
        return self._stretched(
            as_bytes(locked["salt"]),
            passes=_bounded(locked["passes"], _MOST_PASSES),
            memory_kib=_bounded(locked["memory_kib"], _MOST_MEMORY_KIB),
            lanes=_bounded(locked["lanes"], _MOST_LANES),
        )

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
        """Name the file that holds the secret; `enrol` makes it if it is not there."""
        self._path = path

    def enrol(self, deployment: UUID) -> tuple[Locked, Key]:  # noqa: ARG002 # as the protocol says
        """Make the file, if it is not there, and return its secret.

        Raises:
            Unavailable: the file cannot be written.
        """
        if not self._path.exists():
            write_once(self._path, secrets.token_bytes(KEY_SIZE))
        return {}, self._read()

    def secret(self, locked: Mapping[str, Any], deployment: UUID) -> Key:  # noqa: ARG002 # likewise
        """Return the secret in the file.

        Raises:
            KeyUnavailable: the file is missing.
        """
        return self._read()

    def _read(self) -> Key:
        try:
            return Key(self._path.read_bytes())
        except (OSError, InputError):
            detail = "The unseal file is missing or cannot be read."
            raise KeyUnavailable(detail) from None


class ServiceFactor:
    """A random secret that a key management service wraps."""

    def __init__(self, service: KeyService) -> None:
        """Name the service, whose client is signed in there already."""
        self._service = service

    def __repr__(self) -> str:
        """Name the service and the key."""
        return f"ServiceFactor({self.kind})"

    @property
    def kind(self) -> str:
        """The service's name in the key file."""
        return self._service.kind

    def enrol(self, deployment: UUID) -> tuple[Locked, Key]:
        """Make a secret, have it wrapped, and return both.

        Raises:
            KeyUnavailable: the service does not answer, or refuses.
        """
        made = Key.generate()
        wrapped = self._service.wrap(made.material, context=_told(deployment))
        return {"key": self._service.key, "secret": as_text(wrapped)}, made

    def secret(self, locked: Mapping[str, Any], deployment: UUID) -> Key:
        """Have the secret unwrapped.

        Raises:
            KeyUnavailable: the service does not answer, or refuses, or wrapped it for another deployment.
        """
        material = self._service.unwrap(as_bytes(locked["secret"]), context=_told(deployment))
        try:
            return Key(material)
        except InputError:
            raise KeyUnavailable("The key management service returned no key.") from None


SERVICES: Final = ("aws-kms", "gcp-kms", "transit")
SPLIT: Final = "split"
KINDS: Final = (Passphrase.kind, FileFactor.kind, *SERVICES, SPLIT)
"""What may stand in a key file."""


def as_text(data: bytes) -> str:
    """Return bytes as the key file writes them."""
    return base64.b64encode(data).decode()


def as_bytes(value: object) -> bytes:
    """Return bytes that the key file wrote; ValueError or TypeError if they are none."""
    return base64.b64decode(value, validate=True)  # type: ignore[arg-type]


def _told(deployment: UUID) -> dict[str, str]:
    """Return what the service is told of the secret, which it authenticates and may log."""
    return {"purpose": "countenance-unseal", "deployment": str(deployment)}


def _bounded(value: object, most: int) -> int:
    """Return a setting of Argon2id within its bounds."""
    if not isinstance(value, int) or not 1 <= value <= most:
        raise ValueError
    return value
