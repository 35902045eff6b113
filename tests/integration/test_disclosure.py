"""A case's disclosure bundle: everything of it is in it, nothing of another case, and only some may export it."""

from __future__ import annotations

import io
import json
import secrets
import time
import tracemalloc
import zipfile
from dataclasses import replace
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pypdf
import pytest
from bundles import independent
from clients import client_of, prove
from django.urls import reverse
from examining import Bench, begin, bench, checklist, examine
from factories import acting, make_case, other_agency, search
from filled_bundle import contents_of
from matrix_world import grant_to

from countenance.apps.agencies.models import Agency
from countenance.apps.cases import services as cases
from countenance.apps.cases.models import Authority
from countenance.apps.examinations import closing, queries, services, taking
from countenance.apps.galleries import grants
from countenance.apps.galleries.models import GalleryGrant
from countenance.apps.leads import bundling, exporting, withdrawing
from countenance.apps.leads import services as leads
from countenance.apps.records.models import LedgerRow
from countenance.apps.records.sealed import using_keyring
from countenance.apps.searches import evidence, grounds, purging, retention
from countenance.apps.searches.models import Search
from countenance.bundle import verify
from countenance.errors import NotPermitted, RoleMissing, StepUpNeeded, WrongState
from countenance.examination.control import DRAWN
from countenance.examination.scale import Conclusion
from countenance.ledger.entry import Action
from countenance.policy import SYSTEM, Actor, Role
from countenance.testing import FakeEngine
from countenance.tools import utc_now

SAME, OTHER = Conclusion.SAME, Conclusion.OTHER
GIVEN_UP = "She went to school with the woman on the second photo"
ABROAD = "A ticket at the border on 3 May shows that she was abroad"
FOR_COURT = "For the file of the prosecutor, who asked for it on 4 May"


@pytest.fixture
def made(deployment: Any) -> Bench:
    return bench(deployment)


def about_first(comparison: Any) -> Conclusion:
    return SAME if comparison.about["rank"] == 1 else OTHER


def bundle(made: Bench, actor: Actor, *, tools: Any = None, case: Any = None) -> bytes:
    """Export with the actor's own keys only, as a request does; both verifiers accept it."""
    own = (tools or made.on.tools).of(actor)
    with using_keyring(own.keyring):
        data = bundling.export_bundle(actor, case=case or made.case, tools=own)
    report = verify(data, expected_key=made.on.tools.keyring.verifying_key())
    assert independent().verify(data, report.public_key)["counts"] == report.counts
    return data


def members(data: bytes) -> dict[str, Any]:
    """Return the JSON members by name, and the other ones as bytes."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        raw = {name: archive.read(name) for name in archive.namelist()}
    return {name: json.loads(one) if name.endswith(".json") else one for name, one in raw.items()}


def entries(data: bytes) -> list[dict[str, Any]]:
    """Return the lines of the ledger's part, each with its entry opened."""
    lines = members(data)["ledger/entries.jsonl"].decode().splitlines()
    return [{**line, "entry": json.loads(line["entry"])} for line in map(json.loads, lines)]


def always_due(length: int) -> bytes:
    """Draw so that the next examination is a control; keys and salts are drawn as ever."""
    return bytes(length) if length == DRAWN else secrets.token_bytes(length)


def auditor(made: Bench) -> Actor:
    return acting(made.on, Role.AUDITOR)


def examined(made: Bench) -> None:
    for one in (made.first, made.second):
        examine(one, made.search, tools=made.on.tools, concluding=about_first)


def lead_of(made: Bench) -> Any:
    subject = UUID(made.search.outcome["candidates"][0]["subject"])
    supervisor = acting(made.on, Role.SUPERVISOR)
    return leads.release_lead(supervisor, search=made.search, subject=subject, tools=made.on.tools)


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
    nobody = search(made.on, made.case, [made.gallery], FakeEngine.photo("zoe", 3), threshold=0.99)
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
    assert found[f"searches/{nobody.pk}.json"]["mode"] == "operating point"
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
    assert rates["examiners"][0]["wrong"] == {
        "wrong": 0,
        "of": 0,
        "low": "0.000000",
        "high": "1.000000",
    }
    assert rates["model"][0]["threshold"] == "0.990000"
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


def test_what_was_destroyed_is_named_and_its_hash_is_gone_from_the_ledger(made: Bench) -> None:
    tools = made.on.tools
    begun = begin(made.third, search=made.search, tools=tools)
    services.end_examination(made.third, examination=begun, reason=GIVEN_UP, tools=tools)
    examined(made)
    subject = made.search.outcome["candidates"][0]["subject"]
    lead = lead_of(made)
    told = {"outcome": "wrong", "note": ABROAD}
    leads.record_outcome(made.on.actor, lead=lead, **told, tools=tools)
    investigator = replace(made.on.actor, stepped_up_at=tools.clock())
    exporting.export_photo(investigator, lead=lead, reason=FOR_COURT, tools=tools)
    leads.record_independent(made.on.actor, lead=lead, what=ABROAD, tools=tools)
    withdrawing.withdraw_lead(
        acting(made.on, Role.SUPERVISOR), lead=lead, reason=ABROAD, tools=tools
    )
    first = bundle(made, auditor(made))
    before = entries(first)
    added = next(line for line in before if line["entry"]["action"] == "probe.added")
    sha256 = made.search.probe.details["sha256"]
    assert json.loads(added["body"])["facts"]["sha256"] == sha256
    cases.close_case(made.on.actor, case=made.case, reason="The trial is over", tools=tools)
    later = replace(tools, clock=lambda: utc_now() + timedelta(days=800))
    assert retention.purge_ended_results(SYSTEM, tools=later) == 1
    assert retention.purge_ended_evidence(SYSTEM, tools=later) == 1
    actor = replace(auditor(made), stepped_up_at=later.clock())
    data = bundle(made, actor, tools=later)
    found = members(data)
    assert sha256.encode() not in data
    assert found[f"searches/{made.search.pk}.json"]["state"] == "purged"
    assert found[f"searches/{made.search.pk}.json"]["details"]["certificate"]["destroyed"]
    assert found[f"probes/{made.search.probe_id}.json"]["file"] is None
    assert found[f"leads/{lead.pk}.json"]["file"] is None
    purged = [one for one in entries(data) if one["entry"]["action"].endswith(".purged")]
    assert len(purged) == 2
    assert all("body" in one for one in purged)
    assert found[f"leads/{lead.pk}.json"]["subject"] is None
    for said in (subject, GIVEN_UP, ABROAD, FOR_COURT):
        assert said.encode() in first
        assert said.encode() not in data
    repeated = ("lead.", "conclusion.", "examination.ended", "search.closed", "search.concluded")
    told = [one for one in entries(data) if one["entry"]["action"].startswith(repeated)]
    assert {one["entry"]["action"] for one in told if "body" in one} <= {"lead.viewed"}
    assert len({one["entry"]["action"] for one in told}) >= 7
    assert "whom its leads were of" in str(found[f"searches/{made.search.pk}.json"]["details"])


def test_what_a_frozen_search_found_is_not_disclosed_but_that_it_ran_is(made: Bench) -> None:
    examined(made)
    subject = made.search.outcome["candidates"][0]["subject"]
    lead = lead_of(made)
    leads.record_outcome(
        made.on.actor, lead=lead, outcome="wrong", note=ABROAD, tools=made.on.tools
    )
    made.search.refresh_from_db()
    Search.objects.filter(pk=made.search.pk).update(authorise_by=made.on.tools.clock())
    one = Search.objects.get(pk=made.search.pk)
    one.request = {**one.request, "authorise_by": one.authorise_by.isoformat()}
    one.save(update_fields=("request",))
    authority = Authority.objects.get(pk=one.authority_id)
    authority.standing = {**authority.standing, "granted": None}
    authority.decided_by = authority.decided_at = None
    authority.save()
    later = replace(made.on.tools, clock=lambda: utc_now() + timedelta(minutes=1))
    with pytest.raises(WrongState, match="within a minute"):
        bundle(made, replace(auditor(made), stepped_up_at=later.clock()), tools=later)
    assert purging.freeze_overdue(SYSTEM, tools=later) == 1
    data = bundle(made, auditor(made))
    told = members(data)[f"searches/{made.search.pk}.json"]
    assert (told["state"], told["answer"], told["candidates"]) == ("frozen", None, None)
    assert told["details"]["reason"]
    assert told["details"]["not_disclosed"]
    assert told["details"]["closed"]["reason"] is None
    assert subject.encode() not in data
    assert ABROAD.encode() not in data
    printed = members(data)[f"leads/{lead.pk}.json"]
    assert (printed["subject"], printed["file"]) == (None, None)
    found = ("lead.", "conclusion.", "search.closed", "search.concluded")
    acts = [one for one in entries(data) if one["entry"]["action"].startswith(found)]
    assert len(acts) > 4
    assert not any("body" in one for one in acts)


def test_a_lead_that_does_not_stand_says_so_in_the_bundle_and_shows_no_photo_of_the_candidate(
    made: Bench,
) -> None:
    tools = made.on.tools
    examined(made)
    lead = lead_of(made)
    name = f"leads/{lead.pk}"
    before = members(bundle(made, auditor(made)))
    assert before[f"{name}.json"]["details"]["stands"] is True
    withdrawing.withdraw_lead(
        acting(made.on, Role.SUPERVISOR), lead=lead, reason=ABROAD, tools=tools
    )
    after = members(bundle(made, auditor(made)))
    told = after[f"{name}.json"]["details"]
    assert (told["stands"], told["why_not"][0]) == (False, "Withdrawn")
    assert told["withdrawn"]["reason"] == ABROAD
    assert pictures(after[f"{name}.pdf"]) < pictures(before[f"{name}.pdf"])
    assert "Withdrawn" in text_of(after[f"{name}.pdf"])


def test_a_photo_that_a_pack_locks_is_not_in_the_bundle_either(made: Bench) -> None:
    agency = Agency.objects.get(pk=made.on.agency.pk)
    agency.standing = {**agency.standing, "pack": "detroit-williams"}
    agency.save()
    examined(made)
    lead = lead_of(made)
    name = f"leads/{lead.pk}.pdf"
    locked = members(bundle(made, auditor(made)))[name]
    leads.record_independent(made.on.actor, lead=lead, what=ABROAD, tools=made.on.tools)
    shown = members(bundle(made, auditor(made)))[name]
    assert "Locked until evidence independent" in " ".join(text_of(locked).split())
    assert "Locked until" not in text_of(shown)
    assert pictures(locked) < pictures(shown)


def pictures(pdf: bytes) -> int:
    """Return how often a photo is drawn on the pages; both photos may be the same one here."""
    pages = pypdf.PdfReader(io.BytesIO(pdf)).pages
    return sum(page.get_contents().get_data().count(b" Do") for page in pages)


def text_of(pdf: bytes) -> str:
    return "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


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
    tools = made.on.tools
    # Twice as many as one case may have.
    monkeypatch.setattr(grounds, "Quotas", partial(grounds.Quotas, case=300))
    on = made.on
    for number in range(199):
        if number % 45 == 0:  # nobody runs more than fifty a day
            on = replace(on, examiner=acting(on, Role.EXAMINER))
        search(on, made.case, [made.gallery], FakeEngine.photo("zoe", number), threshold=0.99)
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
    assert verify(data).counts["searches"] == 200
    assert seconds < 60
    assert peak < 20 * len(data) + 50_000_000


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
