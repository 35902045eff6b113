"""A checkpoint that two keys of its ledger signed, because one is handed over to the other."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ledger_help import (
    DEPLOYMENT,
    LOG,
    LOG_KEY,
    NAMES,
    ORIGIN,
    TRUST,
    AWitness,
    Written,
    cosigned_by_all,
    key,
    ours,
    theirs,
)

from countenance.errors import BadProof, InputError
from countenance.ledger.checkpoint import SignedCheckpoint, Trust
from countenance.ledger.export import signed_header_line
from countenance.ledger.merkle import consistency_path
from countenance.ledger.note import Note, Signature, VerifierKey, log_key
from countenance.ledger.witness import Seen, request_body

NEW, THIRD = key(50), key(51)
NEW_KEY, THIRD_KEY = log_key(ORIGIN, NEW), log_key(ORIGIN, THIRD)
LEDGER = Written(20)
BOTH = SignedCheckpoint.sign(LEDGER.checkpoint(), LOG, NEW)
KEYS = {"old": LOG_KEY, "new": NEW_KEY, "third": THIRD_KEY}


def wrong(*names: str) -> SignedCheckpoint:
    """Return the checkpoint that both signed, with these lines' signatures changed in one bit."""
    ids = {KEYS[name].key_id for name in names}

    def line(one: Signature) -> Signature:
        data = bytes([one.data[0] ^ 1, *one.data[1:]])
        return replace(one, data=data) if one.key_id in ids else one

    lines = tuple(line(one) for one in BOTH.note.signatures)
    return SignedCheckpoint(BOTH.checkpoint, Note(BOTH.note.text, lines))


def export(signed: SignedCheckpoint, named: VerifierKey) -> bytes:
    """Return an export with this checkpoint that names this key."""
    header = signed_header_line(deployment=DEPLOYMENT, signed=signed, key=named)
    return "\n".join([header, *LEDGER.lines()[1:]]).encode() + b"\n"


def judged(
    data: bytes, trust: Trust | None = None, kept: SignedCheckpoint | None = None
) -> tuple[bool, bool]:
    """Return what the two verifiers say; they share no code."""
    return not ours(data, trust=trust, kept=kept), not theirs(data, trust=trust, kept=kept)


def test_one_ledger_signs_with_two_keys_of_one_name() -> None:
    again = SignedCheckpoint.parse(str(BOTH))
    assert [one.name for one in again.note.signatures] == [ORIGIN, ORIGIN]
    assert {one.key for one in again.note.verified(KEYS.values())} == {LOG_KEY, NEW_KEY}
    for known in ([LOG_KEY], [NEW_KEY], [LOG_KEY, NEW_KEY], [THIRD_KEY, NEW_KEY]):
        again.require_log(known)
    with pytest.raises(BadProof):
        again.require_log([THIRD_KEY])


def test_whoever_knows_one_of_the_keys_verifies_and_a_wrong_line_of_it_is_refused() -> None:
    for name in ("old", "new"):
        other = "new" if name == "old" else "old"
        # A wrong signature of a key that is not known says nothing, like any unknown line.
        wrong(other).require_log([KEYS[name]])
        for broken in (wrong(name), wrong("old", "new")):
            with pytest.raises(BadProof):
                broken.require_log([KEYS[name]])
        with pytest.raises(BadProof, match="does not verify"):
            wrong(other).require_log([LOG_KEY, NEW_KEY])


def test_a_witness_that_knows_one_key_signs_and_refuses_where_its_line_is_missing_or_wrong() -> (
    None
):
    for name in ("old", "new"):
        witness = AWitness()
        witness.seen = {ORIGIN: Seen((KEYS[name],))}
        own, other = (LOG, NEW) if name == "old" else (NEW, LOG)
        other_only = SignedCheckpoint.sign(LEDGER.checkpoint(), other)
        for refused in (other_only, wrong(name), wrong("old", "new")):
            assert witness.ask(request_body(0, [], refused)).status == 403
        assert witness.seen[ORIGIN].last is None
        assert witness.ask(request_body(0, [], BOTH)).status == 200
        later = Written(30)
        path = consistency_path(later.leaves, 20)
        signed = SignedCheckpoint.sign(later.checkpoint(), other, THIRD, own)
        witness.seen = {ORIGIN: Seen((KEYS[name],), BOTH.checkpoint)}
        assert witness.ask(request_body(20, path, signed)).status == 200


def test_both_verifiers_agree_on_exports_of_before_during_and_after() -> None:
    before = SignedCheckpoint.sign(LEDGER.checkpoint(), LOG)
    after = SignedCheckpoint.sign(LEDGER.checkpoint(), NEW)
    old, new = Trust(log=LOG_KEY), Trust(log=NEW_KEY)
    for signed, named, holds in (
        (before, LOG_KEY, {"old"}),
        (BOTH, LOG_KEY, {"old", "new"}),
        (BOTH, NEW_KEY, {"old", "new"}),
        (after, NEW_KEY, {"new"}),
    ):
        assert judged(export(signed, named)) == (True, True)
        for name, trust in (("old", old), ("new", new)):
            assert judged(export(signed, named), trust) == (name in holds,) * 2
    for signed, named in ((before, NEW_KEY), (after, LOG_KEY), (wrong("new"), NEW_KEY)):
        assert judged(export(signed, named)) == (False, False)
    # The line that is wrong is that of the key which the reader knows, or of no key that anybody asks about.
    assert judged(export(wrong("old"), NEW_KEY), old) == (False, False)
    assert judged(export(wrong("old"), NEW_KEY), new) == (True, True)
    everybody = replace(TRUST, log=NEW_KEY)
    assert judged(export(cosigned_by_all(BOTH), NEW_KEY), everybody) == (True, True)
    assert judged(export(BOTH, NEW_KEY), everybody) == (False, False)
    assert len(NAMES) == everybody.quorum


def test_an_earlier_key_is_believed_of_what_was_kept_and_of_nothing_newer() -> None:
    kept, after = LEDGER.signed(12), SignedCheckpoint.sign(LEDGER.checkpoint(), NEW)
    told = Trust(log=NEW_KEY, former=(LOG_KEY,))
    for data in (export(after, NEW_KEY), export(BOTH, NEW_KEY)):
        assert judged(data, Trust(log=NEW_KEY), kept) == (False, False)
        assert judged(data, None, kept) == (False, False)
        assert judged(data, told, kept) == (True, True)
        assert judged(data, Trust(former=(LOG_KEY,)), kept) == (True, True)
        assert judged(data, told, LEDGER.signed(12, by=THIRD)) == (False, False)
        assert judged(data, told, Written(20, fork=3).signed(12)) == (False, False)
    # The thief of the old key signs everything anew.
    stolen = export(SignedCheckpoint.sign(LEDGER.checkpoint(), LOG), LOG_KEY)
    assert judged(stolen, told) == (False, False)
    assert judged(stolen, told, kept) == (False, False)
    assert "--former-key" in ours(export(after, NEW_KEY), kept=kept)
    plain = "\n".join(LEDGER.lines()).encode() + b"\n"
    assert judged(plain, told, kept) == (True, True)
    assert judged(plain, Trust(log=NEW_KEY), kept) == (False, False)
    assert judged(plain, Trust(former=(LOG_KEY,))) == (False, False)
    with pytest.raises(InputError):
        Trust(former=(TRUST.witnesses[0],))
