"""Replacing the keys that sign: handed over, ended, at once, killed, witnessed, and by command."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import cli_fixtures
import factories
import pytest
from backing_up import factor
from cli_fixtures import Cli
from ledger_help import ours, theirs
from replacing import BOTH, epochs, replaced, signed_anew
from witnessing import Served, key_of, later, name_witnesses, served_three, sign

from countenance.apps.records import checkpoints, queries, replacing, signers, witnessed
from countenance.apps.records.models import CheckpointRow, LedgerRow
from countenance.apps.records.services import unseal_body
from countenance.errors import (
    BadProof,
    InputError,
    NotWitnessed,
    WrongState,
)
from countenance.ledger import witness as protocol
from countenance.ledger.checkpoint import SignedCheckpoint, Trust
from countenance.ledger.entry import Action
from countenance.ledger.note import VerifierKey
from countenance.policy import Role
from countenance.sealing.kinds import KeyKind
from countenance.web import keykeeping, wiring, witnesses
from countenance.web.witness_server import WitnessApp
from countenance.web.witnesses import State

cli, place, three = cli_fixtures.cli, cli_fixtures.place, served_three


def by(signed: SignedCheckpoint, *known: VerifierKey) -> list[bool]:
    return [bool(signed.note.verified([one])) for one in known]


def export(on: Any, signed: SignedCheckpoint) -> bytes:
    return "\n".join(queries.export_ledger(on.tools.keyring, signed=signed)).encode() + b"\n"


def holds(data: bytes, trust: Trust, kept: SignedCheckpoint | None = None) -> bool:
    """Return what both verifiers say of an export, which is the same."""
    mine, other = (not one(data, trust=trust, kept=kept) for one in (ours, theirs))
    assert mine == other
    return mine


def test_a_key_of_checkpoints_is_handed_over_and_then_destroyed(deployment: Any) -> None:
    on, old = deployment, key_of(deployment)
    before = signed_anew(on)
    early = export(on, before)
    bundles = on.tools.keyring.verifying_key()
    done = replaced(on)
    assert (done.begun, done.handing_over, done.followed) == (BOTH, True, True)
    assert epochs() == ([2], [1, 2])
    new = key_of(on)
    assert new != old
    assert on.tools.keyring.verifying_key() != bundles
    during = signed_anew(on)
    middle = export(on, during)
    assert by(during, old, new) == [True, True]
    # Run again, also with the other levels: it goes on as it is, and nothing else is begun.
    assert replaced(on).begun == ()
    keykeeping.rotate("all", factor=factor(), tools=on.tools, wait=5.0)
    keykeeping.rotate("root", factor=factor(), tools=on.tools, wait=5.0)
    assert epochs() == ([2], [1, 2])
    assert by(signed_anew(on), old, new) == [True, True]
    status = keykeeping.status(on.tools)
    assert (status["handing_over"], status["unfinished"]) == (True, False)

    assert not replaced(on, finish=True).handing_over
    assert epochs() == ([2], [2])
    after = signed_anew(on)
    assert by(after, old, new) == [False, True]
    late = export(on, after)
    trusts = Trust(log=old), Trust(log=new), Trust(log=new, former=(old,))
    assert [holds(early, one) for one in trusts] == [True, False, False]
    assert [holds(middle, one) for one in trusts] == [True, True, True]
    assert [holds(late, one) for one in trusts] == [False, True, True]
    assert [holds(late, one, before) for one in trusts] == [False, False, True]
    assert [holds(late, one, during) for one in trusts] == [False, True, True]
    for fresh in (on.tools, _again(on)):
        queries.verify_ledger(fresh.keyring)
        checkpoints.check_ledger(tools=fresh)
    with pytest.raises(WrongState, match="nothing to end"):
        replaced(on, finish=True)


def _again(on: Any) -> Any:
    """Open the deployment as a process that starts now and serves does."""
    wiring.seal()
    on.tools = wiring.unseal(factor(), serving=True)
    return on.tools


def test_the_ledger_and_the_status_say_which_key_signed_when(deployment: Any) -> None:
    on = deployment
    bundles, log = on.tools.keyring.verifying_key(), key_of(on)
    assert len(signers.signing_keys(on.tools.keyring)) == 2
    replaced(on)
    replaced(on, finish=True)
    replaced(on, KeyKind.SIGNING)
    assert epochs() == ([3], [2])
    actions = (Action.SIGNING_REPLACED, Action.SIGNING_ENDED, Action.SIGNING_REPLACED)
    rows = list(LedgerRow.objects.filter(action__startswith="signing.").order_by("index"))
    assert [row.action for row in rows] == list(actions)
    said = [json.loads(unseal_body(row, keyring=on.tools.keyring)[1]) for row in rows]  # type: ignore[index]
    one, two = said[0]["facts"]["keys"]
    assert (one["old"], two["old"]) == (bundles.hex(), log.public.hex())
    assert two["new"] == said[1]["facts"]["keys"][0]["new"] == key_of(on).public.hex()
    for view in (on.tools.keyring, on.tools.of(factories.acting(on, Role.AUDITOR)).keyring):
        keys = signers.to_dicts(view)
        assert [key["kind"] for key in keys] == ["signing"] * 3 + ["checkpoint"] * 2
        assert (keys[0]["key"], keys[3]["key"]) == (bundles.hex(), str(log))
        assert (keys[2]["key"], keys[4]["key"]) == (
            view.verifying_key().hex(),
            str(witnessed.log_key(view)),
        )
        assert [bool(key["until"]) for key in keys] == [True, True, False, True, False]
        assert [bool(key["since"]) for key in keys] == [False, True, True, False, True]
        assert keys[0]["until"] == keys[1]["since"]
    assert keykeeping.status(on.tools)["signing_keys"] == keys


def test_a_leaked_key_is_destroyed_at_once_and_signs_nothing_that_comes_after(
    deployment: Any,
) -> None:
    on, old = deployment, key_of(deployment)
    signed_anew(on)
    thief = on.tools.keyring.signing_key(KeyKind.CHECKPOINT)
    done = replaced(on, KeyKind.CHECKPOINT, at_once=True)
    assert (done.begun, done.handing_over) == ((KeyKind.CHECKPOINT,), False)
    assert epochs() == ([1], [2])
    # Nothing was signed since: the newest checkpoint is of before, and the ledger goes on from it.
    checkpoints.check_ledger(tools=_again(on))
    queries.verify_ledger(on.tools.keyring)
    after = signed_anew(on)
    assert by(after, old, key_of(on)) == [False, True]
    forged = SignedCheckpoint.sign(after.checkpoint, thief)
    CheckpointRow.objects.filter(size=after.checkpoint.size).update(note=str(forged).encode())
    with pytest.raises(BadProof):
        checkpoints.check_ledger(tools=on.tools)


def test_a_process_that_still_holds_a_destroyed_key_does_not_sign_checkpoints_with_it(
    deployment: Any,
) -> None:
    on, old = deployment, key_of(deployment)
    other = on.tools  # another process: what is stored is not taken in
    names = {(None, KeyKind.CHECKPOINT), (None, KeyKind.SIGNING)}
    fresh = _again(on)
    keykeeping.replace_signers(BOTH, tools=fresh, at_once=True, wait=5.0)
    assert {name: len(other.keyring.chest.records[name]) for name in names} == dict.fromkeys(
        names, 1
    )
    factories.make_case(on)
    signed = checkpoints.sign_head(tools=other)
    assert signed is not None
    assert by(signed, old, key_of(on)) == [False, True]


def test_a_command_that_is_killed_has_done_all_or_nothing_and_ends_when_run_again(
    deployment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    on, old = deployment, key_of(deployment)

    class Killed(BaseException):
        pass

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    # Before the commit: nothing of it is there.
    for wishes in ({}, {"at_once": True}):
        with monkeypatch.context() as before:
            before.setattr(replacing, "_destroy_older", killed)
            with pytest.raises(Killed):
                replaced(on, **wishes)
        assert (epochs(), key_of(on)) == (([1], [1]), old)
    # After it: everything is.
    with monkeypatch.context() as after:
        after.setattr(
            keykeeping,
            "_take_stock",
            lambda _: after.setattr(keykeeping.presence, "settle", killed),
        )
        with pytest.raises(Killed):
            replaced(on)
    assert epochs() == ([2], [1, 2])
    assert replaced(on).begun == ()
    with pytest.raises(WrongState, match="--finish"):
        replaced(on, at_once=True)
    assert epochs() == ([2], [1, 2])
    with monkeypatch.context() as before:
        before.setattr(replacing, "_destroy_older", killed)
        with pytest.raises(Killed):
            replaced(on, finish=True)
    assert epochs() == ([2], [1, 2])
    assert not replaced(on, finish=True).handing_over
    assert replaced(on, KeyKind.SIGNING).begun == (KeyKind.SIGNING,)


# Witnesses


def test_witnesses_go_on_through_a_hand_over_and_refuse_after_it_until_they_know_the_new_key(
    deployment: Any, three: list[Served]
) -> None:
    on, old = deployment, key_of(deployment)
    name_witnesses(on, three, 2)
    assert _states(on) == [State.SIGNED] * 3
    replaced(on)
    new = key_of(on)
    assert _states(on) == [State.SIGNED] * 3, "they know the old key only"
    proof = witnessed.newest_checkpoint()
    assert proof is not None
    one, two, _ = three
    seen = one.folder.seen()[old.name]
    one.folder.replace_keys(new, proof=proof)
    assert one.folder.seen()[old.name].keys == (new,)
    assert one.folder.seen()[old.name].last == seen.last, "what it signed last stays"
    _restart(one)
    assert _states(on) == [State.SIGNED] * 3, "one knows the new key only"
    replaced(on, finish=True)
    assert _states(on) == [State.SIGNED, State.REFUSED, State.REFUSED]
    with pytest.raises(NotWitnessed):
        witnessed.require_witnesses(later(on, timedelta(days=1)))
    size = two.folder.seen()[old.name].size
    two.folder.replace_keys(new)
    _restart(two)
    assert _states(on) == [State.SIGNED, State.SIGNED, State.REFUSED]
    assert two.folder.seen()[old.name].size > size
    witnessed.require_witnesses(later(on, timedelta(minutes=30)))
    # The old key opens nothing any more, and no other checkpoint became possible by changing keys.
    rolled = SignedCheckpoint.sign(
        proof.checkpoint, on.tools.keyring.signing_key(KeyKind.CHECKPOINT)
    )
    assert two.app.add_checkpoint(protocol.request_body(0, [], rolled)).status == 409


def test_after_a_leak_witnesses_refuse_until_their_operators_take_the_new_key(
    deployment: Any, three: list[Served]
) -> None:
    on = deployment
    name_witnesses(on, three[:2], 1)
    assert _states(on) == [State.SIGNED] * 2
    old_only = sign(on)
    replaced(on, at_once=True)
    assert _states(on) == [State.REFUSED] * 2
    new, app = key_of(on), three[0]
    with pytest.raises(BadProof):
        app.folder.replace_keys(new, proof=old_only)
    newest = witnessed.newest_checkpoint()
    assert newest is not None
    with pytest.raises(BadProof):
        app.folder.replace_keys(new, proof=newest)
    for wrong in (
        three[1].app.verifier_key,
        VerifierKey("another/ledger", new.kind, new.public),
    ):
        with pytest.raises(InputError):
            app.folder.replace_keys(wrong)
    app.folder.replace_keys(new)
    _restart(app)
    assert _states(on) == [State.SIGNED, State.REFUSED]


def _states(on: Any) -> list[State]:
    factories.make_case(on, f"26-{queries.head().size}")
    return [one.state for one in witnesses.sign_and_ask(tools=on.tools).asked]


def _restart(one: Served) -> None:
    """Do what a witness does that is stopped and served again: read what it knows from its folder."""
    fresh = WitnessApp(one.folder, one.folder.open())
    one.app._seen = fresh._seen


# Commands


def test_the_commands_replace_keys_and_say_whom_to_tell(
    cli: Cli, deployment: Any, place: Path
) -> None:
    old = str(key_of(deployment))
    folder, kept, both = place / "w", place / "kept.txt", place / "both.txt"
    auditor = factories.acting(deployment, Role.AUDITOR)
    assert cli("witness", "init", folder, "--name", "w.example/one", "--log", old, as_=[])[0] == 0
    assert cli("ledger", "checkpoint", "--out", kept, as_=auditor)[0] == 0
    for wrong in (
        ("--level", "all", "--finish"),
        ("--at-once",),
        ("--level", "signing", "--finish", "--at-once"),
        ("--level", "signing", "--objects"),
        ("--level", "signing", "--agency", "any"),
    ):
        assert cli("keys", "rotate", *wrong, as_=[])[0] == 2, wrong
    code, said = cli("keys", "rotate", "--level", "signing", as_=[])
    assert (code, said["begun"], said["handing_over"]) == (0, ["signing", "checkpoint"], True)
    new = said["signing_keys"][-1]["key"]
    assert cli("ledger", "checkpoint", "--out", both, as_=auditor)[0] == 0
    assert cli("witness", "log", folder, new, "--checkpoint", both, as_=[])[0] == 2
    assert cli("witness", "log", folder, new, "--instead", "--checkpoint", kept, as_=[])[0] != 0
    assert cli("witness", "log", folder, new, "--instead", "--checkpoint", both, as_=[])[0] == 0
    code, said = cli("ledger", "witnesses", as_=auditor)
    assert (said["log_key"], [one["key"] for one in said["log_keys"]]) == (new, [old, new])
    code, said = cli("keys", "rotate", "--level", "signing", "--finish", as_=[])
    assert (code, said["begun"], said["handing_over"]) == (0, [], False)
    file = place / "ledger.jsonl"
    assert cli("ledger", "export", file, as_=auditor)[0] == 0
    given = ("verify-ledger", file, "--checkpoint", kept, "--log-key", new)
    assert cli(*given, as_=[])[0] == 70
    assert cli(*given, "--former-key", old, as_=[])[0] == 0
    given = ("ledger", "monitor", kept, file, "--log-key", new)
    assert cli(*given, as_=[])[0] == 70
    assert cli(*given, "--former-key", old, as_=[])[0] == 0
    assert cli("ledger", "tiles", place / "tiles", as_=auditor)[0] == 0
    given = ("ledger", "monitor", kept, place / "tiles", "--log-key", new)
    assert cli(*given, as_=[])[0] != 0
    assert cli(*given, "--former-key", old, as_=[])[0] == 0
    code, said = cli("keys", "status", as_=[])
    assert [bool(one["until"]) for one in said["signing_keys"]] == [True, False, True, False]
    assert cli("keys", "rotate", "--level", "signing", "--finish", as_=[])[0] != 0
