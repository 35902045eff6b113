"""The keys of a deployment, each random and wrapped by its parent, opened when first needed."""

# ruff: noqa: A002 - `object` is the name of a part of a context, here as in `Context`.

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final
from uuid import UUID

from countenance.errors import Conflict, KeyUnavailable
from countenance.sealing import object_keys
from countenance.sealing.blind import folded, mac_of
from countenance.sealing.chest import FIRST_EPOCH, Chest, Name
from countenance.sealing.contexts import object_key_context
from countenance.sealing.envelope import Context, Key, epoch_of, seal, unseal
from countenance.sealing.kinds import (
    CLASS_KINDS,
    LENT_KINDS,
    PLATFORM_KINDS,
    SHARED_KINDS,
    KeyKind,
    KeyRecord,
)
from countenance.sealing.signing import public_bytes, signer_of
from countenance.sealing.wrapping import wrap

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

BLIND_INDEX_SIZE: Final = 16


class Keyring:
    """Opens, makes and uses the keys of one deployment; safe to share between threads."""

    def __init__(
        self,
        root: Key,
        *,
        deployment: UUID,
        records: Iterable[KeyRecord] = (),
        roots: Mapping[int, Key] | None = None,
    ) -> None:
        """Start with the root key and the stored records; nothing is unwrapped yet.

        Args:
            root: the root key.
            deployment: whose keys they are.
            records: the stored keys.
            roots: the root keys by epoch, if there is more than the first.
        """
        self._chest = Chest(roots or {FIRST_EPOCH: root}, deployment)
        self._agency: UUID | None = None
        self._platform = True
        self._signs = True
        self._lent_by: frozenset[UUID] = frozenset()
        self._founded: set[UUID] = set()
        self.add(records)

    def __repr__(self) -> str:
        """Name the type and nothing of the secrets."""
        return "Keyring(hidden)"

    @property
    def deployment(self) -> UUID:
        """The deployment whose keys these are."""
        return self._chest.deployment

    @property
    def chest(self) -> Chest:
        """What this keyring shares with its views, to rotate keys; a view has none.

        Raises:
            KeyUnavailable: this is a view.
        """
        if self._agency is not None:
            raise KeyUnavailable
        return self._chest

    def newest(self, kind: KeyKind, agency: UUID | None) -> int:
        """Return the newest epoch of a key, 0 if there is none; opens nothing."""
        return self._chest.newest((agency, kind))

    def take_in(self, records: Iterable[KeyRecord]) -> None:
        """Take in what another process stored, in any view: a record opens nothing by itself."""
        self._chest.take_in(records, {})

    @property
    def agency(self) -> UUID | None:
        """The agency whose view this is; None if it opens everything."""
        return self._agency

    def only(self, agency: UUID, *, platform: bool = False, signs: bool = False) -> Keyring:
        """Return a view that opens this agency's keys and what every request needs, no other.

        Args:
            agency: whose keys.
            platform: for the custodian: also who the agencies are, and making keys for a new one.
            signs: for who exports what the deployment signs: also its signing key, if it is open here.

        Raises:
            KeyUnavailable: this keyring is itself a view, of another agency or without the platform.
        """
        if self._agency not in {None, agency} or (platform and not self._platform):
            raise KeyUnavailable
        return self._view(agency, platform=platform, signs=signs and self._signs)

    def lent(self, grant: bytes, *, owner: UUID, object: UUID, today: date) -> Keyring:
        """Return a view that also reads with an owner's keys what that owner granted.

        The grant was sealed by its owner, under a key that no other request opens: neither the platform
        nor whoever writes to the database can make one, lengthen it, or give it to somebody else.

        Args:
            grant: what `seal_grant` returned.
            owner: who sealed it.
            object: the id of the granted gallery.
            today: the present date.

        Raises:
            KeyUnavailable: this keyring is no agency's view, or the grant is another's, or has ended.
            SealBroken: the grant was changed or moved.
        """
        if self._agency is None:
            raise KeyUnavailable
        key, _ = self._open(KeyKind.GRANT, owner, epoch_of(grant))
        said = unseal(grant, key=key, context=self.context(KeyKind.GRANT, owner, object))
        grantee, _, until = said.decode().partition(" ")
        if UUID(grantee) != self._agency or date.fromisoformat(until) < today:
            raise KeyUnavailable("The gallery is not granted, or no longer.")
        view = self._view(self._agency, platform=False, signs=self._signs)
        view._lent_by = self._lent_by | {owner}  # noqa: SLF001 - the view is a Keyring itself.
        return view

    def seal_grant(self, *, owner: UUID, object: UUID, grantee: UUID, until: date) -> bytes:
        """Return what lets another agency read this object of the owner's until a date.

        Raises:
            KeyUnavailable: the owner's keys are not this keyring's to open.
        """
        said = f"{grantee} {until.isoformat()}".encode()
        return self.seal(said, kind=KeyKind.GRANT, agency=owner, object=object)

    def _view(self, agency: UUID, *, platform: bool, signs: bool) -> Keyring:
        view = Keyring.__new__(Keyring)
        view._chest, view._agency, view._platform = self._chest, agency, platform  # noqa: SLF001
        view._signs = signs  # noqa: SLF001 - a Keyring itself.
        view._lent_by, view._founded = frozenset(), set()  # noqa: SLF001 - a Keyring itself.
        return view

    @staticmethod
    def platform_records(root: Key, deployment: UUID) -> list[KeyRecord]:
        """Make the deployment's own keys, wrapped by the root key; to be stored and added."""
        return [
            wrap(Key.generate(), (root, FIRST_EPOCH), deployment, (None, kind), FIRST_EPOCH)
            for kind in PLATFORM_KINDS
        ]

    def agency_records(self, agency: UUID) -> list[KeyRecord]:
        """Make an agency's key and one key of each class; to be stored and added.

        A view that made an agency's keys may use them, to write down who was admitted.

        Raises:
            KeyUnavailable: this keyring is a view of one agency and not the custodian's.
            Conflict: the agency has keys already.
        """
        if not self._platform:
            raise KeyUnavailable
        if (agency, KeyKind.AGENCY) in self._chest.records:
            raise Conflict("This agency has its keys already.")
        self._founded.add(agency)
        parent = Key.generate()
        root, deployment = self._chest.parent((agency, KeyKind.AGENCY)), self.deployment
        return [
            wrap(parent, root, deployment, (agency, KeyKind.AGENCY), FIRST_EPOCH),
            *(
                wrap(Key.generate(), (parent, FIRST_EPOCH), deployment, (agency, kind), FIRST_EPOCH)
                for kind in CLASS_KINDS
            ),
        ]

    def missing_records(self) -> list[KeyRecord]:
        """Make the keys of kinds that did not exist when this deployment was made; to be stored and added.

        Raises:
            KeyUnavailable: this keyring is a view.
        """
        if self._agency is not None:
            raise KeyUnavailable
        agencies = {agency for agency, kind in self._chest.records if kind is KeyKind.AGENCY}
        names: list[Name] = [(None, kind) for kind in PLATFORM_KINDS]
        names += [(agency, kind) for agency in sorted(agencies, key=str) for kind in CLASS_KINDS]
        return [
            wrap(
                Key.generate(),
                self._chest.parent((agency, kind)),
                self.deployment,
                (agency, kind),
                1,
            )
            for agency, kind in names
            if (agency, kind) not in self._chest.records
        ]

    def next_record(self, kind: KeyKind, *, agency: UUID | None = None) -> KeyRecord:
        """Make the next epoch of a key; once stored and added, new values are sealed with it.

        Raises:
            KeyUnavailable: there is no such key yet, or it is not this keyring's to open.
        """
        _, newest = self.key(kind, agency=agency)
        parent = self._chest.parent((agency, kind))
        return wrap(Key.generate(), parent, self.deployment, (agency, kind), newest + 1)

    def knows(self, agency: UUID) -> bool:
        """Say whether this process has taken in an agency's keys; another process may have made them."""
        return (agency, KeyKind.AGENCY) in self._chest.records

    def add(self, records: Iterable[KeyRecord]) -> None:
        """Take in stored records; one that is already known changes nothing.

        Raises:
            Conflict: another record of the same agency, kind and epoch is already known.
            KeyUnavailable: this keyring is a view, and the record is of another agency.
        """
        for record in records:
            self._permit(record.kind, record.agency)
            self._chest.add(record)

    def key(
        self, kind: KeyKind, *, agency: UUID | None = None, epoch: int | None = None
    ) -> tuple[Key, int]:
        """Return a key and its epoch: the newest unless one is named.

        Raises:
            KeyUnavailable: there is no such key, or it is not this keyring's to open.
            SealBroken: the stored record was changed, moved, or belongs to another root key.
        """
        self._permit(kind, agency)
        return self._open(kind, agency, epoch)

    def _open(
        self, kind: KeyKind, agency: UUID | None, epoch: int | None = None
    ) -> tuple[Key, int]:
        """Return a key, whoever asks; the callers have judged that."""
        return self._chest.open((agency, kind), epoch)

    def context(
        self,
        kind: KeyKind,
        agency: UUID | None,
        object: UUID | str,
        field: str = "",
    ) -> Context:
        """Return the context of one field of one object of this deployment."""
        return Context(
            deployment=self.deployment, agency=agency, kind=kind.value, object=object, field=field
        )

    def seal(
        self,
        plaintext: bytes,
        *,
        kind: KeyKind,
        agency: UUID | None,
        object: UUID | str,
        field: str = "",
    ) -> bytes:
        """Seal one field of one object with the newest key of its class.

        Raises:
            KeyUnavailable: there is no such key, or it is not this keyring's to open.
        """
        self._permit_sealing(kind, agency)
        key, epoch = self.key(kind, agency=agency)
        context = self.context(kind, agency, object, field)
        return seal(plaintext, key=key, context=context, epoch=epoch)

    def unseal(
        self,
        sealed: bytes,
        *,
        kind: KeyKind,
        agency: UUID | None,
        object: UUID | str,
        field: str = "",
    ) -> bytes:
        """Return what `seal` was given, whichever epoch's key sealed it.

        Raises:
            KeyUnavailable: there is no such key, or it is not this keyring's to open.
            SealBroken: the value was changed, moved, or sealed for something else.
        """
        key, _ = self.key(kind, agency=agency, epoch=epoch_of(sealed))
        return unseal(sealed, key=key, context=self.context(kind, agency, object, field))

    def new_object_key(
        self,
        *,
        kind: KeyKind,
        agency: UUID | None,
        object: UUID,
    ) -> tuple[Key, bytes]:
        """Make the key of one object and its wrapped form; losing the latter erases the object.

        Raises:
            KeyUnavailable: there is no such class key, or it is not this keyring's to open.
        """
        self._permit_sealing(kind, agency)
        parent, epoch = self.key(kind, agency=agency)
        key = Key.generate()
        context = object_key_context(self.deployment, agency, kind, object)
        return key, object_keys.made(key, (parent, epoch), context)

    def open_object_key(
        self,
        wrapped: bytes,
        *,
        kind: KeyKind,
        agency: UUID | None,
        object: UUID,
    ) -> Key:
        """Return the key of one object from its wrapped form.

        Raises:
            KeyUnavailable: the class key is missing, or not this keyring's to open.
            SealBroken: the wrapped form was changed, or is that of another object.
        """
        parent, _ = self.key(kind, agency=agency, epoch=epoch_of(wrapped))
        context = object_key_context(self.deployment, agency, kind, object)
        return object_keys.opened(wrapped, parent, context)

    def signing_key(
        self, kind: KeyKind = KeyKind.SIGNING, epoch: int | None = None
    ) -> Ed25519PrivateKey:
        """Return the newest key that the deployment signs with, or its ledger: of kind `checkpoint`.

        Raises:
            KeyUnavailable: there is none, or this view may not sign.
        """
        return signer_of(self.key(kind, epoch=epoch)[0])

    def verifying_keys(self, kind: KeyKind = KeyKind.SIGNING) -> list[bytes]:
        """Return the 32 bytes that others verify signatures with, of each epoch, newest first; no secret."""
        epochs = sorted(self._chest.records.get((None, kind), {}), reverse=True)
        return [public_bytes(signer_of(self._open(kind, None, one)[0])) for one in epochs]

    def verifying_key(self, kind: KeyKind = KeyKind.SIGNING) -> bytes:
        """Return those of the newest; KeyUnavailable if the deployment has no signing key yet."""
        return public_bytes(signer_of(self._open(kind, None)[0]))

    def blind_index(self, value: str | bytes, *, purpose: str, agency: UUID | None = None) -> bytes:
        """Return 16 bytes by which an equal value of the same purpose and agency is found again.

        Text is compared without regard to case and Unicode form; bytes as they are. The first
        epoch's key is always used, because an index under another key would find nothing.

        Raises:
            KeyUnavailable: the blind-index key is missing, or the agency not this keyring's.
        """
        if self._agency is not None and agency not in {None, self._agency, *self._founded}:
            raise KeyUnavailable
        key, epoch = self.key(KeyKind.BLIND_INDEX, epoch=FIRST_EPOCH)
        label = self.context(KeyKind.BLIND_INDEX, agency, purpose).encode(epoch)
        data = value if isinstance(value, bytes) else folded(value).encode(errors="surrogatepass")
        return mac_of(mac_of(key.material, label), data)[:BLIND_INDEX_SIZE]

    def _permit(self, kind: KeyKind, agency: UUID | None) -> None:
        """Refuse a name that no key has, and in a view what is another agency's."""
        if (agency is None) != (kind in PLATFORM_KINDS):
            detail = "A platform key belongs to no agency, every other key to one."
            raise KeyUnavailable(detail, kind=kind)
        if kind is KeyKind.SIGNING:
            opens = self._signs
        elif kind is KeyKind.CHECKPOINT:
            opens = self._agency is None
        elif agency is None:
            opens = self._platform or kind in SHARED_KINDS
        elif self._agency is None or agency == self._agency or agency in self._founded:
            opens = True
        else:
            opens = agency in self._lent_by and kind in LENT_KINDS
        if not opens:
            raise KeyUnavailable(kind=kind)

    def _permit_sealing(self, kind: KeyKind, agency: UUID | None) -> None:
        """Refuse to write what this view may only read, and to seal with what only signs."""
        if agency in self._lent_by or (kind is KeyKind.STANDING and not self._platform):
            raise KeyUnavailable(kind=kind)
        if kind in {KeyKind.SIGNING, KeyKind.CHECKPOINT}:
            raise KeyUnavailable(kind=kind)
