from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from uuid import UUID

import pytest

from countenance.errors import InputError, LedgerBroken
from countenance.ledger.entry import Action, Entry, canonical_json, commit, verify_commitment

AT = datetime(2026, 3, 4, 5, 6, 7, 8, tzinfo=UTC)
ENTRY = Entry(Action.CASE_OPENED, AT, UUID(int=5), bytes(range(32)))
CANONICAL = (
    b'{"about":"00000000-0000-0000-0000-000000000005","action":"case.opened",'
    b'"at":"2026-03-04T05:06:07.000008Z",'
    b'"commitment":"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f","v":1}'
)


def test_an_entry_has_exactly_this_spelling_and_this_leaf():
    assert ENTRY.canonical() == CANONICAL
    assert ENTRY.leaf() == hashlib.sha256(b"\x00" + CANONICAL).digest()
    assert Entry.parse(CANONICAL) == ENTRY


def test_an_entry_about_nothing_and_one_on_the_full_second():
    entry = Entry(Action.DEPLOYMENT_UNSEALED, AT.replace(microsecond=0), None, bytes(32))
    assert b'"about":null' in entry.canonical()
    assert b"05:06:07.000000Z" in entry.canonical()
    assert Entry.parse(entry.canonical()) == entry


def test_a_time_in_another_zone_is_written_in_utc():
    entry = Entry(ENTRY.action, AT.astimezone(timezone(timedelta(hours=5))), ENTRY.about, bytes(32))
    assert b"05:06:07.000008Z" in entry.canonical()


@pytest.mark.parametrize("action", list(Action))
def test_every_action_is_a_noun_and_a_verb_with_a_meaning_in_one_line(action):
    noun, verb = action.value.split(".")
    assert noun.isidentifier()
    assert verb.isidentifier()
    # That it is a person who did it goes without saying in a name of the code.
    names = {f"{noun}_{verb}".upper()} | ({verb.upper()} if noun == "person" else set())
    assert action.name in names
    assert action.meaning.endswith(".")
    assert "\n" not in action.meaning
    assert Action(action.value) is action


def test_the_list_of_actions_is_closed():
    assert len(Action) >= 26
    with pytest.raises(ValueError, match="nothing"):
        Action("nothing.done")
    with pytest.raises(LedgerBroken):
        Entry.parse(CANONICAL.replace(b"case.opened", b"case.erased"))


@pytest.mark.parametrize(
    "data",
    [
        CANONICAL + b" ",
        b" " + CANONICAL,
        CANONICAL.replace(b":", b": "),
        CANONICAL.replace(b'"v":1', b'"v":1.0'),
        CANONICAL.replace(b'"v":1', b'"v":true'),
        CANONICAL.replace(b'"v":1', b'"v":"1"'),
        CANONICAL.replace(b'"v":1', b'"v":2'),
        CANONICAL.replace(b',"v":1', b""),
        CANONICAL.replace(b'"v":1', b'"v":1,"x":1'),
        CANONICAL.replace(b'"v":1', b'"v":1,"v":1'),
        CANONICAL.replace(b"0a0b", b"0A0B"),
        CANONICAL.replace(b"0a0b", b"0a 0b"),
        CANONICAL.replace(b"1e1f", b"1e"),
        CANONICAL.replace(b"1e1f", b"1exx"),
        CANONICAL.replace(b"000008Z", b"000008"),
        CANONICAL.replace(b"000008Z", b"000008+00:00"),
        CANONICAL.replace(b"05:06:07.000008Z", b"06:06:07.000008+01:00"),
        CANONICAL.replace(b"2026-03", b"2026-13"),
        CANONICAL.replace(b"2026-03-04T05:06:07.000008Z", b"0001-01-01T00:00:00.000000+10:00"),
        CANONICAL.replace(b'"2026-03-04T05:06:07.000008Z"', b"5"),
        CANONICAL.replace(b'"00000000-0000-0000-0000-000000000005"', b"5"),
        CANONICAL.replace(b'"00000000-0000-0000-0000-000000000005"', b'"x"'),
        CANONICAL.replace(b"00000000-0000", b"000000000000"),
        CANONICAL.replace(b'"case.opened"', b"[]"),
        CANONICAL.replace(b"case.opened", b"case\\u002eopened"),
        b"",
        b"5",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
    ],
    ids=lambda data: repr(data[-40:]),
)
def test_any_other_spelling_is_refused(data):
    assert data != CANONICAL
    with pytest.raises(LedgerBroken):
        Entry.parse(data)


def test_what_cannot_be_written_exactly_is_no_entry():
    with pytest.raises(InputError, match="time zone"):
        Entry(ENTRY.action, AT.replace(tzinfo=None), None, bytes(32))
    with pytest.raises(InputError, match="32 bytes"):
        Entry(ENTRY.action, AT, None, bytes(31))
    for version in (0, 2, True):
        with pytest.raises(InputError, match="version"):
            Entry(ENTRY.action, AT, None, bytes(32), version)


class Colour(StrEnum):
    RED = "red"


def test_json_is_written_in_one_way_only():
    body = {
        "b": [1, -1, 0, True, False, None, 2**53 - 1],
        "a": {"z": 'ä\n"\\\x7f\u2028😀', "y": UUID(int=1)},
        "at": AT,
        "day": date(2026, 1, 2),
        "colour": Colour.RED,
        "pair": ("x", []),
        Colour.RED: {},
    }
    assert canonical_json(body).decode() == (
        '{"a":{"y":"00000000-0000-0000-0000-000000000001","z":"ä\\n\\"\\\\\x7f\u2028😀"},'
        '"at":"2026-03-04T05:06:07.000008Z","b":[1,-1,0,true,false,null,9007199254740991],'
        '"colour":"red","day":"2026-01-02","pair":["x",[]],"red":{}}'
    )


def test_names_are_ordered_as_rfc_8785_says():
    # The order of UTF-16 units, in which U+1F600 (D83D DE00) comes before U+FB33.
    text = canonical_json({"\ufb33": 1, "\U0001f600": 2, "\u20ac": 3, "1": 4, "\r": 5}).decode()
    assert list(json.loads(text)) == ["\r", "1", "\u20ac", "\U0001f600", "\ufb33"]


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        float("nan"),
        2**53,
        -(2**53),
        b"bytes",
        {1: "x"},
        {"x"},
        pytest.param(object(), id="an object"),
        datetime(2026, 1, 1),  # noqa: DTZ001 - without a zone on purpose
        "\ud800",
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_exact_spelling_is_refused(value):
    for body in ({"x": value}, {"x": [{"y": value}]}):
        with pytest.raises(InputError):
            canonical_json(body)


def test_bodies_without_end_are_refused():
    body: dict[str, object] = {}
    body["x"] = body
    with pytest.raises(InputError):
        canonical_json(body)


def test_an_error_says_nothing_of_the_body():
    with pytest.raises(InputError) as caught:
        canonical_json({"planted": "planted \ud800", "x": [1.5]})
    assert "planted" not in f"{caught.value!r}{caught.value.facts}"
    with pytest.raises(InputError) as caught:
        canonical_json({"x": b"planted"})
    assert caught.value.facts == {"type": "bytes"}
    assert "planted" not in repr(caught.value)


def test_a_commitment_is_the_hmac_under_the_salt():
    salt = bytes(range(32))
    expected = hmac.new(salt, b"body", "sha256").digest()
    assert commit(b"body", salt) == expected
    verify_commitment(expected, b"body", salt)


@pytest.mark.parametrize("salt", [b"", bytes(31), bytes(33), bytes(64)])
def test_a_salt_has_one_size(salt):
    with pytest.raises(InputError):
        commit(b"body", salt)
    with pytest.raises(LedgerBroken):
        verify_commitment(commit(b"body", bytes(32)), b"body", salt)


def test_another_body_or_salt_is_noticed():
    commitment = commit(b"body", bytes(32))
    for body, salt in ((b"bodY", bytes(32)), (b"body", bytes(31) + b"\x01"), (b"", bytes(32))):
        with pytest.raises(LedgerBroken):
            verify_commitment(commitment, body, salt)
