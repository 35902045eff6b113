"""Videos of a closed case are destroyed with its photos, and nothing of them is left anywhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import footage_help
import pytest
from clients import client_of
from django.db import connection
from django.urls import reverse

from countenance.apps.cases import services as cases
from countenance.apps.cases.models import Case
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.queries import verify_ledger
from countenance.apps.records.services import unseal_body
from countenance.apps.searches import evidence, footage, footage_queries, retention
from countenance.apps.searches.footage_rows import Footage, FootageState
from countenance.errors import NotFound
from countenance.policy import SYSTEM
from countenance.testing import FakeEngine
from countenance.web import jobs

DAY = timedelta(days=1)
YEAR = 365 * DAY


def _at(on: Any, later: timedelta) -> Any:
    now = on.tools.clock() + later
    return replace(on.tools, clock=lambda: now)


@pytest.fixture
def filmed(deployment: Any) -> Any:
    """A closed case with two videos: one looked through, of which a frame was taken, and one that was stopped."""
    on = footage_help.prepare(deployment)
    on.video = footage_help.done(on)
    on.frame = evidence.use_frame(on.actor, footage=on.video, number=1, tools=on.tools)
    on.stopped = footage_help.added(on, FakeEngine.video("cleo"))
    footage.cancel_footage(on.actor, footage=on.stopped, tools=on.tools)
    cases.close_case(on.actor, case=on.case, reason="The person was found", tools=on.tools)
    on.case = Case.objects.get(pk=on.case.pk)
    return on


def _database() -> str:
    """Return every row of every table as text; what is sealed stands there in hexadecimal digits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = [name for (name,) in cursor.fetchall()]
        rows = []
        for name in names:
            cursor.execute(f'SELECT t::text FROM "{name}" AS t')  # names from the catalogue
            rows += [row for (row,) in cursor.fetchall()]
    return "\n".join(rows)


def _sealed_parts(video: Footage) -> list[str]:
    """Return what a video's row holds sealed, its key and its index, as the database shows them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT details, found, crops, object_key, content_index FROM searches_footage WHERE id = %s",
            [video.pk],
        )
        (row,) = cursor.fetchall()
    return [bytes(part).hex() for part in row if part is not None]


def _ledger_says(on: Any) -> str:
    """Return all bodies of the ledger that can still be opened."""
    rows = LedgerRow.objects.exclude(body=None)
    return "".join(unseal_body(row, keyring=on.tools.keyring)[1].decode() for row in rows)


def _gone(on: Any, after: Any) -> None:
    """Check that nothing of the videos is left but that there were some."""
    for one in Footage.objects.all():
        assert (one.details, one.found, one.crops, one.object_key) == (None, None, None, None)
        assert one.content_index is None
        assert one.purged_at == after.clock()
        with pytest.raises(NotFound):
            footage_queries.footage(on.actor, one.pk)
    assert not {on.video.pk, on.stopped.pk, on.frame.pk} & set(on.tools.store.ids())
    assert footage_queries.unfinished() == []


def test_videos_of_a_closed_case_are_destroyed_with_their_frames_and_all_that_was_found_in_them(
    filmed: Any,
) -> None:
    on, after = filmed, _at(filmed, YEAR + DAY)
    parts = [*_sealed_parts(on.video), *_sealed_parts(on.stopped)]
    hashes = [on.video.details["sha256"], on.stopped.details["sha256"], on.frame.details["sha256"]]
    before = _database()
    assert len(parts) == 5 + 3
    assert all(part in before for part in parts)
    assert {on.video.pk, on.stopped.pk, on.frame.pk} <= set(on.tools.store.ids())
    assert all(one in _ledger_says(on) for one in hashes)
    assert retention.purge_ended_evidence(SYSTEM, tools=_at(on, YEAR - DAY)) == 0
    assert retention.purge_ended_evidence(SYSTEM, tools=after) == 1
    _gone(on, after)
    left = _database()
    assert not any(part in left for part in parts)
    assert not any(one in _ledger_says(on) for one in hashes)
    verify_ledger(on.tools.keyring)
    assert jobs.requeue_unfinished() == 0


def test_the_certificate_says_how_many_videos_and_frames_were_destroyed(filmed: Any) -> None:
    on, after = filmed, _at(filmed, YEAR + DAY)
    retention.purge_evidence(
        replace(on.supervisor, stepped_up_at=after.clock()), case=on.case, tools=after
    )
    _gone(on, after)
    said = Case.objects.get(pk=on.case.pk).standing["evidence"]
    assert {one["video"] for one in said["videos"]} == {str(on.video.pk), str(on.stopped.pk)}
    assert [one["photo"] for one in said["photos"]] == [str(on.frame.pk)]
    assert said["destroyed_by"] == str(on.supervisor.person)
    page = client_of(on).get(reverse("evidence_certificate", args=[on.case.pk])).content.decode()
    assert "<dt>Photos</dt><dd>1</dd>" in page
    assert "<dt>Videos</dt><dd>2</dd>" in page
    assert "shop.mp4" not in page


def test_a_video_that_is_being_looked_through_when_it_is_destroyed_leaves_nothing(
    filmed: Any,
) -> None:
    on, after = filmed, _at(filmed, YEAR + DAY)
    Footage.objects.filter(pk=on.video.pk).update(state=FootageState.WAITING)
    running = Footage.objects.select_related("case__agency", "added_by").get(pk=on.video.pk)
    running.case.closed_at = None  # as it was when the job began

    class Late(FakeEngine):
        def look_through(self, data: bytes, *, notify: Any) -> Any:
            reel = super().look_through(data, notify=notify)
            retention.purge_evidence(SYSTEM, case=on.case, tools=after)
            return reel

    footage.look_through(on.actor, footage=running, tools=replace(after, engine=Late()))
    _gone(on, after)
