"""Sources with their passports, galleries, subjects, photos and the faces in them."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from django.db import models

from countenance.apps.agencies.models import Agency, Person
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.objects import ids_in
from countenance.apps.records.sealed import (
    ObjectSealedModel,
    SealedBytes,
    SealedJSON,
    SealedModel,
    SealedText,
    current_keyring,
)
from countenance.errors import SealBroken
from countenance.ledger.entry import Action
from countenance.policy import GalleryFacts, GrantFacts, SearchKind, SourceFacts
from countenance.sealing.kinds import KeyKind

PASSPORT = (
    "owner",
    "lawful_basis",
    "collected_on",
    "purpose",
    "retention_until",
    "reference",
    "steward",
)
"""What a source's passport says; all of it is required. Dates are ISO 8601."""

RELEASE = "written_release"
"""Where the written releases of the people in the photos are filed; some policy packs require it."""


class Source(SealedModel):
    """Where photos come from, and by what right they are held."""

    seal_kind: ClassVar[KeyKind] = KeyKind.SOURCE
    ON_LEDGER: ClassVar[frozenset[str]] = frozenset({"passport"})

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    name = SealedText()
    name_index = models.BinaryField()
    passport = SealedJSON()
    retention_until = models.DateField()
    registered_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("agency", "name_index"), name="one_source_a_name"),
        )

    def check_links(self) -> None:
        """Check that the retention date, kept in clear for queries, is the passport's.

        Raises:
            SealBroken: somebody changed it.
        """
        if self.retention_until != date.fromisoformat(self.passport["retention_until"]):
            raise SealBroken("The retention date of a source is not the one of its passport.")

    @property
    def facts(self) -> SourceFacts:
        """Return what policy needs to know."""
        return SourceFacts(
            agency=self.agency_id,
            missing=[entry for entry in PASSPORT if not self.passport.get(entry)],
            retention_until=self.retention_until,
            removed=self.removed_at is not None,
            collected_on=date.fromisoformat(self.passport["collected_on"]),
            written_release=bool(self.passport.get(RELEASE)),
        )


class Gallery(ObjectSealedModel):
    """People enrolled under one authority. `version` counts the changes that an index must follow.

    `tier` is how its index was made last (`index.plan.Tier`): it follows from the size and promises nothing.

    `terms` holds what two people agreed on: sensitive (each case needs an approval), and point (the id of
    the operating point). Old ones may hold a threshold instead: the least similarity, as text, that somebody
    set by hand, and below which nobody is listed.
    """

    seal_kind: ClassVar[KeyKind] = KeyKind.INDEX
    ON_LEDGER: ClassVar[frozenset[str]] = frozenset({"terms"})

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    name = SealedText()
    name_index = models.BinaryField()
    model = models.CharField(max_length=200)
    rotation = SealedBytes()
    terms = SealedJSON(null=True)
    version = models.BigIntegerField(default=0)
    tier = models.CharField(max_length=20, default="exact")
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("agency", "name_index"), name="one_gallery_a_name"),
        )

    @property
    def facts(self) -> GalleryFacts:
        """Return what policy needs to know of it by itself; `grants.facts_of` adds what an asker needs."""
        return GalleryFacts(
            id=self.pk,
            agency=self.agency_id,
            closed=self.closed_at is not None,
            pack=self.agency.pack,
            sensitive=self.sensitive,
        )

    @property
    def sensitive(self) -> bool:
        """Say whether each case needs a second person's approval to search here."""
        return bool(self._agreed().get("sensitive"))

    @property
    def point(self) -> UUID | None:
        """Return the id of the operating point that two people agreed on; None if there is none."""
        text = self._agreed().get("point")
        return None if text is None else UUID(text)

    @property
    def threshold(self) -> float | None:
        """Return the least similarity that was set by hand, and not measured; None if none was."""
        text = self._agreed().get("threshold")
        return None if text is None else float(text)

    def _agreed(self) -> dict[str, Any]:
        """Return the terms, empty if nobody ever agreed on any.

        Raises:
            SealBroken: somebody took them out of the database.
        """
        if self.terms is not None:
            return dict(self.terms)
        changed = LedgerRow.objects.filter(about=self.pk, action=str(Action.GALLERY_TERMS_CHANGED))
        if changed.exists():
            raise SealBroken("The terms of a gallery are gone.")
        return {}


class GalleryGrant(SealedModel):
    """That an owner lets another agency search a gallery, for some purposes and until a date.

    `proof` is sealed by the owner's own key and opens the owner's photos to the grantee: nobody else can
    make one. Ending the grant destroys it. `details` holds kinds, until, the gallery's and the owner's
    name, so that the grantee sees what it was granted; and when it was ended.
    """

    seal_kind: ClassVar[KeyKind] = KeyKind.SOURCE
    ON_LEDGER: ClassVar[frozenset[str]] = frozenset({"details"})

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    gallery = models.ForeignKey(Gallery, on_delete=models.PROTECT, related_name="grants")
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    grantee = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    proof = models.BinaryField(null=True)
    details = SealedJSON()
    granted_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    def sealed_under(self, column: str) -> tuple[UUID | None, KeyKind]:
        """Return the owner's key, of which the proof has one of its own."""
        return self.agency_id, KeyKind.GRANT if column == "proof" else self.seal_kind

    def sealed_anew(self, sealed: bytes, column: str) -> bytes:
        """Return the same value under the newest key."""
        if column != "proof":
            return super().sealed_anew(sealed, column)
        keyring, agency, kind = current_keyring(), self.agency_id, KeyKind.GRANT
        proof = keyring.unseal(sealed, kind=kind, agency=agency, object=self.gallery_id)
        return keyring.seal(proof, kind=kind, agency=agency, object=self.gallery_id)

    @property
    def facts(self) -> GrantFacts:
        """Return what policy needs to know."""
        return GrantFacts(
            grantee=UUID(self.details["grantee"]),
            until=date.fromisoformat(self.details["until"]),
            kinds=frozenset(SearchKind(kind) for kind in self.details["kinds"]),
            ended=self.ended_at is not None or self.proof is None or "ended" in self.details,
        )


class _OfGallery:
    """What a gallery holds is sealed with the keys of the gallery's agency."""

    gallery: Any

    def seal_agency(self) -> UUID | None:
        """Return the gallery's agency."""
        return self.gallery.agency_id  # type: ignore[no-any-return] # a foreign key of each


class Subject(_OfGallery, SealedModel):
    """The person a gallery photo is of.

    A subject that was not named by whoever enrolled (another face in a photo) has `named=False`.
    """

    seal_kind: ClassVar[KeyKind] = KeyKind.PHOTO

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    gallery = models.ForeignKey(Gallery, on_delete=models.PROTECT)
    label = SealedText(null=True)
    label_index = models.BinaryField(null=True)
    named = models.BooleanField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("gallery", "label_index"), name="one_subject_a_label"),
        )


class EnrolmentRun(SealedModel):
    """One enrolment of many photos: what was asked, how far it is, what was turned away."""

    seal_kind: ClassVar[KeyKind] = KeyKind.PHOTO

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    gallery = models.ForeignKey(Gallery, on_delete=models.PROTECT)
    source = models.ForeignKey(Source, on_delete=models.PROTECT)
    started_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    total = models.PositiveIntegerField(null=True)
    photos = models.PositiveIntegerField(default=0)
    faces = models.PositiveIntegerField(default=0)
    enrolled = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    rejects = SealedJSON(default=list)


class StagedPhoto(ObjectSealedModel):
    """An uploaded photo that waits for its enrolment; its bytes are a sealed object of the same id."""

    seal_kind: ClassVar[KeyKind] = KeyKind.PHOTO

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    run = models.ForeignKey(EnrolmentRun, on_delete=models.CASCADE, related_name="staged")
    ordinal = models.PositiveIntegerField()
    details = SealedJSON()

    class Meta:
        ordering = ("ordinal",)

    def seal_agency(self) -> UUID | None:
        """Return the run's agency."""
        return self.run.agency_id


class Photo(_OfGallery, ObjectSealedModel):
    """An enrolled photo. Its bytes are a sealed object of the same id; removing it destroys its key.

    `details` holds path, external id, date, notes, size and format. A removed photo's row stays, empty.
    """

    seal_kind: ClassVar[KeyKind] = KeyKind.PHOTO

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    gallery = models.ForeignKey(Gallery, on_delete=models.PROTECT)
    source = models.ForeignKey(Source, on_delete=models.PROTECT)
    run = models.ForeignKey(EnrolmentRun, on_delete=models.PROTECT)
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT)
    content_index = models.BinaryField(null=True)
    details = SealedJSON(null=True)
    enrolled_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("gallery", "content_index"), name="one_photo_a_content"
            ),
        )


class Face(SealedModel):
    """One face in an enrolled photo, sealed under the photo's key; its id is its row in the index.

    `added_version` and `removed_version` are the gallery's versions at which an index gains and loses
    the row. A face without a template is kept as a box only.
    """

    seal_kind: ClassVar[KeyKind] = KeyKind.PHOTO
    sealed_with: ClassVar[str] = "photo"

    id = models.BigAutoField(primary_key=True)
    gallery = models.ForeignKey(Gallery, on_delete=models.PROTECT)
    photo = models.ForeignKey(Photo, on_delete=models.PROTECT, related_name="faces")
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="faces")
    ordinal = models.PositiveSmallIntegerField()
    details = SealedJSON(null=True)
    template = SealedBytes(null=True)
    crop = SealedBytes(null=True)
    added_version = models.BigIntegerField()
    removed_version = models.BigIntegerField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("photo", "ordinal"), name="one_face_an_ordinal"),
        )
        indexes = (
            models.Index(fields=("gallery", "added_version")),
            models.Index(fields=("gallery", "removed_version")),
            # How many people can be found is asked at each search at an operating point.
            models.Index(
                fields=("gallery", "subject"),
                condition=models.Q(removed_version=None, template__isnull=False),
                name="subjects_that_can_be_found",
            ),
        )

    def check_links(self) -> None:
        """Check that subject, photo and source belong together as they did at enrolment.

        Rows name each other in clear; what they were enrolled as is sealed with the face.

        Raises:
            SealBroken: somebody exchanged them.
        """
        enrolled_as = (self.details["subject"], self.photo.details["source"])
        if enrolled_as != (str(self.subject_id), str(self.photo.source_id)):
            raise SealBroken("A face is filed under a subject or source it was not enrolled for.")
        self.photo.source.check_links()

    def seal_column(self, plaintext: bytes, column: str) -> bytes:
        """Seal under the photo's key; the ordinal is part of the context."""
        return self.photo.seal_column(plaintext, f"{column}.{self.ordinal}")

    def unseal_column(self, sealed: bytes, column: str) -> bytes:
        """Open with the photo's key."""
        return self.photo.unseal_column(sealed, f"{column}.{self.ordinal}")


class IndexSnapshot(_OfGallery, ObjectSealedModel):
    """A sealed copy of a gallery's index at one version: derived data, rebuilt when it is missing.

    Its parts are sealed objects in the store. Any removal from the gallery destroys it.
    """

    seal_kind: ClassVar[KeyKind] = KeyKind.INDEX

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    gallery = models.OneToOneField(Gallery, on_delete=models.CASCADE, related_name="snapshot")
    version = models.BigIntegerField()
    parts = models.JSONField()

    def stored_objects(self) -> list[tuple[UUID, str]]:
        """Return the ids of the parts, and the name that the seal of each binds."""
        return [(part, f"part {number}") for number, part in enumerate(ids_in(self.parts))]


class Collection(_OfGallery, ObjectSealedModel):
    """Where a gallery's templates lie in Milvus: derived data, made anew from the faces at will.

    Its id is its name there. It holds the gallery at `version`; while `target` is set, it is brought to that one, and
    the faces up to `reached` are in. It is searched from `serving_since` to `retired_at`. `details` holds the key of
    its row ids, its index kind, and what was measured of it.
    """

    seal_kind: ClassVar[KeyKind] = KeyKind.INDEX

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    gallery = models.ForeignKey(Gallery, on_delete=models.CASCADE, related_name="collections")
    details = SealedJSON()
    version = models.BigIntegerField(default=0)
    target = models.BigIntegerField(null=True)
    reached = models.BigIntegerField(default=0)
    made_at = models.DateTimeField()
    serving_since = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("gallery",),
                condition=models.Q(serving_since__isnull=False, retired_at=None),
                name="one_collection_serves",
            ),
        )
