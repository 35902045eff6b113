from __future__ import annotations

import dataclasses
import json

import pytest

from countenance.errors import BadProof
from countenance.ledger import Frontier, Head, Receipt
from countenance.ledger.merkle import leaf_hash


@pytest.fixture
def receipt():
    frontier = Frontier()
    for number in range(43):
        leaf = leaf_hash(bytes([number]))
        path = frontier.append(leaf)
    return Receipt(42, leaf, 43, frontier.root(), tuple(path))


def test_a_receipt_verifies_and_survives_json(receipt):
    receipt.verify()
    again = Receipt.from_dict(json.loads(json.dumps(receipt.to_dict())))
    assert again == receipt
    again.verify()
    assert receipt.head == Head(43, receipt.root)


def test_the_short_code_names_the_entry(receipt):
    assert receipt.code == f"00000042-{receipt.leaf.hex()[:8]}"
    assert receipt.to_dict()["code"] == receipt.code


def test_a_changed_receipt_does_not_verify(receipt):
    for change in (
        {"index": 41},
        {"size": 44},
        {"leaf": bytes(32)},
        {"root": bytes(32)},
        {"path": receipt.path[1:]},
        {"path": receipt.path[::-1]},
        {"path": ()},
    ):
        with pytest.raises(BadProof):
            dataclasses.replace(receipt, **change).verify()


@pytest.mark.parametrize(
    "change",
    [
        {"index": -1},
        {"index": True},
        {"index": "42"},
        {"size": 43.0},
        {"leaf": "00"},
        {"leaf": 5},
        {"root": "x"},
        {"path": None},
        {"path": ["00"]},
        {"path": ["00" * 32] * 65},
        {"code": "00000041-00000000"},
    ],
    ids=str,
)
def test_what_is_no_receipt_is_refused(receipt, change):
    with pytest.raises(BadProof):
        Receipt.from_dict(receipt.to_dict() | change)


@pytest.mark.parametrize("field", ["index", "leaf", "size", "root", "path"])
def test_a_receipt_without_a_part_is_refused(receipt, field):
    data = receipt.to_dict()
    del data[field]
    with pytest.raises(BadProof):
        Receipt.from_dict(data)
