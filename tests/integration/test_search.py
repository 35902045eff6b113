"""Search: intent before, outcome before showing, clear answers, only the allowed galleries."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import factories
import pytest
from examining import examined

from countenance.apps.galleries import nearest
from countenance.apps.galleries.services import register_source
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.services import SYSTEM
from countenance.apps.searches import candidates as finding
from countenance.apps.searches import queries, services
from countenance.apps.searches.models import Search, SearchState
from countenance.errors import (
    ImageRejected,
    IndexUnavailable,
    InputError,
    NotPermitted,
    ReasonMissing,
    WrongState,
)
from countenance.faces.types import Gate
from countenance.index import base
from countenance.index.shelf import Shelf
from countenance.testing import FakeEngine


@pytest.fixture
def ready(deployment: Any) -> Any:
    deployment.source = factories.make_source(deployment)
    deployment.gallery = factories.make_gallery(deployment, "One")
    deployment.other = factories.make_gallery(deployment, "Two")
    for gallery, names in ((deployment.gallery, ["anna", "ben"]), (deployment.other, ["cleo"])):
        factories.enrol(deployment, gallery, deployment.source, factories.people(names))
    deployment.case = factories.make_case(deployment)
    return deployment


def _search(on: Any, photo: bytes, galleries: list[Any] | None = None, **wishes: Any) -> Search:
    return factories.search(on, on.case, galleries or [on.gallery], photo, **wishes)


def run(on: Any, probe: Any, actor: Any = None, **wishes: Any) -> Search:
    """Have the examiner, or somebody else, run a search with evidence."""
    asked: dict[str, Any] = {
        "face": 0,
        "galleries": [on.gallery],
        "reason": "Reported missing on 3 May",
        "tools": on.tools,
    }
    return services.run_search(actor or on.examiner, probe=probe, **asked | wishes)


def _found(on: Any, search: Search) -> list[queries.Candidate]:
    return queries.candidates(queries.search(on.actor, search.pk))


def _actions() -> list[str]:
    return list(LedgerRow.objects.order_by("index").values_list("action", flat=True))


def test_only_the_chosen_galleries_are_searched(ready: Any) -> None:
    photo = FakeEngine.photo("cleo", shot=2)
    assert {one.label for one in _found(ready, _search(ready, photo))} == {"anna", "ben"}
    both = _search(ready, photo, [ready.gallery, ready.other])
    assert _found(ready, both)[0].label == "cleo"
    assert _found(ready, both)[0].gallery == "Two"


def test_the_number_of_candidates_is_kept_and_bounded(ready: Any) -> None:
    photo = FakeEngine.photo("anna", shot=2)
    assert len(_found(ready, _search(ready, photo, top=1))) == 1
    for top in (0, 51):
        with pytest.raises(InputError):
            _search(ready, photo, top=top)


def test_a_threshold_that_was_set_by_hand_stays_in_force_and_says_no_candidate(ready: Any) -> None:
    factories.set_by_hand(ready.gallery, 0.6)
    stranger = _search(ready, FakeEngine.photo("stranger"))
    assert stranger.outcome["answer"] == "no_candidate"
    assert _found(ready, stranger) == []
    known = _search(ready, FakeEngine.photo("anna", shot=2))
    assert [one.label for one in _found(ready, known)] == ["anna"]


def test_an_empty_gallery_gives_no_candidate(ready: Any) -> None:
    empty = factories.make_gallery(ready, "Empty")
    search = _search(ready, FakeEngine.photo("anna"), [empty])
    assert search.outcome["answer"] == "no_candidate"


@pytest.mark.parametrize(
    ("photo", "answer"),
    [
        (FakeEngine.photo("nobody", faces=0), "no_face"),
        (FakeEngine.photo("anna", gate=Gate.UNUSABLE), "quality_too_low"),
    ],
)
def test_no_face_and_low_quality_are_recorded_answers(
    ready: Any, photo: bytes, answer: str
) -> None:
    search = _search(ready, photo)
    assert search.outcome["answer"] == answer
    assert _actions()[-2:] == ["search.intended", "search.concluded"]
    queries.receipt(search).verify()


def test_one_of_several_faces_must_be_chosen_and_only_it_is_searched(ready: Any) -> None:
    photo = FakeEngine.photo("anna", shot=2, others=["ben"])
    with pytest.raises(InputError, match="2 faces"):
        _search(ready, photo)
    assert _found(ready, _search(ready, photo, face=1))[0].label == "ben"
    with pytest.raises(InputError):
        _search(ready, photo, face=2)


def test_the_intent_is_durable_before_the_index_is_asked(
    ready: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def spy(*args: Any, **kwargs: Any) -> Any:
        seen.extend(_actions()[-1:])
        return finding.find_candidates(*args, **kwargs)

    monkeypatch.setattr(services, "find_candidates", spy)
    _search(ready, FakeEngine.photo("anna", shot=2))
    assert seen == ["search.intended"]


def test_a_search_that_fails_is_aborted_on_the_ledger_and_shows_nothing(
    ready: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise IndexUnavailable

    monkeypatch.setattr(services, "find_candidates", broken)
    with pytest.raises(IndexUnavailable):
        _search(ready, FakeEngine.photo("anna", shot=2))
    assert _actions()[-1] == "search.aborted"
    assert Search.objects.get().state == SearchState.ABORTED


def test_an_outcome_that_cannot_be_recorded_is_not_returned(
    ready: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from countenance.apps.records import services as records

    append = records.append

    def full(actor: Any, record: Any, *, tools: Any) -> Any:
        if str(record.action) == "search.concluded":
            raise OSError(28, "No space left on device")
        return append(actor, record, tools=tools)

    monkeypatch.setattr(records, "append", full)
    with pytest.raises(OSError, match="space"):
        _search(ready, FakeEngine.photo("anna", shot=2))
    search = Search.objects.get()
    assert search.state == SearchState.ABORTED
    assert search.outcome is None
    assert _actions()[-1] == "search.aborted"


def test_a_search_left_by_a_crash_is_aborted_at_start_and_never_concluded(ready: Any) -> None:
    photo = FakeEngine.photo("anna", shot=2)
    probe = factories.ask(ready, ready.case, [ready.gallery], photo)
    search = services.intend_search(
        ready.examiner,
        probe=probe,
        face=0,
        galleries=[ready.gallery],
        reason="Reported missing",
        top=20,
        mode=None,
        tools=ready.tools,
    )
    assert services.abort_abandoned_searches(SYSTEM, tools=ready.tools) == 1
    assert _actions()[-1] == "search.aborted"
    assert services.abort_abandoned_searches(SYSTEM, tools=ready.tools) == 0
    with pytest.raises(WrongState):
        services.conclude_search(
            ready.examiner, search=search, outcome={"answer": "x"}, tools=ready.tools
        )


def test_a_search_needs_a_reason_and_a_photo(ready: Any) -> None:
    probe = services.add_probe(
        ready.actor,
        case=ready.case,
        upload=FakeEngine.photo("anna"),
        file_name="p.jpg",
        tools=ready.tools,
    )
    with pytest.raises(ReasonMissing):
        services.run_search(
            ready.actor,
            probe=probe,
            face=0,
            galleries=[ready.gallery],
            reason="123",
            tools=ready.tools,
        )
    with pytest.raises(ImageRejected):
        _search(ready, b"no photo")


def test_another_agencys_case_and_gallery_are_refused_on_the_record(ready: Any) -> None:
    probe = factories.ask(ready, ready.case, [ready.gallery], FakeEngine.photo("anna"))
    stranger = factories.other_agency(ready)
    for attempt in (
        lambda: services.add_probe(
            stranger,
            case=ready.case,
            upload=FakeEngine.photo("anna"),
            file_name="p.jpg",
            tools=ready.tools,
        ),
        lambda: run(ready, probe, actor=stranger),
    ):
        with pytest.raises(NotPermitted, match="another agency"):
            attempt()
        assert _actions()[-1] == "action.refused"
    other = replace(ready, actor=stranger, examiner=stranger)
    theirs = factories.make_case(other, "theirs")
    with pytest.raises(InputError, match="nor granted"):
        factories.search(other, theirs, [ready.gallery], FakeEngine.photo("anna"))
    assert not Search.objects.exists()


def test_viewing_candidates_and_probe_are_entries(ready: Any) -> None:
    search = _search(ready, FakeEngine.photo("anna", shot=2, others=["ben"]), face=0)
    with pytest.raises(NotPermitted, match="examined"):
        services.view_candidates(ready.actor, search=search, tools=ready.tools)
    examined(ready, search)
    services.view_candidates(ready.actor, search=search, tools=ready.tools)
    picture = services.view_probe(
        ready.actor, probe=search.probe, long_side=300, only=0, tools=ready.tools
    )
    assert picture.startswith(b"\xff\xd8")
    assert _actions()[-2:] == ["candidates.viewed", "probe.viewed"]


def test_a_subject_with_more_faces_than_an_index_may_return_is_answered(
    ready: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shots = range(10, 40)
    factories.enrol(ready, ready.gallery, ready.source, factories.people(["anna"], shots))
    for module in (base, nearest):
        monkeypatch.setattr(module, "MOST_CANDIDATES", 20)
    monkeypatch.setattr(nearest, "ROWS", 8)
    asked: list[int] = []
    search = Shelf.search
    monkeypatch.setattr(Shelf, "search", lambda *a, **kw: asked.append(kw["k"]) or search(*a, **kw))
    found = _found(ready, _search(ready, FakeEngine.photo("anna", shot=2), top=2))
    assert found[0].label == "anna"
    assert len(found[0].faces) == 31  # also those beyond the rows that were asked for
    assert asked == [8, 20]


class _Newer(FakeEngine):
    """An engine after an upgrade that finds the faces of a photo in another order, or fewer."""

    def __init__(self, found: slice) -> None:
        super().__init__()
        self._found = found

    def analyse(self, data: bytes, *, only: int | None = None, templates: bool = True) -> Any:
        whole = super().analyse(data, templates=templates)
        return replace(whole, faces=whole.faces[self._found])


@pytest.mark.parametrize(
    "engine",
    [
        pytest.param(FakeEngine(model="fake/2"), id="another model"),
        pytest.param(_Newer(slice(None, None, -1)), id="another order"),
        pytest.param(_Newer(slice(0)), id="no face"),
    ],
)
def test_after_an_upgrade_no_other_person_than_the_chosen_one_is_searched(
    ready: Any, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = FakeEngine.photo("anna", shot=2, others=["ben"])
    probe = factories.ask(ready, ready.case, [ready.gallery], photo)
    asked: list[Any] = []
    monkeypatch.setattr(Shelf, "search", lambda *args, **_: asked.append(args) or [])
    with pytest.raises(WrongState, match="Add the probe again"):
        run(ready, probe, tools=replace(ready.tools, engine=engine))
    assert asked == []
    assert _actions()[-2:] == ["search.intended", "search.aborted"]
    assert Search.objects.get().state == SearchState.ABORTED


def test_faces_whose_retention_has_ended_are_left_out_and_crowd_nobody_out(ready: Any) -> None:
    passport = {**factories.PASSPORT, "retention_until": "2099-12-31"}
    ending = register_source(ready.actor, name="Ending", passport=passport, tools=ready.tools)
    many = factories.people(["dora"], shots=range(1, 31))
    factories.enrol(ready, ready.gallery, ending, many)
    photo = FakeEngine.photo("dora", shot=50)
    assert [one.label for one in _found(ready, _search(ready, photo, top=1))] == ["dora"]
    last = datetime(2099, 12, 31, 23, tzinfo=UTC)
    ready.tools = replace(ready.tools, clock=lambda: last)
    assert [one.label for one in _found(ready, _search(ready, photo, top=1))] == ["dora"]
    ready.tools = replace(ready.tools, clock=lambda: last.replace(year=2100))
    after = [one.label for one in _found(ready, _search(ready, photo, top=2))]
    assert sorted(after) == ["anna", "ben"]
    factories.enrol(ready, ready.gallery, ready.source, factories.people(["dora"], shots=[60]))
    joined = _found(ready, _search(ready, photo))[0]
    assert (joined.label, len(joined.faces)) == ("dora", 1)
