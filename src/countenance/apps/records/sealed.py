"""Model columns that are sealed at rest: one ciphertext column each, no plaintext twin.

A sealed column is written through `save()`, `create()` or `bulk_create()` only, cannot be looked up by
value, and opens on first access. Its context binds deployment, agency, kind, row and column, so
a ciphertext moved anywhere else fails to open. A model says which key seals it (`SealedModel`,
`ObjectSealedModel`); equality look-ups go through a separate blind-index column.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar
from uuid import UUID

from django.core.exceptions import FieldError
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from countenance.apps.records.keys import take_in_keys
from countenance.errors import KeyUnavailable, SealBroken, Sealed
from countenance.sealing.chest import Name
from countenance.sealing.envelope import Key, epoch_of, seal, unseal
from countenance.sealing.keyring import Keyring
from countenance.sealing.kinds import KeyKind
from countenance.sealing.object_keys import born, oldest_epoch
from countenance.sealing.rotating import former_object_key, rewrapped_object_key

_in_context: ContextVar[Keyring | None] = ContextVar("keyring", default=None)
_of_process: list[Keyring] = []
_written: ContextVar[dict[str, str] | None] = ContextVar("written", default=None)

NULL, DELETED = "null", ""
"""What stands for a column without a value, and for one of a row that is gone, instead of a digest."""


def current_keyring() -> Keyring:
    """Return the keyring of this request, or of this process.

    Raises:
        Sealed: nothing has been unsealed.
    """
    keyring = _in_context.get()
    if keyring is not None:
        return keyring
    if _of_process:
        return _of_process[0]
    raise Sealed


def set_process_keyring(keyring: Keyring | None) -> None:
    """Make this the keyring of every thread that has none of its own; None seals the process."""
    _of_process[:] = [] if keyring is None else [keyring]


@contextmanager
def using_keyring(keyring: Keyring) -> Iterator[None]:
    """Use another keyring, such as one of a single agency, within this block."""
    token = _in_context.set(keyring)
    try:
        yield
    finally:
        _in_context.reset(token)


@contextmanager
def noting() -> Iterator[dict[str, str]]:
    """Collect the digests of what is written to columns that the ledger repeats, within this block."""
    written: dict[str, str] = {}
    token = _written.set(written)
    try:
        yield written
    finally:
        _written.reset(token)


def note_deleted(row: SealedModel) -> None:
    """Note that a row is gone, for the ledger's entry of this change."""
    written = _written.get()
    for column in row.ON_LEDGER:
        if written is not None:
            written[column_of(row, column)] = DELETED


def column_of(row: SealedModel, column: str) -> str:
    """Return how the ledger names one sealed column of one row."""
    return f"{row._meta.db_table}.{column}/{row.pk}"  # noqa: SLF001 # Django's documented API


def digest_of(name: str, plaintext: bytes | None) -> str:
    """Return what the ledger repeats of a column: of its plaintext, so that new keys do not change it.

    Under the key of blind indexes, which is never rotated: whoever reads exported bodies guesses no value by it,
    also after the column was erased.
    """
    if plaintext is None:
        return NULL
    bound = name.encode() + b"\x00" + plaintext
    return current_keyring().blind_index(bound, purpose="ledger.column").hex()


class Ciphertext(bytes):
    """What stands in the column; told apart from plaintext by its type."""


class SealedModel(models.Model):
    """A model whose sealed columns are under a class key of its agency.

    `ON_LEDGER` names the columns that give power: each entry repeats the digests of those that it changed,
    so that an older value that somebody puts back is found (`compared`).
    """

    seal_kind: ClassVar[KeyKind]
    ON_LEDGER: ClassVar[frozenset[str]] = frozenset()
    also_sealed: ClassVar[tuple[str, ...]] = ()
    """Columns that hold sealed values without being sealed columns; a rotation finds them by this."""
    under_own_key: ClassVar[frozenset[str]] = frozenset()
    """Columns that are under a row's own key if it has one, where others are under its class key; see `Search`."""
    sealed_with: ClassVar[str] = ""
    """The name of the foreign key to the row under whose own key everything of this one is; see `Face`."""

    class Meta:
        abstract = True

    def seal_agency(self) -> UUID | None:
        """Return the agency whose key seals this row; None for the platform's own rows."""
        return self.agency_id  # type: ignore[attr-defined,no-any-return] # every concrete model has it

    def sealed_under(self, column: str) -> Name | None:  # noqa: ARG002 # others tell columns apart
        """Return which key seals a column, with or without its table's name; None: that of an object."""
        return None if self.sealed_with else (self.seal_agency(), self.seal_kind)

    def sealed_anew(self, sealed: bytes, column: str) -> bytes:
        """Return the same value under the newest key; the column is named as its seal binds it."""
        return self.seal_column(self.unseal_column(sealed, column), column)

    def seal_column(self, plaintext: bytes, column: str) -> bytes:
        """Seal one value for one column of this row."""
        return current_keyring().seal(
            plaintext, kind=self.seal_kind, agency=self.seal_agency(), object=self.pk, field=column
        )

    def unseal_column(self, sealed: bytes, column: str) -> bytes:
        """Open one value of one column of this row.

        Raises:
            SealBroken: it was changed, or belongs elsewhere.
        """
        return current_keyring().unseal(
            sealed, kind=self.seal_kind, agency=self.seal_agency(), object=self.pk, field=column
        )


class ObjectKeyField(models.BinaryField):  # type: ignore[type-arg] # generic only in the stubs
    """The wrapped key of a row, made when the row is first saved."""

    def pre_save(self, model_instance: Any, add: bool) -> Any:  # noqa: FBT001
        """Make the row's key before any column that it seals."""
        # This column comes before the sealed ones, which would make the key too late for it.
        if add:
            model_instance.open_key()
        model_instance.wrap_key_anew()
        return super().pre_save(model_instance, add)


class ObjectSealedModel(SealedModel):
    """A model with a key of its own; destroying `object_key` makes every sealed part of it unreadable.

    Columns and objects in the store are sealed under that key.
    """

    object_key = ObjectKeyField(null=True)

    class Meta:
        abstract = True

    def stored_objects(self) -> list[tuple[UUID, str]]:
        """Return the ids of this row's objects in the store, if it has any, and what their seals call them."""
        return [(self.pk, "object")]

    def open_key(self) -> Key:
        """Return this row's own key, made on first use.

        Raises:
            SealBroken: the key was destroyed, or does not belong to this row.
        """
        cached = self.__dict__.get("_opened_key")
        if cached is not None:
            return cached  # type: ignore[no-any-return] # only set below
        keyring, agency = current_keyring(), self.seal_agency()
        if self._state.adding and not self.object_key:
            key, self.object_key = keyring.new_object_key(
                kind=self.seal_kind, agency=agency, object=self.pk
            )
        elif self.object_key is None:
            raise SealBroken("The key of this object was destroyed; it cannot be read any more.")
        else:
            key = keyring.open_object_key(
                bytes(self.object_key), kind=self.seal_kind, agency=agency, object=self.pk
            )
        self.__dict__["_opened_key"] = key
        return key

    def wrap_key_anew(self) -> None:
        """Wrap this row's key with the newest key of its class, if an older one wraps it."""
        keyring, agency = current_keyring(), self.seal_agency()
        stored = None if self.object_key is None else bytes(self.object_key)
        if stored and oldest_epoch(stored) < keyring.newest(self.seal_kind, agency):
            name = (agency, self.seal_kind)
            self.object_key = rewrapped_object_key(keyring, stored, name, self.pk)

    def other_keys(self) -> list[Key]:
        """Return the keys that an object of this row may also be under, read anew: while it is being rotated."""
        stored = type(self)._base_manager.filter(pk=self.pk).values_list("object_key", flat=True)  # noqa: SLF001 # Django's public name
        now = stored.first()
        if now is None:
            return []
        keyring, wrapped, agency = current_keyring(), bytes(now), self.seal_agency()
        key = keyring.open_object_key(wrapped, kind=self.seal_kind, agency=agency, object=self.pk)
        former = former_object_key(keyring, wrapped, (agency, self.seal_kind), self.pk)
        return [key] if former is None else [key, former]

    def sealed_under(self, column: str) -> Name | None:
        """Return the class key that wraps the row's own; everything else is under that one."""
        return (self.seal_agency(), self.seal_kind) if column == "object_key" else None

    def destroy_key(self) -> None:
        """Forget the key here; the caller saves the row, which destroys it for good."""
        self.object_key = None
        self.__dict__.pop("_opened_key", None)

    def seal_column(self, plaintext: bytes, column: str) -> bytes:
        """Seal one value under this row's own key, which may have been made anew since the row was read."""
        if not self._state.adding and self.object_key is not None:
            newest = current_keyring().newest(self.seal_kind, self.seal_agency())
            if born(bytes(self.object_key)) < newest:
                rows = type(self)._base_manager.filter(pk=self.pk)  # noqa: SLF001 # Django's public name
                self.object_key = rows.values_list("object_key", flat=True).first()
                self.__dict__.pop("_opened_key", None)
        context = current_keyring().context(self.seal_kind, self.seal_agency(), self.pk, column)
        return seal(plaintext, key=self.open_key(), context=context)

    def unseal_column(self, sealed: bytes, column: str) -> bytes:
        """Open one value under this row's own key."""
        context = current_keyring().context(self.seal_kind, self.seal_agency(), self.pk, column)
        return unseal(sealed, key=self.open_key(), context=context)


def _opened(instance: Any, field: _SealedField, value: Ciphertext) -> bytes:
    """Open a value; one whose key was rotated since the row was read is read once more.

    Raises:
        SealBroken: it was changed, or belongs elsewhere.
        KeyUnavailable: its key is not here, or not this request's to open.
    """
    column = field.sealed_name
    try:
        return instance.unseal_column(bytes(value), column)  # type: ignore[no-any-return] # of its model
    except (SealBroken, KeyUnavailable) as error:
        if instance._state.adding:  # noqa: SLF001 # Django's documented API
            raise
        if isinstance(error, KeyUnavailable):
            take_in_keys(current_keyring())
        fresh = type(instance)._base_manager.filter(pk=instance.pk).first()  # noqa: SLF001 # Django's public name
        now = None if fresh is None else fresh.__dict__[field.attname]
        if now is None or (now == value and isinstance(error, SealBroken)):
            raise
        return fresh.unseal_column(bytes(now), column)  # type: ignore[no-any-return] # of its model


class _SealedAttribute(DeferredAttribute):
    """Opens the column on first access and keeps the plaintext on the instance."""

    field: _SealedField

    def __get__(self, instance: Any, cls: Any = None) -> Any:  # Django's signature
        if instance is None:
            return self
        name = self.field.attname
        value = (
            instance.__dict__[name] if name in instance.__dict__ else super().__get__(instance, cls)
        )
        if isinstance(value, Ciphertext):
            value = self.field.from_plaintext(_opened(instance, self.field, value))
            instance.__dict__[self.field.attname] = value
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        # Being settable puts this before the instance's dictionary, so that `__get__` is always asked.
        instance.__dict__[self.field.attname] = value


class _SealedField(models.BinaryField):  # type: ignore[type-arg] # generic only in the stubs
    """A binary column that holds ciphertext only."""

    descriptor_class = _SealedAttribute

    @property
    def sealed_name(self) -> str:
        """Return the name that the ciphertext is bound to."""
        return f"{self.model._meta.db_table}.{self.column}"  # noqa: SLF001 # Django's documented API

    def to_plaintext(self, value: Any) -> bytes:  # each subclass says which type
        """Return the bytes to seal."""
        raise NotImplementedError

    def from_plaintext(self, plaintext: bytes) -> Any:
        """Return the value that was sealed."""
        raise NotImplementedError

    def from_db_value(self, value: Any, *_: Any) -> Ciphertext | None:
        return None if value is None else Ciphertext(value)

    def pre_save(self, model_instance: Any, add: bool) -> Ciphertext | None:  # noqa: ARG002, FBT001
        """Seal the value under the row's key; what was never opened is written back as it is.

        Unless its key was rotated since: nothing is written under an old one.
        """
        value = model_instance.__dict__.get(self.attname)
        if isinstance(value, Ciphertext):
            name = model_instance.sealed_under(self.column)
            if name is None or epoch_of(value) >= current_keyring().newest(name[1], name[0]):
                return value
            return Ciphertext(model_instance.sealed_anew(bytes(value), self.sealed_name))
        plaintext = None if value is None else self.to_plaintext(value)
        written = _written.get()
        if written is not None and self.attname in model_instance.ON_LEDGER:
            name = column_of(model_instance, self.attname)
            written[name] = digest_of(name, plaintext)
        if plaintext is None:
            return None
        return Ciphertext(model_instance.seal_column(plaintext, self.sealed_name))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:  # noqa: FBT001, FBT002
        if value is not None and not isinstance(value, Ciphertext):
            raise TypeError("A sealed column is written through save() or create() only.")
        return super().get_db_prep_value(value, connection, prepared)

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name != "isnull":
            raise FieldError("A sealed column cannot be looked up by value.")
        return super().get_lookup(lookup_name)

    def get_default(self) -> Any:  # BinaryField turns "" into b""
        return self._get_default()  # type: ignore[attr-defined]


class SealedText(_SealedField):
    """A sealed string."""

    def to_plaintext(self, value: str) -> bytes:
        """Return the bytes to seal."""
        return value.encode()

    def from_plaintext(self, plaintext: bytes) -> str:
        """Return the value that was sealed."""
        return plaintext.decode()


class SealedJSON(_SealedField):
    """A sealed value of plain JSON types."""

    def to_plaintext(self, value: Any) -> bytes:
        """Return the bytes to seal."""
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()

    def from_plaintext(self, plaintext: bytes) -> Any:
        """Return the value that was sealed."""
        return json.loads(plaintext)


class SealedBytes(_SealedField):
    """Sealed bytes."""

    def to_plaintext(self, value: bytes) -> bytes:
        """Return the bytes to seal."""
        return bytes(value)

    def from_plaintext(self, plaintext: bytes) -> bytes:
        """Return the value that was sealed."""
        return plaintext
