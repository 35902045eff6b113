"""Agencies, the people who work in them, and how they prove who they are; names and secrets sealed."""

from __future__ import annotations

import uuid
from datetime import UTC, date
from typing import ClassVar
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models

from countenance.apps.records.sealed import (
    ObjectSealedModel,
    SealedJSON,
    SealedModel,
    SealedText,
    current_keyring,
)
from countenance.errors import SealBroken
from countenance.policy import DEFAULT_PACK, Actor, Role
from countenance.sealing.kinds import KeyKind


class Agency(SealedModel):
    """An organisation that was admitted.

    Its name is sealed twice: for the custodian under the platform's key, for its own people under its
    own. `standing` holds what every request may know: suspended (since when), listed, pack, custodial.
    """

    seal_kind: ClassVar[KeyKind] = KeyKind.PLATFORM
    ON_LEDGER: ClassVar[frozenset[str]] = frozenset({"standing"})
    KINDS: ClassVar[dict[str, KeyKind]] = {
        "own_name": KeyKind.ACCOUNT,
        "standing": KeyKind.STANDING,
    }

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = SealedText()
    own_name = SealedText(null=True)
    standing = SealedJSON(null=True)
    vetting = SealedJSON(null=True)  # who checked what, and when
    admitted_at = models.DateTimeField()

    def seal_agency(self) -> UUID | None:
        """Return None: who the agencies are is the platform's knowledge."""
        return None

    def sealed_under(self, column: str) -> tuple[UUID | None, KeyKind]:
        """Return the key of those who may read a column."""
        kind = self._kind_of(column)
        return self.pk if kind is KeyKind.ACCOUNT else None, kind

    def seal_column(self, plaintext: bytes, column: str) -> bytes:
        """Seal a column with the key of those who may read it."""
        agency, kind = self.sealed_under(column)
        return current_keyring().seal(
            plaintext, kind=kind, agency=agency, object=self.pk, field=column
        )

    def unseal_column(self, sealed: bytes, column: str) -> bytes:
        """Open a column with the key of those who may read it."""
        agency, kind = self.sealed_under(column)
        return current_keyring().unseal(
            sealed, kind=kind, agency=agency, object=self.pk, field=column
        )

    def _kind_of(self, column: str) -> KeyKind:
        # A column's name comes with its table's.
        return self.KINDS.get(column.rpartition(".")[2], self.seal_kind)

    @property
    def pack(self) -> str:
        """Return the name of its policy pack.

        Raises:
            SealBroken: somebody emptied the standing, which would bind it to another pack.
        """
        if self.standing is None:
            raise SealBroken("The standing of an agency is gone.")
        return str(self.standing.get("pack", DEFAULT_PACK))

    @property
    def suspended(self) -> bool:
        """Say whether it is suspended, or its standing is gone, which nobody gains by."""
        return self.standing is None or bool(self.standing.get("suspended"))

    @property
    def custodial(self) -> bool:
        """Say whether it is the custodians' own."""
        return bool((self.standing or {}).get("custodial"))


class VettingDocument(ObjectSealedModel):
    """A document of an agency's vetting, sealed for the custodian; its bytes are an object of its id."""

    seal_kind: ClassVar[KeyKind] = KeyKind.PLATFORM

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="documents")
    details = SealedJSON()  # file name, bytes, format
    added_at = models.DateTimeField()

    def seal_agency(self) -> UUID | None:
        """Return None: the vetting is the platform's knowledge."""
        return None


class Person(SealedModel, AbstractBaseUser):
    """Someone who can sign in. The row holds a pseudonym (its id), a blind index and sealed values.

    `standing` is what gives them power, sealed so that nobody can add to it in the database: roles,
    suspended, trained_until, certified_until. Passkeys know the person by the id, which is random.
    """

    seal_kind: ClassVar[KeyKind] = KeyKind.ACCOUNT
    ON_LEDGER: ClassVar[frozenset[str]] = frozenset({"password", "standing"})
    USERNAME_FIELD = "id"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    name = SealedText()
    email = SealedText()
    email_index = models.BinaryField(unique=True)
    # Sealed, so that writing to the database is not enough to sign in as somebody.
    password = SealedText()
    standing = SealedJSON(null=True)
    is_active = models.BooleanField(default=True)
    added_at = models.DateTimeField()
    notices = SealedJSON(null=True)  # off; sent_at and told: when and of what they were told last

    @property
    def roles(self) -> frozenset[Role]:
        """Return what they are trusted with."""
        return frozenset(Role(role) for role in (self.standing or {}).get("roles", ()))

    @property
    def suspended(self) -> bool:
        """Say whether they are suspended, or their standing is gone, which nobody gains by."""
        standing = self.standing
        return not self.is_active or standing is None or bool(standing.get("suspended"))

    @property
    def trained_until(self) -> date | None:
        """Return the last day of their training, if one is recorded."""
        return self._date("trained_until")

    @property
    def certified_until(self) -> date | None:
        """Return the last day of their examiner's certificate, if there is one."""
        return self._date("certified_until")

    def _date(self, name: str) -> date | None:
        text = (self.standing or {}).get(name)
        return date.fromisoformat(text) if text else None

    @property
    def actor(self) -> Actor:
        """Return the person as policy knows them, outside of any session."""
        return Actor(
            person=self.pk,
            agency=self.agency_id,
            roles=self.roles,
            certified_until=self.certified_until,
        )


class Invitation(SealedModel):
    """A single-use, expiring link by which a person joins; only the hash of its secret is kept.

    Those of the custodian are sealed under the platform's key and may carry first roles; those of a
    coordinator are sealed under their agency's. The seal holds what the link opens together with the
    hash of its secret: with another agency, address, secret, inviter or end the details do not open.
    """

    seal_kind: ClassVar[KeyKind] = KeyKind.ACCOUNT
    ON_LEDGER: ClassVar[frozenset[str]] = frozenset({"details"})

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    by_custodian = models.BooleanField()
    # name, email, roles, trained_until, certified_until, spent; replaces (a person)
    details = SealedJSON()
    email_index = models.BinaryField()
    secret_hash = models.BinaryField(unique=True)
    invited_by = models.UUIDField()
    invited_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    def seal_agency(self) -> UUID | None:
        """Return the agency, unless the custodian wrote the invitation."""
        return None if self.by_custodian else self.agency_id

    def sealed_under(self, column: str) -> tuple[UUID | None, KeyKind]:  # noqa: ARG002 # every column
        """Return the key of whoever invited."""
        return self.seal_agency(), self._kind()

    def seal_column(self, plaintext: bytes, column: str) -> bytes:
        """Seal for whoever invited."""
        return current_keyring().seal(
            plaintext,
            kind=self._kind(),
            agency=self.seal_agency(),
            object=self.pk,
            field=self._bound(column),
        )

    def unseal_column(self, sealed: bytes, column: str) -> bytes:
        """Open as whoever invited."""
        return current_keyring().unseal(
            sealed,
            kind=self._kind(),
            agency=self.seal_agency(),
            object=self.pk,
            field=self._bound(column),
        )

    def _bound(self, column: str) -> str:
        """Return the name of a column with everything in clear that gives the invitation its power."""
        ends = self.expires_at.astimezone(UTC).isoformat()
        hashes = (bytes(self.secret_hash).hex(), bytes(self.email_index).hex())
        return "|".join((column, str(self.agency_id), *hashes, str(self.invited_by), ends))

    @property
    def spent(self) -> bool:
        """Say whether it was accepted or withdrawn, as its seal says and no column can take back."""
        return bool(self.details.get("spent"))

    def spend(self) -> None:
        """Write that it was accepted or withdrawn; the caller saves `details` too."""
        self.details = {**self.details, "spent": True}

    def _kind(self) -> KeyKind:
        return KeyKind.PLATFORM if self.by_custodian else KeyKind.ACCOUNT


class _OfPerson(SealedModel):
    """Something that belongs to one person, sealed with their account."""

    seal_kind: ClassVar[KeyKind] = KeyKind.ACCOUNT

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+")

    class Meta:
        abstract = True

    def seal_agency(self) -> UUID | None:
        """Return the person's agency."""
        return self.person.agency_id


class _BoundToPerson(_OfPerson):
    """Something that gives the power of one person: it does not open under anybody else's name."""

    class Meta:
        abstract = True

    def seal_column(self, plaintext: bytes, column: str) -> bytes:
        """Seal one value together with whose it is."""
        return super().seal_column(plaintext, f"{column}.{self.person_id}")

    def unseal_column(self, sealed: bytes, column: str) -> bytes:
        """Open one value as this person's."""
        return super().unseal_column(sealed, f"{column}.{self.person_id}")


class Factor(_BoundToPerson):
    """One means of proving who one is: a passkey, an authenticator app, or the recovery codes.

    `secret` is sealed: of a passkey credential, sign count and name; of an app the secret and the last
    step used; of recovery codes their hashes.
    """

    ON_LEDGER: ClassVar[frozenset[str]] = frozenset({"secret"})
    PASSKEY, TOTP, RECOVERY = "passkey", "totp", "recovery"

    kind = models.CharField(max_length=16)
    secret = SealedJSON()
    credential_index = models.BinaryField(null=True, unique=True)  # of a passkey's id
    added_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)


class SignInTries(models.Model):
    """Failed tries to sign in with one address, whether anybody has that address or not.

    Found by a blind index of its own, so that the row of a person does not say which is theirs.
    """

    address_index = models.BinaryField(unique=True)
    failed = models.PositiveIntegerField(default=0)
    tried_at = models.DateTimeField()
    locked_until = models.DateTimeField(null=True)


class SignInSession(_OfPerson):
    """A session of a browser. The key of its cookie is kept as a hash, its content sealed.

    Rows exist for signed-in people only; strangers have no session.
    """

    key_hash = models.BinaryField(unique=True)
    # The key's hash and the beginning once more, and what pages keep: how and with which browser the
    # person signed in, when they last proved who they are.
    data = SealedJSON()
    signed_in_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    ends_at = models.DateTimeField()  # the absolute limit


class Token(_BoundToPerson):
    """A personal token for the command line; only its hash is kept."""

    ON_LEDGER: ClassVar[frozenset[str]] = frozenset({"details"})

    details = SealedJSON()  # name, scopes, hash, expires_at, revoked
    secret_hash = models.BinaryField(unique=True)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)


class Provider(SealedModel):
    """An agency's own OpenID Connect provider."""

    seal_kind: ClassVar[KeyKind] = KeyKind.ACCOUNT
    ON_LEDGER: ClassVar[frozenset[str]] = frozenset({"settings"})

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.OneToOneField(Agency, on_delete=models.PROTECT, related_name="provider")
    settings = SealedJSON()  # issuer, client_id, client_secret
    set_at = models.DateTimeField()


class ProviderAccount(_OfPerson):
    """That a person is somebody at their agency's provider; looked up by a blind index."""

    subject_index = models.BinaryField(unique=True)
    linked_at = models.DateTimeField()
