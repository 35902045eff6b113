"""Signed notes and checkpoints: the vectors, and everything that is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ledger_help import (
    LOG,
    LOG_KEY,
    NAMES,
    ORIGIN,
    TRUST,
    WITNESS_KEYS,
    WITNESSES,
    Written,
    independent,
    key,
)
from vectors.make_notes import vectors

from countenance.errors import BadProof, InputError
from countenance.ledger.checkpoint import Checkpoint, SignedCheckpoint, Trust, origin_of, said_of
from countenance.ledger.note import Note, VerifierKey, cosign, log_key, sign, witness_key

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[2] / "vectors" / "notes.json").read_text(encoding="utf-8")
)
GO = VECTORS["go"]
TEXT = f"{ORIGIN}\n1\n{'A' * 43}=\n"
LINE = sign(TEXT, ORIGIN, LOG)
NOTE = Note(TEXT, (LINE,))


def test_the_vectors_are_still_made_the_same_way() -> None:
    assert vectors() == VECTORS


def test_a_note_of_gos_own_tests_is_signed_and_read_byte_by_byte() -> None:
    own = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(GO["seed"]))
    known = VerifierKey.parse(GO["key"])
    assert (str(known), log_key("PeterNeumann", own)) == (GO["key"], known)
    note = Note.parse(GO["note"])
    assert str(note) == GO["note"]
    assert [one.key for one in note.verified([known])] == [known]
    assert str(Note(note.text, (sign(note.text, "PeterNeumann", own),))) == GO["note"]


def test_the_stored_checkpoints_verify_with_both_readers() -> None:
    script = independent()
    ledger = Written(300)
    for one in VECTORS["checkpoints"]:
        signed = SignedCheckpoint.parse(one["note"])
        assert signed.checkpoint == ledger.checkpoint(one["size"])
        assert [by.key for by in TRUST.judge(signed)] == list(WITNESS_KEYS)
        read = script.checkpoint_of(one["note"])
        assert (read[2], read[3], read[4]) == (ORIGIN, one["size"], signed.checkpoint.root)
        keys = [script.key_of(line) for line in [VECTORS["log_key"], *VECTORS["witness_keys"]]]
        assert len(script.signers(read, keys)) == 4


def test_a_verifier_key_has_one_spelling() -> None:
    line = str(LOG_KEY)
    assert VerifierKey.parse(f" {line}\n") == LOG_KEY
    for at in range(len(line)):
        changed = line[:at] + chr(ord(line[at]) + 1) + line[at + 1 :]
        with pytest.raises(InputError):
            VerifierKey.parse(changed)
        with pytest.raises(InputError):
            VerifierKey.parse(line[:at])
    with pytest.raises(InputError):
        VerifierKey("two words", LOG_KEY.kind, LOG_KEY.public)
    with pytest.raises(InputError):
        VerifierKey("short", LOG_KEY.kind, LOG_KEY.public[1:])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        TEXT.encode(),
        f"{TEXT}\n".encode(),
        f"{TEXT}\n{LINE.line()}"[:-1].encode(),
        f"{TEXT}\n{LINE.line()}\n".encode(),
        f"{TEXT}\n{LINE.line()}more\n".encode(),
        f"{TEXT}{LINE.line()}".encode(),
        f"{TEXT}\n- {LINE.line()[2:]}".encode(),
        f"{TEXT}\n{LINE.line().replace(' ', '  ', 1)}".encode(),
        f"{TEXT}\n{LINE.line().replace('=', '')}".encode(),
        f"{TEXT}\n\N{EM DASH} name+x AAAABBBB\n".encode(),
        f"{TEXT}\n\N{EM DASH} name AAAA\n".encode(),
        f"{TEXT}\t\n{LINE.line()}".encode(),
        f"{TEXT}\n{LINE.line() * 101}".encode(),
        b"\xff" + str(NOTE).encode(),
        b"x" * 70_000 + b"\n\n" + LINE.line().encode(),
    ],
)
def test_what_is_no_note_is_refused(data: bytes) -> None:
    with pytest.raises(BadProof):
        Note.parse(data)


def test_unknown_signatures_are_passed_over_and_a_wrong_known_one_spoils_the_note() -> None:
    stranger = sign(TEXT, ORIGIN, key(99))
    assert NOTE.with_lines([stranger]).verified([LOG_KEY])[0].key == LOG_KEY
    assert Note(TEXT, (stranger,)).verified([LOG_KEY]) == []
    wrong = type(LINE)(LINE.name, LINE.key_id, stranger.data)
    for lines in ((wrong,), (LINE, wrong), (wrong, LINE)):
        with pytest.raises(BadProof):
            Note(TEXT, lines).verified([LOG_KEY])
    short = type(LINE)(LINE.name, LINE.key_id, LINE.data[1:])
    with pytest.raises(BadProof):
        Note(TEXT, (short,)).verified([LOG_KEY])


def test_a_cosignature_is_of_its_time_and_no_log_signature() -> None:
    name, own = WITNESSES[0]
    line = cosign(TEXT, name, own, at=1_790_000_000)
    known = witness_key(name, own)
    assert Note(TEXT, (line,)).verified([known])[0].at == 1_790_000_000
    assert known.key_id != log_key(name, own).key_id
    for data in (bytes(8) + line.data[8:], b"\xff" + line.data[1:], line.data[8:]):
        with pytest.raises(BadProof):
            Note(TEXT, (type(line)(name, line.key_id, data),)).verified([known])
    newer = cosign(TEXT, name, own, at=1_790_000_001)
    kept = Note(TEXT, (LINE, line)).with_lines([newer])
    assert [one.data for one in kept.signatures] == [LINE.data, newer.data]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n1\n",
        f"origin\n01\n{'A' * 43}=\n",
        f"origin\n-1\n{'A' * 43}=\n",
        f"origin\n1 \n{'A' * 43}=\n",
        f"origin\n\u0661\n{'A' * 43}=\n",
        f"origin\n{2**63}\n{'A' * 43}=\n",
        f"origin\n1\n{'A' * 42}B=\n",
        f"origin\n1\n{'A' * 40}\n",
        f"\n1\n{'A' * 43}=\n",
        f"two words\n1\n{'A' * 43}=\n",
        f"origin\n1\n{'A' * 43}=\n\nmore\n",
        f"origin\n1\n{'A' * 43}=",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(BadProof):
        Checkpoint.parse(text)


def test_a_checkpoint_keeps_further_lines_as_they_are() -> None:
    text = f"origin\n0\n{'A' * 43}=\nmore\n"
    assert Checkpoint.parse(text).extension == ("more",)
    assert Checkpoint.parse(text).text() == text


def test_trust_asks_for_the_ledgers_key_and_a_quorum() -> None:
    signed = Written(5).signed(cosigned=True)
    assert len(TRUST.judge(signed)) == 3
    assert said_of(signed, TRUST.judge(signed))["by"][0]["name"] == NAMES[0]
    bare = Written(5).signed()
    with pytest.raises(BadProof, match="0 cosignatures"):
        TRUST.judge(bare)
    with pytest.raises(BadProof, match="not signed"):
        Trust(log=log_key(ORIGIN, key(99))).judge(signed)
    with pytest.raises(BadProof, match="not signed"):
        Trust(log=log_key(origin_of(UUID(int=9)), LOG)).judge(signed)
    for wrong in (
        {"quorum": 1},
        {"log": WITNESS_KEYS[0]},
        {"witnesses": (LOG_KEY,)},
        {"witnesses": (WITNESS_KEYS[0], WITNESS_KEYS[0]), "quorum": 2},
    ):
        with pytest.raises(InputError):
            Trust(**wrong)
