"""Authorities and cases in the browser: proposed, granted, opened, filtered, shared, widened, closed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from factories import make_authority, make_case, make_gallery

from countenance.apps.agencies.models import Person
from countenance.apps.agencies.services import add_person
from countenance.apps.cases.models import Authority, Case
from countenance.apps.records.models import LedgerRow
from countenance.apps.searches import evidence
from countenance.policy import SYSTEM, Role
from countenance.testing import FakeEngine

LATE = "2199-12-31"
SIZES = [("light", 1440), ("dark", 390)]


def person_with(on, *roles, name):
    """Return somebody of the agency who holds these roles and may sign in."""
    person = add_person(
        SYSTEM,
        agency=on.agency,
        name=name,
        email=f"{name.split()[0].lower()}@example.org",
        password=None,
        roles=roles,
        tools=on.tools,
    )
    person.standing |= {"trained_until": LATE, "certified_until": LATE}
    person.save()
    return person


@pytest.fixture
def investigator(site):
    return person_with(site.deployment, Role.INVESTIGATOR, name="Ines Investigator")


@pytest.fixture
def supervisor(site):
    return Person.objects.select_related("agency").get(pk=site.deployment.supervisor.person)


def words(desk):
    return desk.page.locator("main").inner_text()


def open_form(desk, reference):
    page = desk.page
    page.get_by_label("Reference").fill(reference)
    page.get_by_label("Purpose").fill("Missing person")
    page.get_by_label("Reason").fill("Reported missing by her mother on 3 May")


def propose(desk, tmp_path):
    page = desk.page
    desk.go("/authorities/new/")
    page.get_by_label("Missing person").check()
    page.get_by_label("Statute or warrant").fill("Order 17 Gs 4/26")
    page.get_by_label("Purpose").fill("Find Anna, missing since May")
    page.get_by_label("People of the coast").check()
    page.get_by_label("Number of searches").fill("10")
    page.get_by_label("Last day").fill("2199-05-03")
    document = tmp_path / "order.pdf"
    document.write_bytes(b"%PDF-1.7 the order %%EOF")
    page.get_by_label("Document").set_input_files(document)
    page.get_by_label("Note").fill("See page 2")
    desk.press("Propose the authority")


def test_an_authority_is_proposed_granted_and_used_by_a_case(
    desk, site, investigator, supervisor, tmp_path
):
    make_gallery(site.deployment, "People of the coast")
    page = desk.page
    desk.sign_in(investigator)
    desk.go("/authorities/")
    assert "An authority is the legal basis" in words(desk)
    propose(desk, tmp_path)
    assert desk.heading() == "Order 17 Gs 4/26"
    assert "It waits for a supervisor" in words(desk)
    assert page.get_by_role("button", name="Grant it").count() == 0
    with page.expect_download() as downloading:
        page.get_by_role("link", name="order.pdf").click()
    assert downloading.value.path().read_bytes() == b"%PDF-1.7 the order %%EOF"
    assert downloading.value.suggested_filename.startswith("authority-")
    assert LedgerRow.objects.order_by("index").last().action == "authority.viewed"

    desk.go("/cases/new/")
    open_form(desk, "26-01187")
    page.get_by_label("Authority").select_option(index=1)
    desk.press("Open the case")
    assert desk.heading() == "Case 26-01187"
    assert "Waits for a supervisor" in words(desk)

    desk.sign_in(supervisor)
    desk.go("/authorities/")
    assert "Waiting for your decision" in words(desk)
    page.get_by_role("link", name="Order 17 Gs 4/26").click()
    page.get_by_label("Reason").fill("The order is signed and in force")
    desk.press("Grant it")
    assert "10 of 10 · until 3 May 2199" in words(desk)
    assert Authority.objects.get().facts.granted_at is not None

    desk.sign_in(investigator)
    desk.go("/cases/")
    assert "10 of 10 · until 3 May 2199" in words(desk)


def test_an_authority_is_refused_and_taken_back_with_reasons(desk, site, supervisor):
    gallery = make_gallery(site.deployment)
    authority = make_authority(site.deployment, [gallery])
    desk.sign_in(supervisor)
    desk.go(f"/authorities/{authority.pk}/")
    desk.page.get_by_role("link", name="Take it back").click()
    desk.page.get_by_label("Reason").fill("The order was lifted")
    desk.press("Take it back")
    assert "It was taken back" in words(desk)
    assert "The order was lifted" in words(desk)
    assert desk.page.get_by_role("link", name="Take it back").count() == 0


def test_a_proposal_with_a_fault_says_it_and_keeps_what_was_written(desk, site):
    make_gallery(site.deployment, "People of the coast")
    page = desk.page
    desk.go("/authorities/new/")
    page.get_by_label("Missing person").check()
    page.get_by_label("Statute or warrant").fill("Order 17")
    page.get_by_label("Purpose").fill("Find Anna")
    page.get_by_label("People of the coast").check()
    page.get_by_label("Last day").fill("2020-05-03")
    desk.press("Propose the authority")
    assert "The last day of an authority cannot be over." in words(desk)
    assert page.get_by_label("Statute or warrant").input_value() == "Order 17"
    assert page.get_by_label("People of the coast").is_checked()


def test_the_list_puts_first_what_waits_on_you_and_filters_as_you_type(
    desk, site, investigator, supervisor
):
    on = site.deployment
    mine = replace(on, actor=investigator.actor)
    make_case(mine, "26-0001", purpose="Missing girl")
    make_case(mine, "26-0002", purpose="Unknown victim")
    page = desk.page
    desk.sign_in(investigator)
    desk.go("/cases/")
    page.get_by_role("heading", name="Waiting on you").wait_for()
    assert "Put it under an authority" in words(desk)
    page.get_by_label("Filter").press_sequentially("girl")
    # Whoever types slowly is answered after each letter.
    page.wait_for_url("**q=girl*")
    page.get_by_text("1 case has these words").wait_for()
    assert "26-0002" not in words(desk)
    page.get_by_label("Filter").fill("nobody")
    page.get_by_text("No case that you see").wait_for()
    desk.sign_in(supervisor)
    desk.go("/cases/?q=victim")
    assert "26-0002" in words(desk)
    assert "Waiting on you" not in words(desk)


def test_the_list_filters_without_a_script(plain_desk, site):
    make_case(site.deployment, "26-0001", purpose="Missing girl")
    make_case(site.deployment, "26-0002", purpose="Unknown victim")
    plain_desk.go("/cases/")
    plain_desk.page.get_by_label("Filter").fill("victim")
    plain_desk.press("Filter")
    assert "26-0002" in words(plain_desk)
    assert "26-0001" not in words(plain_desk)


def test_a_case_gets_members_and_is_closed(desk, site, investigator):
    other = person_with(site.deployment, Role.INVESTIGATOR, name="Otto Other")
    case = make_case(replace(site.deployment, actor=investigator.actor))
    page = desk.page
    desk.sign_in(other)
    desk.go(f"/cases/{case.pk}/")
    assert "not yours to see" in words(desk)
    desk.sign_in(investigator)
    desk.go(f"/cases/{case.pk}/")
    page.get_by_role("link", name="Change the members").click()
    page.get_by_label("Otto Other").check()
    desk.press("Save the members")
    assert "Otto Other" in words(desk)
    desk.sign_in(other)
    desk.go(f"/cases/{case.pk}/")
    assert desk.heading() == f"Case {case.reference}"
    assert page.get_by_role("link", name="Change the members").count() == 0
    desk.sign_in(investigator)
    desk.go(f"/cases/{case.pk}/")
    page.get_by_role("link", name="Close this case").click()
    page.get_by_label("Reason").fill("She was found")
    desk.press("Close the case")
    assert "She was found" in words(desk)
    assert page.get_by_role("link", name="Add evidence").count() == 0
    assert Case.objects.get().facts.closed


def test_a_case_is_put_under_another_authority(desk, site, investigator):
    gallery = make_gallery(site.deployment)
    case = make_case(replace(site.deployment, actor=investigator.actor), authority=None)
    make_authority(site.deployment, [gallery], statute="Order 99", expires_on=date(2199, 5, 3))
    desk.sign_in(investigator)
    desk.go(f"/cases/{case.pk}/")
    assert "No search runs for this case until it has one" in words(desk)
    desk.page.get_by_role("link", name="Put it under an authority").click()
    desk.page.get_by_label("Authority").select_option(index=1)
    desk.press("Use this authority")
    assert "Order 99" in words(desk)


def test_widening_a_case_asks_a_supervisor_and_is_then_carried_out(
    desk, site, investigator, supervisor
):
    case = make_case(replace(site.deployment, actor=investigator.actor))
    page = desk.page
    desk.sign_in(investigator)
    desk.go(f"/cases/{case.pk}/widen/")
    page.get_by_label("Reason").fill("Her brother is missing with her since Sunday")
    desk.press("Ask a supervisor")
    approval = page.url
    desk.sign_in(supervisor)
    page.goto(approval)
    page.get_by_label("Reason").fill("Both were reported together")
    page.get_by_role("button", name="Approve").first.click()
    desk.sign_in(investigator)
    page.goto(f"{approval}widen/")
    desk.press("Widen the case")
    assert "2 people" in words(desk)
    assert Case.objects.get().people == 2


@pytest.mark.parametrize(("scheme", "width"), SIZES)
def test_every_page_of_cases_and_authorities_is_sound(desk, site, tmp_path, scheme, width):
    on = site.deployment
    investigator = person_with(on, Role.INVESTIGATOR, name="Ines Investigator")
    supervisor = Person.objects.select_related("agency").get(pk=on.supervisor.person)
    gallery = make_gallery(on, "People of the coast")
    mine = replace(on, actor=replace(investigator.actor, stepped_up_at=on.tools.clock()))
    authority = make_authority(mine, [gallery], quota=10, expires_on=date(2199, 5, 3))
    case = make_case(mine, "26-01187", authority=authority, members=[on.actor.person])
    for name in ("anna", "ben"):
        evidence.add_probe(
            mine.actor,
            case=case,
            upload=FakeEngine.photo(name),
            file_name=f"{name}.jpg",
            tools=on.tools,
        )
    for number in range(3):
        make_case(mine, f"26-0200{number}", purpose="Unknown victim", authority=None)
    desk.dress(scheme, width)
    wrong = []
    desk.sign_in(investigator)
    propose(desk, tmp_path)
    waiting = desk.page.url
    pages = {
        "cases": "/cases/",
        "cases_filtered": "/cases/?q=nothing+at+all",
        "case": f"/cases/{case.pk}/",
        "case_new": "/cases/new/",
        "case_members": f"/cases/{case.pk}/members/",
        "case_authority": f"/cases/{case.pk}/authority/",
        "case_widen": f"/cases/{case.pk}/widen/",
        "authorities": "/authorities/",
        "authority_new": "/authorities/new/",
        "authority": f"/authorities/{authority.pk}/",
    }
    for name, path in pages.items():
        desk.go(path)
        wrong += desk.look(name, scheme, width)
    desk.sign_in(supervisor)
    desk.go("/authorities/")
    wrong += desk.look("authorities_waiting", scheme, width)
    desk.page.goto(waiting)
    wrong += desk.look("authority_waiting", scheme, width)
    desk.go(f"/authorities/{authority.pk}/revoke/")
    wrong += desk.look("authority_revoke", scheme, width)
    assert wrong == []
