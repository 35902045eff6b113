from __future__ import annotations

import dataclasses
import threading
from uuid import UUID, uuid4

import pytest

from countenance.errors import Conflict, KeyUnavailable, SealBroken
from countenance.sealing import wrapping as module
from countenance.sealing.envelope import Key, epoch_of, seal, unseal
from countenance.sealing.keyring import (
    CLASS_KINDS,
    PLATFORM_KINDS,
    SHARED_KINDS,
    KeyKind,
    KeyRecord,
    Keyring,
)

DEPLOYMENT, A, B, OBJECT = (UUID(int=number) for number in range(1, 5))


@pytest.fixture
def root():
    return Key.generate()


@pytest.fixture
def records(root):
    made = Keyring(root, deployment=DEPLOYMENT)
    return [
        *Keyring.platform_records(root, DEPLOYMENT),
        *made.agency_records(A),
        *made.agency_records(B),
    ]


@pytest.fixture
def keyring(root, records):
    return Keyring(root, deployment=DEPLOYMENT, records=records)


def test_every_kind_of_key_is_made_once_and_all_differ(keyring, records):
    assert {record.kind for record in records} == set(KeyKind)
    assert len(records) == len(PLATFORM_KINDS) + 2 * (1 + len(CLASS_KINDS))
    keys = {keyring.key(record.kind, agency=record.agency)[0] for record in records}
    assert len(keys) == len(records)


def test_no_record_holds_a_key_in_clear(keyring, records, root):
    keys = [keyring.key(record.kind, agency=record.agency)[0] for record in records]
    for record in records:
        for key in [*keys, root]:
            assert key.material not in record.wrapped


def test_the_same_records_open_again_in_another_process(root, records, keyring):
    again = Keyring(root, deployment=DEPLOYMENT, records=reversed(records))
    for record in records:
        assert again.key(record.kind, agency=record.agency) == keyring.key(
            record.kind, agency=record.agency
        )
    assert again.deployment == DEPLOYMENT


def test_another_root_key_or_deployment_opens_nothing(records, root):
    for other in (
        Keyring(Key.generate(), deployment=DEPLOYMENT, records=records),
        Keyring(root, deployment=uuid4(), records=records),
    ):
        for record in records:
            with pytest.raises(SealBroken):
                other.key(record.kind, agency=record.agency)


@pytest.mark.parametrize(
    "changed",
    [{"id": UUID(int=99)}, {"agency": B}, {"kind": KeyKind.PROBE}, {"epoch": 2}],
    ids=str,
)
def test_a_record_that_was_moved_does_not_open(root, records, changed):
    mine = next(r for r in records if r.agency == A and r.kind == KeyKind.PHOTO)
    moved = dataclasses.replace(mine, **changed)
    kept = [
        record
        for record in records
        if (record.agency, record.kind, record.epoch) != (moved.agency, moved.kind, moved.epoch)
    ]
    other = Keyring(root, deployment=DEPLOYMENT, records=[*kept, moved])
    with pytest.raises(SealBroken):
        other.key(moved.kind, agency=moved.agency, epoch=moved.epoch)


def test_a_value_opens_only_as_what_it_was_sealed_as(keyring):
    sealed = keyring.seal(b"words", kind=KeyKind.CASE, agency=A, object=OBJECT, field="reason")
    right = {"kind": KeyKind.CASE, "agency": A, "object": OBJECT, "field": "reason"}
    assert keyring.unseal(sealed, **right) == b"words"
    for wrong in (
        {"kind": KeyKind.PROBE},
        {"agency": B},
        {"object": UUID(int=99)},
        {"object": str(OBJECT)},
        {"field": "note"},
    ):
        with pytest.raises(SealBroken):
            keyring.unseal(sealed, **(right | wrong))


def test_the_platform_seals_for_itself(keyring):
    sealed = keyring.seal(b"name", kind=KeyKind.PLATFORM, agency=None, object=A, field="name")
    assert (
        keyring.unseal(sealed, kind=KeyKind.PLATFORM, agency=None, object=A, field="name")
        == b"name"
    )


def test_an_object_key_opens_for_its_object_only(keyring):
    key, wrapped = keyring.new_object_key(kind=KeyKind.PHOTO, agency=A, object=OBJECT)
    right = {"kind": KeyKind.PHOTO, "agency": A, "object": OBJECT}
    assert keyring.open_object_key(wrapped, **right) == key
    assert keyring.new_object_key(**right)[0] != key
    for wrong in ({"kind": KeyKind.PROBE}, {"agency": B}, {"object": UUID(int=99)}):
        with pytest.raises(SealBroken):
            keyring.open_object_key(wrapped, **(right | wrong))
    sealed = seal(b"photo", key=key, context=keyring.context(KeyKind.PHOTO, A, OBJECT, "bytes"))
    context = keyring.context(KeyKind.PHOTO, A, OBJECT, "bytes")
    assert unseal(sealed, key=key, context=context) == b"photo"


def test_a_wrapped_object_key_cannot_be_read_as_a_field(keyring):
    _, wrapped = keyring.new_object_key(kind=KeyKind.PHOTO, agency=A, object=OBJECT)
    with pytest.raises(SealBroken):
        keyring.unseal(wrapped, kind=KeyKind.PHOTO, agency=A, object=OBJECT)


def test_the_newest_epoch_seals_and_older_ones_still_open(keyring):
    place = {"kind": KeyKind.CASE, "agency": A, "object": OBJECT}
    old = keyring.seal(b"old", **place)
    keyring.add([keyring.next_record(KeyKind.CASE, agency=A)])
    new = keyring.seal(b"new", **place)
    assert (epoch_of(old), epoch_of(new)) == (1, 2)
    assert keyring.unseal(old, **place) == b"old"
    assert keyring.unseal(new, **place) == b"new"
    assert keyring.key(KeyKind.CASE, agency=A, epoch=1)[0] != keyring.key(KeyKind.CASE, agency=A)[0]


def test_a_new_agency_key_wraps_the_next_class_keys_and_the_old_ones_stay(root, records, keyring):
    rotated = keyring.next_record(KeyKind.AGENCY, agency=A)
    keyring.add([rotated])
    case = keyring.next_record(KeyKind.CASE, agency=A)
    assert epoch_of(case.wrapped) == 2
    again = Keyring(root, deployment=DEPLOYMENT, records=[*records, rotated, case])
    assert again.key(KeyKind.CASE, agency=A)[1] == 2
    assert again.key(KeyKind.CASE, agency=A, epoch=1) == keyring.key(
        KeyKind.CASE, agency=A, epoch=1
    )
    assert again.key(KeyKind.PHOTO, agency=A)[1] == 1


def test_an_epoch_that_is_not_there_is_unavailable(keyring):
    sealed = bytearray(keyring.seal(b"x", kind=KeyKind.CASE, agency=A, object=OBJECT))
    sealed[4] = 9
    with pytest.raises(KeyUnavailable):
        keyring.unseal(bytes(sealed), kind=KeyKind.CASE, agency=A, object=OBJECT)


def test_a_missing_key_is_unavailable(root):
    empty = Keyring(root, deployment=DEPLOYMENT)
    with pytest.raises(KeyUnavailable):
        empty.key(KeyKind.LEDGER)
    with pytest.raises(KeyUnavailable):
        empty.key(KeyKind.PHOTO, agency=A)
    with pytest.raises(KeyUnavailable):
        empty.blind_index("x", purpose="email")


@pytest.mark.parametrize("kind", list(KeyKind))
def test_a_key_without_its_agency_or_with_a_needless_one_is_refused(keyring, kind):
    agency = A if kind in PLATFORM_KINDS else None
    with pytest.raises(KeyUnavailable):
        keyring.key(kind, agency=agency)


def test_adding_the_same_record_twice_changes_nothing_and_another_one_is_a_conflict(
    keyring, records
):
    keyring.add(records)
    with pytest.raises(Conflict):
        keyring.add([dataclasses.replace(records[0], wrapped=b"other")])
    assert keyring.key(records[0].kind, agency=records[0].agency)


def test_a_view_opens_its_agency_and_the_shared_keys_only(keyring, records):
    view = keyring.only(A)
    for record in records:
        if record.agency == A or record.kind in SHARED_KINDS:
            assert view.key(record.kind, agency=record.agency)
        else:
            # Opened before, so that a cache that ignores the view would be seen.
            keyring.key(record.kind, agency=record.agency, epoch=1)
            for epoch in (None, 1):
                with pytest.raises(KeyUnavailable):
                    view.key(record.kind, agency=record.agency, epoch=epoch)


def test_a_view_cannot_seal_unseal_wrap_or_look_up_for_another_agency(keyring):
    view = keyring.only(A)
    place = {"kind": KeyKind.CASE, "agency": B, "object": OBJECT}
    sealed = keyring.seal(b"x", **place)
    _, wrapped = keyring.new_object_key(**place)
    attempts = [
        lambda: view.seal(b"x", **place),
        lambda: view.unseal(sealed, **place),
        lambda: view.new_object_key(**place),
        lambda: view.open_object_key(wrapped, **place),
        lambda: view.blind_index("x", purpose="case", agency=B),
        lambda: view.next_record(KeyKind.CASE, agency=B),
        lambda: view.next_record(KeyKind.PLATFORM),
        lambda: view.agency_records(uuid4()),
        lambda: view.only(B),
        lambda: view.add(
            [KeyRecord(id=uuid4(), agency=B, kind=KeyKind.CASE, epoch=9, wrapped=b"")]
        ),
    ]
    for attempt in attempts:
        with pytest.raises(KeyUnavailable):
            attempt()


def test_a_view_works_for_its_own_agency_and_sees_keys_that_are_added_later(keyring):
    view = keyring.only(A)
    assert view.only(A).deployment == DEPLOYMENT
    keyring.add([keyring.next_record(KeyKind.CASE, agency=A)])
    assert view.key(KeyKind.CASE, agency=A)[1] == 2
    assert view.blind_index("x", purpose="case", agency=A) == keyring.blind_index(
        "x", purpose="case", agency=A
    )
    assert view.blind_index("x", purpose="email") == keyring.blind_index("x", purpose="email")


def test_a_blind_index_finds_equal_text_whatever_its_case_and_unicode_form(keyring):
    def index(value, **more):
        return keyring.blind_index(value, **({"purpose": "email"} | more))

    assert len(index("a")) == 16
    # Upper case, full-width letters, a composed and a decomposed umlaut, sharp s.
    assert index("Jörg@x.org") == index("JO\u0308RG@X.ORG") == index("ｊｏ\u0308ｒｇ@x.org")
    assert index("Straße") == index("STRASSE")
    assert index("a") != index("b")
    assert index("a") != index("a", purpose="case")
    assert index("a") != index("a", agency=A) != index("a", agency=B)
    assert index(b"A") != index(b"a") == index("a")
    assert index("\ud800") != index("?")


def test_a_blind_index_stays_the_same_when_its_key_is_rotated(keyring):
    before = keyring.blind_index("a", purpose="email")
    keyring.add([keyring.next_record(KeyKind.BLIND_INDEX)])
    assert keyring.blind_index("a", purpose="email") == before


def test_a_blind_index_cannot_be_made_without_the_key(root):
    one, two = (
        Keyring(root, deployment=DEPLOYMENT, records=Keyring.platform_records(root, DEPLOYMENT))
        for _ in range(2)
    )
    assert one.blind_index("a", purpose="email") != two.blind_index("a", purpose="email")


def test_a_key_is_unwrapped_once_only_when_needed_also_by_many_threads(root, records, monkeypatch):
    calls = []

    def counted(wrapped, *, key, context):
        calls.append(context)
        return unseal(wrapped, key=key, context=context)

    monkeypatch.setattr(module, "unseal", counted)
    keyring = Keyring(root, deployment=DEPLOYMENT, records=records)
    assert calls == []
    start = threading.Barrier(8)
    found = []

    def work():
        start.wait()
        found.extend(keyring.key(KeyKind.PHOTO, agency=A) for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 400
    assert len(set(found)) == 1
    assert len(calls) == 2  # the agency's key and the class key


def test_a_keyring_shows_nothing(keyring):
    assert repr(keyring) == "Keyring(hidden)"
