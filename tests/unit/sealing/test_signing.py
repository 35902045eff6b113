"""The key that a deployment signs with: stable, its own, and open to few."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from countenance.errors import KeyUnavailable
from countenance.policy import Actor, Role
from countenance.sealing.envelope import Key
from countenance.sealing.keyring import Keyring
from countenance.sealing.kinds import KeyKind
from countenance.sealing.signing import followed, link, public_bytes, signer_of, verify_with
from countenance.sealing.store import ObjectStore
from countenance.testing import FakeEngine
from countenance.tools import Tools

AGENCY = uuid4()


@pytest.fixture
def keyring() -> Keyring:
    root, deployment = Key.generate(), uuid4()
    records = Keyring.platform_records(root, deployment)
    made = Keyring(root, deployment=deployment, records=records)
    made.add(made.agency_records(AGENCY))
    return made


def may_sign(keyring: Keyring) -> bool:
    try:
        keyring.signing_key()
    except KeyUnavailable:
        return False
    return True


def test_a_stored_key_always_gives_the_same_signer() -> None:
    # The seed by Python's own HMAC, its public key by OpenSSL's command line.
    signer = signer_of(Key(bytes(range(32))))
    known = "8d3bf77bed9cf72eac103657eb5db8a2765ccc7a4f592f901f0ce24a59892862"
    assert public_bytes(signer).hex() == known


def test_what_is_signed_verifies_with_the_public_key_and_nothing_else_does(
    keyring: Keyring,
) -> None:
    signature = keyring.signing_key().sign(b"said")
    public = Ed25519PublicKey.from_public_bytes(keyring.verifying_key())
    public.verify(signature, b"said")
    for other in (b"sai", b"said "):
        with pytest.raises(InvalidSignature):
            public.verify(signature, other)


def test_every_deployment_signs_with_a_key_of_its_own(keyring: Keyring) -> None:
    root, deployment = Key.generate(), uuid4()
    records = Keyring.platform_records(root, deployment)
    other = Keyring(root, deployment=deployment, records=records)
    assert other.verifying_key() != keyring.verifying_key()


def test_only_a_view_that_signs_opens_the_key_and_every_view_shows_the_public_one(
    keyring: Keyring,
) -> None:
    assert may_sign(keyring)
    assert may_sign(keyring.only(AGENCY, signs=True))
    assert may_sign(keyring.only(AGENCY, signs=True).only(AGENCY, signs=True))
    for view in (keyring.only(AGENCY), keyring.only(AGENCY, platform=True)):
        assert not may_sign(view)
        assert not may_sign(view.only(AGENCY, signs=True))
        assert view.verifying_key() == keyring.verifying_key()


def test_nothing_is_sealed_with_what_signs(keyring: Keyring) -> None:
    for attempt in (keyring.seal, lambda _, **place: keyring.new_object_key(**place)):
        with pytest.raises(KeyUnavailable):
            attempt(b"x", kind=KeyKind.SIGNING, agency=None, object=UUID(int=1))


def test_without_the_stored_key_nothing_is_signed() -> None:
    root, deployment = Key.generate(), uuid4()
    old = Keyring(root, deployment=deployment)
    for attempt in (old.signing_key, old.verifying_key):
        with pytest.raises(KeyUnavailable):
            attempt()
    old.add(old.missing_records())
    assert old.verifying_key() == public_bytes(old.signing_key())


@pytest.mark.parametrize("role", Role)
def test_whoever_may_export_a_bundle_signs_and_nobody_else(
    role: Role, keyring: Keyring, tmp_path
) -> None:
    tools = Tools(engine=FakeEngine(), keyring=keyring, store=ObjectStore(tmp_path), shelf=None)
    actor = Actor(person=uuid4(), agency=AGENCY, roles=frozenset({role}))
    assert may_sign(tools.of(actor).keyring) == (role in {Role.SUPERVISOR, Role.AUDITOR})
    token = Actor(person=uuid4(), agency=AGENCY, roles=frozenset({role}), scopes=frozenset())
    assert not may_sign(tools.of(token).keyring)


def test_a_key_signs_which_one_follows_it_and_a_reader_goes_on_from_there() -> None:
    here, first, second, third = UUID(int=7), *(signer_of(Key.generate()) for _ in range(3))
    links = [
        link(first, public_bytes(second), here),
        link(second, public_bytes(third), here),
    ]
    keys = [public_bytes(one) for one in (first, second, third)]
    assert followed(keys[:1], links, here) == keys
    assert followed(keys[1:2], links, here) == keys[1:]
    assert followed(keys[2:], links, here) == keys[2:], "nothing leads back"
    assert followed(keys[:1], [], here) == keys[:1]
    # Of another deployment; signed by another key; and of another key than it says.
    forged = {**links[0], "signature": link(third, keys[1], here)["signature"]}
    for given, place in (
        (links, UUID(int=8)),
        ([forged], here),
        ([{**links[0], "new": keys[2].hex()}], here),
    ):
        with pytest.raises(InvalidSignature):
            followed(keys[:1], given, place)
    for given in ([{"old": "x"}], [{}]):
        with pytest.raises((ValueError, KeyError)):
            followed(keys[:1], given, here)
    verify_with(keys, third.sign(b"said"), b"said")
    with pytest.raises(InvalidSignature):
        verify_with(keys[:2], third.sign(b"said"), b"said")
