"""The one door for writes, sealed columns, and the ledger on top of PostgreSQL."""

from __future__ import annotations

from typing import Any

import factories
import pytest
from django.core.exceptions import FieldError
from django.db import connection, transaction

from countenance.apps.agencies.models import Person
from countenance.apps.cases import services as cases
from countenance.apps.cases.models import Case
from countenance.apps.galleries.models import Gallery
from countenance.apps.records import queries
from countenance.apps.records.models import LedgerHead, LedgerRow
from countenance.apps.records.sealed import current_keyring, set_process_keyring, using_keyring
from countenance.apps.records.services import unseal_body
from countenance.errors import (
    AlreadyExists,
    CaseClosed,
    InputError,
    LedgerBroken,
    SealBroken,
    Sealed,
)
from countenance.testing import FakeEngine


def _sql(text: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text, values)


def _entries() -> list[str]:
    return list(LedgerRow.objects.order_by("index").values_list("action", flat=True))


def test_a_service_that_raises_leaves_neither_row_nor_entry(deployment: Any) -> None:
    factories.make_case(deployment)
    before = _entries()
    with pytest.raises(AlreadyExists):
        factories.make_case(deployment)
    assert _entries() == before
    assert Case.objects.count() == 1


def test_a_refusal_rolls_back_and_is_an_entry_with_its_rule(deployment: Any) -> None:
    gallery, case = factories.make_gallery(deployment), factories.make_case(deployment)
    cases.close_case(deployment.actor, case=case, reason="Found", tools=deployment.tools)
    with pytest.raises(CaseClosed):
        factories.search(deployment, case, [gallery], FakeEngine.photo("anna"))
    row = LedgerRow.objects.order_by("-index").first()
    assert row is not None
    assert row.action == "action.refused"
    opened = unseal_body(row, keyring=deployment.tools.keyring)
    assert opened is not None
    assert b'"attempted":"probe.added"' in opened[1]
    assert b'"rule":"case_closed"' in opened[1]


def test_a_service_cannot_be_called_inside_another_transaction(deployment: Any) -> None:
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        factories.make_case(deployment)


def test_a_sealed_column_holds_ciphertext_and_opens_on_access(deployment: Any) -> None:
    case = factories.make_case(deployment, reference="Reference-in-clear")
    with connection.cursor() as cursor:
        cursor.execute("select reference, purpose, reason from cases_case")
        stored = b"".join(bytes(value) for value in cursor.fetchone())
    assert b"Reference-in-clear" not in stored
    assert Case.objects.get(pk=case.pk).reference == "Reference-in-clear"


def test_a_sealed_column_cannot_be_looked_up_or_updated_in_clear(deployment: Any) -> None:
    factories.make_case(deployment)
    with pytest.raises(FieldError):
        Case.objects.filter(reference="x").exists()
    with pytest.raises(TypeError):
        Case.objects.update(reference="x")


def test_a_ciphertext_moved_to_another_row_or_column_does_not_open(deployment: Any) -> None:
    one, two = factories.make_case(deployment, "one"), factories.make_case(deployment, "two")
    _sql(
        "update cases_case set reference = (select reference from cases_case where id = %s)"
        " where id = %s",
        one.pk,
        two.pk,
    )
    with pytest.raises(SealBroken):
        _ = Case.objects.get(pk=two.pk).reference
    _sql("update cases_case set purpose = reason where id = %s", one.pk)
    with pytest.raises(SealBroken):
        _ = Case.objects.get(pk=one.pk).purpose


def test_another_agencys_keys_do_not_open_this_agencys_rows(deployment: Any) -> None:
    from uuid import uuid4

    case = factories.make_case(deployment)
    with using_keyring(deployment.tools.keyring.only(uuid4())), pytest.raises(Exception) as error:
        _ = Case.objects.get(pk=case.pk).reference
    assert error.type.__name__ in {"KeyUnavailable", "SealBroken", "NotPermitted"}


def test_a_sealed_process_reads_nothing(deployment: Any) -> None:
    case = factories.make_case(deployment)
    keyring = current_keyring()
    set_process_keyring(None)
    try:
        with pytest.raises(Sealed):
            _ = Case.objects.get(pk=case.pk).reference
    finally:
        set_process_keyring(keyring)


def test_a_gallerys_own_key_survives_a_save_of_other_columns(deployment: Any) -> None:
    gallery = factories.make_gallery(deployment)
    again = Gallery.objects.get(pk=gallery.pk)
    again.version = 7
    again.save(update_fields=("version",))
    assert Gallery.objects.get(pk=gallery.pk).name == "Gallery"
    again.save()
    assert Gallery.objects.get(pk=gallery.pk).name == "Gallery"


_COPY = """
    update records_ledgerrow a set {0} = b.{0} from records_ledgerrow b
    where a.index = 4 and b.index = 3
"""


@pytest.mark.parametrize(
    "tampering",
    [
        "update records_ledgerrow set action = 'case.closed' where index = 2",
        "update records_ledgerrow set at = at - interval '1 day' where index = 3",
        "delete from records_ledgerrow where index = 4",
        _COPY.format("body"),
        _COPY.format("entry"),
    ],
)
def test_a_changed_ledger_does_not_verify(deployment: Any, tampering: str) -> None:
    factories.make_case(deployment)
    factories.make_gallery(deployment)
    queries.verify_ledger(deployment.tools.keyring)
    _sql(tampering)
    with pytest.raises((LedgerBroken, SealBroken)):
        queries.verify_ledger(deployment.tools.keyring)


def test_a_cut_ledger_contradicts_an_earlier_receipt(deployment: Any) -> None:
    case = factories.make_case(deployment)
    receipt = queries.receipt_about(case.pk, queries.Action.CASE_OPENED)
    before = LedgerHead.objects.get(id=1)
    factories.make_gallery(deployment)
    latest = queries.receipt_of(LedgerRow.objects.order_by("-index")[0])
    _sql("delete from records_ledgerrow where index > %s", receipt.index)
    _sql("update records_ledgerhead set frontier = %s", bytes(before.frontier))
    queries.verify_ledger(deployment.tools.keyring, expect=receipt)
    with pytest.raises(LedgerBroken):
        queries.verify_ledger(deployment.tools.keyring, expect=latest)


def test_an_erased_body_leaves_a_ledger_that_verifies(deployment: Any) -> None:
    factories.make_case(deployment)
    _sql("update records_ledgerrow set body = null where index = 3")
    report = queries.verify_ledger(deployment.tools.keyring)
    assert report.erased == 1


def test_time_on_the_ledger_never_runs_backwards(
    deployment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace
    from datetime import timedelta

    past = deployment.tools.clock() - timedelta(days=400)
    deployment.tools = replace(deployment.tools, clock=lambda: past)
    factories.make_case(deployment)
    queries.verify_ledger(deployment.tools.keyring)


def test_a_person_is_stored_as_a_pseudonym(deployment: Any) -> None:
    person = Person.objects.get(pk=deployment.person.pk)
    assert person.email == "person@example.org"
    with connection.cursor() as cursor:
        cursor.execute("select agencies_person::text from agencies_person")
        text = cursor.fetchone()[0].lower()
    assert "person@example.org" not in text
    assert b"example.org".hex() not in text


def test_an_empty_name_is_refused_before_anything_is_written(deployment: Any) -> None:
    with pytest.raises(InputError):
        factories.make_gallery(deployment, name="  ")
