"""Witnesses over HTTP: what they sign, what they refuse, what stops without them, and how people see it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import cli_fixtures
import factories
import pytest
from cli_fixtures import Cli
from clients import client_of
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection
from ledger_help import independent
from witnessing import (
    Served,
    custodian,
    key_of,
    later,
    name_witnesses,
    roll_back,
    served_three,
    sign,
)

from countenance.apps.cases import services as cases
from countenance.apps.cases.models import Case
from countenance.apps.records import checkpoints, queries, tree, witnessed
from countenance.apps.records.models import CheckpointRow, LedgerRow, WitnessPolicyRow
from countenance.errors import (
    BadProof,
    LedgerBroken,
    NotWitnessed,
    RoleMissing,
    SealBroken,
    Unavailable,
)
from countenance.ledger.checkpoint import Trust
from countenance.ledger.entry import Action
from countenance.ledger.note import KeyType, VerifierKey
from countenance.ledger.quorum import WitnessPolicy
from countenance.ledger.receipt import Receipt, checkpoint_with
from countenance.ledger.tiles import check_bundle
from countenance.ledger.verify import verify_export
from countenance.ledger.witness import request_body
from countenance.policy import Role
from countenance.testing import FakeEngine
from countenance.web import witnesses
from countenance.web.witness_server import WitnessApp, WitnessFolder
from countenance.web.witnesses import State

cli, place = cli_fixtures.cli, cli_fixtures.place
three = served_three
DAY = timedelta(days=1)


def sql(text: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text, values)


def test_three_witnesses_sign_and_go_on_signing(deployment: Any, three: list[Served]) -> None:
    policy = name_witnesses(deployment, three, 2)
    done = witnesses.sign_and_ask(tools=deployment.tools)
    assert [one.state for one in done.asked] == [State.SIGNED] * 3
    assert done.signed is not None
    assert len(Trust(log=key_of(deployment), **vars_of(policy)).judge(done.signed)) == 3
    assert not witnesses.sign_and_ask(tools=deployment.tools).asked
    for number in range(3):
        factories.make_case(deployment, f"26-{number}")
        assert len(witnesses.sign_and_ask(tools=deployment.tools).asked) == 3
    row = CheckpointRow.objects.latest("size")
    assert row.cosigned == 3
    assert three[0].folder.seen()[key_of(deployment).name].size == row.size
    # One that begins anew is told where the others are by nobody, and asked from the start.
    file = next((three[0].folder.folder / "logs").iterdir())
    file.write_text(json.dumps({**json.loads(file.read_bytes()), "last": None}))
    three[0].app._seen = three[0].folder.seen()
    factories.make_case(deployment, "26-9")
    assert {one.state for one in witnesses.sign_and_ask(tools=deployment.tools).asked} == {
        State.SIGNED
    }


def vars_of(policy: WitnessPolicy) -> dict[str, Any]:
    return {"witnesses": policy.trust.witnesses, "quorum": policy.quorum}


def test_a_ledger_that_was_cut_in_the_database_gets_no_cosignature(
    deployment: Any, three: list[Served]
) -> None:
    sign(deployment)
    name_witnesses(deployment, three, 2)
    start = queries.head().size
    for number in range(3):
        factories.make_case(deployment, f"26-{number}")
    witnesses.sign_and_ask(tools=deployment.tools)
    seen = queries.head().size
    kept = witnessed.newest_checkpoint()
    assert kept is not None
    roll_back(start)
    Case.objects.all().delete()
    # The deployment itself cannot tell: everything in its database fits. First it is shorter, then forked.
    for more in (0, 6):
        for number in range(more):
            factories.make_case(deployment, f"27-{number}")
        checkpoints.check_ledger(tools=deployment.tools)
        done = witnesses.sign_and_ask(tools=deployment.tools)
        assert [one.state for one in done.asked] == [State.CONTRADICTS] * 3
        assert three[0].folder.seen()[key_of(deployment).name].size == seen
    assert any((three[0].folder.folder / "evidence").iterdir())
    lines = list(queries.export_ledger(deployment.tools.keyring, signed=done.signed))
    with pytest.raises(LedgerBroken):
        verify_export(lines, kept=kept)
    with pytest.raises(NotWitnessed):
        witnessed.require_witnesses(later(deployment, DAY))


def test_without_a_quorum_nothing_sensitive_goes_on_after_the_grace(
    deployment: Any, three: list[Served]
) -> None:
    gallery = factories.make_gallery(deployment)
    factories.enrol(
        deployment, gallery, factories.make_source(deployment), factories.people(["anna"])
    )
    case = factories.make_case(deployment)
    name_witnesses(deployment, three[:2], 2)
    found = factories.search(deployment, case, [gallery], FakeEngine.photo("anna", shot=9))
    assert found is not None
    deployment.tools = later(deployment, DAY)
    size = queries.head().size
    with pytest.raises(NotWitnessed) as refused:
        factories.search(
            deployment,
            factories.make_case(deployment, "26-2"),
            [gallery],
            FakeEngine.photo("anna", shot=8),
        )
    assert refused.value.code == "not_witnessed"
    assert queries.head().size > size, "what is not sensitive went on"
    done = witnesses.sign_and_ask(tools=deployment.tools)
    assert [one.state for one in done.asked] == [State.SIGNED] * 2
    factories.search(
        deployment,
        factories.make_case(deployment, "26-3"),
        [gallery],
        FakeEngine.photo("anna", shot=7),
    )


def test_one_witness_that_is_away_does_not_stop_a_quorum_of_the_others(
    deployment: Any, three: list[Served]
) -> None:
    away = Served(three[2].folder, three[2].app, "http://127.0.0.1:9")
    name_witnesses(deployment, [*three[:2], away], 2)
    done = witnesses.sign_and_ask(tools=deployment.tools)
    assert [one.state for one in done.asked] == [State.SIGNED, State.SIGNED, State.UNREACHABLE]
    witnessed.require_witnesses(later(deployment, timedelta(minutes=30)))


def test_a_forged_cosignature_in_the_database_opens_nothing(
    deployment: Any, three: list[Served]
) -> None:
    name_witnesses(deployment, three, 2)
    sign(deployment)
    CheckpointRow.objects.update(cosigned=3)
    with pytest.raises(NotWitnessed):
        witnessed.require_witnesses(later(deployment, DAY))
    witnesses.sign_and_ask(tools=deployment.tools)
    row = CheckpointRow.objects.get()
    note = bytes(row.note).decode()
    last = note.splitlines()[-1]
    CheckpointRow.objects.update(note=note.replace(last[-20:-10], "A" * 10).encode())
    with pytest.raises(BadProof):
        witnessed.require_witnesses(later(deployment, DAY))


def test_the_policy_is_the_custodians_and_cannot_be_taken_out_of_the_database(
    deployment: Any, three: list[Served]
) -> None:
    with pytest.raises(RoleMissing):
        checkpoints.set_witnesses(
            factories.acting(deployment, Role.AUDITOR),
            policy=WitnessPolicy(),
            tools=deployment.tools,
        )
    assert "No witness is asked" in witnessed.policy_now().policy.words
    name_witnesses(deployment, three, 2)
    row = LedgerRow.objects.latest("index")
    assert row.action == str(Action.WITNESSES_CHANGED)
    name_witnesses(deployment, three, 1)
    older, newer = WitnessPolicyRow.objects.order_by("at")
    assert witnessed.policy_now().policy.quorum == 1
    sql("UPDATE records_witnesspolicyrow SET policy = (SELECT policy FROM records_witnesspolicyrow "
        "WHERE id = %s) WHERE id = %s", older.pk, newer.pk)  # fmt: skip
    with pytest.raises(SealBroken):
        witnessed.require_witnesses(deployment.tools)
    newer.delete()
    with pytest.raises(LedgerBroken):
        witnessed.require_witnesses(deployment.tools)
    LedgerRow.objects.filter(action=str(Action.WITNESSES_CHANGED)).update(action="case.opened")
    with pytest.raises(LedgerBroken):
        witnessed.require_witnesses(deployment.tools)


def test_receipts_say_whether_they_are_witnessed_and_by_whom(
    deployment: Any, three: list[Served]
) -> None:
    case = factories.make_case(deployment)
    receipt = queries.receipt_about(case.pk, Action.CASE_OPENED)
    assert receipt.to_dict()["witnessed"] == {"state": "waiting"}
    assert "within a minute" in receipt.standing.words
    sign(deployment)
    assert receipt.standing.state == "signed"
    name_witnesses(deployment, three, 2)
    assert receipt.standing.state == "waiting"
    assert "2 must" in receipt.standing.words
    witnesses.sign_and_ask(tools=deployment.tools)
    said = receipt.to_dict()["witnessed"]
    assert said["state"] == "witnessed"
    assert {one["name"] for one in said["by"]} == {one.folder.name for one in three}
    assert "one.example/w" in receipt.standing.words
    kept = Receipt.from_dict(json.loads(json.dumps(receipt.to_dict())))
    signed = checkpoint_with(kept, said)
    assert signed is not None
    signed.require_log([key_of(deployment)])
    with pytest.raises(BadProof):
        checkpoint_with(kept, {**said, "path": said["path"][::-1] + said["path"]})


# Commands and pages


def test_the_commands_sign_publish_and_compare(
    cli: Cli, deployment: Any, three: list[Served], place: Path
) -> None:
    who, auditor = custodian(deployment), factories.acting(deployment, Role.AUDITOR)
    named = [part for one in three for part in ("--witness", f"{one.app.verifier_key} {one.url}")]
    code, said = cli("ledger", "set-witnesses", *named, "--quorum", "3", "--grace", "60", as_=who)
    assert (code, said["quorum"]) == (0, 3)
    kept = place / "kept.txt"
    code, said = cli("ledger", "checkpoint", "--out", kept, as_=auditor)
    assert (code, len(said["by"])) == (0, 3)
    code, said = cli("ledger", "witnesses", as_=auditor)
    assert (code, len(said["signed_by"])) == (0, 3)
    key = said["log_key"]
    keys = [part for one in three for part in ("--witness-key", str(one.app.verifier_key))]
    file = place / "ledger.jsonl"
    code, said = cli("ledger", "export", file, as_=auditor)
    assert (code, len(said["witnessed_by"])) == (0, 3)
    code, said = cli("verify-ledger", file, "--checkpoint", kept, "--log-key", key, *keys, as_=[])
    assert (code, said["checkpoint"], len(said["witnessed_by"])) == (0, True, 3)
    by = independent().verify(
        file.read_bytes(),
        log_key=key,
        witness_keys=keys[1::2],
        kept=kept.read_text(encoding="utf-8"),
    )[1]
    assert len(by) == 3
    folder = place / "tiles"
    code, said = cli("ledger", "tiles", folder, as_=auditor)
    assert code == 0
    size = said["size"]
    tile = (folder / f"tile/0/000.p/{size}").read_bytes()
    entries = check_bundle((folder / f"tile/entries/000.p/{size}").read_bytes(), tile)
    assert len(entries) == size
    for against in (folder, file):
        code, said = cli("ledger", "monitor", kept, against, "--log-key", key, *keys, as_=[])
        assert (code, said["continues"]) == (0, True)
    assert cli("ledger", "monitor", kept, folder, "--log-key", key, "--keep", as_=[])[0] == 0
    code, said = cli("ledger", "monitor", kept, file, "--log-key", key, as_=[])
    assert (code, said["code"] if "code" in said else said["error"]["code"]) == (
        70,
        "ledger_broken",
    )
    assert cli("ledger", "set-witnesses", "--none", as_=who)[0] == 0
    assert cli("verify-ledger", "--log-key", key, as_=auditor)[0] == 2


def test_a_witness_is_made_and_asked_for_its_key(cli: Cli, deployment: Any, place: Path) -> None:
    folder, key = place / "w", str(key_of(deployment))
    code, made = cli("witness", "init", folder, "--name", "w.example/one", "--log", key, as_=[])
    assert code == 0
    assert oct((folder / "key-secret").stat().st_mode)[-3:] == "600"
    code, said = cli("witness", "key", folder, as_=[])
    assert (code, said["key"], list(said["logs"].values())) == (0, made["key"], [0])
    assert cli("witness", "init", folder, "--name", "w.example/one", as_=[])[0] == 5
    assert cli("witness", "log", folder, made["key"], as_=[])[0] == 2
    assert cli("witness", "key", place / "nothing", as_=[])[0] == 4
    (folder / "logs" / next((folder / "logs").iterdir()).name).write_text("{}", encoding="utf-8")
    with pytest.raises(Exception, match="damaged"):
        WitnessApp(WitnessFolder(folder), WitnessFolder(folder).open())


def test_a_witness_that_serves_and_one_that_is_told_of_ledgers_undo_nothing_of_each_other(
    deployment: Any, place: Path
) -> None:
    folder = WitnessFolder.make(place / "w", name="w.example/one", factor=None)
    folder.add_log(key_of(deployment))
    app = WitnessApp(folder, folder.open())
    beside = WitnessFolder(place / "w")
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    added = VerifierKey(key_of(deployment).name, KeyType.ED25519, other)
    beside.add_log(added)
    first = sign(deployment)
    assert app.add_checkpoint(request_body(0, (), first)).status == 200
    (seen,) = beside.seen().values()
    assert (seen.keys, seen.last) == ((key_of(deployment), added), first.checkpoint)
    beside.add_log(added)
    assert list(beside.seen().values()) == [seen]
    # Somebody put an older state of the folder back, or another process signed: nothing is signed upon that.
    file = next((folder.folder / "logs").iterdir())
    file.write_text(json.dumps({**json.loads(file.read_bytes()), "last": None}))
    factories.make_case(deployment)
    second = sign(deployment)
    path = tuple(tree.consistency(first.checkpoint.size, second.checkpoint.size))
    with pytest.raises(Unavailable, match="anew"):
        app.add_checkpoint(request_body(first.checkpoint.size, path, second))
    assert beside.seen()[key_of(deployment).name].last is None


def test_auditors_look_through_the_ledger(deployment: Any, three: list[Served]) -> None:
    case = factories.make_case(deployment)
    cases.close_case(deployment.actor, case=case, reason="Found at home", tools=deployment.tools)
    name_witnesses(deployment, three, 1)
    witnesses.sign_and_ask(tools=deployment.tools)
    client = client_of(deployment, factories.acting(deployment, Role.AUDITOR))

    def page(**asked: object) -> str:
        return client.get("/ledger/", asked).content.decode()

    assert "case.opened" in page(action="case.opened")
    rows = page(about=str(case.pk))
    assert rows.count("?number=") == 2
    assert "No entry is like that" in page(until="2020-01-01")
    assert page(since="2020-01-01").count("?number=") > 5
    number = LedgerRow.objects.get(about=case.pk, action="case.opened").index
    one = page(number=number)
    assert one.count("?number=") == 1
    assert "witnessed by one.example/w" in one
    assert "1 of 3 witnesses must sign" in one
    assert "witnessed</td>" in one
    assert client.get("/ledger/", {"about": "nonsense", "since": "x"}).status_code == 200
