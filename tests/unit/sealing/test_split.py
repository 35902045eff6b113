"""Split custody, the key file while the root key is rotated, and the stored form of objects' keys."""

import json
from itertools import permutations
from pathlib import Path
from uuid import UUID

import pytest

from countenance.errors import InputError, KeyUnavailable, SealBroken, TamperDetected
from countenance.sealing import factors, keyfile, object_keys
from countenance.sealing.envelope import Context, Key
from countenance.sealing.factors import FileFactor, Passphrase, ServiceFactor
from countenance.sealing.split import Split, pair_key

VECTORS = Path(__file__).parents[2] / "vectors" / "split.json"
DEPLOYMENT = UUID(int=7)
WORDS = ("annas own plain words", "bens other plain words", "cleos third plain words")
CONTEXT = Context(deployment=DEPLOYMENT, agency=None, kind="object-key/photo", object=DEPLOYMENT)


class Wrapping:
    """A key service that whoever reaches it can use."""

    kind, key = "transit", "transit/countenance"

    def wrap(self, secret, *, context):
        return json.dumps(context, sort_keys=True).encode() + secret

    def unwrap(self, wrapped, *, context):
        return wrapped.removeprefix(json.dumps(context, sort_keys=True).encode())


@pytest.fixture(autouse=True)
def cheap_stretching(monkeypatch):
    monkeypatch.setattr(factors, "_PASSES", 1)
    monkeypatch.setattr(factors, "_MEMORY_KIB", 16)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "root.json"


def test_the_key_of_a_pair_is_that_of_the_vectors():
    for one in json.loads(VECTORS.read_text())["pair_key"]:
        first, second = (Key(bytes.fromhex(one[name])) for name in ("one", "other"))
        assert pair_key(first, second).material.hex() == one["key"]


def test_any_two_open_in_any_order_and_no_single_one(path):
    three = [Passphrase(words) for words in WORDS]
    root = keyfile.create_key_file(path, Split(three), deployment=DEPLOYMENT)
    for pair in permutations(three, 2):
        assert keyfile.open_root(path, Split(pair)).key == root
    for one in three:
        for given in ([one], [one, one], [one, Passphrase("somebody else's words")]):
            with pytest.raises(KeyUnavailable):
                keyfile.open_root(path, Split(given))
    assert keyfile.factor_parts(path) == ["passphrase"] * 3
    assert not any(words in path.read_text() for words in WORDS)


def test_three_different_factors_are_needed(path):
    for given in (WORDS[:2], [*WORDS[:2], WORDS[0]], [*WORDS[:2], "short"]):
        with pytest.raises(InputError):
            keyfile.create_key_file(path, Split([Passphrase(one) for one in given]))
    assert not path.exists()


def test_one_key_service_is_never_two_of_the_three(path, tmp_path):
    words, service = Passphrase(WORDS[0]), ServiceFactor(Wrapping())
    for given in ([words, service, ServiceFactor(Wrapping())], [service] * 3):
        with pytest.raises(InputError, match="Only one of the factors can be of the kind transit"):
            keyfile.create_key_file(path, Split(given))
    file = FileFactor(tmp_path / "secret")
    with pytest.raises(InputError, match="of the kind file"):
        keyfile.create_key_file(path, Split([words, file, file]))
    assert not path.exists()
    assert not (tmp_path / "secret").exists()
    keyfile.create_key_file(path, Split([words, Passphrase(WORDS[1]), service]))


@pytest.mark.parametrize("name", ["factors", "pairs", "wrapped"])
def test_a_damaged_key_file_of_split_custody_is_said(path, name):
    three = Split([Passphrase(words) for words in WORDS])
    keyfile.create_key_file(path, three, deployment=DEPLOYMENT)
    body = json.loads(path.read_bytes())
    for wrong in (None, 5, "x", [5], {}):
        path.write_text(json.dumps(body | {name: wrong}))
        with pytest.raises((TamperDetected, KeyUnavailable)):
            keyfile.open_root(path, three)


def test_a_root_key_is_rotated_with_both_at_hand_and_the_old_one_gone_at_the_end(path):
    factor = Passphrase(WORDS[0])
    old = keyfile.create_key_file(path, factor, deployment=DEPLOYMENT)
    begun = keyfile.begin_root(path, factor)
    assert (begun.epoch, begun.former) == (2, {1: old})
    assert keyfile.begin_root(path, factor) == begun  # interrupted and run again
    assert keyfile.root_epoch(path) == (2, True)
    # A process that holds the old one follows without the passphrase; one that holds neither does not.
    assert keyfile.followed(path, {1: old}, DEPLOYMENT) == {2: begun.key}
    assert keyfile.followed(path, begun.roots, DEPLOYMENT) == {}
    with pytest.raises(TamperDetected):
        keyfile.followed(path, {1: Key.generate()}, DEPLOYMENT)
    keyfile.end_root(path)
    keyfile.end_root(path)
    assert keyfile.open_root(path, factor).former == {}
    with pytest.raises(KeyUnavailable):
        keyfile.followed(path, {1: old}, DEPLOYMENT)
    assert keyfile.root_epoch(path) == (2, False)


def test_a_factor_is_changed_also_while_the_root_key_is_rotated(path):
    first, second = Passphrase(WORDS[0]), Split([Passphrase(words) for words in WORDS])
    keyfile.create_key_file(path, first, deployment=DEPLOYMENT)
    begun = keyfile.begin_root(path, first)
    keyfile.change_factor(path, first, second)
    assert keyfile.open_root(path, second) == begun
    with pytest.raises(KeyUnavailable):
        keyfile.open_root(path, first)
    before = path.read_bytes()
    with pytest.raises(InputError):
        keyfile.change_factor(path, second, Passphrase("short"))
    assert path.read_bytes() == before


def test_the_stored_key_of_an_object_keeps_when_it_was_made_and_the_one_before():
    parents = {epoch: (Key.generate(), epoch) for epoch in (1, 2, 3)}
    key = Key.generate()
    stored = object_keys.made(key, parents[1], CONTEXT)
    assert (len(stored), object_keys.born(stored)) == (97, 1)
    again = object_keys.rewrapped(stored, key, None, parents[2], CONTEXT)
    assert (len(again), object_keys.born(again)) == (97, 1)
    other = Key.generate()
    both = object_keys.remade(again, other, parents[3], CONTEXT)
    assert (object_keys.born(both), object_keys.oldest_epoch(both)) == (3, 2)
    assert object_keys.opened(both, parents[3][0], CONTEXT) == other
    former = object_keys.former_wrapped(both)
    assert object_keys.opened(former, parents[2][0], CONTEXT) == key
    whole = object_keys.rewrapped(both, other, key, parents[3], CONTEXT)
    assert object_keys.oldest_epoch(whole) == 3
    assert object_keys.opened(object_keys.former_wrapped(whole), parents[3][0], CONTEXT) == key
    one = object_keys.settled(whole)
    assert (object_keys.former_wrapped(one), len(one)) == (None, 101)
    for wrong in (b"", stored[:-1], stored + b"x"):
        with pytest.raises(SealBroken):
            object_keys.born(wrong)
