"""The rows behind everything: wrapped keys, the ledger, its head and its checkpoints, who witnesses them."""

from __future__ import annotations

import uuid
from typing import ClassVar
from uuid import UUID

from django.db import models

from countenance.apps.records.sealed import SealedJSON, SealedModel
from countenance.sealing.kinds import KeyKind


class KeyRow(models.Model):
    """A key, wrapped by its parent key; without an unseal factor it opens nothing."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.UUIDField(null=True)
    kind = models.CharField(max_length=32)
    epoch = models.PositiveIntegerField()
    wrapped = models.BinaryField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("agency", "kind", "epoch"), nulls_distinct=False, name="one_key_an_epoch"
            ),
        )


class LedgerRow(models.Model):
    """One entry of the ledger with its sealed body.

    `entry` is the canonical public entry, the leaf of the tree; `action`, `at` and `about` repeat what
    stands in it, for queries, and `verify_ledger` compares them. `path` is the entry's inclusion path
    in the tree that it completed. `body` holds salt and body, sealed; null once erased.
    """

    index = models.BigIntegerField(primary_key=True)
    entry = models.BinaryField()
    path = models.BinaryField()
    root = models.BinaryField()
    action = models.CharField(max_length=64, db_index=True)
    at = models.DateTimeField()
    about = models.UUIDField(null=True, db_index=True)
    agency = models.UUIDField(null=True)
    body = models.BinaryField(null=True)

    class Meta:
        ordering = ("index",)


class LedgerHead(models.Model):
    """The single row that holds the tree's frontier; locking it serialises appends."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    frontier = models.BinaryField()
    at = models.DateTimeField()

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="one_ledger_head"),)


class CheckpointRow(models.Model):
    """A checkpoint that the ledger signed, with the cosignatures that it has; all of it public.

    `note` is the signed note; `cosigned` counts the witnesses of the
    policy of that time. What is believed is the note alone, whenever it is read.
    """

    size = models.BigIntegerField(primary_key=True)
    note = models.BinaryField()
    at = models.DateTimeField()
    cosigned = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("size",)


class WitnessPolicyRow(SealedModel):
    """Who witnesses the ledger; the newest entry of `witnesses.changed` says by its id which row holds."""

    seal_kind: ClassVar[KeyKind] = KeyKind.STANDING

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    at = models.DateTimeField()
    policy = SealedJSON()  # of ledger.quorum.WitnessPolicy

    def seal_agency(self) -> UUID | None:
        """Say that it is the deployment's own."""
        return None
