"""With one agency's session, keys and any ids, nothing of another agency is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import factories
import pytest
from django.apps import apps as django_apps

from countenance.apps.agencies import services as agencies
from countenance.apps.agencies.models import Agency
from countenance.apps.approvals import services as approvals
from countenance.apps.galleries import grants, indexing, queries, viewing
from countenance.apps.galleries.models import Face, Gallery, GalleryGrant, Photo, Source
from countenance.apps.records import sealed
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.objects import get_object
from countenance.apps.records.sealed import SealedModel, using_keyring
from countenance.apps.records.services import unseal_body
from countenance.errors import (
    ApprovalNeeded,
    GalleryClosedToCase,
    KeyUnavailable,
    NotFound,
    NotPermitted,
    WrongState,
)
from countenance.policy import Actor, SearchKind
from countenance.policy.approvals import ApprovalKind
from countenance.testing import FakeEngine
from countenance.tools import Tools

MISSING = frozenset({SearchKind.MISSING})


class Neighbours:
    """Two agencies: A owns photos, cases and searches; B asks."""

    def __init__(self, deployment: Any) -> None:
        self.a = deployment
        self.b: Actor = factories.other_agency(deployment)
        self.gallery = factories.make_gallery(deployment)
        self.source = factories.make_source(deployment)
        factories.enrol(
            deployment, self.gallery, self.source, factories.people(["anna", "ben"], shots=[1, 2])
        )
        self.keys_of_b = deployment.tools.keyring.only(self.b.agency)
        self.tools_of_b: Tools = replace(deployment.tools, keyring=self.keys_of_b)
        self.tools_of_a: Tools = replace(
            deployment.tools, keyring=deployment.tools.keyring.only(deployment.actor.agency)
        )

    def approve(self, kind: ApprovalKind, subject: Any, payload: dict[str, Any]) -> None:
        asked = approvals.ask(
            self.a.actor,
            kind=kind,
            subject=subject,
            summary="what is asked",
            payload=payload,
            reason="The other agency looks for the same missing child",
            tools=self.tools_of_a,
        )
        approvals.decide(
            self.a.supervisor,
            approval=asked,
            approve=True,
            reason="Both agencies agreed on it in writing",
            tools=self.tools_of_a,
        )

    def grant(self, *, days: int = 30, kinds: frozenset[SearchKind] = MISSING) -> GalleryGrant:
        until = self.a.tools.clock().date() + timedelta(days=days)
        wanted = grants.payload(
            gallery=self.gallery, grantee=self.b.agency, kinds=kinds, until=until
        )
        self.approve(ApprovalKind.GALLERY_GRANT, self.gallery.pk, wanted)
        return grants.grant_gallery(
            self.a.actor,
            gallery=self.gallery,
            grantee=Agency.objects.get(pk=self.b.agency),
            kinds=kinds,
            until=until,
            tools=self.tools_of_a,
        )


@pytest.fixture
def neighbours(deployment: Any) -> Neighbours:
    return Neighbours(deployment)


def _sealed_values(row: Any) -> Iterator[tuple[str, str]]:
    for field in row._meta.concrete_fields:
        if isinstance(field, sealed._SealedField):
            raw = type(row).objects.filter(pk=row.pk).values_list(field.attname, flat=True)
            if raw.first() is not None:
                yield type(row).__name__, field.attname


def _owner(row: Any) -> Any:
    if isinstance(row, Agency):
        return row.pk
    return row.photo.seal_agency() if isinstance(row, Face) else row.seal_agency()


def test_no_sealed_field_of_any_table_opens_with_the_keys_of_another_agency(
    neighbours: Neighbours,
) -> None:
    on = neighbours.a
    factories.search(on, factories.make_case(on), [neighbours.gallery], FakeEngine.photo("ben", 5))
    tried = 0
    readable_by_all = {("Agency", "standing")}
    for model in django_apps.get_models():
        if not issubclass(model, SealedModel):
            continue
        for row in model.objects.all():
            if _owner(row) == neighbours.b.agency:
                continue
            for name, column in list(_sealed_values(row)):
                fresh = model.objects.get(pk=row.pk)
                with using_keyring(neighbours.keys_of_b):
                    if (name, column) in readable_by_all:
                        getattr(fresh, column)
                        continue
                    with pytest.raises(KeyUnavailable):
                        getattr(fresh, column)
                tried += 1
    assert tried > 40


def test_no_entry_and_no_object_of_another_agency_opens(neighbours: Neighbours) -> None:
    theirs = LedgerRow.objects.filter(agency=neighbours.a.actor.agency)
    assert theirs.count() > 3
    for row in theirs:
        with pytest.raises(KeyUnavailable):
            unseal_body(row, keyring=neighbours.keys_of_b)
    photo = Photo.objects.select_related("gallery").first()
    with using_keyring(neighbours.keys_of_b), pytest.raises(KeyUnavailable):
        get_object(photo, tools=neighbours.tools_of_b)


def test_with_the_scoping_of_queries_taken_away_the_key_still_refuses(
    neighbours: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if a query forgot its filter and policy its rule: the rows come, and stay shut."""
    monkeypatch.setattr(grants, "permit_look", lambda *_, **__: None)
    photo = Photo.objects.select_related("gallery", "subject__gallery", "source").first()
    face = Face.objects.filter(photo=photo).first()
    with using_keyring(neighbours.keys_of_b):
        with pytest.raises(KeyUnavailable):
            _ = photo.details
        with pytest.raises(KeyUnavailable):
            _ = photo.subject.label
        with pytest.raises(KeyUnavailable):
            viewing.view_photo(
                neighbours.b, photo=photo, long_side=100, tools=neighbours.tools_of_b
            )
        with pytest.raises(KeyUnavailable):
            viewing.crop(neighbours.b, face.pk, tools=neighbours.tools_of_b)
        neighbours.a.tools.shelf.clear()
        with pytest.raises(KeyUnavailable):
            indexing.synchronise(
                [Gallery.objects.get(pk=neighbours.gallery.pk)], tools=neighbours.tools_of_b
            )


def test_lookups_by_id_find_nothing_of_another_agency(neighbours: Neighbours) -> None:
    photo = Photo.objects.first()
    with using_keyring(neighbours.keys_of_b):
        for look in (
            lambda: queries.gallery(neighbours.b, neighbours.gallery.pk),
            lambda: queries.source(neighbours.b, neighbours.source.pk),
            lambda: queries.photo(neighbours.b, photo.pk),
            lambda: queries.subject(neighbours.b, photo.subject_id),
            lambda: grants.searchable(neighbours.b, neighbours.gallery.pk),
        ):
            with pytest.raises(NotFound):
                look()


def test_a_granted_gallery_opens_to_the_grantee_and_to_nobody_else(neighbours: Neighbours) -> None:
    neighbours.grant()
    [granted] = grants.granted_to(neighbours.b, tools=neighbours.tools_of_b)
    assert (granted.name, granted.owner) == ("Gallery", "Test agency")
    assert granted.kinds == MISSING
    gallery = grants.searchable(neighbours.b, neighbours.gallery.pk)
    with (
        using_keyring(neighbours.keys_of_b),
        grants.reading(neighbours.b, [gallery], tools=neighbours.tools_of_b) as lent,
    ):
        photo = queries.photo(neighbours.b, Photo.objects.first().pk)
        assert photo.subject.label in {"anna", "ben"}
        assert photo.source.passport["owner"] == factories.PASSPORT["owner"]
        assert get_object(photo, tools=lent)
    third = factories.other_agency(neighbours.a, name="Third agency", email="third@example.org")
    keys = neighbours.a.tools.keyring.only(third.agency)
    with using_keyring(keys):
        tools = replace(neighbours.a.tools, keyring=keys)
        assert grants.granted_to(third, tools=tools) == []
        with grants.reading(third, [gallery], tools=tools) as lent:
            assert lent.keyring is keys
        # The proof is the grantee's own: in other hands it opens nothing.
        proof = bytes(GalleryGrant.objects.get().proof)
        with pytest.raises(KeyUnavailable):
            keys.lent(
                proof,
                owner=neighbours.a.actor.agency,
                object=gallery.pk,
                today=tools.clock().date(),
            )


def test_what_is_lent_is_read_and_never_written(neighbours: Neighbours) -> None:
    neighbours.grant()
    with (
        using_keyring(neighbours.keys_of_b),
        grants.reading(neighbours.b, [neighbours.gallery], tools=neighbours.tools_of_b),
    ):
        source = Source.objects.get(pk=neighbours.source.pk)
        source.passport = {**source.passport, "owner": "B"}
        with pytest.raises(KeyUnavailable):
            source.save()


def test_a_grant_ends_on_its_day_and_when_its_owner_ends_it(neighbours: Neighbours) -> None:
    grant = neighbours.grant(days=2)
    later = replace(
        neighbours.tools_of_b, clock=lambda: neighbours.a.tools.clock() + timedelta(days=3)
    )
    assert grants.granted_to(neighbours.b, tools=later) == []
    photo = Photo.objects.select_related("gallery").first()
    with using_keyring(neighbours.keys_of_b), pytest.raises(GalleryClosedToCase):
        viewing.view_photo(neighbours.b, photo=photo, long_side=100, tools=later)
    grants.end_grant(
        neighbours.a.actor,
        grant=grant,
        reason="The child was found",
        tools=neighbours.tools_of_a,
    )
    assert GalleryGrant.objects.get().proof is None
    assert grants.granted_to(neighbours.b, tools=neighbours.tools_of_b) == []
    with pytest.raises(WrongState):
        grants.end_grant(
            neighbours.a.actor, grant=grant, reason="Once more", tools=neighbours.tools_of_a
        )
    with using_keyring(neighbours.keys_of_b), pytest.raises(GalleryClosedToCase):
        viewing.view_photo(neighbours.b, photo=photo, long_side=100, tools=neighbours.tools_of_b)


def test_a_grant_lengthened_in_the_database_opens_nothing(neighbours: Neighbours) -> None:
    """Whoever writes to the database can neither make a proof nor lengthen one."""
    grant = neighbours.grant(days=2)
    full = neighbours.a.tools.keyring
    with pytest.raises(KeyUnavailable):
        neighbours.keys_of_b.seal_grant(
            owner=neighbours.a.actor.agency,
            object=neighbours.gallery.pk,
            grantee=neighbours.b.agency,
            until=neighbours.a.tools.clock().date(),
        )
    with pytest.raises(KeyUnavailable):
        full.only(neighbours.b.agency).only(neighbours.a.actor.agency)
    other = factories.make_gallery(neighbours.a, "Another one")
    GalleryGrant.objects.filter(pk=grant.pk).update(gallery=other)
    with using_keyring(neighbours.keys_of_b), pytest.raises(Exception, match=r".") as broken:
        grants.granted_to(neighbours.b, tools=neighbours.tools_of_b)
    assert broken.value.code == "seal_broken"


def test_a_gallery_is_granted_by_its_owner_after_somebody_else_agreed(
    neighbours: Neighbours,
) -> None:
    until = neighbours.a.tools.clock().date() + timedelta(days=5)
    arguments: dict[str, Any] = {
        "gallery": neighbours.gallery,
        "grantee": Agency.objects.get(pk=neighbours.b.agency),
        "kinds": MISSING,
        "until": until,
        "tools": neighbours.tools_of_a,
    }
    with pytest.raises(ApprovalNeeded):
        grants.grant_gallery(neighbours.a.actor, **arguments)
    wanted = grants.payload(
        gallery=neighbours.gallery, grantee=neighbours.b.agency, kinds=MISSING, until=until
    )
    neighbours.approve(ApprovalKind.GALLERY_GRANT, neighbours.gallery.pk, wanted)
    with pytest.raises(ApprovalNeeded):
        grants.grant_gallery(
            neighbours.a.actor, **{**arguments, "until": until + timedelta(days=1)}
        )
    with using_keyring(neighbours.keys_of_b), pytest.raises(NotPermitted):
        grants.grant_gallery(neighbours.b, **{**arguments, "tools": neighbours.tools_of_b})
    grants.grant_gallery(neighbours.a.actor, **arguments)
    with pytest.raises(WrongState):
        grants.grant_gallery(neighbours.a.actor, **arguments)


def test_the_platform_grants_nothing(neighbours: Neighbours) -> None:
    custodians = agencies.admit_agency(
        factories.SYSTEM, name="Custodians", custodial=True, tools=neighbours.a.tools
    )
    keys = neighbours.a.tools.keyring.only(custodians.pk, platform=True)
    with pytest.raises(KeyUnavailable):
        keys.seal_grant(
            owner=neighbours.a.actor.agency,
            object=neighbours.gallery.pk,
            grantee=neighbours.b.agency,
            until=neighbours.a.tools.clock().date(),
        )
    with using_keyring(keys):
        assert {one.name for one in Agency.objects.all()} >= {"Test agency", "Other agency"}
        with pytest.raises(KeyUnavailable):
            _ = Agency.objects.get(pk=neighbours.b.agency).own_name
        with pytest.raises(KeyUnavailable):
            _ = Photo.objects.select_related("gallery").first().details


def test_what_a_suspended_agency_granted_rests_with_it(neighbours: Neighbours) -> None:
    neighbours.grant()
    assert grants.granted_to(neighbours.b, tools=neighbours.tools_of_b)
    owner = Agency.objects.get(pk=neighbours.a.actor.agency)
    agencies.suspend_agency(
        factories.SYSTEM,
        agency=owner,
        reason="The vetting found a false address",
        tools=neighbours.a.tools,
    )
    assert grants.granted_to(neighbours.b, tools=neighbours.tools_of_b) == []
    photo = Photo.objects.select_related("gallery__agency").first()
    with using_keyring(neighbours.keys_of_b), pytest.raises(GalleryClosedToCase):
        viewing.view_photo(neighbours.b, photo=photo, long_side=100, tools=neighbours.tools_of_b)
