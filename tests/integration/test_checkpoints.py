"""Checkpoints of a real deployment's ledger: signed, witnessed over HTTP, compared at start, and asked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import cli_fixtures
import factories
import pytest
from django.db import connection, transaction
from ledger_help import independent
from witnessing import (
    key_of,
    roll_back,
    sign,
)

from countenance import config
from countenance.apps.records import checkpoints, queries, tree, witnessed
from countenance.apps.records.models import CheckpointRow, LedgerHead, LedgerRow
from countenance.errors import (
    BadProof,
    KeyUnavailable,
    LedgerBroken,
)
from countenance.ledger.checkpoint import Trust
from countenance.ledger.merkle import Frontier, consistency_path, inclusion_path
from countenance.ledger.monitor import continues
from countenance.ledger.verify import verify_export
from countenance.policy import Role
from countenance.sealing.factors import FileFactor
from countenance.sealing.kinds import KeyKind
from countenance.web import jobs, wiring

cli, place = cli_fixtures.cli, cli_fixtures.place
DAY = timedelta(days=1)


def sql(text: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text, values)


def test_the_head_is_signed_and_signing_makes_no_entry(deployment: Any) -> None:
    before = LedgerRow.objects.count()
    signed = sign(deployment)
    signed.require_log([key_of(deployment)])
    assert signed.checkpoint.head == queries.head()
    assert str(sign(deployment)) == str(signed)
    assert (LedgerRow.objects.count(), CheckpointRow.objects.count()) == (before, 1)
    factories.make_case(deployment)
    again = sign(deployment)
    assert again.checkpoint.size == before + 1
    assert CheckpointRow.objects.count() == 2
    path = tree.consistency(before, before + 1)
    assert continues(signed.checkpoint, again.checkpoint, path) == 1
    queries.verify_ledger(deployment.tools.keyring)


def test_only_the_machine_itself_signs(deployment: Any) -> None:
    for actor in (
        deployment.actor,
        deployment.examiner,
        factories.acting(deployment, Role.CUSTODIAN),
    ):
        view = deployment.tools.of(actor)
        with pytest.raises(KeyUnavailable):
            checkpoints.sign_head(tools=view)
        with pytest.raises(KeyUnavailable):
            view.keyring.signing_key(KeyKind.CHECKPOINT)
        assert witnessed.log_key(view.keyring) == key_of(deployment)


CHANGES: dict[str, Callable[[int], object]] = {
    "the head is gone": lambda size: LedgerHead.objects.all().delete(),
    "the end is cut": lambda size: LedgerRow.objects.filter(index=size + 1).delete(),
    "all is cut behind the checkpoint": lambda size: roll_back_head_only(size - 1),
    "an entry since is changed": lambda size: sql(
        "UPDATE records_ledgerrow SET entry = (SELECT entry FROM records_ledgerrow WHERE index = 0) "
        "WHERE index = %s",
        size,
    ),
    "an entry's column is changed": lambda size: sql(
        "UPDATE records_ledgerrow SET action = 'case.closed' WHERE index = %s", size
    ),
    "an entry's root is changed": lambda size: sql(
        "UPDATE records_ledgerrow SET root = '\\x00' WHERE index = %s", size + 1
    ),
    "an entry is gone": lambda size: LedgerRow.objects.filter(index=size).delete(),
    "the head is older": lambda size: roll_back_head(size + 1),
    "the checkpoint is of another": lambda size: CheckpointRow.objects.update(
        note=bytes(CheckpointRow.objects.get().note).replace(b"ledger/", b"ledgar/")
    ),
}


def roll_back_head(to: int) -> None:
    """Write an older head and leave the rows."""
    frontier = Frontier()
    for row in LedgerRow.objects.filter(index__lt=to).order_by("index"):
        frontier.append(queries.receipt_of(row).leaf)
    LedgerHead.objects.update(frontier=frontier.to_bytes())


def roll_back_head_only(to: int) -> None:
    """Cut rows and head, and leave the checkpoint."""
    kept = list(CheckpointRow.objects.all())
    roll_back(to)
    CheckpointRow.objects.bulk_create(kept, ignore_conflicts=True)


def test_a_ledger_that_does_not_go_on_is_not_signed(deployment: Any) -> None:
    signed = sign(deployment)
    for number in range(3):
        factories.make_case(deployment, f"26-{number}")
    for name, change in CHANGES.items():
        with transaction.atomic():
            change(signed.checkpoint.size)
            with pytest.raises((LedgerBroken, BadProof)):
                print(name, checkpoints.check_ledger(tools=deployment.tools))
            transaction.set_rollback(True)
    checkpoints.check_ledger(tools=deployment.tools)


def test_what_others_append_meanwhile_is_no_break(deployment: Any) -> None:
    """Another process appends after each statement of the comparison, at start as in the job."""
    sign(deployment)
    for number in range(3):
        factories.make_case(deployment, f"26-{number}")
    appended: list[int] = []

    def appending(execute: Any, *args: Any) -> Any:
        result = execute(*args)
        if len(appended) % 2 == 0:  # not after the statements of the append itself
            appended.append(0)
            factories.make_case(deployment, f"27-{len(appended)}")
            appended.append(0)
        return result

    before = queries.head()
    with connection.execute_wrapper(appending):
        compared = checkpoints.check_ledger(tools=deployment.tools)
    assert len(appended) > 4
    assert before.size <= compared.size < queries.head().size
    assert sign(deployment).checkpoint.size == queries.head().size


def test_nobody_is_served_from_a_ledger_that_does_not_go_on(deployment: Any) -> None:
    sign(deployment)
    factories.make_case(deployment)
    LedgerRow.objects.latest("index").delete()
    wiring.seal()
    with pytest.raises(LedgerBroken):
        wiring.unseal(FileFactor(config.current().file_factor), serving=True)
    assert wiring.is_sealed()


def test_a_whole_ledger_is_served_and_signed_by_the_job(deployment: Any) -> None:
    sign(deployment)
    factories.make_case(deployment)
    wiring.seal()
    wiring.unseal(FileFactor(config.current().file_factor), serving=True)
    assert jobs.run_signing() == 0
    assert CheckpointRow.objects.latest("size").size == queries.head().size


def test_every_proof_out_of_the_rows_is_that_of_the_leaves(deployment: Any) -> None:
    for number in range(9):
        factories.make_case(deployment, f"26-{number}")
    leaves = [queries.receipt_of(row).leaf for row in LedgerRow.objects.order_by("index")]
    size = len(leaves)
    for old in range(size + 1):
        assert tree.consistency(old, size) == consistency_path(leaves, old)
    for index in range(size):
        assert tree.inclusion(index, size) == inclusion_path(leaves, index)


def test_old_checkpoints_that_no_witness_signed_are_dropped(
    deployment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "EVERY", 3)
    first = queries.head().size - 1
    sizes = [sign(deployment).checkpoint.size]
    for number in range(11):
        factories.make_case(deployment, f"26-{number}")
        sizes.append(sign(deployment).checkpoint.size)
    assert CheckpointRow.objects.count() == len(sizes), "none is a day old"
    old = CheckpointRow.objects.filter(size__lte=sizes[8])
    old.update(at=deployment.tools.clock() - 2 * DAY)
    CheckpointRow.objects.filter(size=sizes[4]).update(cosigned=1)
    for number in range(3):
        factories.make_case(deployment, f"27-{number}")
        sizes.append(sign(deployment).checkpoint.size)
    assert [row.size for row in CheckpointRow.objects.all()] == [sizes[4], *sizes[9:]]
    assert witnessed.standing_of(first).state == "signed"
    checkpoints.check_ledger(tools=deployment.tools)
    queries.verify_ledger(deployment.tools.keyring)


def test_an_entry_whose_body_is_erased_stays_under_its_checkpoint(deployment: Any) -> None:
    case = factories.make_case(deployment)
    signed = sign(deployment)
    LedgerRow.objects.filter(about=case.pk).update(body=None)
    report = queries.verify_ledger(deployment.tools.keyring)
    assert report.erased == 1
    checkpoints.check_ledger(tools=deployment.tools)
    lines = list(queries.export_ledger(deployment.tools.keyring, bodies=True, signed=signed))
    assert verify_export(lines, trust=Trust(log=key_of(deployment))).erased == 1
    text = "\n".join(lines).encode()
    assert "Reported" not in text.decode()
    independent().verify(text, log_key=str(key_of(deployment)))
