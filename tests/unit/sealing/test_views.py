"""Views of a keyring: one agency's, the custodian's, and what an owner lends."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest

from countenance.errors import Conflict, KeyUnavailable, SealBroken
from countenance.sealing.envelope import Key
from countenance.sealing.keyring import Keyring
from countenance.sealing.kinds import CLASS_KINDS, LENT_KINDS, PLATFORM_KINDS, KeyKind

TODAY = date(2026, 11, 23)
OWNER, OTHER, THIRD = uuid4(), uuid4(), uuid4()
THING = uuid4()


@pytest.fixture
def full() -> Keyring:
    root, deployment = Key.generate(), uuid4()
    keyring = Keyring(
        root, deployment=deployment, records=Keyring.platform_records(root, deployment)
    )
    for agency in (OWNER, OTHER, THIRD):
        keyring.add(keyring.agency_records(agency))
    return keyring


def opens(keyring: Keyring, kind: KeyKind, agency: UUID | None) -> bool:
    try:
        keyring.key(kind, agency=agency)
    except KeyUnavailable:
        return False
    return True


def test_the_view_of_an_agency_opens_its_keys_and_what_all_share(full: Keyring) -> None:
    view = full.only(OWNER)
    assert view.agency == OWNER
    assert all(opens(view, kind, OWNER) for kind in CLASS_KINDS)
    assert not any(opens(view, kind, OTHER) for kind in (*CLASS_KINDS, KeyKind.AGENCY))
    shared = {kind for kind in PLATFORM_KINDS if opens(view, kind, None)}
    assert shared == {KeyKind.BLIND_INDEX, KeyKind.LEDGER, KeyKind.STANDING}


def test_only_the_custodian_writes_an_agencys_standing(full: Keyring) -> None:
    def write(keyring: Keyring) -> bytes:
        return keyring.seal(b"x", kind=KeyKind.STANDING, agency=None, object=THING)

    with pytest.raises(KeyUnavailable):
        write(full.only(OWNER))
    sealed = write(full.only(OTHER, platform=True))
    context = {"kind": KeyKind.STANDING, "agency": None, "object": THING}
    assert full.only(OWNER).unseal(sealed, **context) == b"x"


def test_the_custodians_view_opens_the_platform_and_no_other_agency(full: Keyring) -> None:
    view = full.only(THIRD, platform=True)
    opened = {kind for kind in PLATFORM_KINDS if opens(view, kind, None)}
    assert opened == set(PLATFORM_KINDS) - {KeyKind.SIGNING, KeyKind.CHECKPOINT}
    assert not any(opens(view, kind, OWNER) for kind in CLASS_KINDS)
    with pytest.raises(KeyUnavailable):
        full.only(OWNER).only(OWNER, platform=True)


def test_the_custodian_writes_for_an_agency_in_the_request_that_makes_it(full: Keyring) -> None:
    new, view = uuid4(), full.only(THIRD, platform=True)
    view.add(view.agency_records(new))
    assert opens(view, KeyKind.ACCOUNT, new)
    assert not opens(full.only(THIRD, platform=True), KeyKind.ACCOUNT, new)
    with pytest.raises(Conflict):
        view.agency_records(OWNER)
    assert not opens(view, KeyKind.ACCOUNT, OWNER)
    with pytest.raises(KeyUnavailable):
        full.only(OWNER).agency_records(uuid4())


def test_a_view_looks_up_only_what_is_its_own(full: Keyring) -> None:
    view = full.only(OWNER)
    assert view.blind_index("a", purpose="p", agency=OWNER) == full.blind_index(
        "a", purpose="p", agency=OWNER
    )
    with pytest.raises(KeyUnavailable):
        view.blind_index("a", purpose="p", agency=OTHER)


def test_a_grant_lends_reading_of_photos_sources_and_indexes_to_its_grantee(full: Keyring) -> None:
    grant = full.only(OWNER).seal_grant(owner=OWNER, object=THING, grantee=OTHER, until=TODAY)
    lent = full.only(OTHER).lent(grant, owner=OWNER, object=THING, today=TODAY)
    assert {kind for kind in CLASS_KINDS if opens(lent, kind, OWNER)} == set(LENT_KINDS)
    assert all(opens(lent, kind, OTHER) for kind in CLASS_KINDS)
    for kind in LENT_KINDS:
        with pytest.raises(KeyUnavailable):
            lent.seal(b"x", kind=kind, agency=OWNER, object=THING)
        with pytest.raises(KeyUnavailable):
            lent.new_object_key(kind=kind, agency=OWNER, object=THING)
    # The view it came from lends nothing by itself.
    assert not opens(full.only(OTHER), KeyKind.PHOTO, OWNER)


def test_a_grant_is_worth_nothing_late_elsewhere_or_in_other_hands(full: Keyring) -> None:
    grant = full.only(OWNER).seal_grant(owner=OWNER, object=THING, grantee=OTHER, until=TODAY)
    late = TODAY + timedelta(days=1)
    for view, today in ((full.only(OTHER), late), (full.only(THIRD), TODAY), (full, TODAY)):
        with pytest.raises(KeyUnavailable):
            view.lent(grant, owner=OWNER, object=THING, today=today)
    with pytest.raises(SealBroken):
        full.only(OTHER).lent(grant, owner=OWNER, object=uuid4(), today=TODAY)
    with pytest.raises(SealBroken):
        full.only(OTHER).lent(grant, owner=THIRD, object=THING, today=TODAY)
    changed = bytes([*grant[:-1], grant[-1] ^ 1])
    with pytest.raises(SealBroken):
        full.only(OTHER).lent(changed, owner=OWNER, object=THING, today=TODAY)


def test_nobody_but_the_owner_makes_a_grant(full: Keyring) -> None:
    for view in (full.only(OTHER), full.only(THIRD, platform=True)):
        with pytest.raises(KeyUnavailable):
            view.seal_grant(owner=OWNER, object=THING, grantee=OTHER, until=TODAY)


def test_one_grant_on_top_of_another_keeps_both(full: Keyring) -> None:
    first = full.only(OWNER).seal_grant(owner=OWNER, object=THING, grantee=OTHER, until=TODAY)
    second = full.only(THIRD).seal_grant(owner=THIRD, object=THING, grantee=OTHER, until=TODAY)
    view = full.only(OTHER).lent(first, owner=OWNER, object=THING, today=TODAY)
    both = view.lent(second, owner=THIRD, object=THING, today=TODAY)
    assert opens(both, KeyKind.PHOTO, OWNER)
    assert opens(both, KeyKind.PHOTO, THIRD)


def test_keys_of_new_kinds_are_made_for_an_old_deployment() -> None:
    root, deployment = Key.generate(), uuid4()
    old = [
        record
        for record in Keyring.platform_records(root, deployment)
        if record.kind not in {KeyKind.STANDING, KeyKind.SIGNING}
    ]
    keyring = Keyring(root, deployment=deployment, records=old)
    records = keyring.agency_records(OWNER)
    keyring.add(record for record in records if record.kind is not KeyKind.GRANT)
    missing = keyring.missing_records()
    assert {(one.agency, one.kind) for one in missing} == {
        (None, KeyKind.STANDING),
        (None, KeyKind.SIGNING),
        (OWNER, KeyKind.GRANT),
    }
    keyring.add(missing)
    assert keyring.missing_records() == []
    assert opens(keyring.only(OWNER), KeyKind.GRANT, OWNER)
    with pytest.raises(KeyUnavailable):
        keyring.only(OWNER).missing_records()
