"""A disk that is full, read-only or slow: what cannot be recorded is not done, and nothing half done stays.

The same with a real file system of a few megabytes, and a real database on it, is in `tests/attack`.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import factories
import psycopg
import pytest
from clients import client_of
from django.db import InternalError, OperationalError, connection
from django.urls import reverse
from examining import examined

from countenance.apps.galleries.models import Photo
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.queries import verify_ledger
from countenance.apps.searches import evidence, services
from countenance.apps.searches.models import Probe, Search, SearchState
from countenance.errors import DatabaseUnavailable, Unavailable
from countenance.policy import SYSTEM
from countenance.testing import FakeEngine

FULL = OperationalError("could not extend file: No space left on device")
FULL.__cause__ = psycopg.errors.DiskFull(*FULL.args)  # as Django raises it
READ_ONLY = InternalError(psycopg.errors.ReadOnlySqlTransaction("cannot execute INSERT"))


@pytest.fixture
def made(deployment: Any) -> Any:
    gallery = factories.make_gallery(deployment)
    source = factories.make_source(deployment)
    factories.enrol(deployment, gallery, source, factories.people(["anna", "ben"]))
    deployment.gallery, deployment.source = gallery, source
    deployment.case = factories.make_case(deployment)
    return deployment


def _search(on: Any, shot: int) -> Search:
    found: Search = factories.search(on, on.case, [on.gallery], FakeEngine.photo("anna", shot))
    return found


@contextmanager
def entries(action: str, do: Callable[[], None]) -> Iterator[None]:
    """Do something whenever an entry of this action is about to be written."""

    def wrapped(execute: Any, sql: str, params: Any, many: Any, context: Any) -> Any:
        if sql.startswith('INSERT INTO "records_ledgerrow"') and action in params:
            do()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapped):
        yield


def _refuse(error: Exception) -> Callable[[], None]:
    def refuse() -> None:
        raise error

    return refuse


@pytest.mark.parametrize("error", [FULL, READ_ONLY], ids=["full", "read-only"])
@pytest.mark.parametrize(
    ("step", "left"),
    [
        ("search.intended", []),
        ("search.concluded", [SearchState.ABORTED]),
    ],
)
def test_a_search_that_cannot_be_recorded_is_not_run_or_not_shown(
    made: Any, step: str, left: list[str], error: Exception
) -> None:
    with entries(step, _refuse(error)), pytest.raises(DatabaseUnavailable) as refused:
        _search(made, 2)
    assert ("disk is full" in refused.value.detail) == (error is FULL)
    assert list(Search.objects.values_list("state", flat=True)) == left
    assert not Search.objects.filter(outcome__isnull=False).exists()
    assert _search(made, 3).outcome["candidates"]
    verify_ledger(made.tools.keyring)


def test_a_search_that_cannot_even_be_aborted_is_closed_at_the_next_start(made: Any) -> None:
    full = _refuse(FULL)
    with (
        entries("search.concluded", full),
        entries("search.aborted", full),
        pytest.raises(DatabaseUnavailable),
    ):
        _search(made, 2)
    assert Search.objects.get().state == SearchState.INTENDED
    assert services.abort_abandoned_searches(SYSTEM, tools=made.tools) == 1
    assert Search.objects.get().state == SearchState.ABORTED


@pytest.mark.parametrize("error", [FULL, READ_ONLY], ids=["full", "read-only"])
def test_no_candidate_is_shown_if_the_look_cannot_be_recorded(made: Any, error: Exception) -> None:
    found = examined(made, _search(made, 2))
    client = client_of(made, made.examiner)
    client.raise_request_exception = False
    page = reverse("search", args=[found.pk])
    with entries("candidates.viewed", _refuse(error)):
        answer = client.get(page)
    assert answer.status_code == 503
    assert "anna" not in answer.content.decode()
    looks = LedgerRow.objects.filter(action="candidates.viewed")
    assert not looks.exists()
    assert "anna" in client.get(page).content.decode()
    assert looks.count() == 1


def test_a_slow_ledger_delays_what_is_shown_and_loses_nothing(made: Any) -> None:
    with entries("search.concluded", lambda: time.sleep(0.3)):
        began = time.monotonic()
        found = _search(made, 2)
    assert time.monotonic() - began >= 0.3
    assert found.state == SearchState.CONCLUDED


# The object store.


def _fails(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, name, fail)


STORE = {
    "full": ("fsync", errno.ENOSPC),
    "no room for another file": ("open", errno.ENOSPC),
    "over a quota": ("fsync", errno.EDQUOT),
    "read-only": ("open", errno.EROFS),
    "failing": ("fsync", errno.EIO),
    "full at the last step": ("replace", errno.ENOSPC),
}


@pytest.mark.parametrize("how", STORE)
def test_evidence_and_photos_that_cannot_be_stored_leave_nothing(
    made: Any, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    before, photos = set(made.tools.store.ids()), Photo.objects.count()
    with monkeypatch.context() as failing:
        _fails(failing, *STORE[how])
        if how == "read-only":
            # Not even what was begun can be taken away.
            _fails(failing, "unlink", errno.EROFS)
        with pytest.raises(Unavailable, match="object store"):
            evidence.add_probe(
                made.actor,
                case=made.case,
                upload=FakeEngine.photo("anna", 2),
                file_name="p.jpg",
                tools=made.tools,
            )
        with pytest.raises(Unavailable):
            factories.enrol(made, made.gallery, made.source, factories.people(["cleo"]))
    assert set(made.tools.store.ids()) == before
    assert Photo.objects.count() == photos
    assert not Probe.objects.exists()
    assert not list((made.home / "objects" / "incoming").iterdir())
    assert _search(made, 3).outcome["candidates"]
    factories.enrol(made, made.gallery, made.source, factories.people(["cleo"]))
    assert Photo.objects.count() == photos + 1


def test_a_photo_that_cannot_be_read_aborts_its_search_which_counts(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = factories.ask(made, made.case, [made.gallery], FakeEngine.photo("anna", 2))
    (place,) = (made.home / "objects").glob(f"??/{probe.pk.hex}")
    read = type(place).read_bytes

    def failing(path: Any) -> bytes:
        if path == place:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        data: bytes = read(path)
        return data

    with monkeypatch.context() as patched:
        patched.setattr(type(place), "read_bytes", failing)
        with pytest.raises(Unavailable):
            _search(made, 2)
    assert Search.objects.get().state == SearchState.ABORTED
    actions = list(LedgerRow.objects.order_by("index").values_list("action", flat=True))
    assert actions[-2:] == ["search.intended", "search.aborted"]
