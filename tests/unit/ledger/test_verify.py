from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from countenance.errors import BadProof, InputError, LedgerBroken
from countenance.ledger import Action, Entry, Frontier, Head, Receipt, canonical_json, commit
from countenance.ledger.export import entry_line, header_line
from countenance.ledger.verify import verify_export

DEPLOYMENT = UUID(int=77)
START = datetime(2026, 1, 1, tzinfo=UTC)
ACTIONS = [
    Action.DEPLOYMENT_INITIALISED,
    Action.CASE_OPENED,
    Action.SEARCH_INTENDED,
    Action.SEARCH_CONCLUDED,
    Action.CANDIDATES_VIEWED,
    Action.SEARCH_INTENDED,
    Action.SEARCH_ABORTED,
]


@dataclass
class Made:
    lines: list[str]
    receipts: list[Receipt]

    @property
    def head(self) -> Head:
        return self.receipts[-1].head


def make(
    *, shown: tuple[int, ...] = (1, 3), erased: tuple[int, ...] = (4,), late: int = -1
) -> Made:
    frontier, lines, receipts = Frontier(), [], []
    for index, action in enumerate(ACTIONS):
        body = canonical_json({"who": f"person {index}", "reason": "ä"})
        salt = bytes([index]) * 32
        at = START + timedelta(seconds=0 if index == late else index)
        entry = Entry(action, at, UUID(int=index), commit(body, salt))
        path = frontier.append(entry.leaf())
        receipts.append(Receipt(index, entry.leaf(), frontier.size, frontier.root(), tuple(path)))
        more = {"salt": salt, "body": body} if index in shown else {}
        lines.append(entry_line(index, entry.canonical(), erased=index in erased, **more))
    head = Head(frontier.size, frontier.root())
    return Made([header_line(deployment=DEPLOYMENT, head=head), *lines], receipts)


def with_fields(line: str, **changes: object) -> str:
    return canonical_json(json.loads(line) | changes).decode()


def without(line: str, *names: str) -> str:
    fields = json.loads(line)
    return canonical_json({name: fields[name] for name in fields if name not in names}).decode()


def test_a_good_export_gives_its_report():
    made = make()
    report = verify_export(made.lines)
    assert report.deployment == DEPLOYMENT
    assert (report.size, report.root) == (7, made.head.root)
    assert report.actions == {
        "candidates.viewed": 1,
        "case.opened": 1,
        "deployment.initialised": 1,
        "search.aborted": 1,
        "search.concluded": 1,
        "search.intended": 2,
    }
    assert (report.first, report.last) == (START, START + timedelta(seconds=6))
    assert (report.bodies_shown, report.erased) == (2, 1)


@pytest.mark.parametrize(
    "spelled",
    [
        lambda line: line + "\n",
        lambda line: line + "\r\n",
        lambda line: line.encode(),
        lambda line: line.encode() + b"\n",
    ],
)
def test_lines_may_be_text_or_bytes_with_or_without_their_ends(spelled):
    assert verify_export(spelled(line) for line in make().lines).size == 7


def test_an_empty_ledger_verifies():
    report = verify_export([header_line(deployment=DEPLOYMENT, head=Head(0, Frontier().root()))])
    assert (report.size, report.first, report.last, report.actions) == (0, None, None, {})


def test_every_earlier_receipt_and_head_is_found_again():
    made = make()
    for receipt in made.receipts:
        verify_export(made.lines, expect=receipt)
        verify_export(made.lines, expect=receipt.head)
    verify_export(made.lines, expect=Head(0, Frontier().root()))


def test_every_flipped_bit_of_an_export_is_noticed():
    text = "\n".join(make().lines).encode()
    names = text.index(b'"deployment":"') + 14
    unbound = range(names, names + 36)  # Only a signed checkpoint will bind the deployment's name.
    for position in range(len(text)):
        if position in unbound:
            continue
        for bit in (0, 3, 5):
            changed = bytearray(text)
            changed[position] ^= 1 << bit
            with pytest.raises(LedgerBroken):
                verify_export(bytes(changed).split(b"\n"))


def test_a_missing_entry_is_named():
    for index in range(7):
        lines = make().lines
        del lines[index + 1]
        with pytest.raises(LedgerBroken) as caught:
            verify_export(lines)
        assert caught.value.facts["index"] == index


def test_a_doubled_entry_is_named():
    for index in range(7):
        lines = make().lines
        lines.insert(index + 1, lines[index + 1])
        with pytest.raises(LedgerBroken) as caught:
            verify_export(lines)
        assert caught.value.facts["index"] == index + 1


def test_entries_in_another_order_are_named():
    lines = make().lines
    lines[3], lines[4] = lines[4], lines[3]
    with pytest.raises(LedgerBroken, match="numbered 3") as caught:
        verify_export(lines)
    assert caught.value.facts["index"] == 2


def test_entries_in_another_order_and_numbered_anew_are_noticed():
    lines = make(late=5).lines
    with pytest.raises(LedgerBroken, match=r"Entry 5 .*earlier than the entry before"):
        verify_export(lines)
    lines = make().lines
    lines[3], lines[4] = with_fields(lines[4], index=2), with_fields(lines[3], index=3)
    with pytest.raises(LedgerBroken, match="earlier"):
        verify_export(lines)


def test_an_edited_entry_is_noticed():
    lines = make().lines
    entry = json.loads(json.loads(lines[3])["entry"])
    entry["about"] = str(UUID(int=99))
    lines[3] = with_fields(lines[3], entry=canonical_json(entry).decode())
    with pytest.raises(LedgerBroken, match="root"):
        verify_export(lines)


def test_an_edited_entry_is_narrowed_down_by_what_was_kept():
    made = make()
    entry = json.loads(json.loads(made.lines[3])["entry"])
    entry["about"] = str(UUID(int=99))
    lines = made.lines[:]
    lines[3] = with_fields(lines[3], entry=canonical_json(entry).decode())
    with pytest.raises(LedgerBroken, match="receipt") as caught:
        verify_export(lines, expect=made.receipts[2])
    assert caught.value.facts["index"] == 2
    with pytest.raises(LedgerBroken, match="first 4 entries"):
        verify_export(lines, expect=made.receipts[3])
    with pytest.raises(LedgerBroken, match="first 4 entries"):
        verify_export(lines, expect=made.receipts[3].head)


def test_a_ledger_that_was_cut_with_its_header_is_noticed_by_who_kept_a_receipt():
    made = make()
    cut = [header_line(deployment=DEPLOYMENT, head=made.receipts[4].head), *made.lines[1:6]]
    assert verify_export(cut).size == 5
    with pytest.raises(LedgerBroken, match="had 7 earlier"):
        verify_export(cut, expect=made.receipts[6])


def test_a_ledger_that_was_written_anew_is_noticed_by_who_kept_a_receipt():
    old, new = make(), make(shown=(), late=1)
    verify_export(new.lines)
    for receipt in old.receipts[1:]:
        with pytest.raises(LedgerBroken):
            verify_export(new.lines, expect=receipt)
    # What both have in common, the first entry, is still proved.
    verify_export(new.lines, expect=old.receipts[0])


def test_a_wrong_empty_head_and_a_false_receipt_are_refused():
    made = make()
    with pytest.raises(LedgerBroken, match="first 0 entries"):
        verify_export(made.lines, expect=Head(0, bytes(32)))
    false = Receipt(0, bytes(32), 7, made.head.root, made.receipts[6].path)
    with pytest.raises(BadProof):
        verify_export(made.lines, expect=false)


def test_an_export_that_was_cut_is_noticed():
    for end in range(1, 8):
        with pytest.raises(LedgerBroken) as caught:
            verify_export(make().lines[:end])
        assert caught.value.facts["index"] == end - 1


def test_lines_after_the_end_are_noticed():
    for more in ("", "{}", make().lines[-1]):
        with pytest.raises(LedgerBroken, match="more than the header counts"):
            verify_export([*make().lines, more])


@pytest.mark.parametrize(
    "change",
    [
        {"body": '{"who":"another"}'},
        {"body": 5},
        {"salt": "00" * 32},
        {"salt": "00"},
        {"salt": "x"},
        {"salt": "01 " * 32},
        {"salt": None},
    ],
    ids=str,
)
def test_another_body_or_salt_is_named(change):
    lines = make().lines
    lines[2] = with_fields(lines[2], **change)
    with pytest.raises(LedgerBroken, match="body") as caught:
        verify_export(lines)
    assert caught.value.facts["index"] == 1
    assert "another" not in str(caught.value)


def test_leaving_a_body_out_or_erasing_it_keeps_the_rest_verifiable():
    lines = make().lines
    lines[2] = without(lines[2], "salt", "body")
    assert verify_export(lines).bodies_shown == 1
    lines[2] = with_fields(lines[2], erased=True)
    report = verify_export(lines)
    assert (report.bodies_shown, report.erased) == (1, 2)


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (1, "{"),
        (1, ""),
        (1, b"\xff"),
        (1, "[" * 100_000),
        (1, "[]"),
        (1, '{"index":1.5}'),
        (1, '{"index": 0}'),
        (1, "{}"),
        (1, '{"entry":5,"index":0}'),
        (1, '{"entry":"{}","index":0}'),
        (1, '{"entry":"{}","index":false}'),
        (1, '{"entry":"{}","index":"0"}'),
        (1, '{"entry":"{}","index":0,"index":0}'),
        (1, '{"entry":"{}","index":0,"more":1}'),
        (1, '{"body":"","entry":"{}","index":0}'),
        (1, '{"\\ud800":1}'),
        (0, ""),
        (0, "{}"),
        (0, "[]"),
    ],
    ids=str,
)
def test_a_line_that_is_not_as_it_should_be_is_refused(number, line):
    lines: list[str | bytes] = [*make().lines]
    lines[number] = line
    with pytest.raises(LedgerBroken):
        verify_export(lines)


def test_erased_is_true_or_not_there():
    lines = make().lines
    lines[5] = with_fields(lines[5], erased=1)
    with pytest.raises(LedgerBroken, match="other fields"):
        verify_export(lines)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"version": 2},
        {"version": True},
        {"size": -1},
        {"size": "7"},
        {"size": True},
        {"size": 6},
        {"size": 8},
        {"root": "00"},
        {"root": "x"},
        {"root": None},
        {"root": "00" * 32},
        {"root": make().head.root.hex().upper()},
        {"deployment": DEPLOYMENT.hex},
        {"deployment": "x"},
        {"deployment": 5},
        {"more": 1},
    ],
    ids=str,
)
def test_a_wrong_header_is_refused(change):
    lines = make().lines
    lines[0] = with_fields(lines[0], **change)
    with pytest.raises(LedgerBroken):
        verify_export(lines)


def test_an_export_of_nothing_is_refused():
    with pytest.raises(LedgerBroken):
        verify_export([])


@pytest.mark.parametrize(
    "more",
    [
        {"salt": bytes(32)},
        {"body": b"{}"},
        {"salt": bytes(32), "body": b"{}", "erased": True},
    ],
    ids=str,
)
def test_a_body_is_exported_with_its_salt_or_not_at_all(more):
    with pytest.raises(InputError):
        entry_line(0, b"{}", **more)
