"""The ledger, for any input: the tree equals its definition, and no proof can be bent."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from ledger_help import independent

from countenance.errors import BadProof, LedgerBroken
from countenance.ledger import Action, Entry, Frontier, Head, Receipt, canonical_json, commit
from countenance.ledger.export import entry_line, header_line
from countenance.ledger.merkle import (
    EMPTY_ROOT,
    consistency_path,
    inclusion_path,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)
from countenance.ledger.verify import verify_export

DEPLOYMENT = UUID(int=1)
LEAVES = [leaf_hash(number.to_bytes(2, "big")) for number in range(300)]
sizes = some.integers(0, 300)


def defined_root(leaves):
    """Return the root as RFC 9162, section 2.1.1, defines it."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    return node_hash(defined_root(leaves[:middle]), defined_root(leaves[middle:]))


@given(sizes)
def test_the_tree_is_the_defined_one(size):
    frontier = Frontier()
    path = []
    for leaf in LEAVES[:size]:
        path = frontier.append(leaf)
    assert frontier.root() == root(LEAVES[:size]) == defined_root(LEAVES[:size])
    if size:
        assert path == inclusion_path(LEAVES, size - 1, size)


@given(sizes, some.data())
def test_every_leaf_has_its_proof_and_no_other_leaf_place_or_size_has_it(size, data):
    assume(size)
    index = data.draw(some.integers(0, size - 1))
    path = inclusion_path(LEAVES, index, size)
    head = defined_root(LEAVES[:size])
    verify_inclusion(leaf=LEAVES[index], index=index, size=size, path=path, root=head)
    other = data.draw(some.integers(0, 299))
    if other != index:
        with pytest.raises(BadProof):
            verify_inclusion(leaf=LEAVES[index], index=other, size=size, path=path, root=head)
        with pytest.raises(BadProof):
            verify_inclusion(leaf=LEAVES[other], index=index, size=size, path=path, root=head)


@given(sizes, sizes)
def test_a_tree_continues_its_beginnings_and_nothing_else(one, two):
    old, new = sorted((one, two))
    path = consistency_path(LEAVES, old, new)
    old_root, new_root = defined_root(LEAVES[:old]), defined_root(LEAVES[:new])
    proof = {"old_size": old, "new_size": new, "path": path}
    verify_consistency(**proof, old_root=old_root, new_root=new_root)
    changed = [*LEAVES[: old - 1], bytes(32), *LEAVES[old:]]
    if old:
        with pytest.raises(BadProof):
            verify_consistency(**proof, old_root=defined_root(changed[:old]), new_root=new_root)
        with pytest.raises(BadProof):
            verify_consistency(**proof, old_root=old_root, new_root=defined_root(changed[:new]))


@given(some.data())
def test_any_change_in_a_proof_is_noticed(data):
    size = data.draw(some.integers(2, 300))
    index = data.draw(some.integers(0, size - 1))
    path = inclusion_path(LEAVES, index, size)
    number = data.draw(some.integers(0, len(path) - 1))
    bit = data.draw(some.integers(0, 255))
    node = int.from_bytes(path[number], "big") ^ (1 << bit)
    path[number] = node.to_bytes(32, "big")
    with pytest.raises(BadProof):
        verify_inclusion(
            leaf=LEAVES[index], index=index, size=size, path=path, root=root(LEAVES[:size])
        )


words = some.text(some.characters(codec="utf-8"), max_size=5)
plain = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-(2**53) + 1, 2**53 - 1)
    | some.text(some.characters(codec="utf-8")),
    lambda inner: some.lists(inner) | some.dictionaries(words, inner),
    max_leaves=10,
)


@given(some.dictionaries(words, plain))
def test_canonical_json_says_the_same_and_is_its_own_canonical_form(body):
    data = canonical_json(body)
    assert json.loads(data) == body
    assert canonical_json(json.loads(data)) == data


entries = some.builds(
    Entry,
    some.sampled_from(Action),
    some.datetimes(timezones=some.just(UTC)),
    some.none() | some.uuids(),
    some.binary(min_size=32, max_size=32),
)


@given(entries)
def test_an_entry_is_read_back_from_its_only_spelling(entry):
    assert Entry.parse(entry.canonical()) == entry


@given(entries, some.data())
def test_any_changed_byte_of_an_entry_gives_another_entry_or_none(entry, data):
    spelled = bytearray(entry.canonical())
    position = data.draw(some.integers(0, len(spelled) - 1))
    spelled[position] ^= data.draw(some.integers(1, 255))
    try:
        other = Entry.parse(bytes(spelled))
    except LedgerBroken:
        return
    assert other != entry
    assert other.leaf() != entry.leaf()


class Ledger(RuleBasedStateMachine):
    """Append, take receipts, store and restore, show, erase, export: all of it always verifies."""

    def __init__(self):
        super().__init__()
        self.frontier = Frontier()
        self.rows = []
        self.receipts = []

    @rule(action=some.sampled_from(Action), about=some.none() | some.uuids(), text=some.text())
    def append(self, action, about, text):
        salt = bytes([len(self.rows) % 256]) * 32
        body = json.dumps(text).encode()
        at = datetime.fromtimestamp(1_700_000_000 + len(self.rows) // 2, UTC)
        entry = Entry(action, at, about, commit(body, salt))
        path = self.frontier.append(entry.leaf())
        self.rows.append([entry, salt, body])
        self.receipts.append(
            Receipt(
                len(self.rows) - 1,
                entry.leaf(),
                self.frontier.size,
                self.frontier.root(),
                tuple(path),
            )
        )

    @rule()
    def restart(self):
        self.frontier = Frontier.from_bytes(self.frontier.to_bytes())

    @rule(number=some.integers(0, 100))
    def erase(self, number):
        if self.rows:
            self.rows[number % len(self.rows)][1:] = [None, None]

    @invariant()
    def the_export_verifies_against_every_receipt(self):
        head = Head(self.frontier.size, self.frontier.root())
        lines = [header_line(deployment=DEPLOYMENT, head=head)]
        for index, (entry, salt, body) in enumerate(self.rows):
            lines.append(
                entry_line(index, entry.canonical(), salt=salt, body=body, erased=salt is None)
            )
        report = verify_export(lines, expect=head)
        assert report.size == len(self.rows)
        assert report.bodies_shown + report.erased == len(self.rows)
        for receipt in self.receipts[-3:]:
            receipt.verify()
            verify_export(lines, expect=receipt)


TestLedger = Ledger.TestCase
TestLedger.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


def export(count=6):
    """Return a small export, some bodies shown, one erased."""
    frontier, lines = Frontier(), []
    for index in range(count):
        salt, body = bytes([index]) * 32, canonical_json({"who": f"é{index}"})
        at = datetime.fromtimestamp(1_700_000_000 + index, UTC)
        entry = Entry(Action.PHOTO_VIEWED, at, UUID(int=index), commit(body, salt))
        frontier.append(entry.leaf())
        shown = {"salt": salt, "body": body} if index % 2 else {}
        lines.append(entry_line(index, entry.canonical(), erased=index == 2, **shown))
    head = Head(frontier.size, frontier.root())
    return [header_line(deployment=DEPLOYMENT, head=head), *lines]


def judged(text):
    """Return whether our verifier accepts an export."""
    try:
        verify_export(text.split(b"\n"))
    except LedgerBroken:
        return False
    return True


def judged_by_script(text):
    """Return the same of the script that shares no code with ours, in which any error is a refusal."""
    try:
        independent().verify(text)
    except Exception:  # noqa: BLE001 # whatever a broken file leads to
        return False
    return True


def test_both_verifiers_accept_a_good_export():
    text = "\n".join(export()).encode()
    assert judged(text)
    assert judged_by_script(text)


@given(some.data())
def test_both_verifiers_judge_every_damaged_export_alike(data):
    lines = [line.encode() for line in export()]
    for _ in range(data.draw(some.integers(1, 2))):
        where = data.draw(some.integers(0, len(lines) - 1))
        match data.draw(some.sampled_from(["flip", "drop", "double", "swap", "insert", "cut"])):
            case "flip":
                changed = bytearray(lines[where] or b" ")
                changed[data.draw(some.integers(0, len(changed) - 1))] ^= 1 << data.draw(
                    some.integers(0, 7)
                )
                lines[where] = bytes(changed)
            case "drop" if len(lines) > 1:
                del lines[where]
            case "double":
                lines.insert(where, lines[where])
            case "swap":
                lines[where], lines[-1] = lines[-1], lines[where]
            case "insert":
                at = data.draw(some.integers(0, len(lines[where])))
                more = data.draw(some.sampled_from([b"\n", b" ", b"0", b'"', b"\xff", b"\\"]))
                lines[where] = lines[where][:at] + more + lines[where][at:]
            case _:
                lines = lines[: where + 1]
    # A line end inside a line makes two lines of it, for both.
    text = b"\n".join(lines)
    assume(not text.endswith(b"\n"))
    assert judged(text) == judged_by_script(text)
