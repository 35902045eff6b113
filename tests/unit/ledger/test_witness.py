"""What a witness decides, the policy of witnesses, tiles, and what a monitor sees."""

from __future__ import annotations

from datetime import timedelta

import pytest
from ledger_help import LOG_KEY, ORIGIN, WITNESS_KEYS, AWitness, Written, key

from countenance.errors import BadProof, InputError, LedgerBroken
from countenance.ledger.checkpoint import Checkpoint, SignedCheckpoint
from countenance.ledger.merkle import (
    EMPTY_ROOT,
    consistency_from,
    inclusion_from,
    inclusion_path,
    root,
    subtrees_of,
)
from countenance.ledger.monitor import continues, continues_in_tiles
from countenance.ledger.note import witness_key
from countenance.ledger.quorum import Witness, WitnessPolicy
from countenance.ledger.tiles import (
    WIDTH,
    bundle,
    bundle_path,
    check_bundle,
    node_from,
    read_bundle,
    tile_bytes,
    tile_path,
    tiles_of,
)
from countenance.ledger.witness import Seen, request_body

LEDGER = Written(40)
LONG = Written(700)


def test_a_ledger_that_goes_on_is_signed_and_remembered() -> None:
    witness = AWitness()
    for old, size in ((0, 3), (3, 3), (3, 20), (20, 40)):
        decision = witness.ask(LEDGER.request(old, size))
        assert (decision.status, decision.evidence) == (200, False)
        assert witness.seen[ORIGIN].size == size


def test_the_statuses_are_those_of_the_protocol() -> None:
    witness = AWitness()
    witness.ask(LEDGER.request(0, 20))
    other = Written(40, fork=10)
    stranger = Checkpoint("other/ledger", 3, LEDGER.checkpoint(3).root)
    asked = {
        "stale": (LEDGER.request(3, 40), 409, "20\n", False),
        "none": (LEDGER.request(0, 40), 409, "20\n", False),
        "older": (LEDGER.request(3, 10), 409, "20\n", True),
        "fork": (other.request(20, 40), 422, None, True),
        "same size": (other.request(20, 20), 409, "20\n", True),
        "no proof": (request_body(20, [], LEDGER.signed(40)), 422, None, True),
        "old above new": (request_body(30, [], LEDGER.signed(25)), 400, None, False),
        "another key": (request_body(20, [], LEDGER.signed(40, by=key(99))), 403, None, False),
        "another ledger": (
            request_body(0, [], SignedCheckpoint.sign(stranger, key(1))),
            404,
            None,
            False,
        ),
    }
    for name, (body, status, said, evidence) in asked.items():
        decision = witness.ask(body)
        assert (decision.status, decision.evidence) == (status, evidence), name
        assert said is None or decision.said == said, name
        assert decision.signs is None
    assert witness.seen[ORIGIN].size == 20


def test_an_empty_ledger_has_one_root() -> None:
    empty = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    wrong = Checkpoint(ORIGIN, 0, bytes(32))
    witness = AWitness()
    assert witness.ask(request_body(0, [], SignedCheckpoint.sign(wrong, key(1)))).status == 422
    assert witness.ask(request_body(0, [], SignedCheckpoint.sign(empty, key(1)))).status == 200
    assert Seen((LOG_KEY,)).root == EMPTY_ROOT


@pytest.mark.parametrize(
    "change",
    [
        lambda body: b"",
        lambda body: body.replace(b"old 3", b"old 03"),
        lambda body: body.replace(b"old 3", b"size 3"),
        lambda body: body.replace(b"\n\n", b"\n", 1),
        lambda body: body.replace(b"\n", b"\nAAAA\n", 1),
        lambda body: body + b"x",
        lambda body: body.replace(b"\n", b"\n" + (b"A" * 43 + b"=\n") * 64, 1),
        lambda body: b"\xff" + body,
        lambda body: body + b"x" * 200_000,
    ],
)
def test_what_is_no_request_is_refused(change: object) -> None:
    assert AWitness().ask(change(LEDGER.request(3))).status == 400  # type: ignore[operator] # a lambda


def test_a_policy_is_read_back_and_says_what_it_means() -> None:
    witnesses = tuple(
        Witness(one, f"https://{number}.example/") for number, one in enumerate(WITNESS_KEYS)
    )
    policy = WitnessPolicy(witnesses=witnesses, quorum=2, grace=timedelta(minutes=30))
    again = WitnessPolicy.from_dict(policy.to_dict())
    assert again.to_dict()["witnesses"][0]["url"] == "https://0.example"
    assert (again.quorum, again.grace) == (2, policy.grace)
    assert "2 of 3 witnesses" in policy.words
    assert "30 minutes" in policy.words
    assert "No witness is asked" in WitnessPolicy().words
    assert "none is needed" in WitnessPolicy(witnesses=witnesses[:1]).words
    assert policy.trust.quorum == 2


def test_a_policy_that_means_nothing_is_refused() -> None:
    one = Witness(WITNESS_KEYS[0], "https://one.example")
    for wrong in (
        {"witnesses": (one,), "quorum": 2},
        {"witnesses": (one, one)},
        {"witnesses": (one, Witness(witness_key("alias", key(2)), "https://two.example"))},
        {"witnesses": (Witness(LOG_KEY, "https://log.example"),)},
        {"grace": timedelta(seconds=30)},
        {"grace": timedelta(days=60)},
        {"witnesses": tuple(Witness(witness_key(f"n{i}", key(i + 9)), "u") for i in range(17))},
    ):
        with pytest.raises(InputError):
            WitnessPolicy(**wrong)
    good = WitnessPolicy(witnesses=(one,)).to_dict()
    for broken in (
        {},
        {**good, "more": 1},
        {**good, "quorum": True},
        {**good, "quorum": "1"},
        {**good, "grace_seconds": 10**12},
        {**good, "witnesses": [{}]},
        {**good, "witnesses": [{"key": "x", "url": "https://x"}]},
        {**good, "witnesses": [{"key": str(WITNESS_KEYS[0]), "url": ""}]},
    ):
        with pytest.raises(InputError):
            WitnessPolicy.from_dict(broken)


def test_tiles_are_numbered_and_counted_as_the_specification_says() -> None:
    assert tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tile_path(1, 5, 17) == "tile/1/005.p/17"
    assert bundle_path(0, 3) == "tile/entries/000.p/3"
    tiles = list(tiles_of(70_000))
    assert len(tiles) == 273 + 1 + 1 + 1 + 1
    assert {(0, 273, 112), (1, 0, 256), (1, 1, 17), (2, 0, 1)} <= set(tiles)
    assert list(tiles_of(256)) == [(0, 0, 256), (1, 0, 1)]
    assert list(tiles_of(0)) == []
    assert list(tiles_of(520, since=300)) == [(0, 1, 256), (0, 2, 8), (1, 0, 2)]
    for wrong in ((-1, 1), (0, 0), (0, 257)):
        with pytest.raises(InputError):
            tile_path(0, *wrong)


def stored(ledger: Written) -> dict[str, bytes]:
    """Return the tiles of a ledger by their paths, made from its leaves by the definition."""

    def node(height: int, place: int) -> bytes:
        return root(ledger.leaves[place << height : (place + 1) << height])

    return {
        tile_path(level, index, width): tile_bytes(node, level, index, width)
        for level, index, width in tiles_of(len(ledger.leaves))
    }


def test_every_proof_comes_out_of_the_tiles() -> None:
    held = stored(LONG)
    size = len(LONG.leaves)
    subtree = subtrees_of(node_from(held.__getitem__, size))
    assert subtree(0, size) == LONG.checkpoint().root
    for index in (0, 255, 256, 511, size - 1):
        assert inclusion_from(subtree, index, size) == inclusion_path(LONG.leaves, index)
    for old in (1, 255, 256, 300, size):
        path = consistency_from(subtree, old, size)
        assert continues(LONG.checkpoint(old), LONG.checkpoint(), path) == size - old
        assert (
            continues_in_tiles(LONG.checkpoint(old), LONG.checkpoint(), held.__getitem__)
            == size - old
        )


def test_a_monitor_sees_a_fork_a_rollback_and_tiles_of_something_else() -> None:
    held, whole = stored(LONG), LONG.checkpoint()
    other = Written(len(LONG.leaves), fork=600)
    with pytest.raises(LedgerBroken) as found:
        continues_in_tiles(other.checkpoint(650), whole, held.__getitem__)
    assert found.value.facts["how"] == "fork"
    with pytest.raises(LedgerBroken) as found:
        continues_in_tiles(Written(701).checkpoint(), whole, held.__getitem__)
    assert found.value.facts["how"] == "rollback"
    with pytest.raises(LedgerBroken) as found:
        continues_in_tiles(LONG.checkpoint(5), other.checkpoint(), held.__getitem__)
    assert found.value.facts["how"] == "tiles"
    with pytest.raises(LedgerBroken) as found:
        continues(Checkpoint("other", 1, bytes(32)), whole, [])
    assert found.value.facts["how"] == "other"
    cut = held | {tile_path(0, 0): held[tile_path(0, 0)][:-1]}
    with pytest.raises(BadProof):
        continues_in_tiles(LONG.checkpoint(5), whole, cut.__getitem__)


def test_bundles_hold_the_entries_of_their_tile() -> None:
    entries = [one.canonical() for one, _, _ in LEDGER.rows]
    data, tile = bundle(entries), b"".join(LEDGER.leaves)
    assert check_bundle(data, tile) == entries
    assert read_bundle(b"") == []
    for wrong in (data[:-1], data + b"\0", data[2:]):
        with pytest.raises(BadProof):
            check_bundle(wrong, tile)
    with pytest.raises(InputError):
        bundle([bytes(2**16)])
    assert WIDTH == 256
