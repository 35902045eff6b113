"""What a bundle does not hold: what was frozen or destroyed, and photos that may not leave."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pypdf
import pytest
from disclosing import auditor, bundle, entries, examined, lead_of, members
from examining import Bench, begin, bench
from factories import acting

from countenance.apps.agencies.models import Agency
from countenance.apps.cases import services as cases
from countenance.apps.cases.models import Authority
from countenance.apps.examinations import services
from countenance.apps.leads import exporting, withdrawing
from countenance.apps.leads import services as leads
from countenance.apps.searches import purging, retention
from countenance.apps.searches.models import Search
from countenance.errors import WrongState
from countenance.policy import SYSTEM, Role
from countenance.tools import utc_now

GIVEN_UP = "She went to school with the woman on the second photo"
ABROAD = "A ticket at the border on 3 May shows that she was abroad"
FOR_COURT = "For the file of the prosecutor, who asked for it on 4 May"


@pytest.fixture
def made(deployment: Any) -> Bench:
    return bench(deployment)


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
