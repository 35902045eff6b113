from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from countenance.errors import InputError, SealBroken
from countenance.sealing import envelope
from countenance.sealing.envelope import (
    OVERHEAD,
    Context,
    Key,
    epoch_of,
    pad,
    padded_size,
    seal,
    seal_object,
    unpad,
    unseal,
    unseal_object,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "envelope.json").read_text())

KEY = Key(bytes(range(32)))
CONTEXT = Context(
    deployment=UUID(int=1), agency=UUID(int=2), kind="case", object=UUID(int=3), field="reason"
)


def context_of(fields: dict[str, object]) -> Context:
    agency, about = fields["agency"], str(fields["object"])
    return Context(
        deployment=UUID(str(fields["deployment"])),
        agency=None if agency is None else UUID(str(agency)),
        kind=str(fields["kind"]),
        object=UUID(about) if fields["object_is_id"] else about,
        field=str(fields["field"]),
        schema=int(str(fields["schema"])),
    )


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["name"])
def test_golden_vectors_hold_in_both_directions(vector):
    key = Key(bytes.fromhex(vector["key"]))
    context = context_of(vector["context"])
    plaintext = bytes.fromhex(vector["plaintext"])
    sealed = bytes.fromhex(vector["sealed"])
    assert context.encode(vector["epoch"]).hex() == vector["encoded_context"]
    assert (
        envelope._seal(
            plaintext,
            key=key,
            context=context,
            epoch=vector["epoch"],
            nonce=bytes.fromhex(vector["nonce"]),
        )
        == sealed
    )
    assert unseal(sealed, key=key, context=context) == plaintext
    assert epoch_of(sealed) == vector["epoch"]


def test_the_layout_is_version_epoch_nonce_commitment_ciphertext_tag():
    sealed = seal(b"abc", key=KEY, context=CONTEXT, epoch=0x01020304)
    assert sealed[:5] == bytes((1, 1, 2, 3, 4))
    assert len(sealed) == 1 + 4 + 12 + 32 + 3 + 16 == OVERHEAD + 3


def test_the_same_value_never_seals_to_the_same_bytes():
    sealed = [seal(b"abc", key=KEY, context=CONTEXT) for _ in range(50)]
    assert len({value[5:17] for value in sealed}) == 50
    assert len({value[17:49] for value in sealed}) == 50


@pytest.mark.parametrize(
    "changed",
    [
        {"deployment": UUID(int=9)},
        {"agency": UUID(int=9)},
        {"agency": None},
        {"kind": "probe"},
        {"object": UUID(int=9)},
        {"object": str(UUID(int=3))},
        {"object": UUID(int=3).bytes.decode()},
        {"field": "note"},
        {"field": ""},
        {"schema": 2},
    ],
    ids=str,
)
def test_a_value_opens_in_no_other_context(changed):
    sealed = seal(b"abc", key=KEY, context=CONTEXT)
    with pytest.raises(SealBroken):
        unseal(sealed, key=KEY, context=dataclasses.replace(CONTEXT, **changed))


def test_text_cannot_be_shifted_from_one_part_of_the_context_to_the_next():
    one = dataclasses.replace(CONTEXT, kind="ab", object="c", field="d")
    for kind, about, field in (("a", "bc", "d"), ("ab", "cd", ""), ("abc", "", "d")):
        other = dataclasses.replace(CONTEXT, kind=kind, object=about, field=field)
        assert one.encode(1) != other.encode(1)


def test_every_single_changed_bit_is_noticed():
    sealed = seal(b"some words", key=KEY, context=CONTEXT, epoch=3)
    for position in range(len(sealed)):
        for bit in range(8):
            changed = bytearray(sealed)
            changed[position] ^= 1 << bit
            with pytest.raises(SealBroken):
                unseal(bytes(changed), key=KEY, context=CONTEXT)


def test_every_cut_and_every_addition_is_noticed():
    sealed = seal(b"some words", key=KEY, context=CONTEXT)
    for end in range(len(sealed)):
        with pytest.raises(SealBroken):
            unseal(sealed[:end], key=KEY, context=CONTEXT)
    with pytest.raises(SealBroken):
        unseal(sealed + b"\x00", key=KEY, context=CONTEXT)


def test_another_key_does_not_open():
    sealed = seal(b"abc", key=KEY, context=CONTEXT)
    with pytest.raises(SealBroken):
        unseal(sealed, key=Key.generate(), context=CONTEXT)


def test_parts_of_two_values_cannot_be_put_together():
    one = seal(b"abc", key=KEY, context=CONTEXT)
    two = seal(b"abc", key=KEY, context=CONTEXT)
    for cut in (17, 30, 49):
        with pytest.raises(SealBroken):
            unseal(one[:cut] + two[cut:], key=KEY, context=CONTEXT)


def test_a_wrong_commitment_is_refused_before_anything_is_decrypted(monkeypatch):
    sealed = bytearray(seal(b"abc", key=KEY, context=CONTEXT))
    sealed[20] ^= 1
    monkeypatch.setattr(envelope, "AESGCM", lambda key: pytest.fail("decryption was tried"))
    with pytest.raises(SealBroken):
        unseal(bytes(sealed), key=KEY, context=CONTEXT)


def test_a_right_commitment_alone_does_not_open_another_ciphertext():
    # What someone would forge who has the message key's commitment but not the message key.
    sealed = seal(b"abc", key=KEY, context=CONTEXT)
    forged = sealed[:49] + AESGCM(bytes(32)).encrypt(sealed[5:17], b"abc", CONTEXT.encode(1))
    with pytest.raises(SealBroken):
        unseal(forged, key=KEY, context=CONTEXT)


def test_the_commitment_tells_two_keys_apart_under_the_same_nonce():
    nonce = bytes(12)
    one = envelope._seal(b"abc", key=KEY, context=CONTEXT, epoch=1, nonce=nonce)
    two = envelope._seal(b"abc", key=Key(bytes(32)), context=CONTEXT, epoch=1, nonce=nonce)
    assert one[17:49] != two[17:49]
    assert one[49:] != two[49:]


def test_the_message_key_is_not_in_the_sealed_value():
    message_key, commitment = envelope._derive(KEY, bytes(12), CONTEXT.encode(1))
    sealed = envelope._seal(b"", key=KEY, context=CONTEXT, epoch=1, nonce=bytes(12))
    assert commitment in sealed
    assert message_key not in sealed
    assert KEY.material not in sealed


def test_an_unknown_version_is_refused():
    sealed = seal(b"abc", key=KEY, context=CONTEXT)
    with pytest.raises(SealBroken, match="unknown version"):
        epoch_of(b"\x02" + sealed[1:])


def test_an_error_says_nothing_of_the_value():
    sealed = seal(b"planted words", key=KEY, context=CONTEXT)
    with pytest.raises(SealBroken) as caught:
        unseal(sealed[:-1] + b"x", key=KEY, context=CONTEXT)
    assert "planted" not in f"{caught.value!r} {caught.value.facts}"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("epoch", [-1, 2**32])
def test_an_epoch_has_32_bits(epoch):
    with pytest.raises(InputError):
        seal(b"", key=KEY, context=CONTEXT, epoch=epoch)


def test_a_part_of_a_context_has_a_longest_size():
    assert dataclasses.replace(CONTEXT, field="x" * 65_535).encode(1)
    with pytest.raises(InputError):
        dataclasses.replace(CONTEXT, field="x" * 65_536).encode(1)
    with pytest.raises(InputError):
        dataclasses.replace(CONTEXT, schema=2**32).encode(1)


def test_a_key_shows_nothing_and_cannot_be_pickled_copied_or_changed():
    key = Key(b"\xaa" * 32)
    for shown in (repr(key), str(key), f"{key}", repr([key]), repr({"key": key})):
        assert "aa" not in shown.replace("hidden", "")
        assert "\\xaa" not in shown
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError):
            pickle.dumps(key, protocol)
    with pytest.raises(TypeError):
        copy.deepcopy(key)
    with pytest.raises(AttributeError):
        key._material = bytes(32)
    with pytest.raises(AttributeError):
        del key._material
    assert key.material == b"\xaa" * 32


def test_keys_are_equal_by_their_material():
    assert Key(bytes(32)) == Key(bytes(32))
    assert len({Key(bytes(32)), Key(bytes(32)), KEY}) == 2
    assert Key(bytes(32)) != KEY
    assert KEY.material != KEY
    assert Key.generate() != Key.generate()


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_key_of_another_size_is_refused(size):
    with pytest.raises(InputError):
        Key(bytes(size))


def test_sizes_are_rounded_to_few_classes_at_little_cost():
    assert padded_size(0) == padded_size(1) == padded_size(1024) == 1024
    assert padded_size(1025) == 1088
    assert padded_size(1_000_000) == 1_015_808
    classes = {padded_size(size) for size in range(50_000, 500_000, 7)}
    assert len(classes) < 128
    for size in range(1024, 200_000, 13):
        assert size <= padded_size(size) <= size * 1.0625
        assert padded_size(padded_size(size)) == padded_size(size)


def test_photos_of_nearly_the_same_size_look_the_same_sealed():
    sizes = {len(seal_object(bytes(size), key=KEY, context=CONTEXT)) for size in (70_000, 70_500)}
    assert len(sizes) == 1


def test_padding_is_exact():
    for size in (0, 1, 1015, 1016, 1017, 5000):
        data = b"\x00" * size
        assert unpad(pad(data)) == data


@pytest.mark.parametrize(
    "padded",
    [
        b"",
        bytes(7),
        bytes(8),
        pad(b"abc")[:-1],
        pad(b"abc") + b"\x00",
        pad(b"abc")[:-1] + b"\x01",
        b"\xff" * 1024,
        (2000).to_bytes(8, "big") + bytes(1016),
    ],
)
def test_wrong_padding_is_refused(padded):
    with pytest.raises(SealBroken):
        unpad(padded)


def test_an_object_and_a_plain_value_are_told_apart_by_their_padding():
    sealed = seal_object(b"photo", key=KEY, context=CONTEXT)
    assert unseal_object(sealed, key=KEY, context=CONTEXT) == b"photo"
    with pytest.raises(SealBroken):
        unseal_object(seal(b"photo", key=KEY, context=CONTEXT), key=KEY, context=CONTEXT)


def test_two_random_deployments_do_not_share_a_context():
    one = dataclasses.replace(CONTEXT, deployment=uuid4())
    two = dataclasses.replace(CONTEXT, deployment=uuid4())
    assert one.encode(1) != two.encode(1)
    assert one.encode(1) != one.encode(2)
