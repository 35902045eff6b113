"""Videos as evidence: sealed to their case, looked through by a job, and the frame that is chosen."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import factories
import pytest
from footage_help import VIDEO, added, done, entries, looked, prepare

from countenance.apps.cases import services as cases
from countenance.apps.examinations import permits
from countenance.apps.records.models import LedgerRow
from countenance.apps.searches import evidence, footage, footage_queries, queries, services
from countenance.apps.searches.footage_rows import Footage, FootageState
from countenance.apps.searches.models import Probe
from countenance.errors import (
    CaseClosed,
    NotFound,
    NotPermitted,
    RoleMissing,
    SamePerson,
    SealBroken,
    Unavailable,
    VideoRejected,
    WorkerUnavailable,
    WrongState,
)
from countenance.policy import Role
from countenance.testing import FakeEngine
from countenance.tools import NoJobs
from countenance.web import jobs

WHY = "Found safe on 9 May"


@pytest.fixture
def ready(deployment: Any) -> Any:
    return prepare(deployment)


def test_a_video_is_sealed_to_its_case_like_a_photo(ready: Any) -> None:
    one = added(ready)
    assert one.state == FootageState.WAITING
    assert footage_queries.video_of(one, tools=ready.tools) == VIDEO
    assert VIDEO not in ready.tools.store.get(one.pk)
    assert entries("footage.added") == ["footage.added"]
    row = LedgerRow.objects.latest("index")
    assert row.about == one.pk
    assert b"shop.mp4" not in bytes(row.entry)


def test_the_same_video_twice_in_a_case_is_the_same_evidence(ready: Any) -> None:
    assert added(ready).pk == added(ready).pk
    assert Footage.objects.count() == 1
    other = factories.make_case(ready, "26-0002")
    assert added(ready, case=other).content_index != added(ready).content_index


def test_a_file_that_is_no_video_leaves_nothing(ready: Any) -> None:
    with pytest.raises(VideoRejected):
        added(ready, FakeEngine.photo("anna"))
    assert not Footage.objects.exists()
    assert entries("footage.added") == []


def test_only_an_investigator_of_the_open_case_adds_a_video(ready: Any) -> None:
    with pytest.raises(RoleMissing):
        added(ready, actor=ready.examiner)
    stranger = factories.other_agency(ready)
    with pytest.raises(NotPermitted):
        added(ready, actor=stranger)
    cases.close_case(ready.actor, case=ready.case, reason=WHY, tools=ready.tools)
    with pytest.raises(CaseClosed):
        added(ready)
    assert not Footage.objects.exists()


def test_looking_through_keeps_where_each_face_is_seen_best_and_no_template(ready: Any) -> None:
    one = done(ready)
    assert one.state == FootageState.DONE
    assert len(one.found["groups"]) == 2
    assert len(footage_queries.sightings(one)) == 4
    assert "template" not in str(one.found)
    for number in range(4):
        assert footage_queries.crop(one, number).startswith(b"\xff\xd8")
    assert footage_queries.crop(one, 0) != footage_queries.crop(one, 3)
    assert entries("footage.added", "footage.ended") == ["footage.added", "footage.ended"]
    assert Probe.objects.count() == 0
    assert footage.progress_of(one) is None


def test_a_video_that_cannot_be_read_says_why_and_stays_evidence(ready: Any) -> None:
    one = done(ready, FakeEngine.video("anna", rejected="The video is encrypted."))
    assert one.state == FootageState.FAILED
    assert one.found["problem"] == "The video is encrypted."
    assert footage_queries.video_of(one, tools=ready.tools)


def test_a_video_that_failed_or_was_stopped_is_looked_through_when_it_is_added_again(
    ready: Any,
) -> None:
    one = added(ready)
    footage.cancel_footage(ready.actor, footage=one, tools=ready.tools)
    again = added(ready)
    assert (again.pk, again.state) == (one.pk, FootageState.WAITING)
    assert looked(ready, again).state == FootageState.DONE
    assert added(ready).state == FootageState.DONE


def test_stopping_it_ends_the_work_at_once_and_keeps_nothing(ready: Any) -> None:
    one = added(ready)

    class Slow(FakeEngine):
        def look_through(self, data: bytes, *, notify: Any) -> Any:
            notify(0.25)
            assert footage.progress_of(one) == 0.25
            footage.cancel_footage(ready.actor, footage=one, tools=ready.tools)
            footage_module_asks_at_once()
            notify(0.5)
            raise AssertionError("The work went on.")

    def footage_module_asks_at_once() -> None:
        patched.setattr(footage, "ASK_EVERY", 0.0)

    with pytest.MonkeyPatch.context() as patched:
        slow = replace(ready.tools, engine=Slow())
        ended = footage.look_through(ready.actor, footage=one, tools=slow)
    assert ended.state == FootageState.CANCELLED
    assert (ended.found, ended.crops) == (None, None)
    assert footage.progress_of(one) is None
    with pytest.raises(WrongState):
        footage.cancel_footage(ready.actor, footage=one, tools=ready.tools)
    assert entries("footage.ended") == ["footage.ended"]


def test_a_result_that_comes_after_it_was_stopped_is_not_kept(ready: Any) -> None:
    one = added(ready)

    class Late(FakeEngine):
        def look_through(self, data: bytes, *, notify: Any) -> Any:
            reel = super().look_through(data, notify=notify)
            footage.cancel_footage(ready.actor, footage=one, tools=ready.tools)
            return reel

    ended = footage.look_through(
        ready.actor, footage=one, tools=replace(ready.tools, engine=Late())
    )
    assert (ended.state, ended.found) == (FootageState.CANCELLED, None)


def test_a_case_that_was_closed_meanwhile_is_not_worked_on(ready: Any) -> None:
    one = added(ready)
    cases.close_case(ready.actor, case=ready.case, reason=WHY, tools=ready.tools)
    one = Footage.objects.get(pk=one.pk)
    ended = looked(ready, one)
    assert ended.state == FootageState.FAILED
    assert "closed" in ended.found["problem"]


def test_a_chosen_frame_becomes_evidence_of_the_case_that_is_searched_with(ready: Any) -> None:
    one = done(ready)
    made = evidence.use_frame(ready.actor, footage=one, number=2, tools=ready.tools)
    assert made.footage_id == one.pk
    assert made.derived_from is None
    assert made.details["file_name"] == "shop.mp4 at 0:30"
    assert made.details["how"]["footage"] == str(one.pk)
    assert made.details["how"]["sha256"] == footage_queries.sightings(one)[2]["place"]["sha256"]
    assert queries.root_of(made).pk == made.pk
    assert entries("probe.derived") == ["probe.derived"]
    photo = queries.photo_of(made, tools=ready.tools)
    found = factories.search(ready, ready.case, [ready.gallery], photo)
    assert queries.candidates(found)[0].label == "ben"


def test_whoever_added_the_video_neither_runs_nor_examines_the_search(ready: Any) -> None:
    """Also where somebody else chose the frame: the video's adder picked what there is to find."""
    colleague = factories.acting(ready, Role.INVESTIGATOR)
    cases.change_members(
        ready.actor, case=ready.case, members=[colleague.person], tools=ready.tools
    )
    case = type(ready.case).objects.get(pk=ready.case.pk)
    one = looked(ready, added(ready, case=case, actor=colleague))
    made = evidence.use_frame(ready.actor, footage=one, number=0, tools=ready.tools)
    assert (made.added_by_id, queries.video_added_by(made)) == (
        ready.actor.person,
        colleague.person,
    )
    photo = queries.photo_of(made, tools=ready.tools)
    found = factories.search(ready, case, [ready.gallery], photo)
    later = replace(colleague, roles=ready.examiner.roles, certified_until=date(2199, 12, 31))
    factories.ask(ready, case, [ready.gallery], photo)
    with pytest.raises(SamePerson):
        services.run_search(
            later,
            probe=made,
            face=0,
            galleries=[ready.gallery],
            reason="Reported missing on 3 May",
            tools=ready.tools,
        )
    assert colleague.person in permits.facts_of(found, today=ready.tools.clock().date()).added_by


def test_the_same_frame_twice_is_the_same_evidence(ready: Any) -> None:
    one = done(ready)
    first = evidence.use_frame(ready.actor, footage=one, number=0, tools=ready.tools)
    again = evidence.use_frame(ready.actor, footage=one, number=0, tools=ready.tools)
    assert first.pk == again.pk


def test_a_frame_that_is_not_there_is_not_found(ready: Any) -> None:
    one = done(ready)
    for number in (-1, 4):
        with pytest.raises(NotFound):
            evidence.use_frame(ready.actor, footage=one, number=number, tools=ready.tools)


def test_whoever_may_not_add_evidence_takes_no_frame(ready: Any) -> None:
    one = done(ready)
    with pytest.raises(RoleMissing):
        evidence.use_frame(ready.examiner, footage=one, number=0, tools=ready.tools)
    cases.close_case(ready.actor, case=ready.case, reason=WHY, tools=ready.tools)
    one = Footage.objects.get(pk=one.pk)
    with pytest.raises(CaseClosed):
        evidence.use_frame(ready.actor, footage=one, number=0, tools=ready.tools)
    assert not Probe.objects.exists()


def test_a_frame_that_is_filed_under_another_video_is_noticed(ready: Any) -> None:
    one, other = done(ready), done(ready, FakeEngine.video("cleo"))
    made = evidence.use_frame(ready.actor, footage=one, number=0, tools=ready.tools)
    Probe.objects.filter(pk=made.pk).update(footage=other)
    with pytest.raises(SealBroken):
        Probe.objects.get(pk=made.pk).check_links()
    Footage.objects.filter(pk=one.pk).update(added_by_id=ready.examiner.person)
    with pytest.raises(SealBroken):
        footage_queries.footage(ready.actor, one.pk)


def test_a_video_that_was_exchanged_in_the_store_is_noticed(ready: Any) -> None:
    one, other = added(ready), added(ready, FakeEngine.video("cleo"))
    ready.tools.store.put(one.pk, ready.tools.store.get(other.pk))
    with pytest.raises(SealBroken):
        footage_queries.video_of(one, tools=ready.tools)


def test_nobody_of_another_agency_or_case_sees_a_video(ready: Any) -> None:
    one = done(ready)
    with pytest.raises(NotFound):
        footage_queries.footage(factories.other_agency(ready), one.pk)


def test_videos_that_a_stop_interrupted_are_queued_again(
    ready: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = added(ready)
    done(ready, FakeEngine.video("cleo"))
    queued: list[UUID] = []
    monkeypatch.setattr(jobs.Queue, "look_through", lambda _, pk: queued.append(pk))
    jobs.requeue_unfinished()
    assert queued == [one.pk]


def _try(number: int) -> Any:
    return SimpleNamespace(job=SimpleNamespace(attempts=number))


def test_a_video_that_the_program_fails_at_is_tried_again_and_ended_in_words_at_last(
    ready: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = added(ready)

    class Broken(FakeEngine):
        def look_through(self, data: bytes, *, notify: Any) -> Any:
            raise WorkerUnavailable

    broken = replace(ready.tools, engine=Broken())
    monkeypatch.setattr(jobs.wiring, "current", lambda: broken)
    for number in range(4):
        assert Footage.objects.get(pk=one.pk).state == FootageState.WAITING
        with pytest.raises(WorkerUnavailable):
            jobs.look_through(_try(number), str(one.pk))
    ended = Footage.objects.get(pk=one.pk)
    assert ended.state == FootageState.FAILED
    assert "Add it again" in ended.found["problem"]
    assert jobs.LOOKS.get_retry_decision(exception=WorkerUnavailable(), job=_try(2).job)
    assert not jobs.LOOKS.get_retry_decision(exception=WorkerUnavailable(), job=_try(3).job)
    monkeypatch.undo()
    assert looked(ready, added(ready)).state == FootageState.DONE


def test_the_job_uses_the_keys_of_its_agency(ready: Any) -> None:
    one = added(ready)
    jobs.look_through(_try(0), str(one.pk))
    assert Footage.objects.get(pk=one.pk).state == FootageState.DONE
    with pytest.raises(Unavailable):
        NoJobs().look_through(one.pk)
