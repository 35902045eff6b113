"""The clocks of closed cases: results and photos are kept for a time, then destroyed with a certificate."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import factories
import pytest
from clients import client_of
from django.urls import reverse

from countenance.apps.agencies.models import Agency
from countenance.apps.cases import holding, keeping
from countenance.apps.cases import services as cases
from countenance.apps.cases.models import Case
from countenance.apps.galleries.models import Gallery
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.queries import verify_ledger
from countenance.apps.searches import queries, retention
from countenance.apps.searches import services as searches
from countenance.apps.searches.kept import days_for, days_of, kept
from countenance.apps.searches.models import Probe, Search
from countenance.errors import (
    NotFound,
    ReasonMissing,
    RoleMissing,
    SealBroken,
    SearchFrozen,
    StepUpNeeded,
    WrongState,
)
from countenance.ledger.entry import Action
from countenance.policy import SYSTEM, Role
from countenance.testing import FakeEngine
from countenance.web import jobs, maintenance

DAY = timedelta(days=1)
YEAR = 365 * DAY
REASON = "The court of Ourtown asked us on 3 May to keep everything"


@pytest.fixture
def ended(deployment: Any) -> Any:
    """A closed case with a search that returned candidates."""
    source = factories.make_source(deployment)
    deployment.gallery = factories.make_gallery(deployment)
    factories.enrol(deployment, deployment.gallery, source, factories.people(["anna", "ben"]))
    deployment.case, deployment.found = _case(deployment, "26-0001", "anna")
    return deployment


def _case(on: Any, reference: str, name: str, *, close: bool = True) -> tuple[Case, Search]:
    case = factories.make_case(on, reference)
    found = factories.search(on, case, [on.gallery], FakeEngine.photo(name, 2))
    case.refresh_from_db()
    if close:
        cases.close_case(on.actor, case=case, reason="The person was found", tools=on.tools)
    return Case.objects.get(pk=case.pk), found


def _at(on: Any, later: timedelta) -> Any:
    now = on.tools.clock() + later
    return replace(on.tools, clock=lambda: now)


def _turn(tools: Any) -> tuple[int, int]:
    return (
        retention.purge_ended_results(SYSTEM, tools=tools),
        retention.purge_ended_evidence(SYSTEM, tools=tools),
    )


def _supervisor(on: Any, tools: Any) -> Any:
    return replace(on.supervisor, stepped_up_at=tools.clock())


def _hold(on: Any, tools: Any) -> None:
    holding.hold_case(_supervisor(on, tools), case=on.case, reason=REASON, tools=tools)


def _bytes_of(on: Any) -> list[Any]:
    ids = set(on.tools.store.ids())
    return [pk for pk in Probe.objects.values_list("pk", flat=True) if pk in ids]


def test_nothing_is_destroyed_while_a_case_is_open_or_its_time_is_not_over(ended: Any) -> None:
    factories.widen(_case(ended, "26-0002", "ben", close=False)[0])
    assert _turn(_at(ended, YEAR - DAY)) == (0, 0)
    assert _turn(_at(ended, YEAR + DAY)) == (1, 1)
    assert _turn(_at(ended, 50 * YEAR)) == (0, 0)
    assert Search.objects.filter(purged_at=None).count() == 1
    assert Probe.objects.filter(purged_at=None).count() == 1


def test_what_a_search_found_is_destroyed_with_a_certificate_when_the_time_is_over(
    ended: Any,
) -> None:
    after = _at(ended, YEAR + DAY)
    assert retention.purge_ended_results(SYSTEM, tools=after) == 1
    gone = Search.objects.get(pk=ended.found.pk)
    assert (gone.outcome, gone.template, gone.object_key) == (None, None, None)
    assert gone.reason == "Reported missing on 3 May"  # who asked for what, and why, stays
    assert gone.certificate["rule"] == "retention.results"
    assert gone.certificate["destroyed_by"] == "the clock"
    assert "365 days after a case ends" in gone.certificate["says"]
    assert not any("photo" in one for one in gone.certificate["kept"])
    body = LedgerRow.objects.get(about=gone.pk, action=str(Action.SEARCH_CONCLUDED)).body
    assert body is None
    with pytest.raises(SearchFrozen, match="certificate"):
        searches.view_candidates(ended.examiner, search=ended.found, tools=after)
    verify_ledger(ended.tools.keyring)


def test_photos_of_a_closed_case_are_destroyed_with_their_bytes_names_and_templates(
    ended: Any,
) -> None:
    assert len(_bytes_of(ended)) == 1
    after = _at(ended, YEAR + DAY)
    assert retention.purge_ended_evidence(SYSTEM, tools=after) == 1
    probe = Probe.objects.get()
    assert (probe.details, probe.object_key, probe.content_index) == (None, None, None)
    assert probe.purged_at == after.clock()
    assert _bytes_of(ended) == []
    assert Search.objects.get().template is None
    assert Search.objects.get().outcome  # what was found has a clock of its own
    said = Case.objects.get(pk=ended.case.pk).standing["evidence"]
    assert [one["photo"] for one in said["photos"]] == [str(probe.pk)]
    entry = LedgerRow.objects.get(action=str(Action.EVIDENCE_PURGED))
    assert entry.about == ended.case.pk
    with pytest.raises(NotFound, match="destroyed"):
        queries.probe(ended.actor, probe.pk)
    verify_ledger(ended.tools.keyring)


def test_a_legal_hold_stops_the_clocks_until_it_is_lifted(ended: Any) -> None:
    after = _at(ended, 2 * YEAR)
    _hold(ended, ended.tools)
    assert kept(Case.objects.get(pk=ended.case.pk), now=after.clock()).hold["reason"] == REASON
    assert _turn(after) == (0, 0)
    with pytest.raises(WrongState, match="legal hold"):
        retention.purge_evidence(SYSTEM, case=ended.case, tools=after)
    with pytest.raises(WrongState, match="on already"):
        _hold(ended, ended.tools)
    holding.release_case(
        _supervisor(ended, after), case=ended.case, reason="The trial is over", tools=after
    )
    assert _turn(after) == (1, 1)
    actions = LedgerRow.objects.filter(about=ended.case.pk).order_by("index")
    assert list(actions.values_list("action", flat=True))[-3:] == [
        "case.held",
        "case.released",
        "evidence.purged",
    ]


def test_a_hold_needs_a_supervisor_who_proves_who_they_are_and_says_why(ended: Any) -> None:
    tools = ended.tools
    investigator = factories.acting(ended, Role.INVESTIGATOR)
    with pytest.raises(RoleMissing):
        holding.hold_case(investigator, case=ended.case, reason=REASON, tools=tools)
    with pytest.raises(StepUpNeeded):
        holding.hold_case(
            replace(ended.supervisor, stepped_up_at=None),
            case=ended.case,
            reason=REASON,
            tools=tools,
        )
    with pytest.raises(ReasonMissing):
        holding.hold_case(_supervisor(ended, tools), case=ended.case, reason=" ", tools=tools)
    with pytest.raises(WrongState, match="No legal hold"):
        holding.release_case(_supervisor(ended, tools), case=ended.case, reason="x", tools=tools)


def test_an_open_lead_keeps_everything_of_its_case(
    ended: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "_keepers", [lambda case: case.pk == ended.case.pk])
    _case(ended, "26-0002", "ben")
    after = _at(ended, YEAR + DAY)
    assert _turn(after) == (1, 1)
    assert Search.objects.get(pk=ended.found.pk).outcome
    monkeypatch.setattr(keeping, "_keepers", [])
    assert _turn(after) == (1, 1)


def test_one_altered_case_or_photo_does_not_keep_the_others_from_their_turn(ended: Any) -> None:
    other, _ = _case(ended, "26-0002", "ben")
    open_case, _ = _case(ended, "26-0003", "ben", close=False)
    # Somebody moves the end of a case back, and files a photo of an open case under a closed one.
    Case.objects.filter(pk=ended.case.pk).update(closed_at=ended.case.closed_at - 9 * YEAR)
    Probe.objects.filter(case=open_case).update(case=other)
    after = _at(ended, YEAR + DAY)
    with pytest.raises(SealBroken):
        retention.purge_ended_results(SYSTEM, tools=after)
    assert Search.objects.get(case=other).outcome is None
    assert Search.objects.get(pk=ended.found.pk).outcome
    with pytest.raises(SealBroken):
        retention.purge_ended_evidence(SYSTEM, tools=after)
    assert list(Probe.objects.filter(case=other).order_by("added_at").values_list("purged_at")) == [
        (after.clock(),),
        (None,),
    ]


def test_a_case_closed_before_its_end_was_sealed_is_counted_from_the_ledger(ended: Any) -> None:
    case = Case.objects.get(pk=ended.case.pk)
    case.standing = {name: said for name, said in case.standing.items() if name != "closed_at"}
    case.save()
    Case.objects.filter(pk=case.pk).update(closed_at=case.closed_at - 9 * YEAR)
    assert _turn(_at(ended, YEAR - DAY)) == (0, 0)
    assert _turn(_at(ended, YEAR + DAY)) == (1, 1)


def test_the_clock_runs_after_a_restart_and_the_sweep_takes_what_a_stop_left(
    ended: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    after = _at(ended, YEAR + DAY)
    monkeypatch.setattr(jobs.wiring, "current", lambda: after)
    monkeypatch.setattr(type(after.store), "delete", _stops)
    with pytest.raises(KeyboardInterrupt):
        jobs.run_retention()
    monkeypatch.undo()
    assert Probe.objects.get().object_key is None  # nothing opens it any more
    assert len(_bytes_of(ended)) == 1
    assert maintenance.sweep_objects(tools=after, grace=0) >= 1
    assert _bytes_of(ended) == []
    monkeypatch.setattr(jobs.wiring, "current", lambda: after)
    assert jobs.run_retention() == 0


def _stops(*_: object) -> None:
    raise KeyboardInterrupt


def test_the_fewest_days_of_the_asker_and_the_owners_of_the_galleries_count(ended: Any) -> None:
    assert days_for(ended.found).results == 365
    _set_pack(ended.agency.pk, "archive")
    found = Search.objects.get(pk=ended.found.pk)
    assert days_for(found).results == 90
    stranger = factories.other_agency(ended)
    _set_pack(stranger.agency, "bipa")
    Gallery.objects.filter(pk=ended.gallery.pk).update(agency=stranger.agency)
    assert days_for(found).results == 30
    assert days_of(["no such pack"]).results == 365
    assert retention.purge_ended_results(SYSTEM, tools=_at(ended, 31 * DAY)) == 1
    assert Search.objects.get().certificate["sections"] == [days_of(["bipa"]).results_law]
    assert retention.purge_ended_evidence(SYSTEM, tools=_at(ended, 31 * DAY)) == 0
    assert retention.purge_ended_evidence(SYSTEM, tools=_at(ended, 91 * DAY)) == 1


def _set_pack(agency_id: Any, pack: str) -> None:
    agency = Agency.objects.get(pk=agency_id)
    agency.standing = {**agency.standing, "pack": pack}
    agency.save()


def test_a_case_that_nobody_closed_ends_with_its_last_day(ended: Any) -> None:
    case, _ = _case(ended, "26-0002", "ben", close=False)
    last = ended.tools.clock().date() + timedelta(days=10)
    case.set_standing(expires_on=last.isoformat())
    case.save()
    assert kept(case, now=ended.tools.clock()).results_until is None
    assert _turn(_at(ended, YEAR + 8 * DAY)) == (1, 1)  # the one that was closed
    assert _turn(_at(ended, YEAR + 12 * DAY)) == (1, 1)


def test_the_page_of_a_case_says_until_when_and_a_supervisor_holds_it(ended: Any) -> None:
    on = ended
    page = reverse("case", args=[on.case.pk])
    reader = client_of(on)
    until = on.case.closed_at + YEAR
    assert f"{until.day} {until:%b %Y}" in reader.get(page).content.decode()
    client = client_of(on, on.supervisor)
    answer = client.post(reverse("case_hold", args=[on.case.pk]), {"reason": REASON})
    assert answer.status_code == 302
    shown = client.get(page).content.decode()
    assert "Legal hold" in shown
    assert REASON in shown
    answer = client.post(reverse("case_release", args=[on.case.pk]), {"reason": "It is over"})
    assert answer.status_code == 302
    assert "Legal hold" not in client.get(page).content.decode()


def test_certificates_can_be_read_and_saved_and_no_page_breaks(ended: Any) -> None:
    on = ended
    photo = Probe.objects.get().pk
    _turn(_at(on, YEAR + DAY))
    client = client_of(on)
    case = client.get(reverse("case", args=[on.case.pk])).content.decode()
    assert reverse("evidence_certificate", args=[on.case.pk]) in case
    shown = client.get(reverse("evidence_certificate", args=[on.case.pk])).content.decode()
    assert "365 days after a case ends" in shown
    saved = json.loads(client.get(reverse("evidence_certificate_json", args=[on.case.pk])).content)
    assert saved["certificate"] == "countenance.evidence/1"
    assert saved["receipt"]
    for name, key in (
        ("evidence_certificate", on.case.pk),
        ("certificate", on.found.pk),
    ):
        href = reverse(f"{name}_paper", args=[key])
        assert f'href="{href}"' in client.get(reverse(name, args=[key])).content.decode()
        paper = client.get(href)
        assert paper["Content-Type"] == "application/pdf"
        assert paper.content.startswith(b"%PDF-")
        assert paper.content == client.get(href).content
    search = client.get(reverse("search", args=[on.found.pk])).content.decode()
    assert "The time for which this is kept is over" in search
    assert reverse("probe", args=[photo]) not in search
    certificate = client.get(reverse("certificate", args=[on.found.pk])).content.decode()
    assert "365 days after a case ends" in certificate
    for route in ("probe", "probe_image"):
        assert client.get(reverse(route, args=[photo])).status_code == 404
    assert client.get(reverse("cases")).status_code == 200
    assert client.get(reverse("searches")).status_code == 200
