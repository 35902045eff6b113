"""Rotating keys in one process: everything opens as before, under new keys, and the old ones are gone."""

import threading
from dataclasses import replace
from datetime import date
from random import Random
from uuid import uuid4

import factories
import footage_help
import measured
import pytest
import rotated
from django.db import connection
from django.db.models import F

from countenance import config
from countenance.apps.agencies import services as agencies
from countenance.apps.agencies.models import Agency
from countenance.apps.approvals import services as approvals
from countenance.apps.galleries import grants, indexing
from countenance.apps.galleries.models import Face, Gallery, IndexSnapshot, Photo, Subject
from countenance.apps.records import queries, remaking, resealing, rotating
from countenance.apps.records.compared import compare_rows
from countenance.apps.records.models import KeyRow, LedgerRow
from countenance.apps.records.objects import get_object
from countenance.cli import keys
from countenance.errors import KeyUnavailable, SealBroken, WrongState
from countenance.policy import SYSTEM, SearchKind
from countenance.policy.approvals import ApprovalKind
from countenance.sealing import keyfile
from countenance.sealing.envelope import epoch_of
from countenance.sealing.factors import FileFactor, Passphrase
from countenance.sealing.kinds import CLASS_KINDS, KeyKind
from countenance.sealing.rotating import KEPT, ROTATED_PLATFORM
from countenance.testing import FakeEngine
from countenance.web import keykeeping, wiring


@pytest.fixture
def world(deployment):
    """Fill a deployment with rows of many kinds, of two agencies."""
    tools = deployment.tools
    agencies.admit_agency(
        SYSTEM,
        name="Vetted agency",
        vetting=agencies.Vetting(
            checked_by="C. Keeper", checked_on=date(2026, 1, 15), what="founding order"
        ),
        documents=[("order.pdf", b"The founding order")],
        tools=tools,
    )
    source, gallery = factories.make_source(deployment), factories.make_gallery(deployment)
    factories.enrol(deployment, gallery, source, factories.people(["anna", "ben"], shots=[1, 2]))
    indexing.write_snapshot(gallery, tools=tools)
    case = factories.make_case(deployment)
    factories.search(deployment, case, [gallery], FakeEngine.photo("anna", shot=9))
    footage_help.added(deployment, case=case)
    measured.evaluated(deployment, gallery)
    other = factories.other_agency(deployment)
    until, kinds = date(2199, 1, 1), frozenset({SearchKind.MISSING})
    wanted = grants.payload(gallery=gallery, grantee=other.agency, kinds=kinds, until=until)
    asked = approvals.ask(
        deployment.actor,
        kind=ApprovalKind.GALLERY_GRANT,
        subject=gallery.pk,
        summary="what is asked",
        payload=wanted,
        reason="The other agency looks for the same missing child",
        tools=tools,
    )
    reason = "Both agencies agreed on it in writing"
    approvals.decide(
        deployment.supervisor, approval=asked, approve=True, reason=reason, tools=tools
    )
    grants.grant_gallery(
        deployment.actor,
        gallery=gallery,
        grantee=Agency.objects.get(pk=other.agency),
        kinds=kinds,
        until=until,
        tools=tools,
    )
    return deployment


def factor():
    return FileFactor(config.current().file_factor)


def rotate(on, level="all", **wishes):
    return keykeeping.rotate(level, factor=factor(), tools=on.tools, wait=5.0, **wishes)


def told_of_rows(on):
    """Return which rows are not as the ledger last said; the fixture's own, which it wrote past the services."""
    compared = compare_rows(on.tools.keyring)
    assert compared.columns >= 25
    return {one.row for one in compared.differences}


def again(on):
    """Open the deployment as a process that starts now does."""
    wiring.seal()
    tools = wiring.unseal(factor())
    return replace(on, tools=tools)


def test_rotating_all_leaves_nothing_under_old_keys_and_changes_no_content(world):
    before, keys = rotated.everything(world.tools), rotated.epochs()
    told = told_of_rows(world)
    done = rotate(world)
    assert (done.left, done.continued) == (0, False)
    assert done.resealed > 20
    after = rotated.epochs()
    assert set(after) == set(keys)
    for (_, kind), epochs in after.items():
        assert epochs == ([1] if kind in set(KEPT) else [2]), kind
    assert keyfile.root_epoch(config.current().key_file) == (2, False)
    fresh = again(world)
    rotated.unchanged(before, rotated.everything(fresh.tools))
    assert told_of_rows(fresh) == told, "other keys are no other value"
    assert queries.verify_ledger(fresh.tools.keyring).size == LedgerRow.objects.count()
    assert not keykeeping.status(fresh.tools)["unfinished"]


def test_a_level_rotates_its_own_keys_only(world):
    before, expected = rotated.everything(world.tools), {}
    of_level = {
        "root": set(),
        "platform": set(ROTATED_PLATFORM),
        "agency": {KeyKind.AGENCY},
        "class": set(CLASS_KINDS),
    }
    for level, rotates in of_level.items():
        rotate(world, level)
        expected |= {kind: [2] for kind in rotates}
        for (_, kind), epochs in rotated.epochs().items():
            assert epochs == expected.get(kind, [1]), (level, kind)
    rotated.unchanged(before, rotated.everything(again(world).tools))


def test_one_agencys_keys_are_rotated_without_the_others(world):
    rotate(world, "class", agencies=[world.agency.pk])
    found = {agency for (agency, _), epochs in rotated.epochs().items() if epochs == [2]}
    assert found == {world.agency.pk}


def test_objects_get_other_keys_and_other_ciphertext(world):
    before = rotated.everything(world.tools)
    photo = Photo.objects.order_by("pk").first()
    sealed = world.tools.store.get(photo.pk)
    old_key, old_face = photo.open_key(), photo.faces.first()
    assert old_face.template
    done = rotate(world, "objects")
    assert done.objects >= 4
    now = Photo.objects.get(pk=photo.pk)
    assert now.open_key() != old_key
    assert world.tools.store.get(photo.pk) != sealed
    assert (
        remaking.count_old([None, world.agency.pk]) <= 1
    )  # the platform's, whose key was not rotated
    rotated.unchanged(before, rotated.everything(again(world).tools))
    # Who read the row before goes on all the same.
    assert get_object(photo, tools=world.tools)


def test_what_was_read_before_a_rotation_is_read_once_more(world):
    subject, face = Subject.objects.select_related("gallery").first(), Face.objects.first()
    gallery = Gallery.objects.first()
    rotate(world, "all", objects=True)
    assert subject.label in {"anna", "ben"}
    assert face.template
    assert gallery.name == "Gallery"


def test_what_was_read_before_is_never_written_back_under_an_old_key(world):
    subject = Subject.objects.select_related("gallery").first()
    photo = Photo.objects.select_related("gallery").first()
    names = [(world.agency.pk, KeyKind.PHOTO)]
    made = rotating.make_epochs(SYSTEM, names=names, tools=world.tools)
    world.tools.keyring.take_in(made)
    subject.save()
    photo.save()
    stored = Subject.objects.filter(pk=subject.pk).values_list("label", flat=True)[0]
    wrapped = Photo.objects.filter(pk=photo.pk).values_list("object_key", flat=True)[0]
    assert (epoch_of(bytes(stored)), epoch_of(bytes(wrapped))) == (2, 2)
    assert rotate(world).continued
    assert resealing.count_left({names[0]: [1]}) == {names[0]: 0}


def test_a_value_that_does_not_open_keeps_its_key_and_is_told(world):
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE galleries_subject SET label = set_byte(label, 50, get_byte(label, 50) # 1) "
            "WHERE id = %s",
            [Subject.objects.order_by("pk").first().pk],
        )
    done = rotate(world, "class")
    assert done.left == 1
    assert rotated.epochs()[world.agency.pk, "photo"] == [1, 2]
    subject = Subject.objects.order_by("pk").first()
    told = keykeeping.status(world.tools)
    # Nothing is left that a rotation could do.
    assert (told["left"], told["unfinished"]) == (1, False)
    assert told["do_not_open"] == [f"galleries_subject {subject.pk}, label"]
    assert [one["do_not_open"] for one in told["keys"] if one["left"]] == [1]
    names = [(world.agency.pk, KeyKind.CASE), (world.agency.pk, KeyKind.PHOTO)]
    world.tools.keyring.take_in(rotating.make_epochs(SYSTEM, names=names, tools=world.tools))
    told = keykeeping.status(world.tools)
    assert told["unfinished"]
    assert told["left"] > 2
    assert len(told["do_not_open"]) == 1
    lines = "\n".join(keys._under_way(told))
    assert f"left to seal anew: {told['left'] - 1}." in lines
    assert "cannot be opened: 1." in lines
    assert "doctor" in lines
    assert str(subject.pk) in lines
    assert rotate(world).left == 1
    told = keykeeping.status(world.tools)
    assert (told["left"], told["unfinished"]) == (1, False)
    assert next(keys._under_way(told)) == "No rotation is under way."
    with pytest.raises(SealBroken):
        _ = Subject.objects.order_by("pk").first().label


def test_a_value_that_does_not_open_holds_back_no_other_rotation(world):
    name, photo = (world.agency.pk, "photo"), Photo.objects.order_by("pk").last()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE galleries_subject SET label = set_byte(label, 50, get_byte(label, 50) # 1) "
            "WHERE id = %s",
            [Subject.objects.order_by("pk").first().pk],
        )
        # Four bytes behind the first name the epoch, and nothing vouches for them until it is opened.
        cursor.execute(
            "UPDATE galleries_photo SET object_key = set_byte(object_key, 4, 1) WHERE id = %s",
            [photo.pk],
        )
        cursor.execute(
            "UPDATE galleries_photo SET object_key = set_byte(object_key, 50, "
            "get_byte(object_key, 50) # 1) WHERE id = %s",
            [photo.pk],
        )
    assert rotate(world, "class").left == 2
    assert rotate(world, objects=True).continued, "objects had keys of before"
    for number in (3, 4):
        done = rotate(world, objects=True)
        assert (done.continued, done.left) == (False, 2)
        assert done.rotated > 10
        assert rotated.epochs()[name] == [1, number]
        assert keyfile.root_epoch(config.current().key_file) == (number - 1, False)
    assert done.objects_left == 1
    done = rotate(world, "root")
    assert (done.continued, done.rotated, done.left) == (False, 1, 2)
    assert keyfile.root_epoch(config.current().key_file) == (4, False)


def test_an_interrupted_rotation_is_ended_before_another_begins_also_with_such_a_value(world):
    names = [(world.agency.pk, KeyKind.PHOTO)]
    world.tools.keyring.take_in(rotating.make_epochs(SYSTEM, names=names, tools=world.tools))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE galleries_subject SET label = set_byte(label, 50, get_byte(label, 50) # 1) "
            "WHERE id = %s",
            [Subject.objects.order_by("pk").first().pk],
        )
    done = rotate(world)
    assert (done.continued, done.rotated, done.left) == (True, 0, 1)
    assert not rotate(world).continued


def test_a_destroyed_key_opens_nothing_again(world):
    kept = list(KeyRow.objects.all())
    with_old = Subject.objects.raw("SELECT * FROM galleries_subject ORDER BY id LIMIT 1")[0]
    sealed = bytes(with_old.__dict__["label"])
    rotate(world)
    fresh = again(world)
    with pytest.raises(KeyUnavailable):
        fresh.tools.keyring.unseal(
            sealed, kind=KeyKind.PHOTO, agency=world.agency.pk, object=with_old.pk, field="label"
        )
    assert not {row.pk for row in KeyRow.objects.filter(kind="photo")} & {row.pk for row in kept}


def test_two_do_not_rotate_at_once(world):
    raised = []

    def second():
        try:
            rotate(world)
        except WrongState as error:
            raised.append(error)
        finally:
            connection.close()

    with keykeeping.alone(world.tools):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert len(raised) == 1


def test_another_passphrase_opens_and_the_one_before_no_more(world):
    new = Passphrase("a passphrase of the second kind")
    keykeeping.change_factor(factor(), new, tools=world.tools)
    wiring.seal()
    with pytest.raises(KeyUnavailable):
        wiring.unseal(factor())
    assert wiring.unseal(new)
    assert LedgerRow.objects.filter(action="unsealing.changed").count() == 1


def test_every_kind_of_row_leads_to_its_agency(world):
    """The look-up that finds rows of an agency agrees with what seals them."""
    rows = 0
    for model in resealing.sealed_models():
        path = resealing.path_of(model)
        if path is None or resealing._mixed(model):
            continue
        for row in model._base_manager.annotate(_of=F(path)):
            assert row._of == row.seal_agency(), model
            rows += 1
    assert rows > 20


class Interrupted(BaseException):
    """As a Ctrl-C; that it is killed is for `tests/attack`."""


def test_a_rotation_interrupted_ten_times_ends_with_nothing_lost(world, monkeypatch):
    before, random, calls = rotated.everything(world.tools), Random(7), {"left": 0}
    monkeypatch.setattr(resealing, "BATCH", 5)
    monkeypatch.setattr(remaking, "BATCH", 3)

    def interrupting(module, name):
        real = getattr(module, name)

        def called(*given, **named):
            if calls["left"] == 0:
                raise Interrupted
            calls["left"] -= 1
            return real(*given, **named)

        monkeypatch.setattr(module, name, called)

    for module, name in (
        (resealing, "exchange"),
        (remaking, "exchange"),
        (remaking, "_follow_with_objects"),
        (rotating, "destroy_epochs"),
        (rotating, "wrap_anew"),
        (rotating, "make_epochs"),
        (keyfile, "end_root"),
    ):
        interrupting(module, name)
    for _ in range(10):
        calls["left"] = random.randrange(6)
        with pytest.raises(Interrupted):
            rotate(world, objects=True)
        assert Subject.objects.first().label in {"anna", "ben"}
    calls["left"] = -1
    while rotate(world, objects=True).continued:
        pass
    assert not keykeeping.status(world.tools)["unfinished"]
    rotated.unchanged(before, rotated.everything(again(world).tools))


def test_a_snapshot_whose_parts_somebody_overwrote_names_no_objects():
    for parts in (["no id"], "no list", [1], {"a": 1}, None):
        assert IndexSnapshot(parts=parts).stored_objects() == []
    one = uuid4()
    assert IndexSnapshot(parts=[str(one)]).stored_objects() == [(one, "part 0")]
