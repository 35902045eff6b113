"""A scripted insider: people with real roles and a real case who try to use it for somebody else."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import factories
import pytest
from django.db import connection

from countenance.apps.agencies import services as agencies
from countenance.apps.agencies.models import Agency
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.queries import verify_ledger
from countenance.apps.records.services import unseal_body
from countenance.apps.searches import asking, evidence, queries, services
from countenance.apps.searches.models import Probe, Search, SearchState
from countenance.errors import (
    AuthoritySpent,
    InputError,
    NotEvidence,
    NotPermitted,
    QuotaSpent,
    RoleMissing,
    SamePerson,
    SealBroken,
    StepUpNeeded,
    UnrelatedFace,
)
from countenance.index.shelf import Shelf
from countenance.policy import SYSTEM, Actor, Role
from countenance.testing import FakeEngine

NEIGHBOURS = ("ben", "cleo", "dora", "emil", "fay", "gus", "hana", "ivo", "jana")
REASON = "Reported missing on 3 May"


@pytest.fixture
def agency(deployment: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An agency with a gallery of everybody, an honest case, an investigator and an examiner."""
    source = factories.make_source(deployment)
    deployment.gallery = factories.make_gallery(deployment)
    people = factories.people(["anna", *NEIGHBOURS])
    factories.enrol(deployment, deployment.gallery, source, people)
    deployment.case = factories.make_case(deployment)
    deployment.index_asked = 0
    search = Shelf.search

    def counted(*args: Any, **kwargs: Any) -> Any:
        deployment.index_asked += 1
        return search(*args, **kwargs)

    monkeypatch.setattr(Shelf, "search", counted)
    return deployment


def _ask(on: Any, photo: bytes, case: Any = None) -> Probe:
    return factories.ask(on, case or on.case, [on.gallery], photo)


def _run(on: Any, probe: Probe, *, actor: Actor | None = None, **wishes: Any) -> Search:
    asked: dict[str, Any] = {
        "face": 0,
        "galleries": [on.gallery],
        "reason": REASON,
        "tools": on.tools,
    }
    who = replace(actor or on.examiner, stepped_up_at=on.tools.clock())
    return services.run_search(who, probe=probe, **asked | wishes)


def _facts(on: Any, row: LedgerRow) -> dict[str, Any]:
    opened = unseal_body(row, keyring=on.tools.keyring)
    assert opened is not None
    return dict(json.loads(opened[1])["facts"])


def _last(on: Any) -> tuple[str, dict[str, Any]]:
    row = LedgerRow.objects.order_by("-index").first()
    assert row is not None
    return row.action, _facts(on, row)


def _refused(on: Any, attempt: Callable[[], object], error: type[NotPermitted], rule: str) -> None:
    """Check that an attempt is refused by this rule, on the ledger, and that nothing was compared."""
    asked = on.index_asked
    with pytest.raises(error) as refusal:
        attempt()
    assert refusal.value.rule == rule
    assert refusal.value.detail.count(".") >= 1
    action, facts = _last(on)
    assert action == "action.refused"
    assert (facts["rule"], facts["code"]) == (rule, error.code)
    assert on.index_asked == asked


def _person(on: Any, *roles: Role) -> Actor:
    person = agencies.add_person(
        SYSTEM,
        agency=on.agency,
        name=f"Another {roles[0]}",
        email=f"another-{'-'.join(roles)}@example.org",
        password=None,
        roles=roles,
        tools=on.tools,
    )
    person.standing |= {"trained_until": "2199-12-31", "certified_until": "2199-12-31"}
    person.save()
    return replace(person.actor, stepped_up_at=on.tools.clock())


def test_nine_unrelated_faces_under_a_real_case_are_stopped_at_the_second(agency: Any) -> None:
    """A person whom the case is about, then the neighbours: with an accomplice who asks for each."""
    first = _run(agency, _ask(agency, FakeEngine.photo("anna", 2)))
    assert first.state == SearchState.CONCLUDED
    assert agency.index_asked == 1
    for number, name in enumerate(NEIGHBOURS):
        with pytest.raises(UnrelatedFace, match="about one person"):
            _run(agency, _ask(agency, FakeEngine.photo(name, 2)))
        action, facts = _last(agency)
        assert action == "search.held"
        assert (facts["rule"], facts["people"]) == ("case.people", 2)
        assert Search.objects.filter(state=SearchState.ABORTED).count() == number + 1
    assert agency.index_asked == 1
    held = Search.objects.filter(state=SearchState.ABORTED)
    assert all(one.outcome is None and one.template is None for one in held)
    actions = LedgerRow.objects.values_list("action", flat=True)
    assert [one for one in actions if one == "search.held"] == ["search.held"] * 9
    # Each counted: the intent of every one is on the ledger before its face was looked at.
    assert [one for one in actions if one == "search.intended"] == ["search.intended"] * 10
    verify_ledger(agency.tools.keyring)


def test_another_photo_of_the_person_whom_the_case_is_about_is_no_unrelated_face(
    agency: Any,
) -> None:
    for shot in range(2, 6):
        found = _run(agency, _ask(agency, FakeEngine.photo("anna", shot)))
        assert found.state == SearchState.CONCLUDED
    again = _ask(agency, FakeEngine.photo("anna", 2))
    assert _run(agency, again).state == SearchState.CONCLUDED


def test_a_wider_case_stops_at_one_person_more_than_it_is_about(agency: Any) -> None:
    factories.widen(agency.case, people=3)
    for name in ("anna", "ben", "cleo"):
        _run(agency, _ask(agency, FakeEngine.photo(name, 2)))
    with pytest.raises(UnrelatedFace, match="about 3 people"):
        _run(agency, _ask(agency, FakeEngine.photo("dora", 2)))
    assert _run(agency, _ask(agency, FakeEngine.photo("ben", 5))).state == SearchState.CONCLUDED


def test_a_photo_that_is_no_evidence_is_refused(agency: Any) -> None:
    """Under the case's number, a photo that nobody added to it, and evidence of another case."""
    with pytest.raises(NotEvidence):
        queries.find_evidence(agency.case, FakeEngine.photo("ben", 2))
    other = factories.make_case(agency, "26-0002")
    probe = _ask(agency, FakeEngine.photo("anna", 2), case=other)
    with pytest.raises(NotEvidence):
        queries.find_evidence(agency.case, FakeEngine.photo("anna", 2))
    # Filed under another case in the database, past the program:
    Probe.objects.filter(pk=probe.pk).update(case=agency.case)
    with pytest.raises(SealBroken):
        _run(agency, Probe.objects.get(pk=probe.pk))
    assert agency.index_asked == 0


def test_evidence_that_nobody_asked_about_is_refused(agency: Any) -> None:
    probe = evidence.add_probe(
        agency.actor,
        case=agency.case,
        upload=FakeEngine.photo("anna", 2),
        file_name="p.jpg",
        tools=agency.tools,
    )
    _refused(agency, lambda: _run(agency, probe), NotEvidence, "search.asked_for")


def test_an_examiner_adds_no_evidence_and_asks_for_nothing(agency: Any) -> None:
    def add() -> None:
        evidence.add_probe(
            agency.examiner,
            case=agency.case,
            upload=FakeEngine.photo("ben", 2),
            file_name="p.jpg",
            tools=agency.tools,
        )

    _refused(agency, add, RoleMissing, "role.evidence.add")
    probe = evidence.add_probe(
        agency.actor,
        case=agency.case,
        upload=FakeEngine.photo("anna", 2),
        file_name="p.jpg",
        tools=agency.tools,
    )

    def ask() -> None:
        asking.ask_for_search(
            agency.examiner,
            probe=probe,
            reason=REASON,
            galleries=[agency.gallery],
            tools=agency.tools,
        )

    _refused(agency, ask, RoleMissing, "role.search.ask")


def test_nobody_runs_what_they_asked_for_even_with_every_role(agency: Any) -> None:
    probe = _ask(agency, FakeEngine.photo("anna", 2))
    # `actor` holds every role, which no real person does: the second person is still missing.
    _refused(
        agency,
        lambda: _run(agency, probe, actor=agency.actor),
        SamePerson,
        "search.same_person",
    )


def test_an_investigator_runs_nothing(agency: Any) -> None:
    probe = _ask(agency, FakeEngine.photo("anna", 2))
    investigator = _person(agency, Role.INVESTIGATOR)
    _refused(
        agency, lambda: _run(agency, probe, actor=investigator), RoleMissing, "role.search.run"
    )


def test_a_gallery_that_was_not_asked_for_is_refused(agency: Any) -> None:
    probe = _ask(agency, FakeEngine.photo("anna", 2))
    other = factories.make_gallery(agency, "Another")
    factories.cover(agency, agency.case, [agency.gallery, other])
    _refused(
        agency,
        lambda: _run(agency, probe, galleries=[agency.gallery, other]),
        NotPermitted,
        "search.asked_galleries",
    )


def test_a_request_is_used_up_by_one_search(agency: Any) -> None:
    probe = _ask(agency, FakeEngine.photo("anna", 2))
    _run(agency, probe)
    _refused(agency, lambda: _run(agency, probe), NotEvidence, "search.asked_for")


def test_a_vague_reason_is_not_taken(agency: Any) -> None:
    probe = _ask(agency, FakeEngine.photo("anna", 2))
    for reason in ("", "123", "test", "investigation"):
        with pytest.raises(InputError):
            _run(agency, probe, reason=reason)
    assert agency.index_asked == 0


def test_after_the_days_quota_the_same_person_goes_on_tomorrow(agency: Any) -> None:
    _set_quotas(agency, person_a_day=2)
    for shot in (2, 3):
        _run(agency, _ask(agency, FakeEngine.photo("anna", shot)))
    probe = _ask(agency, FakeEngine.photo("anna", 4))
    _refused(agency, lambda: _run(agency, probe), QuotaSpent, "quota.person")
    # Late in the evening is no way round it; after midnight there are new ones.
    now = agency.tools.clock()
    evening = now.replace(hour=23, minute=59, second=59)
    agency.tools = replace(agency.tools, clock=lambda: evening)
    _refused(agency, lambda: _run(agency, probe), QuotaSpent, "quota.person")
    morning = evening + timedelta(minutes=1)
    agency.tools = replace(agency.tools, clock=lambda: morning)
    assert _run(agency, probe).state == SearchState.CONCLUDED


def test_a_case_and_an_agency_have_quotas_too(agency: Any) -> None:
    _set_quotas(agency, case=1)
    _run(agency, _ask(agency, FakeEngine.photo("anna", 2)))
    probe = _ask(agency, FakeEngine.photo("anna", 3))
    _refused(agency, lambda: _run(agency, probe), QuotaSpent, "quota.case")
    _set_quotas(agency, agency_a_day=1)
    _refused(agency, lambda: _run(agency, probe), QuotaSpent, "quota.agency")


def test_searches_at_the_same_moment_do_not_overspend(agency: Any) -> None:
    """The last search of an authority, asked for in six cases at once: one of them runs."""
    authority = factories.make_authority(agency, [agency.gallery], quota=1)
    probes = []
    for number in range(6):
        case = factories.make_case(agency, f"26-1{number:03}", authority=authority)
        probes.append(_ask(agency, FakeEngine.photo("anna", number + 2), case=case))
    outcomes: list[object] = []

    def run(probe: Probe) -> None:
        try:
            outcomes.append(_run(agency, probe))
        except NotPermitted as refusal:
            outcomes.append(type(refusal))
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(probe,)) for probe in probes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(one, Search) for one in outcomes) == 1
    assert outcomes.count(AuthoritySpent) == 5
    assert agency.index_asked == 1


def test_two_faces_at_the_same_moment_are_compared_with_each_other(agency: Any) -> None:
    probes = [_ask(agency, FakeEngine.photo(name, 2)) for name in ("anna", "ben", "cleo")]
    outcomes: list[str] = []

    def run(probe: Probe) -> None:
        try:
            outcomes.append(_run(agency, probe).state)
        except UnrelatedFace:
            outcomes.append("held")
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(probe,)) for probe in probes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["concluded", "held", "held"]
    assert agency.index_asked == 1


def test_a_crop_smuggles_no_other_face_in(agency: Any) -> None:
    """One photo of two people is evidence of a case about one of them."""
    probe = _ask(agency, FakeEngine.photo("anna", 2, others=["ben"]))
    _run(agency, probe, face=0)
    second = _ask(agency, FakeEngine.photo("anna", 2, others=["ben"]))
    assert second.pk == probe.pk
    box = probe.details["faces"][1]["box"]
    crop = evidence.derive_probe(
        agency.examiner, probe=Probe.objects.get(pk=probe.pk), box=box, tools=agency.tools
    )
    assert len(crop.details["faces"]) == 1
    with pytest.raises(UnrelatedFace):
        _run(agency, crop)
    with pytest.raises(UnrelatedFace):
        _run(agency, second, face=1)
    assert agency.index_asked == 1
    # A crop of the right face is searched under the request for its photo.
    right = evidence.derive_probe(
        agency.examiner,
        probe=Probe.objects.get(pk=probe.pk),
        box=probe.details["faces"][0]["box"],
        quarter_turns=1,
        tools=agency.tools,
    )
    assert _run(agency, right).state == SearchState.CONCLUDED


def test_a_photo_edited_elsewhere_is_no_evidence_and_no_crop(agency: Any) -> None:
    probe = _ask(agency, FakeEngine.photo("anna", 2))
    with pytest.raises(NotEvidence):
        queries.find_evidence(agency.case, FakeEngine.photo("ben", 2))
    # A row that claims to be a crop, but was not made by the program:
    forged = evidence.add_probe(
        agency.actor,
        case=agency.case,
        upload=FakeEngine.photo("ben", 2),
        file_name="p.jpg",
        tools=agency.tools,
    )
    Probe.objects.filter(pk=forged.pk).update(derived_from=probe)
    with pytest.raises(SealBroken):
        _run(agency, Probe.objects.get(pk=forged.pk))


def test_without_a_fresh_proof_of_who_one_is_nothing_runs(agency: Any) -> None:
    probe = _ask(agency, FakeEngine.photo("anna", 2))
    stale = replace(agency.examiner, stepped_up_at=agency.tools.clock() - timedelta(minutes=6))
    with pytest.raises(StepUpNeeded):
        services.run_search(
            stale,
            probe=probe,
            face=0,
            galleries=[agency.gallery],
            reason=REASON,
            tools=agency.tools,
        )
    assert not Search.objects.exists()


def _set_quotas(on: Any, **quotas: int) -> None:
    row = Agency.objects.get(pk=on.agency.pk)
    row.standing = {**row.standing, "quotas": quotas}
    row.save()
