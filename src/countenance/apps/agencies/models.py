"""Agencies and the people who work in them; names and addresses sealed."""

from __future__ import annotations

import uuid
from typing import ClassVar
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models

from countenance.apps.records.sealed import SealedModel, SealedText
from countenance.policy import Actor
from countenance.sealing.keyring import KeyKind


class Agency(SealedModel):
    """An organisation that was admitted; its name is sealed under the platform's key."""

    seal_kind: ClassVar[KeyKind] = KeyKind.PLATFORM

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = SealedText()
    admitted_at = models.DateTimeField()

    def seal_agency(self) -> UUID | None:
        """Return None: who the agencies are is the platform's knowledge."""
        return None


class Person(SealedModel, AbstractBaseUser):
    """Someone who can sign in. The row holds a pseudonym (its id), a blind index and sealed values."""

    seal_kind: ClassVar[KeyKind] = KeyKind.ACCOUNT
    USERNAME_FIELD = "id"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    name = SealedText()
    email = SealedText()
    email_index = models.BinaryField(unique=True)
    # Sealed, so that writing to the database is not enough to sign in as somebody.
    password = SealedText()
    is_active = models.BooleanField(default=True)
    added_at = models.DateTimeField()
    failed_sign_ins = models.PositiveIntegerField(default=0)
    locked_until = models.DateTimeField(null=True)

    @property
    def actor(self) -> Actor:
        """Return the person as policy knows them."""
        return Actor(person=self.pk, agency=self.agency_id)
