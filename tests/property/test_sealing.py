"""Sealing, for any input: what is sealed opens, and nothing else does."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as some

from countenance.errors import SealBroken
from countenance.sealing.envelope import (
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

DEPLOYMENT = UUID(int=1)
KEY = Key(bytes(32))
CONTEXT = Context(deployment=DEPLOYMENT, agency=None, kind="photo", object="o")

words = some.text(some.characters(codec="utf-8"), max_size=20)
keys = some.binary(min_size=32, max_size=32).map(Key)
epochs = some.integers(0, 2**32 - 1)
contexts = some.builds(
    Context,
    deployment=some.uuids(),
    agency=some.none() | some.uuids(),
    kind=words,
    object=some.uuids() | words,
    field=words,
    schema=epochs,
)


@given(some.binary(), keys, contexts, epochs)
def test_what_is_sealed_opens(plaintext, key, context, epoch):
    sealed = seal(plaintext, key=key, context=context, epoch=epoch)
    assert unseal(sealed, key=key, context=context) == plaintext
    assert epoch_of(sealed) == epoch


@given(contexts, contexts, epochs, epochs)
def test_no_two_contexts_share_an_encoding(one, two, first, second):
    assume((one, first) != (two, second))
    assert one.encode(first) != two.encode(second)


@given(words, words, some.integers(0, 20))
def test_a_part_cannot_be_shifted_into_the_next(kind, field, cut):
    base = Context(deployment=DEPLOYMENT, agency=None, kind=kind, object="", field=field)
    moved = replace(base, kind=(kind + field)[:cut], field=(kind + field)[cut:])
    assert (base == moved) == (base.encode(1) == moved.encode(1))


@given(some.binary(max_size=100), some.data())
def test_any_change_anywhere_is_noticed(plaintext, data):
    sealed = seal(plaintext, key=KEY, context=CONTEXT)
    position = data.draw(some.integers(0, len(sealed) - 1))
    value = data.draw(some.integers(1, 255))
    changed = bytearray(sealed)
    changed[position] ^= value
    with pytest.raises(SealBroken):
        unseal(bytes(changed), key=KEY, context=CONTEXT)


@given(some.binary(max_size=300))
def test_bytes_that_nobody_sealed_never_open(data):
    with pytest.raises(SealBroken):
        unseal(data, key=KEY, context=CONTEXT)


@given(some.binary(), contexts, contexts)
def test_a_value_never_opens_elsewhere(plaintext, one, two):
    assume(one != two)
    sealed = seal(plaintext, key=KEY, context=one)
    with pytest.raises(SealBroken):
        unseal(sealed, key=KEY, context=two)


@given(some.binary(max_size=5000))
def test_padding_is_undone_exactly(data):
    padded = pad(data)
    assert unpad(padded) == data
    assert padded_size(len(padded)) == len(padded)
    sealed = seal_object(data, key=KEY, context=CONTEXT)
    assert unseal_object(sealed, key=KEY, context=CONTEXT) == data


@given(some.binary(max_size=2000))
def test_padding_is_read_in_one_way_only(data):
    try:
        found = unpad(data)
    except SealBroken:
        return
    assert pad(found) == data


@given(some.integers(0, 2**40), some.integers(0, 2**40))
def test_size_classes_keep_the_order_and_cost_little(one, two):
    small, large = sorted((one, two))
    assert padded_size(small) <= padded_size(large)
    assert large <= padded_size(large) <= max(1024, large * 1.0625)
