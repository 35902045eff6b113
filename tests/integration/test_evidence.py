"""Evidence: sealed to its case, cropped and turned by the program only, searched when asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import factories
import pytest

from countenance.apps.galleries.models import Gallery
from countenance.apps.records.models import LedgerRow
from countenance.apps.searches import asking, evidence, queries, services
from countenance.apps.searches.models import Probe, RequestState, SearchRequest
from countenance.errors import (
    CaseClosed,
    InputError,
    NotEvidence,
    NotFound,
    NotPermitted,
    ReasonMissing,
    RoleMissing,
    SamePerson,
    SealBroken,
    WrongState,
)
from countenance.testing import FakeEngine

REASON = "Reported missing on 3 May"
TWO = FakeEngine.photo("anna", 2, others=["ben"])


@pytest.fixture
def ready(deployment: Any) -> Any:
    source = factories.make_source(deployment)
    deployment.gallery = factories.make_gallery(deployment)
    factories.enrol(deployment, deployment.gallery, source, factories.people(["anna", "ben"]))
    deployment.case = factories.make_case(deployment)
    return deployment


def _add(on: Any, photo: bytes = TWO, case: Any = None) -> Probe:
    return evidence.add_probe(
        on.actor, case=case or on.case, upload=photo, file_name="p.jpg", tools=on.tools
    )


def _ask(on: Any, probe: Probe, **wishes: Any) -> SearchRequest:
    asked: dict[str, Any] = {"reason": REASON, "galleries": [on.gallery], "tools": on.tools}
    return asking.ask_for_search(on.actor, probe=probe, **asked | wishes)


def _last() -> str:
    return str(LedgerRow.objects.order_by("-index").values_list("action", flat=True)[0])


def test_the_same_photo_twice_in_a_case_is_the_same_evidence(ready: Any) -> None:
    first = _add(ready)
    assert _add(ready).pk == first.pk
    assert Probe.objects.count() == 1
    assert _last() == "probe.added"
    other = _add(ready, case=factories.make_case(ready, "26-0002"))
    assert other.pk != first.pk
    # The same bytes have another index in another case: nobody sees that two cases share a photo.
    assert bytes(other.content_index) != bytes(first.content_index)


def test_evidence_is_found_by_its_bytes_in_its_own_case_only(ready: Any) -> None:
    probe = _add(ready)
    assert queries.find_evidence(ready.case, TWO).pk == probe.pk
    other = factories.make_case(ready, "26-0002")
    with pytest.raises(NotEvidence):
        evidence.find_evidence(ready.examiner, case=other, data=TWO, tools=ready.tools)
    assert _last() == "action.refused"


def test_a_closed_case_takes_no_evidence_and_no_crop(ready: Any) -> None:
    from countenance.apps.cases import services as cases

    probe = _add(ready)
    cases.close_case(ready.actor, case=ready.case, reason="Found at home", tools=ready.tools)
    ready.case.refresh_from_db()
    with pytest.raises(CaseClosed):
        _add(ready, FakeEngine.photo("ben", 3))
    with pytest.raises(CaseClosed):
        evidence.derive_probe(
            ready.actor,
            probe=Probe.objects.get(pk=probe.pk),
            quarter_turns=1,
            tools=ready.tools,
        )
    with pytest.raises(CaseClosed):
        _ask(ready, Probe.objects.get(pk=probe.pk))


def test_a_crop_holds_what_lies_in_the_box_and_says_how_it_was_made(ready: Any) -> None:
    probe = _add(ready)
    box = probe.details["faces"][1]["box"]
    crop = evidence.derive_probe(ready.actor, probe=probe, box=box, tools=ready.tools)
    assert _last() == "probe.derived"
    assert crop.derived_from_id == probe.pk
    assert len(crop.details["faces"]) == 1
    assert crop.details["how"] == {"box": [round(side) for side in box], "quarter_turns": 0} or (
        crop.details["how"]["quarter_turns"] == 0
    )
    assert queries.root_of(crop).pk == probe.pk
    again = evidence.derive_probe(ready.actor, probe=probe, box=box, tools=ready.tools)
    assert again.pk == crop.pk
    turned = evidence.derive_probe(ready.actor, probe=crop, quarter_turns=3, tools=ready.tools)
    assert queries.root_of(turned).pk == probe.pk


@pytest.mark.parametrize(
    "wish", [{}, {"quarter_turns": 4}, {"box": (900, 900, 10, 10)}, {"box": (5, 5, 0, 0)}]
)
def test_what_makes_no_crop_and_no_rotation_is_refused(ready: Any, wish: Any) -> None:
    probe = _add(ready)
    with pytest.raises(InputError):
        evidence.derive_probe(ready.actor, probe=probe, tools=ready.tools, **wish)
    assert Probe.objects.count() == 1


def test_a_supervisor_makes_no_crop(ready: Any) -> None:
    probe = _add(ready)
    with pytest.raises(RoleMissing):
        evidence.derive_probe(ready.supervisor, probe=probe, quarter_turns=1, tools=ready.tools)
    assert _last() == "action.refused"


def test_a_probe_of_before_evidence_was_sealed_is_not_searched(ready: Any) -> None:
    probe = _add(ready)
    Probe.objects.filter(pk=probe.pk).update(content_index=None)
    with pytest.raises(NotEvidence, match="adds it again"):
        _ask(ready, Probe.objects.get(pk=probe.pk))


def test_a_request_waits_until_its_search_is_concluded(ready: Any) -> None:
    probe = _add(ready)
    request = _ask(ready, probe)
    assert [one.pk for one in queries.waiting_requests(ready.examiner)] == [request.pk]
    with pytest.raises(WrongState, match="waits already"):
        _ask(ready, probe)
    found = services.run_search(
        ready.examiner,
        probe=probe,
        face=0,
        galleries=[ready.gallery],
        reason=REASON,
        tools=ready.tools,
    )
    request.refresh_from_db()
    assert (request.state, request.answer["search"]) == (RequestState.DONE, str(found.pk))
    assert not queries.waiting_requests(ready.examiner).exists()
    assert _ask(ready, probe).state == RequestState.WAITING


def test_a_request_says_why_and_where(ready: Any) -> None:
    probe = _add(ready)
    for reason in ("", "test", "investigation"):
        with pytest.raises(ReasonMissing):
            _ask(ready, probe, reason=reason)
    with pytest.raises(InputError, match="at least one gallery"):
        _ask(ready, probe, galleries=[])


def test_whoever_asked_withdraws_and_somebody_else_declines(ready: Any) -> None:
    probe = _add(ready)
    request = _ask(ready, probe)
    with pytest.raises(SamePerson, match="withdraw"):
        asking.decline_request(ready.actor, request=request, reason=REASON, tools=ready.tools)
    with pytest.raises(NotPermitted):
        asking.withdraw_request(ready.examiner, request=request, tools=ready.tools)
    asking.withdraw_request(ready.actor, request=request, tools=ready.tools)
    second = _ask(ready, probe)
    with pytest.raises(ReasonMissing):
        asking.decline_request(ready.examiner, request=second, reason="no", tools=ready.tools)
    declined = asking.decline_request(
        ready.examiner,
        request=second,
        reason="The photo shows somebody from behind",
        tools=ready.tools,
    )
    assert declined.state == RequestState.DECLINED
    assert "behind" in declined.answer["reason"]
    with pytest.raises(WrongState):
        asking.decline_request(ready.supervisor, request=second, reason=REASON, tools=ready.tools)


def test_opening_an_answered_request_again_in_the_database_is_noticed(ready: Any) -> None:
    probe = _add(ready)
    request = _ask(ready, probe)
    asking.withdraw_request(ready.actor, request=request, tools=ready.tools)
    SearchRequest.objects.filter(pk=request.pk).update(state=RequestState.WAITING)
    with pytest.raises(SealBroken):
        services.run_search(
            ready.examiner,
            probe=probe,
            face=0,
            galleries=[ready.gallery],
            reason=REASON,
            tools=ready.tools,
        )


def test_another_agency_sees_neither_request_nor_evidence(ready: Any) -> None:
    request = _ask(ready, _add(ready))
    stranger = factories.other_agency(ready)
    with pytest.raises(NotFound):
        queries.request(stranger, request.pk)
    with pytest.raises(NotFound):
        queries.probe(stranger, request.probe_id)
    with pytest.raises(NotPermitted):
        asking.decline_request(replace(stranger), request=request, reason=REASON, tools=ready.tools)
    assert not queries.waiting_requests(stranger).exists()
    assert Gallery.objects.count() == 1
