"""A case's disclosure bundle: everything of it is in it, nothing of another case, and only some may export it."""

from __future__ import annotations

import json
import os
import secrets
import time
import tracemalloc
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from clients import client_of, prove
from disclosing import about_first, auditor, bundle, entries, examined, lead_of, members
from django.urls import reverse
from examining import Bench, bench, checklist, examine
from factories import acting, make_case, other_agency, search, set_by_hand
from filled_bundle import contents_of
from matrix_world import grant_to

from countenance.apps.agencies.models import Agency
from countenance.apps.cases.models import Authority
from countenance.apps.examinations import closing, queries, services, taking
from countenance.apps.galleries import grants
from countenance.apps.galleries.models import GalleryGrant
from countenance.apps.leads import bundling
from countenance.apps.leads import services as leads
from countenance.apps.records.models import LedgerRow
from countenance.apps.searches import evidence, grounds
from countenance.bundle import verify
from countenance.errors import NotPermitted, RoleMissing, StepUpNeeded, WrongState
from countenance.examination.control import DRAWN
from countenance.examination.scale import Conclusion
from countenance.ledger.entry import Action
from countenance.policy import Role
from countenance.testing import FakeEngine

SAME, OTHER = Conclusion.SAME, Conclusion.OTHER
CASE_SEARCHES = int(os.environ.get("CASE_SEARCHES", "75"))


@pytest.fixture
def made(deployment: Any) -> Bench:
    return bench(deployment)


def always_due(length: int) -> bytes:
    """Draw so that the next examination is a control; keys and salts are drawn as ever."""
    return bytes(length) if length == DRAWN else secrets.token_bytes(length)


def test_a_whole_case_is_in_its_bundle(made: Bench) -> None:
    tools = made.on.tools
    examined(made)
    lead = lead_of(made)
    leads.record_outcome(
        replace(made.on.actor, stepped_up_at=tools.clock()),
        lead=lead,
        outcome="right",
        note="She was found",
        tools=tools,
    )
    copy = evidence.derive_probe(
        made.on.actor, probe=made.search.probe, quarter_turns=1, tools=tools
    )
    set_by_hand(made.gallery, 0.99)
    nobody = search(made.on, made.case, [made.gallery], FakeEngine.photo("zoe", 3))
    assert nobody.outcome["answer"] == "no_candidate"
    data = bundle(made, acting(made.on, Role.SUPERVISOR))
    found = members(data)
    manifest = found["manifest.json"]
    assert manifest["case"]["reference"] == "26-0001"
    assert manifest["agency"]["id"] == str(made.on.agency.pk)
    counts = manifest["counts"]
    assert (counts["searches"], counts["negative_searches"], counts["leads"]) == (2, 1, 1)
    assert (counts["examinations"], counts["edits"], counts["model_cards"]) == (2, 1, 1)
    probe = found[f"probes/{made.search.probe_id}.json"]
    assert found[probe["file"]] == FakeEngine.photo("anna", shot=9)
    edit = found["edits.json"]["edits"][0]
    assert (edit["probe"], edit["details"]["words"]) == (str(copy.pk), ["Turned to the right."])
    told = found[f"searches/{made.search.pk}.json"]
    assert told["details"]["reason"]
    assert told["galleries"][0]["version"] is not None
    assert told["galleries"][0]["details"]["name"] == "Gallery"
    assert told["candidates"][0]["details"]["named"] == "anna"
    assert found[f"searches/{nobody.pk}.json"]["mode"] == "threshold, not measured"
    assert told["mode"] == "investigation list"
    both = [one for name, one in found.items() if name.startswith("examinations/")]
    assert all(one["analysis"] and len(one["comparisons"]) == 4 for one in both)
    assert {each["said"]["conclusion"] for each in both[0]["comparisons"]} == {
        str(SAME),
        str(OTHER),
    }
    printed = found[f"leads/{lead.pk}.json"]
    assert found[printed["file"]].startswith(b"%PDF-")
    assert printed["details"]["outcome"]["outcome"] == "right"
    rates = found["error-rates.json"]
    assert len(rates["examiners"]) == 2
    none = {"wrong": 0, "of": 0, "low": "0.000000", "high": "1.000000"}
    assert rates["examiners"][0]["wrong"] == none
    assert [one["threshold"] for one in rates["model"]] == [None, "0.990000"]
    assert all("measured" in one["why"] and one["measured"] is None for one in rates["model"])
    for under in Authority.objects.filter(pk__in={made.search.authority_id, nobody.authority_id}):
        said = found[f"authority/{under.pk}.json"]
        assert said["details"]["says"]["statute"] == "Missing Persons Act, section 4"
        assert found[said["file"]] == b"The order, on paper"
    acts = {line["entry"]["action"] for line in entries(data)}
    assert {"case.opened", "authority.granted", "search.asked", "lead.outcome_recorded"} <= acts
    assert all("body" in line for line in entries(data))


def test_a_conclusion_that_follows_and_a_closing_are_in_it(made: Bench) -> None:
    tools = made.on.tools
    examine(made.first, made.search, tools=tools, concluding=about_first)
    examine(made.second, made.search, tools=tools, concluding=lambda _: OTHER)
    own = queries.own_examinations(made.first)[0]
    one = next(row for row in own.comparisons.all() if row.about["rank"] == 1)
    later = services.follow_conclusion(
        made.first,
        comparison=one,
        checklist=checklist(OTHER),
        conclusion=str(OTHER),
        reason="The moles on the left cheek were overlooked on 3 May",
        tools=tools,
    )
    # The program closed it: nothing was left to do.
    found = members(bundle(made, auditor(made)))
    rows = found[f"examinations/{own.pk}.json"]["comparisons"]
    followed = next(row for row in rows if row["id"] == str(later.pk))
    assert followed["follows"] == str(one.pk)
    assert followed["said"]["reason"].startswith("The moles")
    assert found[f"searches/{made.search.pk}.json"]["details"]["closed"]["compared"] is True


def test_nothing_of_another_case_and_no_control_is_in_it(made: Bench) -> None:
    tools = made.on.tools
    examined(made)
    other = make_case(
        made.on, "26-0002", authority=Authority.objects.get(pk=made.case.authority_id)
    )
    found = search(made.on, other, [made.gallery], FakeEngine.photo("ben", 7), top=2)
    control = taking.take_examination(made.third, tools=replace(tools, token_bytes=always_due))
    assert control.search_id is None
    data = bundle(made, auditor(made))
    for foreign in (other, found, found.probe, control):
        assert str(foreign.pk).encode() not in data
    assert b"26-0002" not in data


def test_candidates_that_wait_for_examiners_are_disclosed_to_nobody(made: Bench) -> None:
    tools = made.on.tools
    examine(made.first, made.search, tools=tools)
    with pytest.raises(WrongState, match="all its examiners"):
        bundle(made, auditor(made))
    supervisor = acting(made.on, Role.SUPERVISOR)
    closing.close_search(
        supervisor,
        search=made.search,
        reason="The court wants the file on 4 May, before a second examiner is back",
        tools=tools,
    )
    told = members(bundle(made, supervisor))
    assert told["manifest.json"]["counts"]["examinations"] == 1


def test_only_supervisors_and_auditors_of_the_agency_export_and_each_try_is_recorded(
    made: Bench,
) -> None:
    tools = made.on.tools
    examined(made)
    for role in (Role.INVESTIGATOR, Role.EXAMINER, Role.COORDINATOR, Role.STEWARD):
        with pytest.raises(RoleMissing):
            bundling.export_bundle(acting(made.on, role), case=made.case, tools=tools)
        assert LedgerRow.objects.last().action == str(Action.ACTION_REFUSED)
    with pytest.raises(NotPermitted):
        bundling.export_bundle(other_agency(made.on), case=made.case, tools=tools)
    assert LedgerRow.objects.last().action == str(Action.ACTION_REFUSED)
    with pytest.raises(StepUpNeeded):
        bundling.export_bundle(
            replace(auditor(made), stepped_up_at=None), case=made.case, tools=tools
        )
    data = bundle(made, auditor(made))
    row = LedgerRow.objects.filter(action=str(Action.BUNDLE_EXPORTED)).get()
    assert row.about == made.case.pk
    again = entries(bundle(made, auditor(made)))
    exported = next(one for one in again if one["entry"]["action"] == "bundle.exported")
    assert json.loads(exported["body"])["facts"]["bytes"] == len(data)


@pytest.mark.slow
def test_a_case_with_two_hundred_searches_fits_into_time_and_memory(
    made: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A case of 75, and of 200 itself in `make attack`, which sets CASE_SEARCHES.

    The bounds are those of 200. Of fewer searches an export gets so much less that it would stay within them even
    if what it takes grew with the square of their number.
    """
    tools = made.on.tools
    # Twice as many as one case may have.
    monkeypatch.setattr(grounds, "Quotas", partial(grounds.Quotas, case=300))
    on = made.on
    set_by_hand(made.gallery, 0.99)
    for number in range(CASE_SEARCHES - 1):
        if number % 45 == 0:  # nobody runs more than fifty a day
            on = replace(on, examiner=acting(on, Role.EXAMINER))
        search(on, made.case, [made.gallery], FakeEngine.photo("zoe", number))
    examined(made)
    actor = auditor(made)
    began = time.perf_counter()
    data = bundling.export_bundle(actor, case=made.case, tools=tools.of(actor))
    seconds = time.perf_counter() - began
    tracemalloc.start()
    bundling.export_bundle(actor, case=made.case, tools=tools.of(actor))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"{len(data):,} bytes, {seconds:.1f} s, {peak:,} bytes of memory at most")
    assert verify(data).counts["searches"] == CASE_SEARCHES
    share = CASE_SEARCHES / 200
    assert seconds < 60 * share**2
    assert peak < 20 * len(data) * share + 50_000_000 * share**2


def test_the_drawn_sketch_and_the_export_agree_on_how_much_there_is(made: Bench) -> None:
    examined(made)
    sketch = contents_of(made.case, tools=made.on.tools)
    counts = members(bundle(made, auditor(made)))["manifest.json"]["counts"]
    assert counts["probes"] == len(sketch.probes)
    assert counts["requests"] == len(sketch.requests)
    assert counts["searches"] == len(sketch.searches)
    assert counts["entries"] >= len(sketch.ledger.entries)


def test_a_supervisor_exports_on_the_web_with_a_fresh_proof_each_time(made: Bench) -> None:
    supervisor = acting(made.on, Role.SUPERVISOR)
    page = client_of(made.on, supervisor)
    url = reverse("case_bundle", args=[made.case.pk])
    assert url in page.get(reverse("case", args=[made.case.pk])).content.decode()
    told = page.get(url).content.decode()
    assert "also those that found nobody" in told
    assert "no personal token" in told
    waits = page.post(url)
    assert waits.status_code == 422
    assert "all its examiners" in waits.content.decode()
    examined(made)
    prove(page, made.on)
    answer = page.post(url)
    assert answer["Content-Type"] == "application/zip"
    assert answer["Content-Disposition"].startswith("attachment")
    assert verify(answer.content, expected_key=made.on.tools.keyring.verifying_key())
    again = page.post(url)
    assert again.status_code == 403
    assert LedgerRow.objects.filter(action=str(Action.BUNDLE_EXPORTED)).count() == 1
    examiner = client_of(made.on, made.first)
    assert examiner.get(url).status_code == 403
    assert url not in examiner.get(reverse("case", args=[made.case.pk])).content.decode()


def test_candidates_of_another_agencys_gallery_are_named_only_while_it_grants_that(
    made: Bench,
) -> None:
    tools, stranger = made.on.tools, other_agency(made.on)
    theirs = Agency.objects.get(pk=stranger.agency)
    grant = GalleryGrant.objects.get(pk=grant_to(made.on, made.gallery, theirs))
    on = SimpleNamespace(tools=tools, actor=stranger, agency=theirs)
    on.examiner, on.supervisor = acting(on, Role.EXAMINER), acting(on, Role.SUPERVISOR)
    case = make_case(on, "B-1")
    found = search(on, case, [made.gallery], FakeEngine.photo("anna", 8), top=2)
    reason = "The court wants the file on 4 May, before a second examiner is back"
    closing.close_search(on.supervisor, search=found, reason=reason, tools=tools)
    granted = members(bundle(made, on.supervisor, case=case))[f"searches/{found.pk}.json"]
    assert granted["candidates"][0]["details"]["named"] == "anna"
    grants.end_grant(made.on.actor, grant=grant, reason="The child was found", tools=tools)
    ended = members(bundle(made, on.supervisor, case=case))[f"searches/{found.pk}.json"]
    assert ended["candidates"][0]["subject"] == granted["candidates"][0]["subject"]
    assert ended["candidates"][0]["details"]["named"] is None
    assert ended["galleries"][0]["details"]["name"] is None
    assert "anna" not in json.dumps(ended)
