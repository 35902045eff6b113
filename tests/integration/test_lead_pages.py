"""The pages of leads: release one, read it, take out what policy allows, say what became of it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from clients import client_of
from django.utils.html import escape
from factories import acting
from leading import TICKET, WHY, World, about_first, prepared

from countenance.apps.examinations.permits import terms_of
from countenance.apps.leads.models import Lead
from countenance.apps.records.models import LedgerRow
from countenance.examination.scale import Conclusion
from countenance.ledger.entry import Action
from countenance.policy import Role, packs
from countenance.policy.packs.results import LIMIT_WORDS

SAME = Conclusion.SAME
NOT_MEASURED = "error has not been measured on pairs with known answers yet."


@pytest.fixture
def world(deployment: Any) -> World:
    return prepared(deployment, about_first, about_first)


def investigating(world: World) -> Any:
    """Return the client of an investigator of the case, who is a member of it and nothing else."""
    actor = acting(world.made.on, Role.INVESTIGATOR)
    case = world.made.case
    case.refresh_from_db()
    case.members = [str(actor.person)]
    case.save()
    return client_of(world.made.on, actor)


def test_a_supervisor_releases_a_lead_from_the_examinations_side_by_side(world: World) -> None:
    client = client_of(world.made.on, world.supervisor)
    here = f"/searches/{world.made.search.pk}/"
    page = client.get(f"{here}consolidation/").content.decode()
    assert f'href="{here}release/1/"' in page
    assert f'href="{here}release/2/"' not in page
    asked = client.get(f"{here}release/1/")
    assert b"Release the lead" in asked.content
    for said in (SAME.label, SAME.sentence, NOT_MEASURED, *_limits(world)):
        assert escape(said) in asked.content.decode()
    for number in (0, 1):
        photo = client.get(f"{here}consolidation/{number}.jpg")
        assert (photo.status_code, photo["Content-Type"]) == (200, "image/jpeg")
    assert LedgerRow.objects.last().action == str(Action.EXAMINATIONS_COMPARED)
    assert client.get(f"{here}release/2/").status_code == 403
    assert client.get(f"{here}release/9/").status_code == 404
    done = client.post(f"{here}release/1/")
    lead = Lead.objects.get()
    assert done["Location"] == f"/leads/{lead.pk}/"
    assert client.get(f"{here}release/1/")["Location"] == f"/leads/{lead.pk}/"
    assert client.post(f"{here}release/2/").status_code == 403


def _limits(world: World) -> list[str]:
    found = packs.lead_limits(terms_of(world.made.search))
    return [LIMIT_WORDS[limit][1:] for limit in found] + list(found.values())


def test_nobody_releases_before_both_examined(deployment: Any) -> None:
    made = prepared(deployment, about_first)
    client = client_of(made.made.on, made.supervisor)
    here = f"/searches/{made.made.search.pk}/release/1/"
    assert client.get(here).status_code == 404
    assert client.post(here).status_code == 404


def test_an_investigator_reads_a_lead_and_its_photos_and_each_look_is_recorded(
    world: World,
) -> None:
    lead = world.release()
    client = investigating(world)
    here = f"/leads/{lead.pk}/"
    assert client.get(f"{here}probe.jpg").status_code == 404
    page = client.get(here)
    assert page.status_code == 200
    text = page.content.decode()
    assert text.index("Save as PDF, A4") < text.index("Not an identification.")
    assert re.search(r'SHA-256</dt><dd class="id">[0-9a-f]{64}<', text)
    for said in (
        "Not an identification. Not probable cause by itself.",
        "Support for one person",
        "Deposit agreement of 2019",
        "Missing Persons Act, section 4",
        "An investigation list always holds the people who look most alike",
        "Not said yet",
    ):
        assert said in text
    assert "%" not in text.split("<main")[1].split("</main>")[0]
    for name in ("probe", "candidate"):
        photo = client.get(f"{here}{name}.jpg")
        assert (photo.status_code, photo["Content-Type"]) == (200, "image/jpeg")
    assert client.get(f"{here}other.jpg").status_code == 404
    assert LedgerRow.objects.filter(action=str(Action.LEAD_VIEWED)).count() == 1
    assert f'href="{here}"' in client.get("/leads/").content.decode()


def test_the_report_is_saved_in_both_sizes(world: World) -> None:
    lead = world.release()
    client = investigating(world)
    here = f"/leads/{lead.pk}/report.pdf"
    assert client.get(here).status_code == 405
    for size in ("a4", "us-letter"):
        answer = client.post(here, {"size": size})
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
        assert answer["Content-Disposition"] == f'attachment; filename="lead-{lead.number}.pdf"'
        assert answer.content.startswith(b"%PDF")
    assert client.post(here, {"size": "a0"}).status_code == 422


def test_an_investigator_records_evidence_takes_the_photo_and_says_what_became_of_it(
    world: World,
) -> None:
    lead = world.release()
    client = investigating(world)
    here = f"/leads/{lead.pk}/"
    for form in ("evidence", "photo", "outcome"):
        assert client.get(f"{here}{form}/").status_code == 200
    assert client.post(f"{here}evidence/", {"what": "no"}).status_code == 422
    assert client.post(f"{here}evidence/", {"what": TICKET})["Location"] == here
    assert client.post(f"{here}photo/", {"reason": "x"}).status_code == 422
    photo = client.post(f"{here}photo/", {"reason": WHY})
    assert (photo.status_code, photo["Content-Type"]) == (200, "image/jpeg")
    assert client.post(f"{here}outcome/", {"outcome": "maybe"}).status_code == 422
    assert client.post(f"{here}outcome/", {"outcome": "wrong"})["Location"] == here
    text = client.get(here).content.decode()
    assert TICKET in text
    assert "It was somebody else" in text


def test_who_may_not_know_of_a_lead_finds_none(world: World) -> None:
    lead = world.release()
    strangers = (acting(world.made.on, Role.INVESTIGATOR), world.made.third)
    for actor in strangers:
        client = client_of(world.made.on, actor)
        assert client.get(f"/leads/{lead.pk}/").status_code == 404
        assert str(lead.pk) not in client.get("/leads/").content.decode()
    steward = client_of(world.made.on, acting(world.made.on, Role.STEWARD))
    assert steward.get("/leads/").status_code == 403


def test_a_report_needs_a_proof_of_who_one_is(world: World) -> None:
    lead = world.release()
    auditor = client_of(world.made.on, acting(world.made.on, Role.AUDITOR))
    assert auditor.get(f"/leads/{lead.pk}/").status_code == 200
    assert auditor.post(f"/leads/{lead.pk}/report.pdf").status_code == 403
    assert b"Take out" not in auditor.get(f"/leads/{lead.pk}/").content


def test_a_destroyed_lead_says_that_it_was(world: World) -> None:
    lead = world.release()
    Lead.objects.filter(pk=lead.pk).update(object_key=None)
    client = client_of(world.made.on, replace(world.supervisor))
    page = client.get(f"/leads/{lead.pk}/")
    assert page.status_code == 200
    assert b"was destroyed" in page.content
    assert b"anna" not in page.content
    assert b"Destroyed" in client.get("/leads/").content
