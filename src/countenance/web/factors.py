"""Which unseal factors need no person, and what is built of those that people type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from countenance import config
from countenance.errors import InputError
from countenance.sealing.envelope import Key
from countenance.sealing.factors import (
    SERVICES,
    SPLIT,
    Factor,
    FileFactor,
    Passphrase,
    ServiceFactor,
)
from countenance.sealing.keyfile import factor_kind, factor_parts
from countenance.sealing.split import ENOUGH, Split
from countenance.web import kms


class Typed(Passphrase):
    """A passphrase that waits for another one: stretched once for each entry, however often it is tried."""

    def __init__(self, text: str) -> None:
        """Take the passphrase as it was typed."""
        super().__init__(text)
        self._known: dict[str, Key] = {}

    def secret(self, locked: Mapping[str, Any], deployment: UUID) -> Key:
        """Return what the passphrase gives for an entry of the key file."""
        name = repr(sorted(locked.items()))
        if name not in self._known:
            self._known[name] = super().secret(locked, deployment)
        return self._known[name]


def uses_demo_keys() -> bool:
    """Say whether the keys open with a file beside them: for demonstration and development only."""
    path = config.current().key_file
    return path.exists() and factor_kind(path) == FileFactor.kind


def without_a_person() -> list[Factor]:
    """Return the factors of the key file that the settings hold, or that a key management service gives."""
    settings = config.current()
    parts = factor_parts(settings.key_file)
    found: list[Factor] = []
    if FileFactor.kind in parts:
        found.append(FileFactor(settings.file_factor))
    secrets = (settings.passphrase, settings.second_passphrase)
    if Passphrase.kind in parts:
        found += [Passphrase(one.get_secret_value()) for one in secrets if one is not None]
    if settings.kms.service in parts:
        found.append(service(settings))
    return found


def known() -> Factor | None:
    """Return what opens the key file without a person; None if somebody has to type something."""
    path = config.current().key_file
    if not path.exists():
        return None
    found = without_a_person()
    if factor_kind(path) == SPLIT:
        return Split(found) if len(found) >= ENOUGH else None
    return found[0] if found else None


def with_typed(typed: Sequence[str | Passphrase]) -> Factor:
    """Return what opens the key file together with passphrases that people typed."""
    given = [Passphrase(one) if isinstance(one, str) else one for one in typed]
    if factor_kind(config.current().key_file) == SPLIT:
        return Split([*without_a_person(), *given])
    return given[-1]


def wanted() -> int:
    """Return how many passphrases have to be typed, at least one where nothing opens by itself."""
    if known() is not None:
        return 0
    split = factor_kind(config.current().key_file) == SPLIT
    return ENOUGH - len(without_a_person()) if split else 1


def types_help() -> bool:
    """Say whether a typed passphrase is any of the key file's factors."""
    return Passphrase.kind in factor_parts(config.current().key_file)


def service(settings: config.Config) -> ServiceFactor:
    """Return the factor of the settings' key management service.

    Raises:
        InputError: the settings name none.
    """
    if settings.kms.service not in SERVICES:
        raise InputError(
            "The settings name no key management service: see COUNTENANCE_KMS__SERVICE."
        )
    return ServiceFactor(kms.client(settings.kms))
